import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { CancelledError, DeadlineError, InvalidInputError } from '../base/errors.ts';
import {
  type Fetch,
  FetchError,
  type FetchInit,
  type FetchResponse,
  jsonResponse,
  memoryResponse,
} from '../base/fetch.ts';
import { isConflict, isExpired } from './api-error.ts';
import type { ResourceKind } from './resource-client.ts';
import { type ClientOptions, createClient } from './rest-client.ts';

const configMaps: ResourceKind = {
  group: '',
  version: 'v1',
  resource: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};
const deployments: ResourceKind = {
  group: 'apps',
  version: 'v1',
  resource: 'deployments',
  kind: 'Deployment',
  namespaced: true,
};
const namespaces: ResourceKind = {
  group: '',
  version: 'v1',
  resource: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
};

const configMap = (name: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'ns' },
  ...more,
});
const listOf = (items: object[], metadata: object = { resourceVersion: '7' }) => ({
  apiVersion: 'v1',
  kind: 'ConfigMapList',
  metadata,
  items,
});
const status = (code: number, reason: string, message = 'no') => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  code,
  reason,
  message,
});

interface Sent extends FetchInit {
  readonly method: string;
  readonly path: string;
  readonly query: Record<string, string>;
}

/** A client whose requests are kept, and answered by `answer`; the n-th request gets n = 0, 1, … */
function given(
  answer: (sent: Sent, n: number) => FetchResponse | Promise<FetchResponse>,
  options: Partial<ClientOptions> = {},
) {
  const clock = new VirtualClock();
  const sent: Sent[] = [];
  const fetch: Fetch = async (url, init = {}) => {
    const { pathname, searchParams, origin } = new URL(url);
    expect(origin).toBe('https://k');
    const query = Object.fromEntries(searchParams);
    const request: Sent = { ...init, method: init.method ?? 'GET', path: pathname, query };
    sent.push(request);
    return answer(request, sent.length - 1);
  };
  const client = createClient({ fetch, server: 'https://k/', clock, userAgent: 'test/1', ...options });
  return { clock, sent, client, configMaps: client.resource(configMaps) };
}

const never = (): Promise<FetchResponse> => new Promise(() => {});
const unreachable = (): never => {
  throw new FetchError('Unreachable', 'connection reset');
};

