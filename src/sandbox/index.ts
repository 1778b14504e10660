export type { Cluster, ClusterOptions, Identity } from './apiserver/cluster.ts';
export { inProcessServer, startCluster } from './apiserver/cluster.ts';
export type {
  ContainerLogOptions,
  ContainerTarget,
  PodRuntime,
  RemoteStreams,
  TerminalSize,
} from './apiserver/pod-runtime.ts';
export { realClock, VirtualClock } from '../base/clock.ts';
export { jsonLog, silentLog } from '../base/log.ts';
export { seededRandom, systemRandom } from '../base/random.ts';
