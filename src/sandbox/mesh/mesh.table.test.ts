import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../base/clock.ts';
import { jsonResponse } from '../../base/fetch.ts';
import type { HttpHandler } from '../../base/network.ts';
import { allHosts, echo, MeshWorld } from './mesh-world.test-double.ts';

// One row: documents, a request, and what must come of it. The requests go through the gateway, as from outside.

interface Expected {
  readonly status?: number;
  /** The pod that answered. */
  readonly pod?: string;
  readonly url?: string;
  /** Headers of the request as the pod saw them; undefined: not there. */
  readonly seen?: Readonly<Record<string, string | undefined>>;
  /** Headers of the answer; null: not there. */
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly body?: string;
  readonly flags?: string;
}

interface Row {
  readonly name: string;
  readonly http?: unknown;
  readonly hosts?: string[];
  readonly rule?: unknown;
  readonly more?: (world: MeshWorld) => void;
  readonly gateway?: unknown;
  readonly request?: {
    path?: string;
    method?: string;
    headers?: Record<string, string>;
    body?: string;
    host?: string;
  };
  readonly expected: Expected;
}

const to = (host: string, rest: object = {}): object => ({ route: [{ destination: { host }, ...rest }] });
const primary = to('primary');
const canary = to('canary');

const matching: Row[] = [
  { name: 'no condition', http: [primary], expected: { status: 200, pod: 'primary', url: '/' } },
  {
    name: 'the first route that matches',
    http: [{ match: [{ uri: { prefix: '/a' } }], ...canary }, primary],
    request: { path: '/abc' },
    expected: { pod: 'canary' },
  },
  {
    name: 'exact path, query aside',
    http: [{ match: [{ uri: { exact: '/a' } }], ...canary }, primary],
    request: { path: '/a?x=1' },
    expected: { pod: 'canary', url: '/a?x=1' },
  },
  {
    name: 'exact path, not a prefix',
    http: [{ match: [{ uri: { exact: '/a' } }], ...canary }, primary],
    request: { path: '/a/b' },
    expected: { pod: 'primary' },
  },
  {
    name: 'pattern of the whole path',
    http: [{ match: [{ uri: { regex: '/v[12]/.*' } }], ...canary }, primary],
    request: { path: '/v2/x' },
    expected: { pod: 'canary' },
  },
  {
    name: 'pattern that fits a part only',
    http: [{ match: [{ uri: { regex: '/v[12]' } }], ...canary }, primary],
    request: { path: '/v2/x' },
    expected: { pod: 'primary' },
  },
  {
    name: 'path without case',
    http: [{ match: [{ uri: { prefix: '/Api' }, ignoreUriCase: true }], ...canary }, primary],
    request: { path: '/aPI/x' },
    expected: { pod: 'canary' },
  },
  {
    name: 'method',
    http: [{ match: [{ method: { exact: 'POST' } }], ...canary }, primary],
    request: { method: 'POST', body: 'x' },
    expected: { pod: 'canary' },
  },
  {
    name: 'header, whatever the case of its name',
    http: [{ match: [{ headers: { 'X-Canary': { exact: 'insider' } } }], ...canary }, primary],
    request: { headers: { 'x-canary': 'insider' } },
    expected: { pod: 'canary' },
  },
  {
    name: 'header that is only asked to be there',
    http: [{ match: [{ headers: { 'x-canary': {} } }], ...canary }, primary],
    request: { headers: { 'x-canary': '' } },
    expected: { pod: 'canary' },
  },
  {
    name: 'conditions of one match all hold',
    http: [{ match: [{ uri: { prefix: '/a' }, headers: { x: { exact: '1' } } }], ...canary }, primary],
    request: { path: '/a' },
    expected: { pod: 'primary' },
  },
  {
    name: 'of several matches any holds',
    http: [{ match: [{ uri: { prefix: '/a' } }, { headers: { x: { exact: '1' } } }], ...canary }, primary],
    request: { headers: { x: '1' } },
    expected: { pod: 'canary' },
  },
  {
    name: 'a header that must not be there',
    http: [{ match: [{ withoutHeaders: { x: {} } }], ...canary }, primary],
    expected: { pod: 'canary' },
  },
  {
    name: 'a header that must not have a value',
    http: [{ match: [{ withoutHeaders: { x: { exact: '1' } } }], ...canary }, primary],
    request: { headers: { x: '1' } },
    expected: { pod: 'primary' },
  },
  {
    name: 'the cookie of session affinity',
    http: [{ match: [{ headers: { Cookie: { regex: '.*c.*AbCdEfGhIj.*' } } }], ...canary }, primary],
    request: { headers: { cookie: 'a=b; c=AbCdEfGhIj; d=e' } },
    expected: { pod: 'canary' },
  },
  {
    name: 'query',
    http: [{ match: [{ queryParams: { v: { exact: '2' } } }], ...canary }, primary],
    request: { path: '/?u=1&v=2' },
    expected: { pod: 'canary' },
  },
  {
    name: 'authority and scheme',
    http: [{ match: [{ authority: { prefix: 'app.' }, scheme: { exact: 'http' } }], ...canary }, primary],
    expected: { pod: 'canary' },
  },
  {
    name: 'the port of the gateway',
    http: [
      { match: [{ port: 81 }], ...primary },
      { match: [{ port: 80 }], ...canary },
    ],
    expected: { pod: 'canary' },
  },
  {
    name: 'another gateway',
    http: [{ match: [{ gateways: ['mesh'] }], ...primary }, canary],
    expected: { pod: 'canary' },
  },
  {
    name: 'source labels of the gateway',
    http: [{ match: [{ sourceLabels: { app: 'frontend' } }], ...primary }, canary],
    expected: { pod: 'canary' },
  },
  {
    name: 'source namespace of the gateway',
    http: [{ match: [{ sourceNamespace: 'istio-system' }], ...canary }, primary],
    expected: { pod: 'canary' },
  },
  {
    name: 'nothing matches',
    http: [{ match: [{ uri: { prefix: '/a' } }], ...canary }],
    expected: { status: 404, body: '', flags: 'NR', headers: { server: 'istio-envoy' } },
  },
  {
    name: 'a single destination gets all, whatever its weight',
    http: [to('primary', { weight: 0 })],
    expected: { pod: 'primary' },
  },
  {
    name: 'weight 0 beside another gets nothing',
    http: [
      {
        route: [
          { destination: { host: 'primary' }, weight: 0 },
          { destination: { host: 'canary' }, weight: 100 },
        ],
      },
    ],
    expected: { pod: 'canary' },
  },
];

