import { request } from 'node:https';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { realClock, VirtualClock } from '../../base/clock.ts';
import type { Fetch, FetchInit } from '../../base/fetch.ts';
import { silentLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import type { Cluster } from './cluster.ts';
import { inProcessServer, startCluster } from './cluster.ts';
import type { PodRuntime } from './pod-runtime.ts';

const clock = new VirtualClock();
let cluster: Cluster;

beforeEach(async () => {
  cluster = await startCluster({ clock, random: seededRandom('cluster'), log: silentLog });
});

afterEach(() => cluster.close());

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function send(fetch: Fetch, method: string, path: string, init: FetchInit = {}): Promise<Answer> {
  const headers = { 'content-type': 'application/json', ...init.headers };
  const response = await fetch(`${inProcessServer}${path}`, { ...init, method, headers });
  return { status: response.status, body: await response.json() };
}

/** The value at `a.b.0.c`. */
function at(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], value);
}

const configMaps = '/api/v1/namespaces/default/configmaps';
const rbac = '/apis/rbac.authorization.k8s.io/v1';

function configMap(name: string): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } };
}

function role(name: string, verbs: string[], resources: string[]): object {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name },
    rules: [{ apiGroups: [''], resources, verbs }],
  };
}

function binding(name: string, roleName: string, user: string, kind = 'Role'): object {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: roleName },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
  };
}

describe('a new cluster', () => {
  test('has its namespaces, the server as a service, and what every namespace has', async () => {
    const names = async (path: string): Promise<string[]> =>
      (at((await send(cluster.fetch, 'GET', path)).body, 'items') as unknown[]).map((item) =>
        String(at(item, 'metadata.name')),
      );
    expect(await names('/api/v1/namespaces')).toEqual([
      'default',
      'kube-node-lease',
      'kube-public',
      'kube-system',
    ]);
    expect(await names(configMaps)).toEqual(['kube-root-ca.crt']);
    expect(await names('/api/v1/namespaces/default/serviceaccounts')).toEqual(['default']);
    const service = await send(cluster.fetch, 'GET', '/api/v1/namespaces/default/services/kubernetes');
    expect(at(service.body, 'spec.clusterIP')).toBe('10.96.0.1');
  });

  test('gives a namespace its default service account back', async () => {
    const path = '/api/v1/namespaces/default/serviceaccounts/default';
    const before = await send(cluster.fetch, 'GET', path);
    await send(cluster.fetch, 'DELETE', path);
    await clock.advance(1);
    const after = await send(cluster.fetch, 'GET', path);
    expect(after.status).toBe(200);
    expect(at(after.body, 'metadata.uid')).not.toBe(at(before.body, 'metadata.uid'));
  });
});

describe('a user', () => {
  test('may do what the roles bound to him say, and nothing else', async () => {
    const { fetch } = cluster.connect({ name: 'jane', groups: [] });
    expect((await send(fetch, 'GET', configMaps)).body).toMatchObject({
      code: 403,
      message:
        'configmaps is forbidden: User "jane" cannot list resource "configmaps" in API group "" in the namespace "default"',
    });
    const path = `${rbac}/namespaces/default`;
    await send(cluster.fetch, 'POST', `${path}/roles`, { json: role('reader', ['list'], ['configmaps']) });
    await send(cluster.fetch, 'POST', `${path}/rolebindings`, { json: binding('reader', 'reader', 'jane') });
    expect((await send(fetch, 'GET', configMaps)).status).toBe(200);
    expect((await send(fetch, 'POST', configMaps, { json: configMap('a') })).status).toBe(403);
  });

  test('gets the rules of aggregated roles', async () => {
    const { fetch } = cluster.connect({ name: 'jane', groups: [] });
    const json = binding('admin', 'admin', 'jane', 'ClusterRole');
    await send(cluster.fetch, 'POST', `${rbac}/namespaces/default/rolebindings`, { json });
    expect((await send(fetch, 'GET', configMaps)).status).toBe(200);
    expect((await send(fetch, 'POST', configMaps, { json: configMap('a') })).status).toBe(201);
    expect((await send(fetch, 'GET', '/api/v1/namespaces')).status).toBe(403);
  });

  test('cannot give away what he does not have', async () => {
    const { fetch } = cluster.connect({ name: 'jane', groups: [] });
    const path = `${rbac}/namespaces/default`;
    const json = binding('admin', 'admin', 'jane', 'ClusterRole');
    await send(cluster.fetch, 'POST', `${path}/rolebindings`, { json });
    const mine = await send(fetch, 'POST', `${path}/roles`, { json: role('mine', ['get'], ['secrets']) });
    expect(mine.status).toBe(201);
    const more = await send(fetch, 'POST', `${path}/roles`, { json: role('more', ['get'], ['nodes']) });
    expect(more.body).toMatchObject({ code: 403, reason: 'Forbidden' });
    expect(at(more.body, 'message')).toBe(
      'roles.rbac.authorization.k8s.io "more" is forbidden: user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["nodes"], Verbs:["get"]}',
    );
    const cluster1 = binding('root', 'cluster-admin', 'jane', 'ClusterRole');
    expect((await send(fetch, 'POST', `${path}/rolebindings`, { json: cluster1 })).status).toBe(403);
  });

  test('sees his own rules', async () => {
    const { fetch } = cluster.connect({ name: 'jane', groups: [] });
    const json = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectRulesReview',
      spec: { namespace: 'default' },
    };
    const path = '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews';
    const { status, body } = await send(fetch, 'POST', path, { json });
    expect(status).toBe(201);
    expect(at(body, 'status.resourceRules')).toContainEqual({
      verbs: ['create'],
      apiGroups: ['authentication.k8s.io'],
      resources: ['selfsubjectreviews'],
    });
  });
});

