import { LRUCache } from 'lru-cache';
import type { Clock } from '../base/clock.ts';
import { sha256 } from '../base/hash.ts';
import { formatTime } from '../base/time.ts';
import type { KubeObject } from '../machinery/object.ts';

/** `core/v1` ObjectReference, as far as events fill it in. */
export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly fieldPath?: string | undefined;
}

export type EventType = 'Normal' | 'Warning';

/** `core/v1` Event. */
export interface KubeEvent extends KubeObject {
  involvedObject: ObjectReference;
  reason: string;
  message: string;
  source: { component: string; host?: string };
  reportingComponent: string;
  reportingInstance: string;
  type: EventType;
  count: number;
  firstTimestamp: string;
  lastTimestamp: string;
}

/** An event that is to be written: created, or, where `count` is more than 1, its predecessor patched. */
export interface CorrelatedEvent {
  readonly event: KubeEvent;
  /** Where its count is kept: {@link EventCorrelator.written} wants it back. */
  readonly key: string;
}

// Source of the numbers: k8s.io/client-go/tools/record/events_cache.go.
const maxKeys = 4096;
const maxSimilar = 10;
const similarForMs = 600_000;
const spamBurst = 25;
const spamTokenMs = 300_000;

/** Events that differ in nothing but their messages. */
interface Similar {
  /** Hashes: ten long messages of each of thousands of objects would be much to keep. */
  readonly messages: Set<string>;
  lastAt: number;
}

/** What was last written under a key. */
interface Written {
  readonly name: string;
  readonly count: number;
  readonly firstTimestamp: string;
}

/** A bucket that held `tokens` at `at`. */
interface Bucket {
  tokens: number;
  at: number;
}

/**
 * Keeps a flood of events small: an event that came before is counted on, those that differ only in their message
 * are combined once there are ten of them within ten minutes of one another, and an object that has more than 25
 * gets one in five minutes. Remembers the 4096 latest of each.
 *
 * Source: https://pkg.go.dev/k8s.io/client-go/tools/record#EventCorrelator
 */
export class EventCorrelator {
  readonly #clock: Clock;
  readonly #similar = new LRUCache<string, Similar>({ max: maxKeys });
  readonly #written = new LRUCache<string, Written>({ max: maxKeys });
  readonly #buckets = new LRUCache<string, Bucket>({ max: maxKeys });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * What to write for `event`; undefined when the object has had enough events.
   * @param nameFor a new name for an event, where it becomes one of its own
   */
  correlate(event: KubeEvent, nameFor: (event: KubeEvent) => string): CorrelatedEvent | undefined {
    const { event: combined, key } = this.#aggregate(event, nameFor);
    const counted = this.#count(combined, key);
    return this.#isSpam(counted) ? undefined : { event: counted, key };
  }

  /** Takes note of what the server made of it. */
  written({ key }: CorrelatedEvent, { metadata, count, firstTimestamp }: KubeEvent): void {
    if (metadata.name !== undefined) {
      this.#written.set(key, { name: metadata.name, count, firstTimestamp });
    }
  }

  #aggregate(event: KubeEvent, nameFor: (event: KubeEvent) => string): CorrelatedEvent {
    const now = this.#clock.monotonic();
    const groupKey = similarKey(event);
    let group = this.#similar.get(groupKey);
    if (group === undefined || now - group.lastAt > similarForMs)
      group = { messages: new Set(), lastAt: now };
    group.messages.add(sha256(event.message));
    group.lastAt = now;
    this.#similar.set(groupKey, group);
    if (group.messages.size < maxSimilar) return { event, key: eventKey(event) };

    const [oldest = ''] = group.messages;
    group.messages.delete(oldest);
    const at = formatTime(this.#clock.now());
    const combined: KubeEvent = {
      ...event,
      metadata: { ...event.metadata, name: nameFor(event) },
      message: `(combined from similar events): ${event.message}`,
      count: 1,
      firstTimestamp: at,
      lastTimestamp: at,
    };
    return { event: combined, key: groupKey };
  }

  #count(event: KubeEvent, key: string): KubeEvent {
    const before = this.#written.get(key);
    const counted =
      before === undefined
        ? event
        : {
            ...event,
            metadata: { ...event.metadata, name: before.name },
            count: before.count + 1,
            firstTimestamp: before.firstTimestamp,
          };
    this.#written.set(key, {
      name: counted.metadata.name ?? '',
      count: counted.count,
      firstTimestamp: counted.firstTimestamp,
    });
    return counted;
  }

  #isSpam(event: KubeEvent): boolean {
    const now = this.#clock.monotonic();
    const key = spamKey(event);
    const bucket = this.#buckets.get(key) ?? { tokens: spamBurst, at: now };
    const tokens = Math.min(spamBurst, bucket.tokens + (now - bucket.at) / spamTokenMs);
    const isSpam = tokens < 1;
    this.#buckets.set(key, { tokens: isSpam ? tokens : tokens - 1, at: now });
    return isSpam;
  }
}

function sourceAndObject({ source, involvedObject: object, type }: KubeEvent): unknown[] {
  const { kind, namespace, name, uid, apiVersion } = object;
  return [source.component, source.host, kind, namespace, name, uid, apiVersion, type];
}

function spamKey(event: KubeEvent): string {
  return JSON.stringify(sourceAndObject(event));
}

function similarKey(event: KubeEvent): string {
  const { reason, reportingComponent, reportingInstance } = event;
  return JSON.stringify([...sourceAndObject(event), reason, reportingComponent, reportingInstance]);
}

function eventKey(event: KubeEvent): string {
  const { reason, message, involvedObject } = event;
  return JSON.stringify([...sourceAndObject(event), involvedObject.fieldPath, reason, message]);
}
