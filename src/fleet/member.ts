import type { Clock } from '../base/clock.ts';
import { errorMessage, TypedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { RestClient } from '../kube/rest-client.ts';
import { Store } from '../kube/store.ts';
import type { KubeObject } from '../machinery/object.ts';
import { namespaceKind } from './kinds.ts';

/** How it stands with a cluster. `reason` is that of its Ready condition. */
export interface MemberStatus {
  /** undefined: not known yet. */
  readonly ready: boolean | undefined;
  /** `Ready`, `Connecting`, `KubeconfigMissing`, `KubeconfigInvalid`, `Unreachable`, `Unauthorized`, … */
  readonly reason: string;
  readonly message: string;
}

/** A client with the connections that it holds. */
export interface MemberClient {
  readonly client: RestClient;
  readonly close: () => Promise<void>;
}

export interface MemberOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** A connection that comes back within this time was never lost, in milliseconds; default 2 s. */
  readonly lossDelayMs?: number | undefined;
}

/** What a connection that is lost, or was never there, means. */
export const whileLost = 'What runs there goes on; changes wait until the cluster answers';

/** How often a lost connection is looked at, in milliseconds. No request is made for it. */
const lookMs = 1000;

/**
 * How long the probe's watch may be silent: after this to twice this it is renewed, which a server that has vanished
 * without a word does not answer.
 */
const probeSeconds = 60;

/**
 * A connection to one cluster, with one kubeconfig. Whether the cluster answers is known from a watch of one object:
 * `kube-system`, which every cluster has.
 */
export class Member {
  /** `NAMESPACE/NAME` of the AttachedCluster. */
  readonly key: string;
  readonly client: RestClient;
  readonly #options: MemberOptions;
  readonly #close: () => Promise<void>;
  readonly #probe: Store<KubeObject>;
  readonly #onChange: () => void;
  readonly #end = new AbortController();
  #status: MemberStatus = { ready: undefined, reason: 'Connecting', message: 'connecting to the cluster' };
  #running: Promise<unknown> = Promise.resolve();
  /** Aborts the look-outs after a loss. */
  #lookout: AbortController | undefined;

  /** @param onChange called after `status` has changed */
  constructor(key: string, { client, close }: MemberClient, options: MemberOptions, onChange: () => void) {
    this.key = key;
    this.client = client;
    this.#options = options;
    this.#close = close;
    this.#onChange = onChange;
    this.#probe = new Store<KubeObject>({
      ...options,
      client: client.resource<KubeObject>(namespaceKind),
      selection: { fieldSelector: 'metadata.name=kube-system' },
      metadataOnly: true,
      watchTimeoutSeconds: probeSeconds,
    });
  }

  get status(): MemberStatus {
    return this.#status;
  }

  /** Aborts when this connection is closed: another one may have taken its place. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  start(): void {
    this.#probe.subscribeStatus(() => this.#look());
    this.#running = this.#probe.run(this.#end.signal);
    this.#look();
  }

  /** Ends all that uses the connection, then the connection itself. Does not reject. */
  async close(): Promise<void> {
    this.#end.abort();
    this.#lookout?.abort();
    await this.#running;
    try {
      await this.#close();
    } catch (error) {
      this.#options.log.warn('closing a connection failed', {
        cluster: this.key,
        error: errorMessage(error),
      });
    }
  }

  #look(): void {
    if (this.signal.aborted) return;
    const { connected, lastError, since } = this.#probe.status;
    const { clock, lossDelayMs = 2000 } = this.#options;
    if (connected) {
      this.#lookout?.abort();
      this.#lookout = undefined;
      return this.#set({ ready: true, reason: 'Ready', message: 'the API server of the cluster answers' });
    }
    if (this.#lookout === undefined) {
      this.#lookout = new AbortController();
      void clock.every(lookMs, () => this.#look(), this.#lookout.signal);
    }
    const isBlip = this.#status.ready === true && clock.now() - since < lossDelayMs;
    if (lastError !== undefined && !isBlip) this.#set(statusOf(lastError));
  }

  #set(status: MemberStatus): void {
    const { ready, reason, message } = this.#status;
    if (ready === status.ready && reason === status.reason && message === status.message) return;
    this.#status = status;
    this.#onChange();
  }
}

function statusOf(error: Error): MemberStatus {
  const code = error instanceof TypedError ? error.code : 'Unreachable';
  const reason = code === 'DeadlineExceeded' ? 'Unreachable' : code;
  return { ready: false, reason, message: `${errorMessage(error)}. ${whileLost}` };
}
