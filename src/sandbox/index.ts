export type { Cluster, ClusterOptions, Identity } from './apiserver/cluster.ts';
export { inProcessServer, startCluster } from './apiserver/cluster.ts';
export type {
  ContainerLogOptions,
  ContainerTarget,
  PodRuntime,
  RemoteStreams,
  TerminalSize,
} from './apiserver/pod-runtime.ts';
export type { EdgeOptions, MemberEdge, Sandbox, SandboxOptions } from './sandbox.ts';
export { startSandbox } from './sandbox.ts';
export type { SandboxCluster } from './sandbox-cluster.ts';
export type { FaultHook, SandboxCall } from './faults.ts';
export type { OutsideServers } from './outside.ts';
export type { ImageCatalogue, ImageEntry } from './node/images.ts';
export type { Shell, ShellContext } from './node/shell.ts';
export { podinfoImages } from './podinfo/podinfo-images.ts';
export { createShell, type ShellOptions } from './shell/shell.ts';
export { realClock, VirtualClock } from '../base/clock.ts';
export { jsonLog, silentLog } from '../base/log.ts';
export { seededRandom, systemRandom } from '../base/random.ts';