describe('the shape of a request', () => {
  type World = ReturnType<typeof given>;
  const key = { namespace: 'ns', name: 'c' };
  const path = '/api/v1/namespaces/ns/configmaps';
  const table: [string, (world: World) => Promise<unknown>, Partial<Sent>][] = [
    ['get', (w) => w.configMaps.get(key), { method: 'GET', path: `${path}/c`, query: {} }],
    [
      'get at a version',
      (w) => w.configMaps.get(key, { resourceVersion: '0' }),
      { query: { resourceVersion: '0' } },
    ],
    [
      'get of a part',
      (w) => w.client.resource(deployments).get(key, { subresource: 'scale' }),
      { path: '/apis/apps/v1/namespaces/ns/deployments/c/scale' },
    ],
    [
      'get without namespaces',
      (w) => w.client.resource(namespaces).get({ name: 'ns' }),
      { path: '/api/v1/namespaces/ns' },
    ],
    [
      'a name with a colon',
      (w) => w.configMaps.get({ namespace: 'ns', name: 'a:b c' }),
      { path: `${path}/a:b%20c` },
    ],
    [
      'create',
      (w) => w.configMaps.create(configMap('c')),
      { method: 'POST', path, query: { fieldManager: 'me' }, json: configMap('c') },
    ],
    [
      'create of a part',
      (w) => w.client.resource(deployments).create(configMap('c'), { subresource: 'eviction', dryRun: true }),
      {
        method: 'POST',
        path: '/apis/apps/v1/namespaces/ns/deployments/c/eviction',
        query: { fieldManager: 'me', dryRun: 'All' },
      },
    ],
    [
      'update of the status',
      (w) =>
        w.configMaps.update(configMap('c'), {
          subresource: 'status',
          fieldManager: 'you',
          fieldValidation: 'Strict',
        }),
      { method: 'PUT', path: `${path}/c/status`, query: { fieldManager: 'you', fieldValidation: 'Strict' } },
    ],
    [
      'apply',
      (w) => w.configMaps.apply(configMap('c'), { force: true }),
      {
        method: 'PATCH',
        path: `${path}/c`,
        query: { fieldManager: 'me', force: 'true' },
        json: configMap('c'),
      },
    ],
    ['delete', (w) => w.configMaps.delete(key), { method: 'DELETE', path: `${path}/c`, query: {} }],
    [
      'delete with conditions',
      (w) =>
        w.configMaps.delete(key, {
          gracePeriodSeconds: 0,
          propagationPolicy: 'Foreground',
          preconditions: { uid: 'u', resourceVersion: undefined },
          dryRun: true,
        }),
      {
        query: {},
        json: {
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          gracePeriodSeconds: 0,
          propagationPolicy: 'Foreground',
          preconditions: { uid: 'u' },
          dryRun: ['All'],
        },
      },
    ],
    [
      'deleteCollection',
      (w) =>
        w.configMaps.deleteCollection({
          namespace: 'ns',
          labelSelector: 'a=b',
          propagationPolicy: 'Background',
        }),
      {
        method: 'DELETE',
        path,
        query: { labelSelector: 'a=b' },
        json: { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background' },
      },
    ],
  ];
  test.each(table)('%s', async (name, request, expected) => {
    const world = given(() => jsonResponse(200, configMap('c')), { fieldManager: 'me' });
    await world.clock.run(request(world));
    expect(world.sent).toHaveLength(1);
    expect(world.sent[0]).toMatchObject(expected);
    expect(world.sent[0]?.headers).toMatchObject({ 'user-agent': 'test/1', accept: 'application/json' });
    expect(Object.hasOwn(world.sent[0] ?? {}, 'json')).toBe(
      name !== 'delete' && world.sent[0]?.method !== 'GET',
    );
    expect(world.clock.pending).toBe(0);
  });

  test.each([
    ['json', 'application/json-patch+json'],
    ['merge', 'application/merge-patch+json'],
    ['strategic', 'application/strategic-merge-patch+json'],
  ] as const)('a %s patch', async (type, contentType) => {
    const world = given(() => jsonResponse(200, configMap('c')));
    await world.clock.run(world.configMaps.patch(key, type, [{ op: 'test' }], { subresource: 'status' }));
    expect(world.sent[0]).toMatchObject({
      method: 'PATCH',
      path: `${path}/c/status`,
      json: [{ op: 'test' }],
    });
    expect(world.sent[0]?.headers?.['content-type']).toBe(contentType);
  });

  test('an apply says that it is YAML, and needs a field manager', async () => {
    const world = given(() => jsonResponse(200, configMap('c')));
    await world.clock.run(world.configMaps.apply(configMap('c'), { fieldManager: 'me' }));
    expect(world.sent[0]?.headers?.['content-type']).toBe('application/apply-patch+yaml');
    await expect(world.configMaps.apply(configMap('c'))).rejects.toThrow(InvalidInputError);
  });

  test('a list', async () => {
    const world = given(() => jsonResponse(200, listOf([])));
    const { configMaps: resource } = world;
    await world.clock.run(
      resource.list({
        labelSelector: 'app in (a, b+c)',
        fieldSelector: 'metadata.name!=x',
        limit: 2,
        continue: 't=/&',
        resourceVersion: '5',
        resourceVersionMatch: 'Exact',
      }),
    );
    expect(world.sent[0]).toMatchObject({
      path: '/api/v1/configmaps',
      query: {
        labelSelector: 'app in (a, b+c)',
        fieldSelector: 'metadata.name!=x',
        limit: '2',
        continue: 't=/&',
        resourceVersion: '5',
        resourceVersionMatch: 'Exact',
      },
    });
    await world.clock.run(resource.list({ namespace: 'ns', labelSelector: '' }));
    expect(world.sent[1]).toMatchObject({ path, query: {} });
  });

  test('metadata alone', async () => {
    const object = { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata', metadata: { name: 'c' } };
    const world = given((_, n) => jsonResponse(200, n === 0 ? object : listOf([])));
    await world.clock.run(world.configMaps.get(key, { metadataOnly: true }));
    await world.clock.run(world.configMaps.list({ metadataOnly: true }));
    expect(world.sent.map(({ headers }) => headers?.['accept'])).toEqual([
      'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json',
      'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json',
    ]);
  });

  test('no name ever leads to the path of all objects, or to another path', async () => {
    const { configMaps: resource, sent } = given(never);
    for (const name of ['', '.', '..', 'a/b', '%2e', 'a%b']) {
      await expect(resource.get({ namespace: 'ns', name })).rejects.toThrow(InvalidInputError);
      await expect(resource.delete({ namespace: 'ns', name })).rejects.toThrow(InvalidInputError);
      await expect(resource.update(configMap(name))).rejects.toThrow(InvalidInputError);
      await expect(resource.delete({ namespace: name, name: 'c' })).rejects.toThrow(InvalidInputError);
    }
    await expect(resource.delete({ name: 'c' })).rejects.toThrow(InvalidInputError);
    await expect(resource.deleteCollection()).rejects.toThrow(InvalidInputError);
    await expect(resource.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: {} })).rejects.toThrow(
      InvalidInputError,
    );
    expect(sent).toEqual([]);
  });
});