const hosts: Row[] = [
  {
    name: 'host with a port',
    http: [primary],
    request: { host: 'app.example.com:8080' },
    expected: { pod: 'primary' },
  },
  {
    name: 'host in capitals and with a dot',
    http: [primary],
    request: { host: 'APP.example.com.' },
    expected: { pod: 'primary' },
  },
  {
    name: 'another host',
    http: [primary],
    request: { host: 'other.com' },
    expected: { status: 404, flags: 'NR' },
  },
  {
    name: 'any host',
    http: [primary],
    hosts: ['*'],
    request: { host: 'other.com' },
    expected: { pod: 'primary' },
  },
  {
    name: 'hosts by a pattern',
    http: [primary],
    hosts: ['*.example.com'],
    request: { host: 'a.b.example.com' },
    expected: { pod: 'primary' },
  },
  {
    name: 'the longest pattern, exact before all',
    http: [primary],
    hosts: ['*.example.com'],
    more: (world) =>
      world.apply('VirtualService', 'b', {
        hosts: ['app.example.com'],
        gateways: ['istio-system/public-gateway'],
        http: [canary],
      }),
    expected: { pod: 'canary' },
  },
  {
    name: 'a short name is the full name of the service at the gateway',
    http: [primary],
    hosts: ['primary'],
    request: { host: 'primary.webapp.svc.cluster.local' },
    expected: { pod: 'primary' },
  },
  {
    name: 'hosts that the gateway does not admit',
    http: [primary],
    gateway: { ...allHosts, servers: [{ port: { number: 80, protocol: 'HTTP' }, hosts: ['*.org'] }] },
    expected: { status: 404, flags: 'NR' },
  },
  {
    name: 'hosts that the gateway admits for this namespace',
    http: [primary],
    hosts: ['*'],
    gateway: {
      ...allHosts,
      servers: [{ port: { number: 80, protocol: 'HTTP' }, hosts: ['webapp/app.example.com', 'other/*'] }],
    },
    expected: { pod: 'primary' },
  },
  {
    name: 'not exported to the gateway',
    more: (world) =>
      world.apply('VirtualService', 'a', {
        hosts: ['*'],
        gateways: ['istio-system/public-gateway'],
        exportTo: ['.'],
        http: [primary],
      }),
    expected: { status: 404 },
  },
  {
    name: 'several VirtualServices of one host: in order of age, what catches all last',
    http: [primary],
    more: (world) =>
      world.apply('VirtualService', 'younger', {
        hosts: ['app.example.com'],
        gateways: ['istio-system/public-gateway'],
        http: [{ match: [{ uri: { prefix: '/a' } }], ...canary }],
      }),
    request: { path: '/a' },
    expected: { pod: 'canary' },
  },
  {
    name: 'https redirect',
    http: [primary],
    gateway: {
      ...allHosts,
      servers: [{ port: { number: 80, protocol: 'HTTP' }, hosts: ['*'], tls: { httpsRedirect: true } }],
    },
    hosts: ['*'],
    expected: { status: 301, headers: { location: 'https://app.example.com/' } },
  },
];

