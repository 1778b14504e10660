import type { Clock } from '../base/clock.ts';
import { CancelledError, errorMessage, nextStep } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { formatTime } from '../base/time.ts';
import { validateDns1123Subdomain } from '../machinery/names.ts';
import type { KubeObject } from '../machinery/object.ts';
import { isAlreadyExists, isNamespaceTerminating, isNotFound } from './api-error.ts';
import { type CorrelatedEvent, EventCorrelator, type EventType, type KubeEvent } from './event-correlator.ts';
import { type Metric, type Metrics, noMetrics } from './metrics.ts';
import type { ResourceClient, ResourceKind } from './resource-client.ts';

export const eventKind: ResourceKind = {
  group: '',
  version: 'v1',
  resource: 'events',
  kind: 'Event',
  namespaced: true,
};

/** Events that never reached the server; `reason`: `queue_full`, `rejected`, `gave_up`, `stopped`. */
export const eventsLost: Metric = {
  type: 'counter',
  name: 'viridian_events_lost_total',
  help: 'Total number of Kubernetes events that were not written, per component and reason',
  labels: ['component', 'reason'],
};

export interface EventRecorderOptions {
  readonly client: ResourceClient<KubeEvent>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics?: Metrics | undefined;
  /** Who reports: `source.component` and `reportingComponent`. */
  readonly component: string;
  /** Where it runs: `source.host` and `reportingInstance`. */
  readonly host?: string | undefined;
  /** Events that wait to be sent, at most; default 1000. The oldest go first. */
  readonly queueSize?: number | undefined;
  /** Milliseconds between tries; default 10 s. */
  readonly retryMs?: number | undefined;
}

/** Source: k8s.io/client-go/tools/record/event.go. */
const maxTries = 12;
/** Bytes. Source: NoteLengthLimit of k8s.io/kubernetes/pkg/apis/core/validation/events.go. */
const maxMessageBytes = 1024;

