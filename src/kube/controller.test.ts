import { Registry } from '@prometheus-io/client';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { type NextStep, TypedError } from '../base/errors.ts';
import { FetchError } from '../base/fetch.ts';
import { type Log, silentLog } from '../base/log.ts';
import { seededRandom } from '../base/random.ts';
import { Controller, type ControllerOptions, type Reconcile } from './controller.ts';
import { type Model, ModelServer } from './model-server.test-double.ts';
import { prometheusMetrics } from './prometheus-metrics.ts';
import { forObject, forOwner, mapped, type Source } from './sources.ts';
import { Store } from './store.ts';

function setUp(
  reconcile: Reconcile,
  {
    sources,
    ...options
  }: Partial<Omit<ControllerOptions, 'sources'>> & { sources?: (store: Store<Model>) => Source[] } = {},
) {
  const clock = new VirtualClock();
  const server = new ModelServer(clock, seededRandom('server'));
  const store = new Store<Model>({ client: server, clock, random: seededRandom('store'), log: silentLog });
  const lines: string[] = [];
  const line =
    (level: string) =>
    (message: string): void => {
      lines.push(`${level}: ${message}`);
    };
  const log: Log = {
    debug: () => {},
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: () => log,
  };
  const controller = new Controller({
    name: 'models',
    clock,
    random: seededRandom('controller'),
    log,
    sources: sources?.(store) ?? [forObject(store)],
    reconcile,
    ...options,
  });
  const stop = new AbortController();
  return { clock, server, store, controller, lines, stop };
}

function failure(next: NextStep, retryAfterMs?: number): TypedError {
  return new TypedError(`failed to ${next}`, { code: 'Unreachable', next, retryAfterMs });
}