describe('an answer', () => {
  test('that is an error becomes one', async () => {
    const { clock, configMaps: resource } = given(() => jsonResponse(409, status(409, 'Conflict', 'stale')));
    await expect(clock.run(resource.update(configMap('c')))).rejects.toSatisfy(isConflict);
  });

  test.each([null, [], 'text', 1, {}, { kind: 'ConfigMap' }, { kind: 'ConfigMap', apiVersion: 'v1' }])(
    'that is no object (%j) is refused',
    async (value) => {
      const { clock, configMaps: resource } = given(() => jsonResponse(200, value));
      await expect(clock.run(resource.get({ namespace: 'ns', name: 'c' }))).rejects.toMatchObject({
        code: 'MalformedBody',
        message: 'GET /api/v1/namespaces/ns/configmaps/c: the answer is not a Kubernetes object',
      });
      await expect(clock.run(resource.list())).rejects.toMatchObject({ code: 'MalformedBody' });
    },
  );

  test.each([[listOf([null as unknown as object])], [listOf([{}])], [{ ...listOf([]), items: {} }]])(
    'that is no list is refused: %j',
    async (value) => {
      const { clock, configMaps: resource } = given(() => jsonResponse(200, value));
      await expect(clock.run(resource.list())).rejects.toMatchObject({ code: 'MalformedBody' });
    },
  );

  test('items of a list say what they are, and the answer itself stays as it was', async () => {
    const answer = listOf([{ metadata: { name: 'a' } }, configMap('b')]);
    const before = structuredClone(answer);
    const { clock, configMaps: resource } = given(() => jsonResponse(200, answer));
    const list = await clock.run(resource.list());
    expect(list.items.map(({ apiVersion, kind }) => [apiVersion, kind])).toEqual([
      ['v1', 'ConfigMap'],
      ['v1', 'ConfigMap'],
    ]);
    expect(answer).toEqual(before);
  });

  test('items may be null', async () => {
    const { clock, configMaps: resource } = given(() =>
      jsonResponse(200, { ...listOf([]), items: null, metadata: {} }),
    );
    expect((await clock.run(resource.list())).items).toEqual([]);
  });
});