const actions: Row[] = [
  {
    name: 'rewrite of a prefix',
    http: [{ match: [{ uri: { prefix: '/api' } }], rewrite: { uri: '/v2' }, ...primary }],
    request: { path: '/api/x?q=1' },
    expected: { url: '/v2/x?q=1', seen: { 'x-envoy-original-path': '/api/x?q=1' } },
  },
  {
    name: 'rewrite of an exact path',
    http: [{ match: [{ uri: { exact: '/a' } }], rewrite: { uri: '/b' }, ...primary }],
    request: { path: '/a' },
    expected: { url: '/b' },
  },
  {
    name: 'rewrite of what a pattern matched: all of it',
    http: [{ match: [{ uri: { regex: '/a/.*' } }], rewrite: { uri: '/b' }, ...primary }],
    request: { path: '/a/x' },
    expected: { url: '/b' },
  },
  {
    name: 'rewrite by a pattern',
    http: [{ rewrite: { uriRegexRewrite: { match: '^/u/(\\d+)/(.*)$', rewrite: '/\\2/$\\1' } }, ...primary }],
    request: { path: '/u/42/x?q=1' },
    expected: { url: '/x/$42?q=1' },
  },
  {
    name: 'rewrite of the authority',
    http: [{ rewrite: { authority: 'inner.local' }, ...primary }],
    expected: { seen: { host: 'inner.local' } },
  },
  {
    name: 'redirect of the path, the query kept',
    http: [{ redirect: { uri: '/new' } }],
    request: { path: '/old?q=1' },
    expected: { status: 301, headers: { location: 'http://app.example.com/new?q=1' } },
  },
  {
    name: 'redirect to another host, scheme and port',
    http: [{ redirect: { authority: 'b.com', scheme: 'https', port: 8443, redirectCode: 308 } }],
    request: { path: '/x' },
    expected: { status: 308, headers: { location: 'https://b.com:8443/x' } },
  },
  {
    name: 'redirect with the port of its scheme',
    http: [{ redirect: { scheme: 'https', port: 443, redirectCode: 302 } }],
    expected: { status: 302, headers: { location: 'https://app.example.com/' } },
  },
  {
    name: 'direct response',
    http: [
      {
        directResponse: { status: 418, body: { string: 'teapot' } },
        headers: { response: { set: { x: '1' } } },
      },
    ],
    expected: { status: 418, body: 'teapot', flags: '-', headers: { x: '1', server: 'istio-envoy' } },
  },
  {
    name: 'headers of the route and of the destination',
    http: [
      {
        headers: {
          request: { set: { 'X-Set': 'route' }, add: { 'x-add': 'route' }, remove: ['x-gone'] },
          response: { add: { 'x-answer': 'route' }, remove: ['content-type'] },
        },
        ...to('primary', {
          headers: { request: { add: { 'x-add': 'dest' } }, response: { set: { 'x-answer': 'dest' } } },
        }),
      },
    ],
    request: { headers: { 'x-gone': '1', 'x-set': 'client', 'x-add': 'client' } },
    expected: {
      seen: { 'x-set': 'route', 'x-add': 'client,dest,route', 'x-gone': undefined },
      headers: { 'x-answer': 'dest, route', 'content-type': null },
    },
  },
  {
    name: 'the host as a header that is set',
    http: [{ headers: { request: { set: { Host: 'inner.local' } } }, ...primary }],
    expected: { seen: { host: 'inner.local' } },
  },
  {
    name: 'what every forwarded request and its answer carry',
    http: [primary],
    request: { headers: { 'x-request-id': 'abc' } },
    expected: {
      seen: {
        host: 'app.example.com',
        'x-request-id': 'abc',
        'x-forwarded-for': '192.168.1.7',
        'x-forwarded-proto': 'http',
        'x-envoy-attempt-count': '1',
        'x-envoy-internal': 'true',
      },
      headers: { server: 'istio-envoy', 'x-envoy-upstream-service-time': '0' },
      flags: '-',
    },
  },
  {
    name: 'fault: abort',
    http: [{ fault: { abort: { httpStatus: 555, percentage: { value: 100 } } }, ...primary }],
    expected: { status: 555, body: 'fault filter abort', flags: 'FI' },
  },
  {
    name: 'fault: abort of no one where no percentage is given',
    http: [{ fault: { abort: { httpStatus: 555 } }, ...primary }],
    expected: { status: 200 },
  },
  {
    name: 'fault: delay',
    http: [{ fault: { delay: { fixedDelay: '3s', percentage: { value: 100 } } }, ...primary }],
    expected: { status: 200, flags: 'DI' },
  },
  {
    name: 'cors: preflight',
    http: [
      {
        corsPolicy: {
          allowOrigins: [{ exact: 'https://a.com' }],
          allowMethods: ['GET', 'POST'],
          allowHeaders: ['x'],
          maxAge: '24h',
          allowCredentials: true,
        },
        ...primary,
      },
    ],
    request: {
      method: 'OPTIONS',
      headers: { origin: 'https://a.com', 'access-control-request-method': 'GET' },
    },
    expected: {
      status: 200,
      body: '',
      headers: {
        'access-control-allow-origin': 'https://a.com',
        'access-control-allow-methods': 'GET,POST',
        'access-control-allow-headers': 'x',
        'access-control-max-age': '86400',
        'access-control-allow-credentials': 'true',
      },
    },
  },
  {
    name: 'cors: preflight of another origin is left to the destination',
    http: [{ corsPolicy: { allowOrigins: [{ exact: 'https://a.com' }] }, ...primary }],
    request: {
      method: 'OPTIONS',
      headers: { origin: 'https://b.com', 'access-control-request-method': 'GET' },
    },
    expected: { pod: 'primary', headers: { 'access-control-allow-origin': null } },
  },
  {
    name: 'cors: a plain request',
    http: [{ corsPolicy: { allowOrigins: [{ regex: 'https://.*' }], exposeHeaders: ['x'] }, ...primary }],
    request: { headers: { origin: 'https://b.com' } },
    expected: {
      pod: 'primary',
      headers: { 'access-control-allow-origin': 'https://b.com', 'access-control-expose-headers': 'x' },
    },
  },
];