describe('a controller', () => {
  test('reconciles what is there once all has been listed, and whatever changes afterwards', async () => {
    const seen: string[] = [];
    const { clock, server, store, controller, lines, stop } = setUp(async (key) => {
      expect(store.hasSynced).toBe(true);
      seen.push(`${key}=${store.get(key)?.spec.value}`);
    });
    server.put('a', 1);
    server.put('b', 1);
    const listAll = server.listAll.bind(server);
    server.listAll = () => Promise.reject(new FetchError('Unreachable', 'connection refused'));
    const running = controller.run(stop.signal);
    await clock.advance(25_000);
    expect(seen).toEqual([]);
    expect(lines).toEqual(['warn: waiting for the first list', 'warn: waiting for the first list']);
    server.listAll = listAll;
    await clock.advance(60_000);
    expect(seen).toEqual(['ns/a=1', 'ns/b=1']);
    server.put('a', 2);
    server.remove('b');
    await clock.advance(10);
    controller.enqueue('ns/c');
    await clock.advance(10);
    expect(seen.slice(2)).toEqual(['ns/a=2', 'ns/b=undefined', 'ns/c=undefined']);
    stop.abort();
    await clock.run(running);
    server.put('a', 3);
    await clock.advance(1_000);
    expect(seen.length).toBe(5);
    expect([server.openWatches, clock.pending]).toEqual([0, 0]);
    await expect(controller.run(stop.signal)).rejects.toThrow('has already been run');
  });

  test('stops while it still waits for the first list', async () => {
    const { clock, server, controller, stop } = setUp(async () => {});
    server.listAll = (options) => clock.sleep(1e9, options?.signal) as Promise<never>;
    const running = controller.run(stop.signal);
    await clock.advance(1_000);
    stop.abort();
    await clock.run(running);
    expect(clock.pending).toBe(0);
  });

  test('comes back when the reconcile asks for it', async () => {
    const at: number[] = [];
    const { clock, controller, stop } = setUp(async () => {
      at.push(clock.monotonic());
      return at.length < 3 ? { requeueAfterMs: 60_000 } : undefined;
    });
    void controller.run(stop.signal);
    controller.enqueue('x');
    await clock.advance(600_000);
    expect(at.map((time) => Math.round((time - at[0]!) / 1_000))).toEqual([0, 60, 120]);
    stop.abort();
  });

  test('leaves the event loop time between turns that are wanted at once', async () => {
    let calls = 0;
    const { clock, controller, stop } = setUp(async () => {
      calls += 1;
      return calls < 1_000 ? { requeueAfterMs: 0 } : undefined;
    });
    void controller.run(stop.signal);
    controller.enqueue('x');
    await clock.advance(100);
    expect(calls).toBeGreaterThan(50);
    expect(calls).toBeLessThanOrEqual(101);
    stop.abort();
  });

  test('reports a stall again after a success', async () => {
    let calls = 0;
    const { clock, controller, lines, stop } = setUp(async () => {
      calls += 1;
      if (calls !== 3) throw failure('stalled');
    });
    void controller.run(stop.signal);
    const errors: number[] = [];
    for (let i = 0; i < 4; i += 1) {
      controller.enqueue('x');
      await clock.advance(1_000);
      errors.push(lines.filter((text) => text.startsWith('error')).length);
    }
    expect(errors).toEqual([1, 1, 1, 2]);
    stop.abort();
  });

  test.each([
    ['retry', 5],
    ['wait', 1],
    ['stalled', 1],
    ['terminal', 1],
  ] as const)(
    'after an error to %s reconciles %i times, and again at the next event',
    async (next, times) => {
      let calls = 0;
      const { clock, controller, lines, stop } = setUp(async () => {
        calls += 1;
        if (calls < 5) throw failure(next);
      });
      void controller.run(stop.signal);
      controller.enqueue('x');
      await clock.advance(60_000);
      expect(calls).toBe(times);
      controller.enqueue('x');
      await clock.advance(60_000);
      expect(calls).toBe(times + 1);
      // What a person must mend is reported once, not at every event.
      expect(lines.filter((text) => text.startsWith('error')).length).toBe(next === 'stalled' ? 1 : 0);
      stop.abort();
    },
  );

  test('retries no earlier than the other side asked for', async () => {
    const at: number[] = [];
    const { clock, controller, stop } = setUp(async () => {
      at.push(clock.monotonic());
      if (at.length === 1) throw failure('retry', 30_000);
      if (at.length === 2) throw failure('retry', Number.NaN);
    });
    void controller.run(stop.signal);
    controller.enqueue('x');
    await clock.advance(60_000);
    expect(at.length).toBe(3);
    expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(30_000);
    expect(at[2]! - at[1]!).toBeLessThan(20);
    stop.abort();
  });

  test('aborts a reconcile at its deadline, never runs a second one beside it, and retries', async () => {
    let calls = 0;
    let atOnce = 0;
    const { clock, controller, stop } = setUp(
      async (_, { signal }) => {
        calls += 1;
        atOnce += 1;
        expect(atOnce).toBe(1);
        try {
          if (calls === 1) await clock.sleep(10_000, signal);
          // This one does not listen.
          if (calls === 2) await clock.sleep(10_000);
        } finally {
          atOnce -= 1;
        }
      },
      { timeoutMs: 1_000, concurrency: 2 },
    );
    void controller.run(stop.signal);
    controller.enqueue('x');
    await clock.advance(2_000);
    expect(calls).toBe(2);
    controller.enqueue('x');
    await clock.advance(5_000);
    expect(calls).toBe(2);
    await clock.advance(10_000);
    expect(calls).toBe(3);
    stop.abort();
  });

  test('is harmed neither by reconciles nor by mappers that throw at once', async () => {
    const seen: string[] = [];
    const { clock, server, controller, lines, stop } = setUp(
      (key) => {
        seen.push(key);
        if (key === 'bad' && seen.length < 4) throw new TypeError('no promise at all');
        return Promise.resolve();
      },
      {
        sources: (store) => [
          mapped(store, () => {
            throw new TypeError('bad mapper');
          }),
          mapped(store, ({ spec }) => [spec.value === 0 ? 'bad' : 'good']),
        ],
      },
    );
    server.put('a', 0);
    server.put('b', 1);
    void controller.run(stop.signal);
    await clock.advance(60_000);
    expect(seen.toSorted()).toEqual(['bad', 'bad', 'bad', 'good']);
    expect(lines.filter((text) => text === 'error: a mapper of events to keys failed').length).toBe(2);
    stop.abort();
  });

  test('stopped, lets the reconciles under way end, and waits for them only so long', async () => {
    let ended = 0;
    const { clock, controller, lines, stop } = setUp(
      async (key, { signal }) => {
        if (key === 'deaf') await new Promise(() => {});
        await clock.sleep(3_600_000, signal).catch(() => {});
        await clock.sleep(1_000);
        ended += 1;
        throw new RangeError('of no interest any more');
      },
      { concurrency: 2, stopTimeoutMs: 5_000, timeoutMs: 7_200_000 },
    );
    const running = controller.run(stop.signal);
    for (const key of ['deaf', 'polite', 'never']) controller.enqueue(key);
    await clock.advance(1_000);
    const before = clock.monotonic();
    stop.abort();
    await clock.run(running);
    expect(clock.monotonic() - before).toBe(5_000);
    expect(ended).toBe(1);
    expect(lines).toContain('warn: stopped without waiting any longer');
    expect(lines).not.toContain('warn: reconcile failed; it will be retried');
  });

  test('is measured under the names that controller-runtime uses', async () => {
    const registry = new Registry();
    const { clock, controller, stop } = setUp(
      async (key) => {
        if (key === 'stalled') throw failure('stalled');
        await clock.sleep(100);
      },
      { metrics: prometheusMetrics(registry), concurrency: 3 },
    );
    void controller.run(stop.signal);
    for (const key of ['a', 'b', 'stalled']) controller.enqueue(key);
    await clock.advance(50);
    expect(await registry.metrics()).toContain('controller_runtime_active_workers{controller="models"} 2');
    await clock.advance(1_000);
    const text = await registry.metrics();
    for (const expected of [
      'controller_runtime_reconcile_total{controller="models",result="success"} 2',
      'controller_runtime_reconcile_total{controller="models",result="stalled"} 1',
      'controller_runtime_reconcile_errors_total{controller="models"} 1',
      'controller_runtime_terminal_reconcile_errors_total{controller="models"} 1',
      'controller_runtime_reconcile_time_seconds_bucket{le="0.1",controller="models"} 3',
      'controller_runtime_max_concurrent_reconciles{controller="models"} 3',
      'controller_runtime_active_workers{controller="models"} 0',
      'workqueue_depth{name="models",controller="models"} 0',
      'workqueue_adds_total{name="models",controller="models"} 3',
      'workqueue_queue_duration_seconds_count{name="models",controller="models"} 3',
      'workqueue_work_duration_seconds_count{name="models",controller="models"} 3',
    ]) {
      expect(text).toContain(expected);
    }
    stop.abort();
  });
});