describe('all pages', () => {
  const page = (names: string[], next: string) =>
    jsonResponse(
      200,
      listOf(
        names.map((name) => configMap(name)),
        { resourceVersion: '7', continue: next },
      ),
    );

  test('are one list at the version of the first', async () => {
    const { clock, sent, configMaps: resource } = given((_, n) => page([`a${n}`], n < 2 ? `t${n}` : ''));
    const list = await clock.run(
      resource.listAll({ limit: 1, labelSelector: 'x', resourceVersion: '5', resourceVersionMatch: 'Exact' }),
    );
    expect(list.items.map(({ metadata }) => metadata.name)).toEqual(['a0', 'a1', 'a2']);
    expect(list.metadata).toEqual({ resourceVersion: '7' });
    expect(sent.map(({ query }) => query)).toEqual([
      { labelSelector: 'x', limit: '1', resourceVersion: '5', resourceVersionMatch: 'Exact' },
      { labelSelector: 'x', limit: '1', continue: 't0' },
      { labelSelector: 'x', limit: '1', continue: 't1' },
    ]);
  });

  test('start again as one, when the version has expired on the way', async () => {
    const {
      clock,
      sent,
      configMaps: resource,
    } = given((_, n) => {
      if (n === 1) return jsonResponse(410, status(410, 'Expired'));
      return page(n === 0 ? ['a'] : ['a', 'b'], n === 0 ? 't' : '');
    });
    const list = await clock.run(resource.listAll({ resourceVersion: '5' }));
    expect(list.items).toHaveLength(2);
    expect(sent.map(({ query }) => query)).toEqual([
      { limit: '500', resourceVersion: '5' },
      { limit: '500', continue: 't' },
      { resourceVersion: '5' },
    ]);
  });

  test('an expired first page, or an expired second start, is an error', async () => {
    const first = given(() => jsonResponse(410, status(410, 'Expired')));
    await expect(first.clock.run(first.configMaps.listAll())).rejects.toSatisfy(isExpired);
    expect(first.sent).toHaveLength(1);
    const twice = given((_, n) => (n === 0 ? page(['a'], 't') : jsonResponse(410, status(410, 'Expired'))));
    await expect(twice.clock.run(twice.configMaps.listAll())).rejects.toSatisfy(isExpired);
    expect(twice.sent).toHaveLength(3);
  });

  test('a token that leads to itself does not go round for ever', async () => {
    const { clock, configMaps: resource } = given(() => page([], 't'));
    await expect(clock.run(resource.listAll())).rejects.toMatchObject({ code: 'MalformedBody' });
  });
});

