import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { CancelledError, DeadlineError } from '../base/errors.ts';
import { FetchError } from '../base/fetch.ts';
import { silentLog } from '../base/log.ts';
import { seededRandom } from '../base/random.ts';
import type { WatchEvent } from '../machinery/object.ts';
import { ApiError } from './api-error.ts';
import { type Model, ModelServer } from './model-server.test-double.ts';
import type { WatchOptions } from './resource-client.ts';
import { Store, type StoreEvent, type StoreOptions } from './store.ts';

function setUp(options: Partial<StoreOptions<Model>> = {}) {
  const clock = new VirtualClock();
  const server = new ModelServer(clock, seededRandom('server'));
  const store = new Store<Model>({
    client: server,
    clock,
    random: seededRandom('store'),
    log: silentLog,
    ...options,
  });
  const told: string[] = [];
  const tell = (event: StoreEvent<Model>): void => {
    const initial = event.type === 'added' && event.initial ? ' initially' : '';
    told.push(`${event.type} ${event.object.metadata.name}=${event.object.spec.value}${initial}`);
  };
  store.subscribe(tell);
  const stop = new AbortController();
  return { clock, server, store, told, tell, stop };
}

/** Lets the server's watches be what `script` yields; notes the version that each began from. */
function scripted(
  server: ModelServer,
  script: (options: WatchOptions, attempt: number) => AsyncIterable<WatchEvent<Model>>,
): string[] {
  const from: string[] = [];
  server.watch = (options) => {
    from.push(options!.resourceVersion!);
    return script(options!, from.length - 1) as AsyncGenerator<WatchEvent<Model>>;
  };
  return from;
}

function model(name: string, resourceVersion: string, uid = `uid-${name}`, value = 1): Model {
  const metadata = { name, namespace: 'ns', uid, resourceVersion };
  return { apiVersion: 'test/v1', kind: 'Model', metadata, spec: { value } };
}

function bookmark(resourceVersion: string): WatchEvent<Model> {
  return {
    type: 'BOOKMARK',
    object: { apiVersion: 'test/v1', kind: 'Model', metadata: { resourceVersion } },
  };
}

/** What the tests put behind events: a watch that stays open. */
function forever(clock: VirtualClock, { signal }: WatchOptions): Promise<void> {
  return clock.sleep(24 * 3_600_000, signal);
}