describe('sources', () => {
  test('name the owner that controls an object, and both sides of a change', async () => {
    const seen: string[] = [];
    const owner = { group: 'apps', kind: 'Deployment', namespaced: true };
    const { clock, server, controller, stop } = setUp(async (key) => void seen.push(key), {
      sources: (store) => [forOwner(store, owner), mapped(store, ({ spec }) => [`value/${spec.value}`])],
    });
    const object = server.put('a', 1);
    const reference = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: '1', controller: true };
    object.metadata.ownerReferences = [
      { ...reference, name: 'other', controller: false },
      { ...reference, name: 'foreign', apiVersion: 'example.com/v1' },
      { ...reference, name: 'replica', kind: 'ReplicaSet' },
      reference,
    ];
    void controller.run(stop.signal);
    await clock.advance(10);
    expect(seen).toEqual(['ns/web', 'value/1']);
    server.put('a', 2);
    await clock.advance(10);
    expect(seen.slice(2).toSorted()).toEqual(['ns/web', 'value/1', 'value/2']);
    stop.abort();
  });
});

describe('a controller, whatever its reconciles do', () => {
  const outcome = fc.constantFrom(
    'ok',
    'again',
    'throw',
    'throw at once',
    'hang',
    'retry',
    'wait',
    'stalled',
    'terminal',
  );
  const script = fc.array(
    fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      wait: fc.nat(300),
      outcomes: fc.array(outcome, { maxLength: 4 }),
    }),
    { minLength: 1, maxLength: 12 },
  );

  test('has reconciled the last state of every key in the end, one at a time, and always stops', async () => {
    const property = fc.asyncProperty(
      script,
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      async (steps, concurrency, early) => {
        const planned = new Map<string, string[]>();
        const reconciled = new Map<string, string>();
        const problems: string[] = [];
        const working = new Set<string>();
        const { clock, server, store, controller, stop } = setUp(
          (key, { signal }) => {
            const next = planned.get(key)?.shift() ?? 'ok';
            if (working.has(key)) problems.push(`${key} in two hands`);
            const work = async (): Promise<{ requeueAfterMs: number } | undefined> => {
              working.add(key);
              try {
                const seen = store.get(key)?.metadata.resourceVersion ?? 'gone';
                await clock.sleep(5, signal);
                if (next === 'throw') throw new RangeError('thrown');
                if (next === 'hang') await clock.sleep(1e9, signal);
                if (next === 'again') return { requeueAfterMs: 20 };
                if (next !== 'ok') throw failure(next as NextStep);
                reconciled.set(key, seen);
                return undefined;
              } finally {
                working.delete(key);
              }
            };
            if (next === 'throw at once') throw new RangeError('thrown at once');
            return work();
          },
          { concurrency, timeoutMs: 1_000, maxDelayMs: 5_000, stopTimeoutMs: 1_000 },
        );
        const running = controller.run(stop.signal);
        for (const { key, wait, outcomes } of steps) {
          planned.set(`ns/${key}`, [...outcomes]);
          if (wait % 5 === 0) server.remove(key);
          else server.put(key, wait);
          await clock.advance(wait);
        }
        if (!early) {
          await clock.advance(120_000);
          // Errors that wait for an event have had one since.
          planned.clear();
          for (const { key } of steps) controller.enqueue(`ns/${key}`);
          await clock.advance(60_000);
          for (const { key } of steps) {
            const version = server.objects.get(`ns/${key}`)?.metadata.resourceVersion ?? 'gone';
            expect(reconciled.get(`ns/${key}`)).toBe(version);
          }
        }
        const before = clock.monotonic();
        stop.abort();
        await clock.run(running);
        expect(clock.monotonic() - before).toBeLessThanOrEqual(1_000);
        expect(problems).toEqual([]);
        expect(working.size).toBe(0);
        await clock.settle();
        expect(clock.pending).toBe(0);
      },
    );
    await fc.assert(property, { numRuns: 500 });
  });

  test('retries without any further event until the reconcile succeeds', async () => {
    const trouble = fc.array(fc.constantFrom('throw', 'throw at once', 'hang', 'retry'), { maxLength: 6 });
    const property = fc.asyncProperty(
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), trouble),
      async (troubles) => {
        const done = new Set<string>();
        const { clock, controller, stop } = setUp(
          (key, { signal }) => {
            const next = troubles[key]?.shift();
            if (next === 'throw at once') throw new RangeError('thrown at once');
            if (next === 'hang') return clock.sleep(1e9, signal);
            if (next !== undefined)
              return Promise.reject(next === 'retry' ? failure('retry') : new RangeError('thrown'));
            done.add(key);
            return Promise.resolve();
          },
          { timeoutMs: 1_000, sources: () => [] },
        );
        const running = controller.run(stop.signal);
        const keys = Object.keys(troubles);
        for (const key of keys) controller.enqueue(key);
        await clock.advance(60_000);
        expect([...done].toSorted()).toEqual(keys.toSorted());
        stop.abort();
        await clock.run(running);
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });
});