const gatewayOnly = { hosts: ['app.example.com'], gateways: ['istio-system/public-gateway'] };
const delegates: Row[] = [
  {
    name: 'delegate: conditions of both hold',
    http: [{ match: [{ uri: { prefix: '/a' } }], delegate: { name: 'inner' } }, primary],
    more: (world) =>
      world.apply('VirtualService', 'inner', { http: [{ match: [{ uri: { prefix: '/a/b' } }], ...canary }] }),
    request: { path: '/a/b/c' },
    expected: { pod: 'canary' },
  },
  {
    name: 'delegate: one outside its root is left out',
    http: [{ match: [{ uri: { prefix: '/a' } }], delegate: { name: 'inner' } }, primary],
    more: (world) =>
      world.apply('VirtualService', 'inner', { http: [{ match: [{ uri: { prefix: '/b' } }], ...canary }] }),
    request: { path: '/b' },
    expected: { pod: 'primary' },
  },
  {
    name: 'delegate: what it does not say comes from its root',
    http: [
      { delegate: { name: 'inner', namespace: 'webapp' }, headers: { request: { set: { x: 'root' } } } },
    ],
    more: (world) => world.apply('VirtualService', 'inner', { http: [canary] }),
    expected: { pod: 'canary', seen: { x: 'root' } },
  },
  {
    name: 'delegate: one that is not there leaves out its route alone',
    http: [{ delegate: { name: 'nobody' } }, primary],
    expected: { pod: 'primary' },
  },
];