describe('impersonation', () => {
  const headers = { 'impersonate-user': 'jane', 'impersonate-group': 'dev', 'impersonate-extra-scope': 'a' };
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const json = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };

  test('makes an administrator somebody else', async () => {
    const { body } = await send(cluster.fetch, 'POST', path, { json, headers });
    expect(at(body, 'status.userInfo')).toEqual({
      username: 'jane',
      groups: ['dev', 'system:authenticated'],
      extra: { scope: ['a'] },
    });
  });

  test('is refused to who may not', async () => {
    const { fetch } = cluster.connect({ name: 'bob', groups: [] });
    const { body } = await send(fetch, 'POST', path, { json, headers });
    expect(at(body, 'message')).toBe(
      'users "jane" is forbidden: User "bob" cannot impersonate resource "users" in API group "" at the cluster scope',
    );
  });
});

describe('a service account token', () => {
  async function newToken(spec: object = {}): Promise<string> {
    const json = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
    const path = '/api/v1/namespaces/default/serviceaccounts/default/token';
    return String(at((await send(cluster.fetch, 'POST', path, { json })).body, 'status.token'));
  }

  async function statusOf(token: string): Promise<number> {
    return (await send(cluster.fetch, 'GET', '/apis', { headers: { authorization: `Bearer ${token}` } }))
      .status;
  }

  test('is good until it expires or its service account goes', async () => {
    const token = await newToken({ expirationSeconds: 600 });
    expect(await statusOf(token)).toBe(200);
    await clock.advance(599_000);
    expect(await statusOf(token)).toBe(200);
    await clock.advance(2_000);
    expect(await statusOf(token)).toBe(401);
    const other = await newToken();
    expect(await statusOf(other)).toBe(200);
    await send(cluster.fetch, 'DELETE', '/api/v1/namespaces/default/serviceaccounts/default');
    await clock.advance(1);
    expect(await statusOf(other)).toBe(401);
  });

  test('of another audience, of another server, or changed, is refused', async () => {
    expect(await statusOf(await newToken({ audiences: ['vault'] }))).toBe(401);
    const token = await newToken();
    const [header, , signature] = token.split('.');
    const claims = Buffer.from(JSON.stringify({ sub: 'system:serviceaccount:kube-system:default' }));
    expect(await statusOf(`${header}.${claims.toString('base64url')}.${signature}`)).toBe(401);
    expect(await statusOf('a.b.c')).toBe(401);
    const other = await startCluster({ clock, random: seededRandom('other'), log: silentLog });
    expect(
      (await send(other.fetch, 'GET', '/apis', { headers: { authorization: `Bearer ${token}` } })).status,
    ).toBe(401);
    await other.close();
  });

  test('is reviewed', async () => {
    const json = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token: await newToken() },
    };
    const { body } = await send(cluster.fetch, 'POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
      json,
    });
    expect(at(body, 'status')).toMatchObject({
      authenticated: true,
      user: { username: 'system:serviceaccount:default:default' },
    });
  });
});

