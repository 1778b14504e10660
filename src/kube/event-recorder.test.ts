import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { FetchError } from '../base/fetch.ts';
import { silentLog } from '../base/log.ts';
import { seededRandom } from '../base/random.ts';
import type { KubeObject } from '../machinery/object.ts';
import { ApiError } from './api-error.ts';
import type { KubeEvent } from './event-correlator.ts';
import { eventKind, EventRecorder, type EventRecorderOptions } from './event-recorder.ts';
import type { ResourceClient } from './resource-client.ts';

const web: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { namespace: 'shop', name: 'web', uid: 'u1', resourceVersion: '7' },
};

function refuse(): never {
  throw new Error('not a request of a recorder');
}

function unreachable(): never {
  throw new FetchError('Unreachable', 'no connection');
}

function world(options: Partial<EventRecorderOptions> = {}) {
  const clock = new VirtualClock();
  const events = new Map<string, KubeEvent>();
  const requests: string[] = [];
  const lost: string[] = [];
  /** Called before each request; what it throws is the answer. */
  const trouble = { before: (): void | Promise<void> => {}, after: (): void => {} };
  const write = async (verb: string, name: string, change: () => KubeEvent): Promise<KubeEvent> => {
    requests.push(verb);
    await clock.sleep(10);
    await trouble.before();
    const event = change();
    events.set(name, event);
    trouble.after();
    return event;
  };
  const client: ResourceClient<KubeEvent> = {
    kind: eventKind,
    create: (event) =>
      write('create', event.metadata.name!, () => {
        if (events.has(event.metadata.name!)) {
          throw new ApiError('there', { status: 409, reason: 'AlreadyExists' });
        }
        return event;
      }),
    patch: ({ name }, _type, patch) =>
      write('patch', name, () => {
        const event = events.get(name);
        if (event === undefined) throw new ApiError('gone', { status: 404 });
        return { ...event, ...(patch as Partial<KubeEvent>) };
      }),
    get: refuse,
    list: refuse,
    listAll: refuse,
    watch: refuse,
    update: refuse,
    apply: refuse,
    delete: refuse,
    deleteCollection: refuse,
  };
  const recorder = new EventRecorder({
    client,
    clock,
    random: seededRandom(1),
    log: silentLog,
    metrics: {
      count: (_metric, { reason = '' }) => void lost.push(reason),
      set: refuse,
      observe: refuse,
      remove: refuse,
    },
    component: 'viridian-rollout',
    ...options,
  });
  return { clock, events, requests, lost, trouble, recorder };
}