describe('a watch', () => {
  const added = (name: string) => ({ type: 'ADDED', object: configMap(name) });

  /** A stream that sends `events` and then stays open, or ends; cancels are counted. */
  function stream(events: unknown[], end: 'open' | 'end' | Error = 'open') {
    const counts = { cancelled: 0 };
    async function* values(): AsyncGenerator {
      yield* events;
      if (end instanceof Error) throw end;
      if (end === 'open') await new Promise(() => {});
    }
    const response = memoryResponse(200, {}, values());
    const counted: FetchResponse = {
      ...response,
      cancel: () => {
        counts.cancelled += 1;
        response.cancel();
      },
    };
    return { counts, response: counted };
  }

  test('asks for bookmarks and brings events until the server ends it', async () => {
    const bookmark = {
      type: 'BOOKMARK',
      object: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { resourceVersion: '9' } },
    };
    const { response, counts } = stream([added('a'), bookmark], 'end');
    const { clock, sent, configMaps: resource } = given(() => response);
    const events = await clock.run(
      Array.fromAsync(
        resource.watch({
          namespace: 'ns',
          resourceVersion: '3',
          timeoutSeconds: 60,
          labelSelector: 'a',
          metadataOnly: true,
        }),
      ),
    );
    expect(events).toEqual([added('a'), bookmark]);
    expect(counts.cancelled).toBe(0);
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({
      path: '/api/v1/namespaces/ns/configmaps',
      query: {
        watch: 'true',
        allowWatchBookmarks: 'true',
        resourceVersion: '3',
        timeoutSeconds: '60',
        labelSelector: 'a',
      },
    });
    expect(sent[0]?.headers?.['accept']).toContain('as=PartialObjectMetadata;');
    expect(clock.pending).toBe(0);
  });

  test('throws what an ERROR event says', async () => {
    const { response, counts } = stream([
      added('a'),
      { type: 'ERROR', object: status(410, 'Expired', 'too old') },
    ]);
    const { clock, configMaps: resource } = given(() => response);
    await expect(clock.run(Array.fromAsync(resource.watch()))).rejects.toMatchObject({
      code: 'Expired',
      status: 410,
      message: 'too old',
    });
    expect(counts.cancelled).toBe(1);
  });

  test.each([
    [1],
    [{}],
    [{ type: 'ADDED' }],
    [{ type: 'ADDED', object: {} }],
    [{ type: 'NEW', object: configMap('a') }],
  ])('refuses %j', async (event) => {
    const { response, counts } = stream([event]);
    const { clock, configMaps: resource } = given(() => response);
    await expect(clock.run(Array.fromAsync(resource.watch()))).rejects.toMatchObject({
      code: 'MalformedBody',
    });
    expect(counts.cancelled).toBe(1);
  });

  test('passes on that the connection broke', async () => {
    const { response } = stream([added('a')], new FetchError('Unreachable', 'reset'));
    const { clock, configMaps: resource } = given(() => response);
    await expect(clock.run(Array.fromAsync(resource.watch()))).rejects.toMatchObject({ code: 'Unreachable' });
  });

  test('is closed once when the caller stops reading', async () => {
    const { response, counts } = stream([added('a'), added('b')]);
    const { clock, configMaps: resource } = given(() => response);
    const first = async (): Promise<unknown> => {
      for await (const event of resource.watch({ timeoutSeconds: 60 })) return event;
      return undefined;
    };
    expect(await clock.run(first())).toEqual(added('a'));
    expect(counts.cancelled).toBe(1);
    expect(clock.pending).toBe(0);
  });

  test('is closed once when the caller aborts, while it waits or between events', async () => {
    const waiting = stream([]);
    const one = given(() => waiting.response);
    const abort = new AbortController();
    const read = Array.fromAsync(one.configMaps.watch({ signal: abort.signal }));
    await one.clock.settle();
    abort.abort();
    await expect(one.clock.run(read)).rejects.toThrow(CancelledError);
    expect(waiting.counts.cancelled).toBe(1);

    const between = stream([added('a'), added('b')]);
    const two = given(() => between.response);
    const stop = new AbortController();
    const seen: unknown[] = [];
    const loop = async (): Promise<void> => {
      for await (const event of two.configMaps.watch({ signal: stop.signal })) {
        seen.push(event);
        stop.abort();
      }
    };
    await expect(two.clock.run(loop())).rejects.toThrow(CancelledError);
    expect(seen).toEqual([added('a')]);
    expect(between.counts.cancelled).toBe(1);
  });

  test('ends ten seconds after the agreed time, should the server not', async () => {
    const { response, counts } = stream([]);
    const { clock, configMaps: resource } = given(() => response);
    await expect(clock.run(Array.fromAsync(resource.watch({ timeoutSeconds: 60 })))).rejects.toThrow(
      new DeadlineError('GET /api/v1/configmaps: no complete answer within 1m10s'),
    );
    expect(clock.monotonic()).toBe(70_000);
    expect(counts.cancelled).toBe(1);
  });

  test('must begin in time, and may then be silent for as long as it likes', async () => {
    const deaf = given(never);
    await expect(deaf.clock.run(Array.fromAsync(deaf.configMaps.watch()))).rejects.toThrow(DeadlineError);
    expect(deaf.clock.monotonic()).toBe(30_000);

    const { response, counts } = stream([]);
    const silent = given(() => response);
    const abort = new AbortController();
    const read = Array.fromAsync(silent.configMaps.watch({ signal: abort.signal }));
    read.catch(() => {});
    await silent.clock.advance(24 * 3_600_000);
    expect(counts.cancelled).toBe(0);
    abort.abort();
    await expect(read).rejects.toThrow(CancelledError);
  });

  test('is not repeated by itself', async () => {
    const busy = given(() => jsonResponse(429, status(429, 'TooManyRequests'), { 'retry-after': '1' }));
    await expect(busy.clock.run(Array.fromAsync(busy.configMaps.watch()))).rejects.toMatchObject({
      code: 'TooManyRequests',
      retryAfterMs: 1000,
    });
    const broken = given(unreachable);
    await expect(broken.clock.run(Array.fromAsync(broken.configMaps.watch()))).rejects.toThrow(FetchError);
    expect([busy.sent.length, broken.sent.length]).toEqual([1, 1]);
  });
});