describe('a store', () => {
  test('lists, then follows the changes, and tells a late subscriber what is there', async () => {
    const { clock, server, store, told, tell, stop } = setUp();
    server.put('a', 1);
    const running = store.run(stop.signal);
    expect(store.hasSynced).toBe(false);
    await clock.run(store.synced());
    server.put('a', 2);
    server.put('b', 1);
    server.remove('a');
    await clock.advance(1_000);
    store.subscribe(tell);
    expect(told).toEqual([
      'added a=1 initially',
      'modified a=2',
      'added b=1',
      'deleted a=2',
      'added b=1 initially',
    ]);
    expect([store.size, store.get('ns/b')?.spec.value, store.get('ns/a')]).toEqual([1, 1, undefined]);
    expect(server.requests).toEqual({ list: 1, watch: 1 });
    stop.abort();
    await clock.run(running);
  });

  test('resumes after a broken connection from the last version that it saw, bookmarks included', async () => {
    const { clock, server, store, told, stop } = setUp();
    const from = scripted(server, async function* (options, attempt) {
      if (attempt === 0) {
        yield { type: 'ADDED', object: model('a', '101') };
        yield bookmark('150');
        throw new FetchError('Unreachable', 'the connection broke');
      }
      yield { type: 'ADDED', object: model('b', '151') };
      await forever(clock, options);
    });
    void store.run(stop.signal);
    await clock.advance(10_000);
    expect(from).toEqual(['100', '150']);
    expect(told).toEqual(['added a=1', 'added b=1']);
    expect(server.requests.list).toBe(1);
    stop.abort();
  });

  test('lists again when its version has expired, and tells only the differences, deletions first', async () => {
    const { clock, server, store, told, stop } = setUp();
    for (const name of ['same', 'changed', 'gone', 'replaced']) server.put(name, 1);
    let expire = (): void => {};
    scripted(server, async function* (options, attempt) {
      if (attempt === 0) {
        await new Promise<void>((resolve) => (expire = resolve));
        throw new ApiError('too old', { status: 410, reason: 'Expired' });
      }
      await forever(clock, options);
      yield bookmark('1');
    });
    void store.run(stop.signal);
    await clock.advance(10_000);
    told.length = 0;
    server.put('changed', 2);
    server.remove('gone');
    server.remove('replaced');
    server.put('replaced', 3);
    server.put('new', 4);
    expire();
    await clock.advance(100);
    expect(told).toEqual([
      'deleted gone=1',
      'modified changed=2',
      'deleted replaced=1',
      'added replaced=3',
      'added new=4',
    ]);
    expect(server.requests.list).toBe(2);
    stop.abort();
  });

  test('does not spin when every list is out of date at once', async () => {
    const { clock, server, store, stop } = setUp();
    // oxlint-disable-next-line require-yield -- it only fails
    scripted(server, async function* () {
      throw new ApiError('too old', { status: 410, reason: 'Expired' });
    });
    void store.run(stop.signal);
    await clock.advance(60_000);
    expect(server.requests.list).toBeLessThan(10);
    stop.abort();
  });

  test('reconnects at once after a clean end, but not when watches end at once without an event', async () => {
    const { clock, server, store, stop } = setUp();
    const startedAt: number[] = [];
    // oxlint-disable-next-line require-yield -- it only ends
    scripted(server, async function* ({ signal }, attempt) {
      startedAt.push(clock.monotonic());
      if (attempt < 3) await clock.sleep(300_000, signal);
    });
    void store.run(stop.signal);
    await clock.advance(3_600_000);
    const gaps = startedAt.slice(1).map((at, i) => at - startedAt[i]!);
    expect(gaps.slice(0, 3)).toEqual([300_000, 300_000, 300_000]);
    expect(gaps[3]).toBeGreaterThanOrEqual(800);
    expect(gaps[3]).toBeLessThan(1_600);
    expect(Math.min(...gaps.slice(10))).toBeGreaterThanOrEqual(30_000);
    expect(Math.max(...gaps.slice(10))).toBeLessThan(60_000);
    stop.abort();
  });

  test('reconnects at once after a short watch that brought something', async () => {
    const { clock, server, store, told, stop } = setUp();
    scripted(server, async function* (options, attempt) {
      if (attempt < 5) yield { type: 'ADDED', object: model(`a${attempt}`, String(101 + attempt)) };
      else await forever(clock, options);
    });
    void store.run(stop.signal);
    await clock.advance(100);
    expect(told.length).toBe(5);
    stop.abort();
  });

  test('backs off longer and longer from an unreachable server, says since when and why, and starts afresh', async () => {
    const { clock, server, store, stop } = setUp();
    const told: [boolean, string | undefined][] = [];
    store.subscribeStatus(({ connected, lastError }) => told.push([connected, lastError?.message]));
    const listAll = server.listAll.bind(server);
    const attempts: number[] = [];
    const breakServer = (): void => {
      server.listAll = async () => {
        attempts.push(clock.monotonic());
        throw new FetchError('Unreachable', 'connection refused');
      };
    };
    breakServer();
    void store.run(stop.signal);
    await clock.advance(600_000);
    const gaps = attempts.slice(1).map((at, i) => at - attempts[i]!);
    for (const [i, gap] of gaps.entries()) {
      const base = Math.min(800 * 2 ** i, 30_000);
      expect(gap).toBeGreaterThanOrEqual(base - 1);
      expect(gap).toBeLessThan(2 * base + 1);
    }
    expect(store.status).toMatchObject({
      connected: false,
      lastContact: undefined,
      resourceVersion: undefined,
    });
    expect(store.status.lastError?.message).toBe('connection refused');

    server.listAll = listAll;
    await clock.advance(600_000);
    expect(store.status).toMatchObject({ connected: true, resourceVersion: '100' });
    const brokenAt = clock.now();
    scripted(server, async function* (_, attempt) {
      if (attempt > 0) throw new FetchError('Unreachable', 'no route to host');
      await clock.sleep(60_000);
      yield bookmark('200');
      throw new FetchError('Unreachable', 'connection reset');
    });
    await clock.advance(3_600_000);
    const { status } = store;
    expect(status.connected).toBe(false);
    expect(status.since).toBe(status.lastContact);
    expect(status.since).toBeGreaterThan(brokenAt);
    expect(told).toEqual([
      [true, 'connection refused'],
      [false, 'connection reset'],
    ]);
    stop.abort();
  });

  test('is connected again as soon as the server accepts the watch, long before the next event', async () => {
    const { clock, server, store, stop } = setUp();
    scripted(server, async function* (options, attempt) {
      if (attempt === 0) throw new FetchError('Unreachable', 'connection reset');
      options.onOpen?.();
      await forever(clock, options);
      yield bookmark('1');
    });
    void store.run(stop.signal);
    await clock.advance(10);
    expect(store.status.connected).toBe(false);
    await clock.advance(2_000);
    expect(store.status.connected).toBe(true);
    stop.abort();
  });

  test('waits as long as the server asks for, within reason', async () => {
    const { clock, server, store, stop } = setUp();
    const attempts: number[] = [];
    server.listAll = async () => {
      attempts.push(clock.monotonic());
      const retryAfterMs = attempts.length === 1 ? 90_000 : 1e9;
      throw new ApiError('too many requests', { status: 429, retryAfterMs });
    };
    void store.run(stop.signal);
    await clock.advance(800_000);
    expect(attempts).toEqual([0, 90_000, 690_000]);
    // Unavailable, but not unreachable.
    expect(store.status.connected).toBe(false);
    expect(clock.now() - store.status.lastContact!).toBe(110_000);
    stop.abort();
  });

  test('lists again when the server refuses the watch for good', async () => {
    const { clock, server, store, stop } = setUp();
    scripted(server, async function* (options, attempt) {
      if (attempt === 0) throw new ApiError('invalid resource version', { status: 400 });
      await forever(clock, options);
      yield bookmark('1');
    });
    void store.run(stop.signal);
    await clock.advance(10_000);
    expect(server.requests.list).toBe(2);
    stop.abort();
  });

  test.each<[string, Error]>([
    ['an event that cannot be read', new FetchError('MalformedBody', 'not JSON')],
    ['an error of the server', new ApiError('cannot decode', { status: 500 })],
  ])('%s does not hold the store up for ever: it lists again', async (_what, error) => {
    const { clock, server, store, stop } = setUp();
    const from = scripted(server, async function* (options) {
      options.onOpen?.();
      if (options.resourceVersion !== from[0]) await forever(clock, options);
      await clock.sleep(5_000);
      server.put('a', 1);
      yield* [];
      throw error;
    });
    server.put('b', 1);
    void store.run(stop.signal);
    await clock.advance(20_000);
    expect(server.requests.list).toBe(2);
    expect(store.get('ns/a')?.spec.value).toBe(1);
    stop.abort();
  });

  test('with versions that have no order, drops repetitions and deletions of a former namesake', async () => {
    const { clock, server, store, told, stop } = setUp();
    const listAll = server.listAll.bind(server);
    server.listAll = async (options) => ({
      ...(await listAll(options)),
      metadata: { resourceVersion: 'v0' },
    });
    scripted(server, async function* (options) {
      yield { type: 'ADDED', object: model('a', 'x9', 'first', 1) };
      yield { type: 'MODIFIED', object: model('a', 'x9', 'first', 1) };
      yield { type: 'MODIFIED', object: model('a', 'x1', 'first', 2) };
      yield { type: 'ADDED', object: model('a', 'x2', 'second', 3) };
      yield { type: 'DELETED', object: model('a', 'x3', 'first', 2) };
      yield { type: 'DELETED', object: model('b', 'x4') };
      await forever(clock, options);
    });
    void store.run(stop.signal);
    await clock.advance(1_000);
    expect(told).toEqual(['added a=1', 'modified a=2', 'deleted a=2', 'added a=3']);
    expect(store.status.resourceVersion).toBe('x4');
    stop.abort();
  });

  test('skips what it cannot read, or cannot project, and goes on', async () => {
    const project = (object: Model): Model => {
      if (object.spec.value === 13) throw new Error('unlucky');
      return object;
    };
    const { clock, server, store, told, stop } = setUp({ project });
    const rubbish = [null, 1, {}, { metadata: {} }, { metadata: { name: 'x' } }, { metadata: { name: 7 } }];
    scripted(server, async function* (options) {
      for (const object of rubbish) yield { type: 'ADDED', object: object as unknown as Model };
      yield { type: 'STRANGE' } as unknown as WatchEvent<Model>;
      yield { type: 'ADDED', object: model('a', '101', 'a', 13) };
      yield { type: 'ADDED', object: model('b', '102') };
      await forever(clock, options);
    });
    void store.run(stop.signal);
    await clock.advance(1_000);
    expect(told).toEqual(['added b=1']);
    expect(store.status.connected).toBe(true);
    stop.abort();
  });

  test('passes on what to list and watch, and a watch time-out between once and twice what was asked', async () => {
    const where = { namespace: 'ns', selection: { labelSelector: 'a=b' }, metadataOnly: true };
    const { clock, server, store, stop } = setUp({ ...where, pageSize: 50, watchTimeoutSeconds: 100 });
    const requests: object[] = [];
    const listAll = server.listAll.bind(server);
    server.listAll = (options) => {
      requests.push({ ...options, signal: undefined });
      return listAll(options);
    };
    scripted(server, async function* (options) {
      requests.push(options);
      await forever(clock, options);
      yield bookmark('1');
    });
    void store.run(stop.signal);
    await clock.advance(10);
    const scope = { namespace: 'ns', labelSelector: 'a=b', metadataOnly: true };
    expect(requests[0]).toEqual({ ...scope, limit: 50 });
    expect(requests[1]).toMatchObject({ ...scope, resourceVersion: '100' });
    const { timeoutSeconds } = requests[1] as WatchOptions;
    expect(timeoutSeconds).toBeGreaterThanOrEqual(100);
    expect(timeoutSeconds).toBeLessThanOrEqual(200);
    stop.abort();
  });

  test('keeps its handlers apart, and lets them come and go during an event', async () => {
    const { clock, server, store, stop } = setUp();
    const heard: string[] = [];
    store.subscribe(() => {
      throw new Error('bad handler');
    });
    let inner = 0;
    const leave = store.subscribe(({ type }) => {
      heard.push(type);
      leaveOther();
      store.subscribe(() => (inner += 1));
      leave();
    });
    const leaveOther = store.subscribe(() => heard.push('never'));
    void store.run(stop.signal);
    await clock.advance(10);
    server.put('a', 1);
    await clock.advance(10);
    expect(heard).toEqual(['added']);
    expect(inner).toBe(1);
    stop.abort();
  });

  test('survives an index function that fails, and refuses an unknown index', async () => {
    const indexes = {
      byValue: ({ spec }: Model) => {
        if (spec.value === 13) throw new Error('unlucky');
        return [String(spec.value), 'any', 'any'];
      },
    };
    const { clock, server, store, stop } = setUp({ indexes });
    server.put('a', 1);
    server.put('b', 13);
    void store.run(stop.signal);
    await clock.advance(10);
    server.put('a', 2);
    await clock.advance(10);
    expect(store.byIndex('byValue', 'any').map(({ metadata }) => metadata.name)).toEqual(['a']);
    expect([store.byIndex('byValue', '1').length, store.byIndex('byValue', '2').length]).toEqual([0, 1]);
    expect(() => store.byIndex('byName', 'a')).toThrow(RangeError);
    stop.abort();
  });

  test('is run once for all its users, and stops with the last of them', async () => {
    const { clock, server, store } = setUp();
    const [first, second] = [new AbortController(), new AbortController()];
    const running = [store.run(first.signal), store.run(second.signal)];
    await clock.advance(10);
    expect(server.requests.list).toBe(1);
    first.abort();
    await clock.run(running[0]!);
    server.put('a', 1);
    await clock.advance(10);
    expect(store.size).toBe(1);
    expect(server.openWatches).toBe(1);
    second.abort();
    await clock.run(running[1]!);
    expect(server.openWatches).toBe(0);
    expect(clock.pending).toBe(0);

    server.put('b', 1);
    const third = new AbortController();
    const again = store.run(third.signal);
    await clock.advance(10);
    expect(store.size).toBe(2);
    expect(server.requests.list).toBe(1);
    third.abort();
    await clock.run(again);
  });
});

