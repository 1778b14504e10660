import { linkAbort } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import { TypedError } from '../../base/errors.ts';
import { parseTime } from '../../base/time.ts';
import type {
  ContainerLogOptions,
  ContainerTarget,
  PodRuntime,
  RemoteStreams,
} from '../apiserver/pod-runtime.ts';
import { badRequestError, failure } from '../apiserver/request-error.ts';
import type { ContainerLog } from './container-log.ts';
import { type ContainerRecord, isRunning } from './container-record.ts';
import type { ContainerInstance } from './instance.ts';
import { runInside, type Shell } from './shell.ts';

export interface RuntimeOptions {
  readonly clock: Clock;
  readonly shell: Shell;
  /** The container of a pod, if it is here. */
  readonly find: (
    namespace: string,
    pod: string,
    uid: string,
    container: string,
  ) => ContainerRecord | undefined;
}

/** Output that a client has not taken yet, at most, in bytes: who reads slower loses the connection. */
const maxUnread = 16 * 1024 * 1024;

/** Logs, exec and attach of the pods of one node. */
export function podRuntime({ clock, shell, find }: RuntimeOptions): PodRuntime {
  const recordOf = ({ pod, container }: ContainerTarget): ContainerRecord | undefined => {
    const { namespace = '', name = '', uid = '' } = pod['metadata'] as Record<string, string | undefined>;
    return find(namespace, name, uid, container);
  };
  const running = (target: ContainerTarget): ContainerInstance => {
    const record = recordOf(target);
    if (record?.instance !== undefined && isRunning(record)) return record.instance;
    const message = `unable to upgrade connection: container not found ("${target.container}")`;
    throw failure(500, 'InternalError', message);
  };
  return {
    logs: (target, options) => {
      const log = logOf(recordOf(target), target, options.previous);
      return log.read({ ...options, since: sinceOf(options, clock.now()) });
    },
    exec: async (target, command, streams) => {
      const instance = running(target);
      const output = writer(streams);
      const { stdin, tty, resizes } = streams;
      const { stdout, stderr, signal } = output;
      try {
        return await runInside(instance, shell, command, { stdin, tty, resizes, stdout, stderr, signal });
      } finally {
        await output.end();
      }
    },
    attach: async (target, streams) => {
      const instance = running(target);
      using signal = linkAbort(streams.signal, instance.ended);
      // A client that breaks off has nothing more to say.
      typeTo(instance, streams, signal.signal).catch(() => {});
      const log = instance.log.read({
        follow: true,
        timestamps: false,
        tailLines: 0,
        signal: streams.signal,
      });
      for await (const bytes of log) await streams.stdout(bytes);
      return instance.exit?.code ?? 0;
    },
  };
}

/** @throws RequestError 400 when there is no log */
function logOf(
  record: ContainerRecord | undefined,
  target: ContainerTarget,
  previous: boolean,
): ContainerLog {
  const { name } = target.pod['metadata'] as { name: string };
  const which = `container ${JSON.stringify(target.container)} in pod ${JSON.stringify(name)}`;
  const log = previous ? previousLog(record) : (record?.instance?.log ?? record?.previous?.log);
  if (log !== undefined) return log;
  if (previous) throw badRequestError(`previous terminated ${which} not found`);
  const reason = record?.waiting?.reason ?? 'ContainerCreating';
  const why = {
    ErrImagePull: "image can't be pulled",
    ImagePullBackOff: 'trying and failing to pull image',
  }[reason];
  throw badRequestError(`${which} is waiting to start: ${why ?? reason}`);
}

/** While a container waits for its restart, its last run is the previous one. */
function previousLog(record: ContainerRecord | undefined): ContainerLog | undefined {
  const isWaiting = record?.waiting !== undefined && record.instance?.exit !== undefined;
  return isWaiting ? record.instance?.log : record?.previous?.log;
}

/** @throws RequestError 400 */
function sinceOf({ sinceSeconds, sinceTime }: ContainerLogOptions, now: number): number | undefined {
  if (sinceSeconds !== undefined) return now - sinceSeconds * 1000;
  if (sinceTime === undefined) return undefined;
  try {
    return parseTime(sinceTime);
  } catch (error) {
    if (error instanceof TypedError) throw badRequestError(error.message);
    throw error;
  }
}

interface Writer {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Aborts when nobody takes the output. */
  readonly signal: AbortSignal;
  /** Resolves when all has been sent. */
  end(): Promise<void>;
}

function writer(streams: RemoteStreams): Writer {
  const abort = linkAbort(streams.signal);
  let unread = 0;
  let sent = Promise.resolve();
  const to = (send: (data: Uint8Array) => Promise<void>) => (text: string) => {
    if (abort.signal.aborted) return;
    const data = Buffer.from(text, 'utf8');
    unread += data.length;
    if (unread > maxUnread) return abort.abort();
    sent = sent
      .then(() => send(data))
      .then(
        () => {
          unread -= data.length;
        },
        () => abort.abort(),
      );
  };
  const { stdout, stderr, tty } = streams;
  return {
    stdout: to(stdout),
    stderr: to(tty ? stdout : stderr),
    signal: abort.signal,
    end: async () => {
      await sent;
      abort[Symbol.dispose]();
    },
  };
}

async function typeTo(
  instance: ContainerInstance,
  streams: RemoteStreams,
  signal: AbortSignal,
): Promise<void> {
  for await (const bytes of streams.stdin) {
    if (signal.aborted) return;
    await instance.stdin.push(bytes);
  }
}

/** One runtime for a cluster of several nodes. @param runtimeOf that of a node, while it runs */
export function runtimeOfNodes(runtimeOf: (node: string) => PodRuntime | undefined): PodRuntime {
  const of = ({ pod }: ContainerTarget): PodRuntime => {
    const { nodeName = '' } = pod['spec'] as { nodeName?: string };
    const runtime = runtimeOf(nodeName);
    if (runtime !== undefined) return runtime;
    throw failure(503, 'ServiceUnavailable', `node ${JSON.stringify(nodeName)} does not answer`);
  };
  return {
    logs: (target, options) => of(target).logs(target, options),
    exec: async (target, command, streams) => await of(target).exec(target, command, streams),
    attach: async (target, streams) => await of(target).attach(target, streams),
  };
}