const failures: Row[] = [
  { name: 'no such service', http: [to('nobody')], expected: { status: 503, body: '', flags: 'NC' } },
  {
    name: 'no such port',
    http: [{ route: [{ destination: { host: 'primary', port: { number: 1 } } }] }],
    expected: { status: 503, flags: 'NC' },
  },
  {
    name: 'a name with a dot is not shortened',
    http: [to('primary.webapp')],
    expected: { status: 503, flags: 'NC' },
  },
  {
    name: 'no such subset',
    http: [{ route: [{ destination: { host: 'all', subset: 'v9' } }] }],
    rule: { host: 'all', subsets: [{ name: 'v1', labels: { app: 'primary' } }] },
    expected: { status: 503, flags: 'NC' },
  },
  {
    name: 'a subset by labels',
    http: [{ route: [{ destination: { host: 'all', subset: 'v2' } }] }],
    rule: { host: 'all', subsets: [{ name: 'v2', labels: { app: 'canary' } }] },
    expected: { pod: 'canary' },
  },
  {
    name: 'a subset without endpoints',
    http: [{ route: [{ destination: { host: 'all', subset: 'v3' } }] }],
    rule: { host: 'all', subsets: [{ name: 'v3', labels: { app: 'nobody' } }] },
    expected: { status: 503, body: 'no healthy upstream', flags: 'UH' },
  },
  { name: 'a service without endpoints', http: [to('empty')], expected: { status: 503, flags: 'UH' } },
  {
    name: 'nobody listens: retried, then given up',
    http: [to('dead')],
    expected: { status: 503, flags: 'UF,URX' },
  },
  {
    name: 'nobody listens, no retries',
    http: [{ retries: { attempts: 0 }, ...to('dead') }],
    expected: { status: 503, flags: 'UF' },
  },
  {
    name: 'an answer that is retried to the end',
    http: [{ retries: { attempts: 1, retryOn: '5xx' }, ...to('primary') }],
    request: { path: '/status/500' },
    expected: { status: 500, flags: 'URX' },
  },
  {
    name: 'timeout',
    http: [{ timeout: '1s', ...primary }],
    request: { path: '/delay' },
    expected: { status: 504, body: 'upstream request timeout', flags: 'UT' },
  },
  {
    name: 'timeout of each try',
    http: [{ retries: { attempts: 2, perTryTimeout: '1s', retryOn: 'reset' }, ...primary }],
    request: { path: '/delay' },
    expected: { status: 504, flags: 'UT,URX' },
  },
  {
    name: 'a malformed route says so, others are as they were',
    http: [{ match: [{ uri: { prefix: '/a' } }], timeout: 'soon', ...primary }, canary],
    request: { path: '/a' },
    expected: {
      status: 500,
      body: 'the route cannot be used: timeout: invalid duration "soon": want numbers with units, as in 1h30m, 45s or 200ms',
    },
  },
  {
    name: 'beside a malformed route',
    http: [{ match: [{ uri: { prefix: '/a' } }], timeout: 'soon', ...primary }, canary],
    expected: { pod: 'canary' },
  },
  {
    name: 'a condition that nobody can read takes what no other route does',
    http: [
      { match: [{ uri: { regex: '(' } }], ...primary },
      { match: [{ uri: { prefix: '/a' } }], ...canary },
    ],
    request: { path: '/a' },
    expected: { pod: 'canary' },
  },
  {
    name: 'and says what is wrong',
    http: [
      { match: [{ uri: { regex: '(' } }], ...primary },
      { match: [{ uri: { prefix: '/a' } }], ...canary },
    ],
    expected: { status: 500 },
  },
  { name: 'a route that is no object', http: ['x', 7, null], expected: { status: 500 } },
  {
    name: 'weights of nothing',
    http: [{ route: [{ destination: { host: 'primary' } }, { destination: { host: 'canary' } }] }],
    expected: { status: 500 },
  },
  {
    name: 'malformed neighbours',
    http: [primary],
    more: (world) => {
      world.apply('VirtualService', 'bad-1', { hosts: 'x', http: {} });
      world.apply('VirtualService', 'bad-2', 7);
      world.apply('DestinationRule', 'bad-3', { host: ['x'] });
      world.apply('Gateway', 'bad-4', { servers: [{}] });
    },
    expected: { pod: 'primary' },
  },
];