describe('an event', () => {
  test('carries what client-go puts into it', async () => {
    const { clock, events, recorder } = world({ host: 'node-1' });
    recorder.record(web, 'Normal', 'Synced', 'New revision detected');
    await clock.run(recorder.flush());
    const [event] = events.values();
    expect(event).toEqual({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: expect.stringMatching(/^web\.[0-9a-f]{16}$/) as string, namespace: 'shop' },
      involvedObject: {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        name: 'web',
        namespace: 'shop',
        uid: 'u1',
        resourceVersion: '7',
      },
      reason: 'Synced',
      message: 'New revision detected',
      source: { component: 'viridian-rollout', host: 'node-1' },
      reportingComponent: 'viridian-rollout',
      reportingInstance: 'node-1',
      type: 'Normal',
      count: 1,
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:00Z',
    });
    const [, hex] = event!.metadata.name!.split('.');
    expect(BigInt(`0x${hex}`) / 1_000_000n).toBe(BigInt(clock.now() - 10));
  });

  test('of an object without a namespace goes to `default`', async () => {
    const { clock, events, recorder } = world();
    recorder.record({ ...web, metadata: { name: 'node' } }, 'Normal', 'A', 'b');
    await clock.run(recorder.flush());
    const [event] = events.values();
    expect(event?.metadata.namespace).toBe('default');
    expect(event?.involvedObject).not.toHaveProperty('namespace');
  });

  test('of an object whose name is no name for an event gets another', async () => {
    const { clock, events, recorder } = world();
    recorder.record({ ...web, metadata: { name: 'system:admin' } }, 'Normal', 'A', 'b');
    await clock.run(recorder.flush());
    expect([...events.keys()][0]).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('has a message of at most 1024 bytes, of whole characters', async () => {
    const { clock, events, recorder } = world();
    recorder.record(web, 'Warning', 'Long', 'ä€😀'.repeat(500));
    recorder.record(web, 'Warning', 'Fits', 'x'.repeat(1024));
    await clock.run(recorder.flush());
    const [long, fits] = [...events.values()].map(({ message }) => message);
    expect(Buffer.byteLength(long!)).toBeLessThanOrEqual(1024);
    expect(Buffer.byteLength(long!)).toBeGreaterThan(1015);
    expect(long).toMatch(/^(ä€😀)+ä?€?…$/);
    expect(fits).toBe('x'.repeat(1024));
  });
});

describe('delivery', () => {
  test('counts what comes again', async () => {
    const { clock, events, requests, recorder } = world();
    for (let i = 0; i < 3; i += 1) {
      recorder.record(web, 'Normal', 'Synced', 'again');
      await clock.advance(5000);
    }
    expect(requests).toEqual(['create', 'patch', 'patch']);
    const [event] = events.values();
    expect(event).toMatchObject({
      count: 3,
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:10Z',
    });
  });

  test('creates an event anew that the server has forgotten', async () => {
    const { clock, events, requests, recorder } = world();
    recorder.record(web, 'Normal', 'Synced', 'again');
    await clock.advance(3_600_000);
    events.clear();
    recorder.record(web, 'Normal', 'Synced', 'again');
    await clock.run(recorder.flush());
    expect(requests).toEqual(['create', 'patch', 'create']);
    expect([...events.values()]).toMatchObject([{ count: 2 }]);
  });

  test('combines similar events', async () => {
    const { clock, events, recorder } = world();
    for (let i = 0; i < 12; i += 1) recorder.record(web, 'Warning', 'Failed', `try ${i}`);
    await clock.run(recorder.flush());
    const messages = [...events.values()].map(({ message, count }) => `${count} ${message}`);
    expect(messages).toHaveLength(10);
    expect(messages.at(-1)).toBe('3 (combined from similar events): try 11');
  });

  test('goes on after spam alone', async () => {
    const { clock, requests, recorder } = world();
    for (let i = 0; i < 30; i += 1) recorder.record(web, 'Normal', 'Synced', 'again');
    await clock.run(recorder.flush());
    expect(requests).toHaveLength(25);
    recorder.record(web, 'Normal', 'Synced', 'again');
    await clock.run(recorder.flush());
    expect(requests).toHaveLength(25);
    recorder.record({ ...web, metadata: { name: 'other' } }, 'Normal', 'Synced', 'again');
    await clock.run(recorder.flush());
    expect(requests).toHaveLength(26);
  });

  test('never holds the caller up, and tries twelve times', async () => {
    const { clock, requests, lost, trouble, recorder } = world();
    trouble.before = unreachable;
    recorder.record(web, 'Normal', 'Synced', 'hello');
    expect(requests).toEqual([]);
    await clock.run(recorder.flush());
    expect(requests).toHaveLength(12);
    expect(lost).toEqual(['gave_up']);
    expect(clock.monotonic()).toBeGreaterThan(100_000);
    expect(clock.monotonic()).toBeLessThan(111_000);
  });

  test('a lost answer is no second event', async () => {
    const { clock, events, lost, trouble, recorder } = world();
    let answers = 0;
    trouble.after = () => {
      answers += 1;
      if (answers === 1) unreachable();
    };
    recorder.record(web, 'Normal', 'Synced', 'hello');
    await clock.run(recorder.flush());
    expect(events.size).toBe(1);
    expect(lost).toEqual([]);
  });

  test.each([
    ['what the server refuses', new ApiError('no', { status: 403 })],
    [
      'a namespace that is being deleted',
      new ApiError('no', { status: 403, details: { causes: [{ reason: 'NamespaceTerminating' }] } }),
    ],
  ])('does not try again: %s', async (_name, error) => {
    const { clock, requests, lost, trouble, recorder } = world();
    trouble.before = () => {
      throw error;
    };
    recorder.record(web, 'Normal', 'Synced', 'hello');
    await clock.run(recorder.flush());
    expect(requests).toHaveLength(1);
    expect(lost).toEqual(['rejected']);
  });

  test('drops the oldest when too many wait', async () => {
    const { clock, events, lost, trouble, recorder } = world({ queueSize: 3 });
    trouble.before = unreachable;
    recorder.record(web, 'Normal', 'R', 'under way');
    await clock.advance(100);
    for (let i = 0; i < 5; i += 1) recorder.record(web, 'Normal', 'R', `event ${i}`);
    trouble.before = () => {};
    await clock.run(recorder.flush());
    const messages = [...events.values()].map(({ message }) => message);
    expect(messages).toEqual(['under way', 'event 2', 'event 3', 'event 4']);
    expect(lost).toEqual(['queue_full', 'queue_full']);
  });
});

describe('the end', () => {
  test('what waits is tried once more, without waiting', async () => {
    const { clock, events, lost, trouble, recorder } = world();
    trouble.before = unreachable;
    recorder.record(web, 'Normal', 'R', 'one');
    recorder.record(web, 'Normal', 'R', 'two');
    await clock.advance(12_000);
    trouble.before = () => {};
    const before = clock.monotonic();
    await clock.run(recorder.stop());
    expect(clock.monotonic() - before).toBeLessThan(100);
    expect(events.size).toBe(2);
    recorder.record(web, 'Normal', 'R', 'three');
    await clock.run(recorder.flush());
    expect(events.size).toBe(2);
    expect(lost).toEqual(['stopped']);
    expect(clock.pending).toBe(0);
  });

  test('a server that hangs cannot hold it up', async () => {
    const { clock, lost, trouble, recorder } = world();
    trouble.before = () => new Promise(() => {});
    recorder.record(web, 'Normal', 'R', 'one');
    recorder.record(web, 'Normal', 'R', 'two');
    await clock.advance(100);
    await clock.run(recorder.stop(3000));
    expect(clock.monotonic()).toBe(3100);
    expect(lost).toEqual(['stopped']);
  });

  test('a flush can be given up', async () => {
    const { clock, trouble, recorder } = world();
    trouble.before = unreachable;
    recorder.record(web, 'Normal', 'R', 'one');
    using deadline = clock.timeout(1000);
    await expect(clock.run(recorder.flush(deadline.signal))).rejects.toThrow('events are still waiting');
  });
});
