import { abortError, type LinkedAbort, linkAbort, orAbort } from '../base/abort.ts';
import type { Clock, Deadline } from '../base/clock.ts';
import {
  CancelledError,
  DeadlineError,
  errorMessage,
  InvalidInputError,
  TypedError,
} from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { formatMicroTime } from '../base/time.ts';
import type { KubeObject } from '../machinery/object.ts';
import { aborted } from './aborted.ts';
import { isConflict, isNotFound } from './api-error.ts';
import type { ResourceClient, ResourceKind } from './resource-client.ts';

/** `coordination.k8s.io/v1`. Times are MicroTime strings; nobody here reads them. */
export interface LeaseSpec {
  /** Empty or absent: nobody's. */
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
}

export interface Lease extends KubeObject {
  spec?: LeaseSpec;
}

export const leaseKind: ResourceKind = {
  group: 'coordination.k8s.io',
  version: 'v1',
  resource: 'leases',
  kind: 'Lease',
  namespaced: true,
};

export interface LeaderElectionOptions {
  readonly client: ResourceClient<Lease>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly namespace: string;
  readonly name: string;
  /** Unique to this process, also across its restarts: host name and UUID, as in `web-1_0b0e…`. */
  readonly identity: string;
  /** How long the others wait after the last change of the Lease; whole seconds; default 15 s. */
  readonly leaseDurationMs?: number | undefined;
  /** How long a leader leads after it has sent its last successful write; default 10 s. */
  readonly renewDeadlineMs?: number | undefined;
  /** Between tries, for leader and candidates, stretched by up to a fifth; default 2 s. */
  readonly retryPeriodMs?: number | undefined;
  /** How much faster or slower than true time the clock of any candidate may run; default 0.1. */
  readonly maxClockRateSkew?: number | undefined;
}

/** Why a leader's signal aborted. */
export class LeadershipLostError extends TypedError {
  constructor(why: string) {
    super(`no longer the leader: ${why}`, { code: 'LeadershipLost', next: 'terminal' });
  }
}

/** A write of ours that the server has confirmed. */
interface Held {
  readonly lease: Lease;
  /** Monotonic time at which it was sent. */
  readonly sentAt: number;
}

interface Outcome {
  readonly thrown?: Error;
}

interface Timing {
  readonly leaseDurationMs: number;
  readonly renewDeadlineMs: number;
  readonly retryPeriodMs: number;
}

const stretch = 0.2;
const releaseTries = 3;

function timingOf(options: LeaderElectionOptions): Timing {
  const { leaseDurationMs = 15_000, renewDeadlineMs = 10_000, retryPeriodMs = 2000 } = options;
  const { maxClockRateSkew: skew = 0.1 } = options;
  const refuse = (why: string): never => {
    throw new InvalidInputError(`leader election of ${options.name}: ${why}`, 'UnsafeLeaderElection');
  };
  if (options.identity === '') refuse('identity must not be empty');
  if (!(skew >= 0 && skew < 1)) refuse(`maxClockRateSkew must be at least 0 and less than 1, not ${skew}`);
  if (!(leaseDurationMs >= 1000 && Number.isInteger(leaseDurationMs / 1000))) {
    refuse(`leaseDurationMs must be whole seconds (the Lease counts in them), not ${leaseDurationMs}`);
  }
  if (!(retryPeriodMs > 0)) refuse(`retryPeriodMs must be more than 0, not ${retryPeriodMs}`);
  if (!(renewDeadlineMs > retryPeriodMs * (1 + stretch))) {
    refuse(`renewDeadlineMs must be more than ${retryPeriodMs * (1 + stretch)}, not ${renewDeadlineMs}`);
  }
  const limit = (leaseDurationMs * (1 - skew)) / (1 + skew);
  if (!(renewDeadlineMs < limit)) {
    refuse(`renewDeadlineMs must be less than ${limit} for clocks that are off by ${skew}`);
  }
  return { leaseDurationMs, renewDeadlineMs, retryPeriodMs };
}