describe('waiting for an object', () => {
  test('ends with the state that was waited for, also with the absence of the object', async () => {
    const { clock, server, store, stop } = setUp();
    void store.run(stop.signal);
    const twice = store.waitFor('ns/a', (object) => (object?.spec.value ?? 0) >= 2);
    const never = store.waitFor('ns/b', (object) => object === undefined);
    expect(await clock.run(never)).toBeUndefined();
    server.put('a', 1);
    server.put('a', 3);
    server.put('a', 1);
    expect((await clock.run(twice))?.spec.value).toBe(3);
    const gone = store.waitFor('ns/a', (object) => object === undefined, { timeoutMs: 1_000 });
    server.remove('a');
    expect(await clock.run(gone)).toBeUndefined();
    expect(store.get('ns/a')).toBeUndefined();
    stop.abort();
  });

  test('fails at its deadline and says why there is no hope, or when it is cancelled', async () => {
    const { clock, server, store, stop } = setUp();
    server.listAll = () => Promise.reject(new FetchError('Unreachable', 'connection refused'));
    void store.run(stop.signal);
    const failed = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);
    const late = failed(store.waitFor('ns/a', () => true, { timeoutMs: 5_000 }));
    await clock.advance(5_000);
    expect(await late).toEqual(
      new DeadlineError('waited 5000 ms in vain for Model ns/a; no connection: connection refused'),
    );
    const cancel = new AbortController();
    const cancelled = [
      store.waitFor('ns/a', () => true, { signal: cancel.signal }),
      store.waitFor('ns/a', () => true, { signal: cancel.signal, timeoutMs: 60_000 }),
      store.synced(cancel.signal),
    ].map(failed);
    // The caller's own deadline is a cancellation here.
    cancel.abort(new DeadlineError('of the caller'));
    for (const failure of cancelled) expect(await failure).toBeInstanceOf(CancelledError);
    await expect(store.waitFor('ns/a', () => true, { signal: cancel.signal, timeoutMs: 1 })).rejects.toThrow(
      CancelledError,
    );
    stop.abort();
  });

  test('fails with what the predicate throws', async () => {
    const { clock, server, store, stop } = setUp();
    void store.run(stop.signal);
    const waiting = store.waitFor('ns/a', (object) => {
      if (object !== undefined) throw new RangeError('cannot tell');
      return false;
    });
    const failure = waiting.catch((error: unknown) => error);
    await clock.advance(10);
    server.put('a', 1);
    await clock.advance(10);
    expect(await failure).toBeInstanceOf(RangeError);
    stop.abort();
  });
});