describe('a pod', () => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { nodeName: 'n', containers: [{ name: 'app', image: 'app:1' }] },
  };
  const runtime: PodRuntime = {
    async *logs(_target, { tailLines }) {
      yield Buffer.from(`last ${tailLines} lines\n`);
    },
    async exec({ container }, command, { stdin, stdout }) {
      const typed = Buffer.concat(await Array.fromAsync(stdin)).toString('utf8');
      await stdout(Buffer.from(`${container}: ${command.join(' ')}: ${typed}`));
      return 3;
    },
    attach: async () => 0,
  };

  test('is reached through whoever runs it', async () => {
    const running = await startCluster({ clock, random: seededRandom(1), log: silentLog, pods: runtime });
    await send(running.fetch, 'POST', '/api/v1/namespaces/default/pods', { json: pod });
    const path = `${inProcessServer}/api/v1/namespaces/default/pods/p`;
    expect(await (await running.fetch(`${path}/log?tailLines=5`)).text()).toBe('last 5 lines\n');
    const socket = await running.upgrade(`${path}/exec?command=echo&command=hi&stdin=true&stdout=true`, {
      protocols: ['v5.channel.k8s.io'],
    });
    await socket.send(Buffer.from('\0typed'));
    await socket.send(Buffer.from([255, 0]));
    const messages = (await Array.fromAsync(socket.messages())).map((message) => Buffer.from(message));
    expect(messages.map((message) => message[0])).toEqual([1, 3]);
    expect(messages[0]?.subarray(1).toString()).toBe('app: echo hi: typed');
    expect(JSON.parse(messages[1]?.subarray(1).toString() ?? '')).toMatchObject({
      status: 'Failure',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '3' }] },
    });
    await running.close();
  });

  test('is opened only for who may create that, whatever the method of the handshake', async () => {
    const running = await startCluster({ clock, random: seededRandom(1), log: silentLog, pods: runtime });
    await send(running.fetch, 'POST', '/api/v1/namespaces/default/pods', { json: pod });
    const roles = `${rbac}/namespaces/default`;
    for (const verb of ['get', 'create']) {
      await send(running.fetch, 'POST', `${roles}/roles`, { json: role(verb, ['get', verb], ['pods/exec']) });
      await send(running.fetch, 'POST', `${roles}/rolebindings`, { json: binding(verb, verb, verb) });
    }
    const path = `${inProcessServer}/api/v1/namespaces/default/pods/p/exec?command=a?b&stdout=true`;
    const open = (name: string): Promise<unknown> =>
      running.connect({ name, groups: [] }).upgrade(path, { protocols: ['v5.channel.k8s.io'] });
    await expect(open('get')).rejects.toMatchObject({ status: 403 });
    await expect(open('create')).resolves.toBeDefined();
    await running.close();
  });

  test('that nobody runs has no logs', async () => {
    await send(cluster.fetch, 'POST', '/api/v1/namespaces/default/pods', { json: pod });
    const { body } = await send(cluster.fetch, 'GET', '/api/v1/namespaces/default/pods/p/log');
    expect(body).toMatchObject({ kind: 'Status', code: 503 });
  });
});

describe('over HTTPS', () => {
  async function status(
    url: string,
    ca: string,
    headers: Record<string, string>,
  ): Promise<number | undefined> {
    return await new Promise((resolve, reject) => {
      const sent = request(url, { ca, headers, servername: 'localhost' }, (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode));
      });
      sent.once('error', reject);
      sent.end();
    });
  }

  test('nobody comes in without saying who he is, and no web page does', async () => {
    const open = await startCluster({
      clock: realClock(),
      random: seededRandom(2),
      log: silentLog,
      listen: {},
    });
    const server = open.server ?? '';
    expect(await status(`${server}/readyz`, open.ca, {})).toBe(200);
    expect(await status(`${server}/version`, open.ca, {})).toBe(200);
    expect(await status(`${server}/api/v1/namespaces`, open.ca, {})).toBe(401);
    expect(await status(`${server}/readyz`, open.ca, { origin: 'https://evil.example' })).toBe(403);
    expect(await status(`${server}/readyz`, open.ca, { origin: server })).toBe(200);
    expect(await status(`${server}/readyz`, open.ca, { host: 'evil.example' })).toBe(403);
    expect(open.kubeconfig()).toContain(server);
    await open.close();
  });
});