/**
 * Elects one leader among processes that share a Lease, as client-go's leaderelection does on the wire, so that
 * both can take part.
 *
 * At no instant do two leaders have a signal that is not aborted:
 *
 * - Only a write that the server confirmed makes a leader, for `renewDeadlineMs` from when it was *sent*: at most
 *   `renewDeadline / (1 - skew)` of true time after the server carried it out.
 * - A challenger counts from when it *received* the present resource version, which is after the server made it,
 *   and waits the recorded lease duration: at least `leaseDuration / (1 + skew)` of true time.
 * - Its write demands that very resource version: had the leader renewed meanwhile, it fails.
 *
 * So it is safe exactly if `renewDeadline < leaseDuration * (1 - skew) / (1 + skew)`, which the constructor demands.
 * What is left (2.2 s by default) covers a busy event loop, which aborts the signal late. Time stamps of others are
 * never read. A write whose answer is lost counts as not made; should it have been, the next try finds a
 * conflict, reads the Lease again, and writes anew.
 *
 * Not covered: a machine that is suspended while it leads (its monotonic clock stands still), a Lease deleted
 * just before a new candidate starts, and other software that edits `leaseDurationSeconds`. A candidate that is stopped
 * while its first write is under way may leave the Lease to run out.
 *
 * Source: https://pkg.go.dev/k8s.io/client-go/tools/leaderelection
 */