describe('a deadline', () => {
  const key = { namespace: 'ns', name: 'c' };

  test('covers the wait for the answer, even of a server that heeds no signal; the late answer is given up', async () => {
    let cancelled = 0;
    const world = given(async (): Promise<FetchResponse> => {
      await world.clock.sleep(60_000);
      return memoryResponse(200, {}, [1], () => {
        cancelled += 1;
      });
    });
    await expect(world.clock.run(world.configMaps.create(configMap('c')))).rejects.toThrow(
      new DeadlineError('POST /api/v1/namespaces/ns/configmaps: no complete answer within 30s'),
    );
    expect(world.clock.monotonic()).toBe(30_000);
    await world.clock.advance(60_000);
    expect(cancelled).toBe(1);
  });

  test('covers the body', async () => {
    let cancelled = 0;
    const { clock, configMaps: resource } = given(() => ({
      ...memoryResponse(200, {}, [], () => {
        cancelled += 1;
      }),
      json: () => new Promise(() => {}),
    }));
    await expect(clock.run(resource.get(key, { timeoutMs: 5000 }))).rejects.toThrow(DeadlineError);
    expect(clock.monotonic()).toBe(5000);
    expect(cancelled).toBe(1);
  });

  test('covers the making of credentials', async () => {
    const {
      clock,
      configMaps: resource,
      sent,
    } = given(never, {
      credentials: { authorize: () => new Promise(() => {}) },
    });
    await expect(clock.run(resource.get(key))).rejects.toThrow(DeadlineError);
    expect(sent).toEqual([]);
  });

  test('does not hide that the caller gave up', async () => {
    const { clock, configMaps: resource, sent } = given(never);
    const abort = new AbortController();
    const get = resource.get(key, { signal: abort.signal });
    await clock.settle();
    abort.abort();
    await expect(get).rejects.toThrow(CancelledError);
    await expect(clock.run(resource.get(key, { signal: abort.signal }))).rejects.toThrow(CancelledError);
    expect(sent).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });
});

