// Makes a container out of its spec and its image.
import { MemoryFiles } from '../../base/memory-files.ts';
import type { Program, Seams } from '../../base/program.ts';
import { own } from '../../machinery/json.ts';
import { ContainerFiles, type Mount } from './container-files.ts';
import { ConfigError } from './config-error.ts';
import type { PodPlace } from './downward.ts';
import { buildEnvironment } from './environment.ts';
import { expand } from './expand.ts';
import type { ImageEntry } from './images.ts';
import { ContainerInstance } from './instance.ts';
import type { Container, Pod } from './kinds.ts';
import type { NodeContext, PodNetwork } from './node-context.ts';
import type { Shell } from './shell.ts';
import type { PodVolumes } from './volumes.ts';

const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface Launch {
  readonly pod: Pod;
  readonly container: Container;
  readonly image: ImageEntry;
  readonly volumes: PodVolumes;
  readonly network: PodNetwork;
  readonly place: PodPlace;
  readonly restartCount: number;
  readonly onExit: () => void;
}

/** @throws ConfigError when the container refers to what is not there */
export function createInstance(launch: Launch, context: NodeContext): ContainerInstance {
  const { pod, container, image } = launch;
  const { metadata, spec } = pod;
  const { clock, shell, maxLogBytes, outside } = context;
  const hostname = spec.hostname ?? metadata.name ?? '';
  const variables = buildEnvironment(pod, container, launch.place, context.objects(metadata.namespace ?? ''));
  const env = { PATH: searchPath, HOSTNAME: hostname, ...image.env, ...variables };
  const stream = `${metadata.namespace}/${metadata.name}/${container.name}/${launch.restartCount}`;
  const random = context.random.stream(stream);
  const seams: Omit<Seams, 'log'> = { clock, random, ...outside, network: launch.network.network };
  const workingDir = container.workingDir || image.workingDir || '/';
  return new ContainerInstance({
    id: `containerd://${Buffer.from(random.bytes(32)).toString('hex')}`,
    ...commandLine(container, image, env, shell, workingDir),
    env,
    workingDir,
    seams,
    files: new ContainerFiles(rootFiles(launch, hostname), mounts(launch, env)),
    stdin: container.stdin === true,
    maxLogBytes,
    onExit: launch.onExit,
  });
}

/** The program of the image where the command names it, or the shell. */
function commandLine(
  { command = [], args = [] }: Pick<Container, 'command' | 'args'>,
  image: ImageEntry,
  env: Readonly<Record<string, string>>,
  shell: Shell,
  workingDir: string,
): { program: Program; argv: readonly string[] } {
  const defaults = args.length > 0 ? args : (image.command ?? []);
  const words = command.length > 0 ? [...command, ...args] : [...image.entrypoint, ...defaults];
  const argv = words.map((word) => expand(word, (name) => own(env, name)));
  const isOwn = command.length === 0 || baseName(argv[0]) === baseName(image.entrypoint[0]);
  if (isOwn) return { program: image.program, argv: argv.slice(1) };
  const program: Program = (context) =>
    shell({ ...context, stderr: context.stdout, workingDir, tty: false, resizes: nothing() });
  return { program, argv };
}

async function* nothing(): AsyncGenerator<never> {}

function baseName(path = ''): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function rootFiles({ image, network, pod }: Launch, hostname: string): MemoryFiles {
  const search = `${pod.metadata.namespace}.svc.cluster.local svc.cluster.local cluster.local`;
  return new MemoryFiles({
    '/etc/hostname': `${hostname}\n`,
    '/etc/hosts': `127.0.0.1\tlocalhost\n${network.address}\t${hostname}\n`,
    '/etc/resolv.conf': `search ${search}\nnameserver 10.96.0.10\noptions ndots:5\n`,
    ...image.files,
  });
}

function mounts({ container, volumes }: Launch, env: Readonly<Record<string, string>>): Mount[] {
  return (container.volumeMounts ?? []).map(({ name, mountPath, subPath, subPathExpr, readOnly }) => {
    const files = volumes.get(name);
    if (files === undefined) throw new ConfigError(`volume ${JSON.stringify(name)} is not there`);
    return {
      path: mountPath,
      files,
      subPath: subPathExpr === undefined ? (subPath ?? '/') : expand(subPathExpr, (key) => own(env, key)),
      readOnly: readOnly === true || volumes.isReadOnly(name),
    };
  });
}