/**
 * Writes Kubernetes Events in the background, one after the other: what an object went through, for people who
 * `kubectl describe` it. Recording never waits and never throws; events may be lost, which is counted.
 *
 * Source: https://pkg.go.dev/k8s.io/client-go/tools/record
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #metrics: Metrics;
  readonly #correlator: EventCorrelator;
  readonly #queue: KubeEvent[] = [];
  /** The delivery under way, until the queue is empty. */
  #delivery: Promise<void> | undefined;
  /** No more events, no more waiting. */
  readonly #stopping = new AbortController();
  /** No more requests. */
  readonly #stopped = new AbortController();

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#metrics = options.metrics ?? noMetrics;
    this.#correlator = new EventCorrelator(options.clock);
  }

  /**
   * Reports that something happened to `object`.
   *
   * @param reason why, in `UpperCamelCase`, for programs
   * @param message for people; cut off at 1024 bytes
   * @param fieldPath the part of the object that it is about: `spec.containers{web}`
   */
  record(object: KubeObject, type: EventType, reason: string, message: string, fieldPath?: string): void {
    if (this.#stopping.signal.aborted) return this.#lose('stopped');
    const { queueSize = 1000 } = this.#options;
    this.#queue.push(this.#eventOf(object, type, reason, message, fieldPath));
    if (this.#queue.length > queueSize) {
      this.#queue.shift();
      this.#lose('queue_full');
    }
    this.#delivery ??= this.#deliver();
  }

  /**
   * Resolves when nothing waits any more: all that was recorded has been written or given up.
   * @throws CancelledError when `signal` aborts first
   */
  flush(signal?: AbortSignal): Promise<void> {
    const delivery = this.#delivery ?? Promise.resolve();
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(new CancelledError('events are still waiting', signal?.reason));
      if (signal?.aborted) return onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      void delivery.then(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
    });
  }

  /**
   * Takes no more events, tries once to write each that still waits, and gives the rest up after `timeoutMs`
   * (default 5 s).
   */
  async stop(timeoutMs = 5000): Promise<void> {
    this.#stopping.abort();
    using deadline = this.#options.clock.timeout(timeoutMs);
    try {
      await this.flush(deadline.signal);
    } catch {
      for (const _ of this.#queue.splice(0)) this.#lose('stopped');
      this.#options.log.warn('stopped before all events were written');
    } finally {
      this.#stopped.abort();
    }
  }

  #eventOf(
    object: KubeObject,
    type: EventType,
    reason: string,
    message: string,
    fieldPath: string | undefined,
  ): KubeEvent {
    const { clock, component, host } = this.#options;
    const { name = '', namespace, uid, resourceVersion } = object.metadata;
    const at = formatTime(clock.now());
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: this.#nameFor(name), namespace: namespace || 'default' },
      involvedObject: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name,
        ...(namespace && { namespace }),
        ...(uid !== undefined && { uid }),
        ...(resourceVersion !== undefined && { resourceVersion }),
        ...(fieldPath !== undefined && { fieldPath }),
      },
      reason,
      message: truncate(message),
      source: { component, ...(host !== undefined && { host }) },
      reportingComponent: component,
      reportingInstance: host ?? '',
      type,
      count: 1,
      firstTimestamp: at,
      lastTimestamp: at,
    };
  }

  /** `name.16d2f0a1b2c3d4e5`: the time in nanoseconds, of which the last six digits are drawn. */
  #nameFor(objectName: string): string {
    const { clock, random } = this.#options;
    const nanos = BigInt(clock.now()) * 1_000_000n + BigInt(random.int(1_000_000));
    const name = `${objectName}.${nanos.toString(16)}`;
    return validateDns1123Subdomain(name).length === 0 ? name : random.uuid();
  }

  async #deliver(): Promise<void> {
    // Not within `record`: its caller is busy with something else.
    await Promise.resolve();
    for (;;) {
      const event = this.#queue.shift();
      if (event === undefined) break;
      const correlated = this.#correlator.correlate(event, ({ involvedObject }) =>
        this.#nameFor(involvedObject.name),
      );
      if (correlated !== undefined) await this.#send(correlated);
    }
    this.#delivery = undefined;
  }

  /** Writes one event, whatever it takes, within bounds. Does not throw. */
  async #send(correlated: CorrelatedEvent): Promise<void> {
    const { clock, random, log, retryMs = 10_000 } = this.#options;
    const { involvedObject, reason } = correlated.event;
    const fields = { kind: involvedObject.kind, object: involvedObject.name, reason };
    for (let tries = 1; ; tries += 1) {
      try {
        this.#correlator.written(correlated, await this.#write(correlated.event));
        return;
      } catch (error) {
        // An earlier try came through, but not its answer.
        if (isAlreadyExists(error)) return;
        if (this.#stopped.signal.aborted) return this.#lose('stopped');
        if (nextStep(error) !== 'retry' || isNamespaceTerminating(error)) {
          log.warn('the server does not want this event', { ...fields, error: errorMessage(error) });
          return this.#lose('rejected');
        }
        if (tries >= maxTries || this.#stopping.signal.aborted) {
          log.warn('could not write this event', { ...fields, tries, error: errorMessage(error) });
          return this.#lose('gave_up');
        }
      }
      // The first delay is drawn, so that many clients do not come back together.
      const delayMs = tries === 1 ? retryMs * random.next() : retryMs;
      // A stop ends the wait: the next try is then the last.
      await clock.sleep(delayMs, this.#stopping.signal).catch(() => {});
    }
  }

  async #write(event: KubeEvent): Promise<KubeEvent> {
    const { client } = this.#options;
    const { signal } = this.#stopped;
    const { namespace, name = '' } = event.metadata;
    const { count, lastTimestamp, message } = event;
    if (count > 1) {
      try {
        return await client.patch(
          { namespace, name },
          'merge',
          { count, lastTimestamp, message },
          { signal },
        );
      } catch (error) {
        // Events are deleted after an hour: this one begins anew, its count goes on.
        if (!isNotFound(error)) throw error;
      }
    }
    return await client.create(event, { signal });
  }

  #lose(reason: string): void {
    this.#metrics.count(eventsLost, { component: this.#options.component, reason });
  }
}

/** Cut between characters. */
function truncate(message: string): string {
  if (Buffer.byteLength(message) <= maxMessageBytes) return message;
  const mark = '…';
  const bytes = Buffer.from(message).subarray(0, maxMessageBytes - Buffer.byteLength(mark));
  return new TextDecoder().decode(bytes, { stream: true }) + mark;
}