describe.each([
  ['matching', matching],
  ['hosts', hosts],
  ['actions', actions],
  ['delegates', delegates],
  ['failures', failures],
])('through the gateway: %s', (_group, rows) => {
  test.each(rows)('$name', async (row) => {
    const clock = new VirtualClock();
    await clock.run(check(row, clock));
  });
});

async function check(row: Row, clock: VirtualClock): Promise<void> {
  const { request = {}, expected } = row;
  const world = await worldOf(row, clock);
  const gateway = await world.ingressGateway();
  await clock.sleep(0);
  const answer = await world.network
    .host('192.168.1.7')
    .fetch(`http://${gateway.address}:8080${request.path ?? '/'}`, {
      method: request.method,
      headers: { ...request.headers, host: request.host ?? 'app.example.com' },
      body: request.body,
    });
  const text = await answer.text();
  const seen = answer.status === 200 && text !== '' ? (JSON.parse(text) as Record<string, unknown>) : {};
  if (expected.status !== undefined) expect(answer.status).toBe(expected.status);
  if (expected.pod !== undefined) expect(seen['pod']).toBe(expected.pod);
  if (expected.url !== undefined) expect(seen['url']).toBe(expected.url);
  if (expected.body !== undefined) expect(text).toBe(expected.body);
  const sent = seen['headers'] as Record<string, string> | undefined;
  for (const [name, value] of Object.entries(expected.seen ?? {})) expect(sent?.[name]).toBe(value);
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    expect(answer.headers.get(name)).toBe(value);
  }
  if (expected.flags !== undefined) {
    expect(world.mesh.renderMetrics(gateway.address)).toContain(`response_flags="${expected.flags}"`);
  }
}

/** Echoes, but for paths that ask for trouble. */
function temperamental(name: string, clock: VirtualClock): HttpHandler {
  const answer = echo(name);
  return async (request) => {
    if (request.url === '/status/500') return jsonResponse(500, {});
    if (request.url === '/delay') await clock.sleep(10_000, request.signal);
    return answer(request);
  };
}

async function worldOf(
  { http, hosts: named, rule, more, gateway }: Row,
  clock: VirtualClock,
): Promise<MeshWorld> {
  const world = new MeshWorld(clock);
  world.service('primary', { app: 'primary' });
  world.service('canary', { app: 'canary' });
  world.service('all', { tier: 'backend' });
  world.service('empty', { app: 'nobody' });
  world.service('dead', { app: 'dead' });
  for (const name of ['primary', 'canary']) {
    await world.pod(name, {
      labels: { app: name, tier: 'backend' },
      serve: { 9898: temperamental(name, clock) },
    });
  }
  await world.pod('dead', { serve: {} });
  world.apply('Gateway', 'public-gateway', gateway ?? allHosts, 'istio-system');
  if (http !== undefined)
    world.apply('VirtualService', 'a', { ...gatewayOnly, ...(named && { hosts: named }), http });
  if (rule !== undefined) world.apply('DestinationRule', 'a', rule);
  more?.(world);
  return world;
}
