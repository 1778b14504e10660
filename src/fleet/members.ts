import type { Clock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import { connect } from '../kube/connect.ts';
import { type ConnectionConfig, connectionOf } from '../kube/connection.ts';
import { Handlers } from '../kube/handlers.ts';
import { parseKubeconfig } from '../kube/kubeconfig.ts';
import { Member, type MemberClient, type MemberOptions, type MemberStatus, whileLost } from './member.ts';

/** Makes a client for what a kubeconfig says. */
export type ConnectMember = (config: ConnectionConfig) => MemberClient;

export interface MemberConnectionsOptions extends MemberOptions {
  /** Default: over sockets. */
  readonly connectMember?: ConnectMember | undefined;
}

interface Entry {
  /** Which version of the kubeconfig it was made from. */
  readonly source: string;
  readonly kubeconfig: string;
  readonly member: Member | undefined;
  /** Why there is no member. */
  readonly failure: MemberStatus | undefined;
}

/** Connections over sockets, one pool for each. */
function connectOverSockets(clock: Clock): ConnectMember {
  return (config) => connect(config, { clock, userAgent: 'viridian-manager' });
}

/**
 * The connections to the clusters that are attached, one for each, shared by all who work there. Every cluster is an
 * island: what goes wrong with one is seen in its own status alone.
 *
 * A kubeconfig comes from whoever may write a Secret, so nothing in it may run a program or name a file of this
 * machine. Messages tell the field that is wrong, never its value.
 */
export class MemberConnections {
  readonly #options: MemberConnectionsOptions;
  readonly #connect: ConnectMember;
  readonly #entries = new Map<string, Entry>();
  readonly #handlers: Handlers<string>;
  readonly #closing = new Set<Promise<void>>();
  #closed = false;

  constructor(options: MemberConnectionsOptions) {
    this.#options = options;
    this.#connect = options.connectMember ?? connectOverSockets(options.clock);
    this.#handlers = new Handlers((error) => options.log.error('a handler of members failed', { error }));
  }

  /** The connection to a cluster, whether or not it answers. @param key `NAMESPACE/NAME` of the AttachedCluster */
  get(key: string): Member | undefined {
    return this.#entries.get(key)?.member;
  }

  /** undefined for a cluster that is not attached, or not looked at yet. */
  status(key: string): MemberStatus | undefined {
    const entry = this.#entries.get(key);
    return entry?.member?.status ?? entry?.failure;
  }

  /**
   * Calls `handler` with the key of a cluster whenever its connection or its status has changed.
   * @returns how to unsubscribe
   */
  subscribe(handler: (key: string) => void): () => void {
    return this.#handlers.add(handler);
  }

  /** What {@link use} or {@link fail} was last given for the cluster. */
  sourceOf(key: string): string | undefined {
    return this.#entries.get(key)?.source;
  }

  /**
   * Connects to a cluster, or leaves the connection as it is where the kubeconfig is the same.
   *
   * @param source names the version of the kubeconfig, for {@link sourceOf}
   */
  async use(key: string, source: string, kubeconfig: string): Promise<void> {
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.kubeconfig === kubeconfig) {
      this.#entries.set(key, { ...entry, source });
      return;
    }
    try {
      const config = await connectionOf(parseKubeconfig(kubeconfig), noEffects(this.#options.clock), {
        restrict: true,
      });
      this.#replace(key, { source, kubeconfig, failure: undefined }, this.#connect(config));
    } catch (error) {
      this.fail(key, source, 'KubeconfigInvalid', errorMessage(error), kubeconfig);
    }
  }

  /** Gives the connection to a cluster up. */
  fail(key: string, source: string, reason: string, message: string, kubeconfig = ''): void {
    const failure: MemberStatus = { ready: false, reason, message: `${message}. ${whileLost}` };
    this.#replace(key, { source, kubeconfig, failure });
  }

  /** Forgets a cluster. */
  remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#end(entry);
    this.#handlers.emit(key);
  }

  /** Closes all connections, for good. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const key of this.#entries.keys()) this.remove(key);
    await Promise.all(this.#closing);
  }

  #replace(key: string, entry: Omit<Entry, 'member'>, client?: MemberClient): void {
    const before = this.#entries.get(key);
    const { random, log } = this.#options;
    const options = { ...this.#options, random: random.stream(key), log: log.child({ cluster: key }) };
    const member =
      client === undefined
        ? undefined
        : new Member(key, client, options, () => {
            if (this.get(key) === member) this.#handlers.emit(key);
          });
    if (before !== undefined) this.#end(before);
    if (this.#closed) {
      if (member !== undefined) this.#end({ ...entry, member });
      return;
    }
    this.#entries.set(key, { ...entry, member });
    member?.start();
    this.#handlers.emit(key);
  }

  #end({ member }: Entry): void {
    if (member === undefined) return;
    const closing: Promise<void> = member.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

/** A kubeconfig of a Secret has no effects: {@link connectionOf} refuses what would need one. */
function noEffects(clock: Clock): Parameters<typeof connectionOf>[1] {
  return {
    clock,
    env: {},
    readFile: () => Promise.reject(new Error('a kubeconfig of a Secret has no files')),
  };
}
