import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { DeadlineError } from '../base/errors.ts';
import { silentLog } from '../base/log.ts';
import { seededRandom } from '../base/random.ts';
import { type Model, ModelServer } from './model-server.test-double.ts';
import { formatKey } from './object-key.ts';
import { Store, type StoreEvent } from './store.ts';

const byParity = { parity: ({ spec }: Model) => (spec.value % 3 === 0 ? [] : [String(spec.value % 2)]) };

function setUp(seed: number) {
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const server = new ModelServer(clock, random.stream('server'));
  const store = new Store<Model>({
    client: server,
    clock,
    random: random.stream('store'),
    log: silentLog,
    indexes: byParity,
    watchTimeoutSeconds: 30,
  });
  return { clock, random, server, store };
}

/** Replays what it is told, and knows which sequences of events are possible. */
class Observer {
  readonly view = new Map<string, Model>();
  /** Every state of every object, in order; undefined while it does not exist. */
  readonly states: { key: string; object: Model | undefined }[] = [];
  readonly problems: string[] = [];
  readonly #store: Store<Model>;
  readonly #newest = new Map<string, number>();

  constructor(store: Store<Model>) {
    this.#store = store;
  }

  readonly handle = (event: StoreEvent<Model>): void => {
    const { object } = event;
    const key = keyOf(object);
    const known = this.view.get(key);
    if (event.type === 'added') this.#check(known === undefined, `added ${key} twice`);
    else this.#check(known !== undefined, `${event.type} ${key}, which does not exist`);
    if (event.type === 'modified') {
      this.#check(event.old === known, `modified ${key} from a state that was never told`);
      this.#check(event.old.metadata.uid === object.metadata.uid, `${key} changed its uid`);
    }
    if (event.type === 'deleted') {
      this.#check(object === known, `deleted ${key} in a state that was never told`);
      this.view.delete(key);
    } else {
      const version = Number(object.metadata.resourceVersion);
      this.#check(version > (this.#newest.get(key) ?? 0), `${key} went back to version ${version}`);
      this.#newest.set(key, version);
      this.view.set(key, object);
    }
    this.#check(this.#store.get(key) === this.view.get(key), `the content of ${key} differs from its event`);
    this.states.push({ key, object: this.view.get(key) });
  };

  #check(holds: boolean, problem: string): void {
    if (!holds) this.problems.push(problem);
  }
}

function keyOf(object: Model): string {
  return formatKey({ namespace: object.metadata.namespace, name: object.metadata.name! });
}

function sorted(objects: Iterable<Model>): string[] {
  return [...objects].map((object) => `${keyOf(object)} ${JSON.stringify(object)}`).sort();
}

type Step = { wait: number; name: string } & (
  | { what: 'put'; value: number }
  | { what: 'remove' | 'recreate' | 'elsewhere' | 'compact' | 'subscribe' }
);

const name = fc.constantFrom('a', 'b', 'c', 'd');
const wait = fc.oneof(fc.constant(0), fc.nat(400), fc.nat(20_000));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant('put' as const), value: fc.nat(9), wait, name }) },
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constantFrom(
        'remove' as const,
        'recreate' as const,
        'elsewhere' as const,
        'compact' as const,
        'subscribe' as const,
      ),
      wait,
      name,
    }),
  },
);

function perform(server: ModelServer, { what, name: of, ...rest }: Step): void {
  if (what === 'put' && 'value' in rest) server.put(of, rest.value);
  else if (what === 'remove') server.remove(of);
  else if (what === 'elsewhere') server.elsewhere();
  else if (what === 'compact') server.compact();
  else if (what === 'recreate') {
    server.remove(of);
    server.put(of, 1);
  }
}

describe('a store, whatever its server and the network do', () => {
  test('ends with the content of the server, and has told a possible story of how it came about', async () => {
    const property = fc.asyncProperty(
      fc.nat(),
      fc.array(step, { minLength: 1, maxLength: 30 }),
      async (seed, steps) => {
        const { clock, server, store } = setUp(seed);
        const observers = [new Observer(store)];
        store.subscribe(observers[0]!.handle);
        store.subscribe(() => {
          throw new Error('a bad neighbour');
        });
        server.calm = false;
        const stop = new AbortController();
        const running = store.run(stop.signal);
        for (const next of steps) {
          perform(server, next);
          if (next.what === 'subscribe') {
            const observer = new Observer(store);
            store.subscribe(observer.handle);
            observers.push(observer);
          }
          if (next.wait > 0) await clock.advance(next.wait);
        }
        server.calm = true;
        await clock.advance(5 * 60_000);

        expect(store.hasSynced).toBe(true);
        expect(sorted(store.list())).toEqual(sorted(server.objects.values()));
        for (const value of ['0', '1', '2']) {
          const expected = store.list().filter((object) => byParity.parity(object).includes(value));
          expect(sorted(store.byIndex('parity', value))).toEqual(sorted(expected));
        }
        for (const observer of observers) {
          expect(observer.problems).toEqual([]);
          expect(sorted(observer.view.values())).toEqual(sorted(store.list()));
        }
        expect(store.status.connected).toBe(true);
        stop.abort();
        await clock.run(running);
        await clock.settle();
        expect(clock.pending).toBe(0);
        expect(server.openWatches).toBe(0);
      },
    );
    await fc.assert(property, { numRuns: 1_000 });
  });

  test('ends a wait with the first state for which the predicate holds, or at the deadline', async () => {
    const property = fc.asyncProperty(
      fc.nat(),
      fc.array(step, { minLength: 1, maxLength: 15 }),
      fc.option(fc.nat(9), { nil: undefined }),
      fc.nat(60_000),
      async (seed, steps, wanted, timeoutMs) => {
        const { clock, server, store } = setUp(seed);
        server.calm = false;
        const observer = new Observer(store);
        store.subscribe(observer.handle);
        const stop = new AbortController();
        const running = store.run(stop.signal);
        const holds = (object: Model | undefined): boolean => object?.spec.value === wanted;
        let syncedAt: number | undefined;
        void store.synced().then(() => (syncedAt = observer.states.length));
        let settledAt: number | undefined;
        const waiting = store.waitFor('ns/a', holds, { timeoutMs }).then(
          (object) => ({ object, states: observer.states.length }),
          (error: unknown) => ({ error }),
        );
        void waiting.then(() => (settledAt = clock.monotonic()));
        for (const next of steps) {
          perform(server, next);
          if (next.wait > 0) await clock.advance(next.wait);
        }
        await clock.advance(timeoutMs + 1);
        const outcome = await waiting;
        const first = observer.states.findIndex(
          ({ key, object }, i) => key === 'ns/a' && holds(object) && (object !== undefined || i >= syncedAt!),
        );
        if ('error' in outcome) {
          expect(outcome.error).toBeInstanceOf(DeadlineError);
          expect(settledAt).toBe(timeoutMs);
        } else if (outcome.object !== undefined) {
          expect(outcome.object).toBe(observer.states[first]?.object);
        } else {
          expect(wanted).toBeUndefined();
          expect(outcome.states).toBeGreaterThanOrEqual(syncedAt!);
        }
        stop.abort();
        await clock.run(running);
        await clock.settle();
        expect(clock.pending).toBe(0);
      },
    );
    await fc.assert(property, { numRuns: 500 });
  });
});