export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #timing: Timing;
  readonly #log: Log;
  /** The Lease as last read (undefined: it was gone), and the monotonic time at which it was first seen so. */
  #observed: { readonly lease: Lease | undefined; readonly at: number } | undefined;
  #hasSeenLease = false;
  /** Why the last try failed. */
  #trouble: string | undefined;

  /** @throws InvalidInputError for settings under which two could lead at once */
  constructor(options: LeaderElectionOptions) {
    this.#timing = timingOf(options);
    this.#options = options;
    const { namespace, name, identity } = options;
    this.#log = options.log.child({ lease: `${namespace}/${name}`, identity });
  }

  /** The holder last seen; for people, not for decisions. */
  get leader(): string | undefined {
    return this.#observed?.lease?.spec?.holderIdentity || undefined;
  }

  /**
   * Competes until `signal` aborts, and calls `lead` each time it wins. The signal of `lead` aborts when leadership
   * ends, and `lead` must then end soon; after a loss the competition goes on once it has. Resolves when `signal`
   * aborts or `lead` returns by itself; both give the Lease back, so that another can lead at once.
   *
   * @throws whatever `lead` throws while it leads
   * @throws DeadlineError when `lead` goes on for `renewDeadlineMs` after its signal aborted: the process is
   *   better ended than trusted
   */
  async run(lead: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    for (;;) {
      const held = await this.#acquire(signal);
      if (held === undefined) return;
      if (await this.#serve(held, lead, signal)) return;
    }
  }

  /** Tries until it holds the Lease; undefined when `signal` aborts first. */
  async #acquire(signal: AbortSignal): Promise<Held | undefined> {
    while (!signal.aborted) {
      const startedAt = this.#options.clock.monotonic();
      try {
        const lease = await this.#read(signal);
        if (!this.#isHeldByOther(lease)) return await this.#write(lease, signal);
      } catch (error) {
        if (!signal.aborted) this.#reportTrouble(error);
      }
      await this.#pause(startedAt, signal);
    }
    return undefined;
  }

  /** Each trouble once: a candidate that lacks rights, say, would wait for ever without a word. */
  #reportTrouble(error: unknown): void {
    const reason = errorMessage(error);
    const isNew = !isConflict(error) && reason !== this.#trouble;
    if (isNew) this.#log.warn('cannot acquire the lease; trying again', { reason });
    else this.#log.debug('could not acquire the lease', { reason });
    this.#trouble = reason;
  }

  /** Whether the holder could still lead, so far as we can know. */
  #isHeldByOther(lease: Lease | undefined): boolean {
    const now = this.#options.clock.monotonic();
    const before = this.#observed;
    if (before === undefined || before.lease?.metadata.resourceVersion !== lease?.metadata.resourceVersion) {
      this.#observe(lease, now);
    }
    // A Lease that vanished may still have a leader, who has not noticed yet; one that never was has none.
    if (lease === undefined && !this.#hasSeenLease) return false;
    const { holderIdentity = '', leaseDurationSeconds = 0 } = lease?.spec ?? {};
    if (lease !== undefined && (holderIdentity === '' || holderIdentity === this.#options.identity)) {
      return false;
    }
    const durationMs = leaseDurationSeconds > 0 ? leaseDurationSeconds * 1000 : this.#timing.leaseDurationMs;
    return now - (this.#observed?.at ?? now) < durationMs;
  }

  #observe(lease: Lease | undefined, at: number): void {
    const before = this.leader;
    this.#observed = { lease, at };
    this.#hasSeenLease ||= lease !== undefined;
    if (this.leader !== before) this.#log.info('new leader', { leader: this.leader });
  }

  /** Leads until the term is over. True when the competition is over as well. */
  async #serve(
    held: Held,
    lead: (signal: AbortSignal) => Promise<void>,
    stop: AbortSignal,
  ): Promise<boolean> {
    using fence = linkAbort(stop);
    using term = new Term(this.#options.clock, this.#timing.renewDeadlineMs, fence);
    if (!term.extend(held)) return false;
    this.#log.info('became the leader');
    const renewing = this.#renew(term, fence);
    const work = this.#work(lead, fence.signal);
    await Promise.race([work, aborted(fence.signal)]);
    fence.abort(new CancelledError('the leader has ended its work'));
    await renewing;
    const { thrown } = await this.#ended(work);
    const isLost = fence.signal.reason instanceof LeadershipLostError;
    if (isLost) this.#log.warn('leadership lost', { reason: errorMessage(fence.signal.reason) });
    else await this.#release(term.lease);
    if (thrown !== undefined) throw thrown;
    return !isLost;
  }

  /** What `lead` threw while it led. What it throws afterwards is what an abort makes of work. */
  async #work(lead: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<Outcome> {
    try {
      await lead(signal);
    } catch (error) {
      if (!signal.aborted) return { thrown: error instanceof Error ? error : new Error(errorMessage(error)) };
      this.#log.debug('the work of the leader was cut off', { error });
    }
    return {};
  }

  /** Waits for `work`, but not for ever. */
  async #ended(work: Promise<Outcome>): Promise<Outcome> {
    using deadline = this.#options.clock.timeout(this.#timing.renewDeadlineMs);
    try {
      return await orAbort(work, deadline.signal);
    } catch {
      const message = `the leader's work has not ended ${this.#timing.renewDeadlineMs} ms after its term`;
      this.#log.error(message);
      throw new DeadlineError(message);
    }
  }

  /** Renews until the fence is down, and brings it down when another holds the Lease. */
  async #renew(term: Term, fence: LinkedAbort): Promise<void> {
    let startedAt = term.sentAt;
    for (;;) {
      await this.#pause(startedAt, fence.signal);
      if (fence.signal.aborted) return;
      startedAt = this.#options.clock.monotonic();
      try {
        term.extend(await this.#renewOnce(term.lease, fence.signal));
      } catch (error) {
        if (error instanceof LeadershipLostError) fence.abort(error);
        else if (!fence.signal.aborted) this.#log.warn('could not renew the lease', { error });
      }
    }
  }

  async #renewOnce(known: Lease, signal: AbortSignal): Promise<Held> {
    try {
      return await this.#write(known, signal);
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
    return await this.#write(await this.#readOwn(signal), signal);
  }

  /** @throws LeadershipLostError when it is not ours any more */
  async #readOwn(signal: AbortSignal): Promise<Lease> {
    const lease = await this.#read(signal);
    if (lease === undefined) throw new LeadershipLostError('the lease was deleted');
    const { holderIdentity = '' } = lease.spec ?? {};
    if (holderIdentity === this.#options.identity) return lease;
    throw new LeadershipLostError(`the lease is held by ${JSON.stringify(holderIdentity)}`);
  }

  /** Lets others lead at once. Without success they wait for the lease to run out. */
  async #release(known: Lease): Promise<void> {
    using deadline = this.#options.clock.timeout(this.#timing.renewDeadlineMs);
    const { signal } = deadline;
    let lease = known;
    for (let tries = 0; tries < releaseTries; tries += 1) {
      try {
        const now = this.#microTime();
        const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 };
        const released = { ...lease, spec: { ...spec, acquireTime: now, renewTime: now } };
        await this.#request(signal, (options) => this.#options.client.update(released, options));
        this.#log.info('released the lease');
        return;
      } catch (error) {
        if (error instanceof LeadershipLostError) return;
        this.#log.debug('could not release the lease', { reason: errorMessage(error) });
      }
      try {
        lease = await this.#readOwn(signal);
      } catch (error) {
        if (error instanceof LeadershipLostError) return;
      }
    }
    this.#log.warn('the lease was not released: others wait until it runs out');
  }

  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    const { client, namespace, name } = this.#options;
    try {
      return await this.#request(signal, (options) => client.get({ namespace, name }, options));
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Makes the Lease ours, or keeps it so, provided that it still is what `lease` says. */
  async #write(lease: Lease | undefined, signal: AbortSignal): Promise<Held> {
    const { client, clock, namespace, name } = this.#options;
    const sentAt = clock.monotonic();
    const spec = this.#heldSpec(lease?.spec);
    const written = await this.#request(signal, (options) =>
      lease === undefined
        ? client.create(
            { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { namespace, name }, spec },
            options,
          )
        : client.update({ ...lease, spec }, options),
    );
    this.#observe(written, clock.monotonic());
    return { lease: written, sentAt };
  }

  #heldSpec(before: LeaseSpec | undefined): LeaseSpec {
    const { identity } = this.#options;
    const now = this.#microTime();
    const isOurs = before?.holderIdentity === identity;
    const transitions = before?.leaseTransitions ?? 0;
    return {
      ...before,
      holderIdentity: identity,
      leaseDurationSeconds: this.#timing.leaseDurationMs / 1000,
      acquireTime: (isOurs ? before.acquireTime : undefined) ?? now,
      renewTime: now,
      leaseTransitions: before === undefined || isOurs ? transitions : transitions + 1,
    };
  }

  /** One request, which cannot hang: two of them fit into the time for renewing. */
  async #request<T>(
    signal: AbortSignal,
    send: (options: { signal: AbortSignal; timeoutMs: number }) => Promise<T>,
  ): Promise<T> {
    const timeoutMs = this.#timing.renewDeadlineMs / 2;
    using deadline = this.#options.clock.timeout(timeoutMs, signal);
    if (deadline.signal.aborted) throw abortError(deadline.signal);
    return await orAbort(send({ signal: deadline.signal, timeoutMs }), deadline.signal);
  }

  /** Waits until it is time for the next try; less long where the last one took long. */
  async #pause(lastTryAt: number, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const periodMs = this.#timing.retryPeriodMs * (1 + stretch * random.next());
    try {
      await clock.sleep(lastTryAt + periodMs - clock.monotonic(), signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #microTime(): string {
    return formatMicroTime(this.#options.clock.now());
  }
}

/** The time for which a leader may lead: from each confirmed write `renewDeadlineMs`, counted from its sending. */
class Term implements Disposable {
  readonly #clock: Clock;
  readonly #renewDeadlineMs: number;
  readonly #fence: LinkedAbort;
  #held: Held | undefined;
  #deadline: Deadline | undefined;

  constructor(clock: Clock, renewDeadlineMs: number, fence: LinkedAbort) {
    this.#clock = clock;
    this.#renewDeadlineMs = renewDeadlineMs;
    this.#fence = fence;
  }

  /** False when the time of this write is up already. */
  extend(held: Held): boolean {
    this.#held = held;
    const leftMs = held.sentAt + this.#renewDeadlineMs - this.#clock.monotonic();
    if (leftMs <= 0) return false;
    this.#deadline?.[Symbol.dispose]();
    this.#deadline = this.#clock.timeout(leftMs);
    this.#deadline.signal.addEventListener('abort', () =>
      this.#fence.abort(
        new LeadershipLostError(`the lease could not be renewed within ${this.#renewDeadlineMs} ms`),
      ),
    );
    return true;
  }

  get lease(): Lease {
    return this.#current.lease;
  }

  get sentAt(): number {
    return this.#current.sentAt;
  }

  get #current(): Held {
    if (this.#held === undefined) throw new Error('the term has not begun');
    return this.#held;
  }

  [Symbol.dispose](): void {
    this.#deadline?.[Symbol.dispose]();
  }
}
