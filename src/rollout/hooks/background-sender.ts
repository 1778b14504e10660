import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { aborted } from '../../kube/aborted.ts';

/** What to send, to whom, and behind what. */
export interface Delivery {
  /** Deliveries of one lane are sent in order. A name for logs. */
  readonly lane: string;
  /** Who is told: a slow receiver must not take the time of the others. Never logged. */
  readonly receiver: string;
  /** Its signal aborts when it takes too long, too. */
  readonly send: (signal: AbortSignal) => Promise<void>;
}

export interface BackgroundSenderOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Deliveries that may wait; default 1000. */
  readonly maxWaiting?: number | undefined;
  /** Those of one lane; default 100. */
  readonly maxWaitingPerLane?: number | undefined;
  /** Deliveries at the same time; default 16. */
  readonly maxSending?: number | undefined;
  /** Those to one receiver; default 4. */
  readonly maxSendingPerReceiver?: number | undefined;
  /** Milliseconds for one delivery, with all its attempts; default 60 s. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Sends what nobody waits for. Deliveries of one lane keep their order; a receiver that is slow holds up no other
 * one. What does not fit is dropped, and said.
 */
export class BackgroundSender {
  readonly #options: {
    readonly [K in keyof BackgroundSenderOptions]-?: NonNullable<BackgroundSenderOptions[K]>;
  };
  /** In the order of their turns. */
  readonly #lanes = new Map<string, Delivery[]>();
  /** By lane. */
  readonly #sending = new Map<string, { readonly receiver: string; readonly ended: Promise<void> }>();
  #waiting = 0;
  #dropped = 0;
  #signal: AbortSignal | undefined;

  constructor(options: BackgroundSenderOptions) {
    this.#options = {
      ...options,
      maxWaiting: options.maxWaiting ?? 1000,
      maxWaitingPerLane: options.maxWaitingPerLane ?? 100,
      maxSending: options.maxSending ?? 16,
      maxSendingPerReceiver: options.maxSendingPerReceiver ?? 4,
      timeoutMs: options.timeoutMs ?? 60_000,
    };
  }

  /** Deliveries that were dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  push(delivery: Delivery): void {
    const { log, maxWaiting, maxWaitingPerLane } = this.#options;
    const { lane } = delivery;
    const queue = this.#lanes.get(lane) ?? [];
    if (this.#waiting >= maxWaiting || queue.length >= maxWaitingPerLane) {
      this.#dropped += 1;
      log.warn('too many notifications wait: dropped one', { lane, dropped: this.#dropped });
      return;
    }
    queue.push(delivery);
    this.#lanes.set(lane, queue);
    this.#waiting += 1;
    this.#start();
  }

  /** Sends until `signal` aborts; what waits then is kept for the next run. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    this.#start();
    await aborted(signal);
    await Promise.all([...this.#sending.values()].map(({ ended }) => ended));
    if (this.#waiting > 0) this.#options.log.warn('notifications were not sent', { waiting: this.#waiting });
  }

  #start(): void {
    const signal = this.#signal;
    if (signal === undefined || signal.aborted) return;
    for (const [lane, [delivery]] of this.#lanes) {
      if (this.#sending.size >= this.#options.maxSending) return;
      if (delivery === undefined || this.#sending.has(lane) || this.#isBusy(delivery.receiver)) continue;
      this.#take(lane);
      this.#sending.set(lane, { receiver: delivery.receiver, ended: this.#send(delivery, signal) });
    }
  }

  #isBusy(receiver: string): boolean {
    let sending = 0;
    for (const other of this.#sending.values()) if (other.receiver === receiver) sending += 1;
    return sending >= this.#options.maxSendingPerReceiver;
  }

  /** Removes the first delivery of a lane, whose next turn comes behind the other lanes. */
  #take(lane: string): void {
    const rest = this.#lanes.get(lane)?.slice(1) ?? [];
    this.#lanes.delete(lane);
    if (rest.length > 0) this.#lanes.set(lane, rest);
    this.#waiting -= 1;
  }

  async #send({ lane, send }: Delivery, signal: AbortSignal): Promise<void> {
    const { clock, log, timeoutMs } = this.#options;
    try {
      using deadline = clock.timeout(timeoutMs, signal);
      await send(deadline.signal);
    } catch (error) {
      if (!signal.aborted) log.warn('notification failed', { lane, error: errorMessage(error) });
    }
    this.#sending.delete(lane);
    this.#start();
  }
}