describe('repeating', () => {
  const key = { namespace: 'ns', name: 'c' };
  const object = () => jsonResponse(200, configMap('c'));
  const busy = (seconds: string | undefined, code = 429) =>
    jsonResponse(
      code,
      status(code, 'TooManyRequests'),
      seconds === undefined ? {} : { 'retry-after': seconds },
    );

  test('a read whose connection broke goes out once more', async () => {
    const once = given((_, n) => (n === 0 ? unreachable() : object()));
    await once.clock.run(once.configMaps.get(key));
    expect(once.sent).toHaveLength(2);
    const always = given(unreachable);
    await expect(always.clock.run(always.configMaps.list())).rejects.toThrow('connection reset');
    expect(always.sent).toHaveLength(2);
  });

  test.each([429, 503])('a read waits as long as a %i says', async (code) => {
    const { clock, sent, configMaps: resource } = given((_, n) => (n < 2 ? busy('3', code) : object()));
    await clock.run(resource.get(key));
    expect(sent).toHaveLength(3);
    expect(clock.monotonic()).toBe(6000);
  });

  test('but not without end, not without a time, not past its deadline, not for another error', async () => {
    const forever = given(() => busy('1'));
    await expect(forever.clock.run(forever.configMaps.get(key))).rejects.toMatchObject({
      retryAfterMs: 1000,
    });
    expect(forever.sent).toHaveLength(5);
    for (const answer of [
      () => busy(undefined),
      () => busy('30'),
      () => busy('1', 500),
      () => busy('1', 404),
    ]) {
      const { clock, sent, configMaps: resource } = given(answer);
      await expect(clock.run(resource.get(key))).rejects.toMatchObject({ code: 'TooManyRequests' });
      expect(sent).toHaveLength(1);
      expect(clock.monotonic()).toBe(0);
    }
  });

  test('a write goes out once, whatever happens', async () => {
    for (const answer of [
      unreachable,
      () => busy('1'),
      () => jsonResponse(401, status(401, 'Unauthorized')),
    ]) {
      const world = given(answer, {
        fieldManager: 'me',
        credentials: { authorize: async () => ({}), unauthorized: () => {} },
      });
      const { configMaps: resource } = world;
      const writes = [
        () => resource.create(configMap('c')),
        () => resource.update(configMap('c')),
        () => resource.patch(key, 'merge', {}),
        () => resource.apply(configMap('c')),
        () => resource.delete(key),
        () => resource.deleteCollection({ namespace: 'ns' }),
      ];
      for (const write of writes) await expect(world.clock.run<unknown>(write())).rejects.toThrow();
      expect(world.sent).toHaveLength(writes.length);
    }
  });

  test('refused credentials are told so, and a read tries fresh ones once', async () => {
    const used: unknown[] = [];
    let token = 0;
    const {
      clock,
      sent,
      configMaps: resource,
    } = given(
      ({ headers }) =>
        headers?.['authorization'] === 'Bearer 1' ? object() : jsonResponse(401, status(401, 'Unauthorized')),
      {
        credentials: {
          authorize: async () => ({ authorization: `Bearer ${token}` }),
          unauthorized: (headers) => {
            used.push(headers);
            token += 1;
          },
        },
      },
    );
    await clock.run(resource.get(key));
    expect(used).toEqual([{ authorization: 'Bearer 0' }]);
    expect(sent).toHaveLength(2);
    token = 5;
    await expect(clock.run(resource.get(key))).rejects.toMatchObject({ code: 'Unauthorized', next: 'retry' });
    expect(sent).toHaveLength(4);
  });

  test('qps and burst hold requests back', async () => {
    const { clock, sent, configMaps: resource } = given(object, { qps: 2, burst: 2 });
    await clock.run(Promise.all(Array.from({ length: 4 }, () => resource.get(key))));
    expect(sent).toHaveLength(4);
    expect(clock.monotonic()).toBe(1000);
  });
});

describe('beside objects', () => {
  test('raw gives the text of any path', async () => {
    const { clock, sent, client } = given(({ path }) =>
      path === '/healthz'
        ? { ...jsonResponse(200, 0), text: async () => 'ok' }
        : jsonResponse(403, status(403, 'Forbidden')),
    );
    expect(
      await clock.run(client.raw('GET', '/healthz', { query: { verbose: true }, accept: 'text/plain' })),
    ).toEqual({
      status: 200,
      contentType: 'application/json',
      text: 'ok',
    });
    expect(sent[0]).toMatchObject({ query: { verbose: 'true' }, headers: { accept: 'text/plain' } });
    await expect(clock.run(client.raw('GET', '/metrics'))).rejects.toMatchObject({ code: 'Forbidden' });
  });

  test('logs come line by line, however the bytes were cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'binary' })),
        fc.integer({ min: 1, max: 5 }),
        async (parts, size) => {
          const text = parts.map((part) => part.replaceAll('\n', '')).join('\n');
          const bytes = Buffer.from(text.toWellFormed(), 'utf8');
          const { clock, client } = given(() => ({
            ...memoryResponse(200, {}, []),
            async *body() {
              for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
            },
          }));
          const lines = await clock.run(Array.fromAsync(client.logs({ namespace: 'ns', name: 'p' })));
          const expected = bytes
            .toString('utf8')
            .replace(/^\uFEFF/, '')
            .split('\n');
          if (expected.at(-1) === '') expected.pop();
          expect(lines).toEqual(expected);
        },
      ),
      { numRuns: 50 },
    );
  });

  test('logs ask for what the options say, and a line without end comes in pieces', async () => {
    const { clock, sent, client } = given(() => ({
      ...memoryResponse(200, {}, []),
      async *body() {
        for (let i = 0; i < 100; i += 1) yield Buffer.alloc(4096, 'x');
      },
    }));
    const lines = await clock.run(
      Array.fromAsync(
        client.logs(
          { namespace: 'ns', name: 'p' },
          { container: 'c', follow: true, tailLines: 5, previous: false },
        ),
      ),
    );
    expect(sent[0]).toMatchObject({
      path: '/api/v1/namespaces/ns/pods/p/log',
      query: { container: 'c', follow: 'true', tailLines: '5', previous: 'false' },
    });
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(70_000);
    expect(lines.join('')).toHaveLength(409_600);
  });

  test('connect brings its credentials, and tells when they were refused', async () => {
    const opened: unknown[] = [];
    let refused = 0;
    const connection = { protocol: 'p', send: async () => {}, async *messages() {}, close: () => {} };
    const { clock, client } = given(never, {
      credentials: {
        authorize: async () => ({ authorization: 'Bearer t' }),
        unauthorized: () => {
          refused += 1;
        },
      },
      upgrade: async (url, init) => {
        opened.push([url, init?.protocols, init?.headers]);
        if (opened.length > 1) throw new FetchError('UpgradeRefused', 'no', undefined, 401);
        return connection;
      },
    });
    const path = '/api/v1/namespaces/ns/pods/p/exec';
    const open = () =>
      client.connect(path, ['v5.channel.k8s.io'], { query: { command: 'ls', stdout: true } });
    expect(await clock.run(open())).toBe(connection);
    expect(opened).toEqual([
      [
        `https://k${path}?command=ls&stdout=true`,
        ['v5.channel.k8s.io'],
        { 'user-agent': 'test/1', authorization: 'Bearer t' },
      ],
    ]);
    await expect(clock.run(open())).rejects.toMatchObject({ code: 'UpgradeRefused' });
    expect(refused).toBe(1);
    const without = given(never);
    await expect(without.clock.run(without.client.connect(path, []))).rejects.toMatchObject({
      code: 'UpgradeRefused',
    });
  });
});

test('what a request carries in its body, its headers or its query is in no message', async () => {
  const secret = 's3cr3t-value';
  const answers: (() => FetchResponse)[] = [
    unreachable,
    () => jsonResponse(409, status(409, 'Conflict')),
    () => jsonResponse(500, { password: secret }),
    () => jsonResponse(200, { data: { password: secret } }),
    () => jsonResponse(200, [secret]),
    () => ({ ...jsonResponse(502, 0, { 'content-type': 'text/html' }), text: async () => secret }),
  ];
  for (const answer of answers) {
    const { clock, configMaps: resource } = given(answer, {
      fieldManager: 'me',
      credentials: { authorize: async () => ({ authorization: `Bearer ${secret}` }) },
    });
    const object = configMap('c', { data: { password: secret } });
    const calls: (() => Promise<unknown>)[] = [
      () => resource.apply(object),
      () => resource.update(object),
      () => resource.patch({ namespace: 'ns', name: 'c' }, 'merge', object),
      () => resource.list({ continue: secret }),
      () => resource.get({ namespace: 'ns', name: 'c' }),
    ];
    for (const call of calls) {
      const error = await clock.run(
        call().then(
          () => undefined,
          (thrown: unknown) => thrown,
        ),
      );
      expect(error).toBeInstanceOf(Error);
      expect(`${(error as Error).stack} ${JSON.stringify(error)}`).not.toContain(secret);
    }
  }
});
