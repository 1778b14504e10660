import { describe, expect, test } from 'vitest';
import { TestServer, configMapOf } from '../test-server.test-double.ts';

const url = '/api/v1/namespaces/ns/configmaps';
const pods = '/api/v1/namespaces/ns/pods';
const secondMs = 1000;
const someText: unknown = expect.any(String);

async function uidOf(server: TestServer, name: string): Promise<string> {
  return (await server.send('GET', `${url}/${name}`)).body.metadata.uid;
}

/** A ConfigMap owned by others of these names. */
async function addOwned(
  server: TestServer,
  name: string,
  owners: string[],
  metadata: object = {},
): Promise<void> {
  const ownerReferences = [];
  for (const owner of owners) {
    const uid = await uidOf(server, owner);
    ownerReferences.push({ apiVersion: 'v1', kind: 'ConfigMap', name: owner, uid, blockOwnerDeletion: true });
  }
  await server.send('POST', url, configMapOf(name, {}, { ownerReferences, ...metadata }));
}

async function names(server: TestServer): Promise<string[]> {
  await server.clock.settle();
  const { body } = await server.send('GET', url);
  return body.items.map((item) => item.metadata.name);
}

describe('delete', () => {
  test('answers with a Status, or with the object where it is still there', async () => {
    const server = new TestServer();
    const { body } = await server.send('POST', url, configMapOf('a'));
    expect((await server.send('DELETE', `${url}/a`)).body).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: 'a', kind: 'configmaps', uid: body.metadata.uid },
    });
    await server.send('POST', url, configMapOf('b', {}, { finalizers: ['example.com/x'] }));
    const marked = await server.send('DELETE', `${url}/b`);
    expect(marked.body.metadata).toMatchObject({
      name: 'b',
      deletionGracePeriodSeconds: 0,
      deletionTimestamp: someText,
    });
    await server.clock.advance(5 * secondMs);
    expect((await server.send('DELETE', `${url}/b`)).body).toEqual(marked.body);
  });

  test('the last finalizer to go takes the object with it; no new ones come', async () => {
    const server = new TestServer();
    await server.send('POST', url, configMapOf('a', {}, { finalizers: ['example.com/x'] }));
    await server.send('DELETE', `${url}/a`);
    const patch = (finalizers: string[]) =>
      server.patch('merge-patch+json', `${url}/a`, { metadata: { finalizers } });
    expect(await patch(['example.com/x', 'example.com/y'])).toMatchObject({
      status: 422,
      body: { details: { causes: [{ reason: 'FieldValueForbidden', field: 'metadata.finalizers' }] } },
    });
    expect((await patch([])).status).toBe(200);
    expect((await server.send('GET', `${url}/a`)).status).toBe(404);
  });

  test('preconditions name the object that is meant', async () => {
    const server = new TestServer();
    await server.send('POST', url, configMapOf('a'));
    const wrong = await server.send('DELETE', `${url}/a`, { preconditions: { uid: 'other' } });
    expect(wrong.status).toBe(409);
    expect(wrong.body.message).toContain('the UID in the precondition (other) does not match');
    const stale = await server.send('DELETE', `${url}/a`, { preconditions: { resourceVersion: '1' } });
    expect(stale.status).toBe(409);
    const uid = await uidOf(server, 'a');
    expect((await server.send('DELETE', `${url}/a`, { preconditions: { uid } })).status).toBe(200);
  });

  test('a running pod gets its grace period, which only gets shorter', async () => {
    const server = new TestServer();
    await server.send('POST', pods, { metadata: { name: 'free' }, spec: {} });
    await server.send('POST', pods, { metadata: { name: 'bound' }, spec: { nodeName: 'n' } });
    expect((await server.send('DELETE', `${pods}/free`)).body.kind).toBe('Pod');
    expect((await server.send('GET', `${pods}/free`)).status).toBe(404);
    const grace = async (query: string): Promise<unknown> =>
      (await server.send('DELETE', `${pods}/bound${query}`)).body.metadata.deletionGracePeriodSeconds;
    expect(await grace('')).toBe(30);
    expect(await grace('?gracePeriodSeconds=5')).toBe(5);
    expect(await grace('?gracePeriodSeconds=100')).toBe(5);
    await grace('?gracePeriodSeconds=0');
    expect((await server.send('GET', `${pods}/bound`)).status).toBe(404);
  });

  test('a dry run deletes nothing', async () => {
    const server = new TestServer();
    await server.send('POST', url, configMapOf('a'));
    expect((await server.send('DELETE', `${url}/a?dryRun=All`)).body.status).toBe('Success');
    expect((await server.send('DELETE', `${url}?dryRun=All`)).status).toBe(200);
    expect((await server.send('GET', `${url}/a`)).status).toBe(200);
  });

  test('a collection goes by its selectors', async () => {
    const server = new TestServer();
    for (const name of ['a', 'b', 'c']) {
      await server.send('POST', url, configMapOf(name, {}, { labels: { odd: name === 'b' ? 'no' : 'yes' } }));
    }
    const { body } = await server.send('DELETE', `${url}?labelSelector=odd%3Dyes`);
    expect(body.items.map((item) => item.metadata.name)).toEqual(['a', 'c']);
    expect(await names(server)).toEqual(['b']);
  });
});

describe('garbage', () => {
  test('background: dependents follow, unless another owner is left', async () => {
    const server = new TestServer();
    await server.send('POST', url, configMapOf('owner'));
    await server.send('POST', url, configMapOf('second'));
    await addOwned(server, 'child', ['owner']);
    await addOwned(server, 'grandchild', ['child']);
    await addOwned(server, 'shared', ['owner', 'second']);
    await server.send('DELETE', `${url}/owner`);
    expect(await names(server)).toEqual(['second', 'shared']);
    const { body } = await server.send('GET', `${url}/shared`);
    expect(body.metadata.ownerReferences).toMatchObject([{ name: 'second' }]);
  });

  test('foreground: the owner waits for those who block it', async () => {
    const server = new TestServer();
    await server.send('POST', url, configMapOf('owner'));
    await addOwned(server, 'held', ['owner'], { finalizers: ['example.com/x'] });
    await addOwned(server, 'free', ['owner']);
    const { body } = await server.send('DELETE', `${url}/owner`, { propagationPolicy: 'Foreground' });
    expect(body.metadata.finalizers).toEqual(['foregroundDeletion']);
    expect(await names(server)).toEqual(['held', 'owner']);
    await server.patch('merge-patch+json', `${url}/held`, { metadata: { finalizers: null } });
    expect(await names(server)).toEqual([]);
  });

  test('foreground: two that own each other do not wait for ever', async () => {
    const server = new TestServer();
    await server.send('POST', url, configMapOf('a'));
    await addOwned(server, 'b', ['a']);
    const reference = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: 'b',
      uid: await uidOf(server, 'b'),
      blockOwnerDeletion: true,
    };
    await server.patch('merge-patch+json', `${url}/a`, { metadata: { ownerReferences: [reference] } });
    await server.send('DELETE', `${url}/a`, { propagationPolicy: 'Foreground' });
    expect(await names(server)).toEqual([]);
  });

  test('orphan: dependents stay, without the owner', async () => {
    const server = new TestServer();
    await server.send('POST', url, configMapOf('owner'));
    await addOwned(server, 'child', ['owner']);
    const { body } = await server.send('DELETE', `${url}/owner`, { propagationPolicy: 'Orphan' });
    expect(body.metadata.finalizers).toEqual(['orphan']);
    expect(await names(server)).toEqual(['child']);
    const child = await server.send('GET', `${url}/child`);
    expect(child.body.metadata).not.toHaveProperty('ownerReferences');
  });

  test('an owner that never was takes its dependent along; one of an unknown kind does not', async () => {
    const server = new TestServer();
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'never' };
    await server.send('POST', url, configMapOf('lost', {}, { ownerReferences: [reference] }));
    const unknown = { ...reference, apiVersion: 'example.org/v1', kind: 'Gadget' };
    await server.send('POST', url, configMapOf('kept', {}, { ownerReferences: [unknown] }));
    expect(await names(server)).toEqual(['kept']);
  });

  test('thousands of dependents go without holding up anybody', async () => {
    const server = new TestServer();
    await server.send('POST', url, configMapOf('owner'));
    const uid = await uidOf(server, 'owner');
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid }];
    for (let i = 0; i < 1000; i += 1)
      await server.send('POST', url, configMapOf(`c${i}`, {}, { ownerReferences }));
    await server.send('DELETE', `${url}/owner`);
    await server.clock.advance(1);
    expect(await names(server)).toEqual([]);
  });
});

describe('a namespace', () => {
  test('goes when all that was in it has gone, and says what it waits for', async () => {
    const server = new TestServer();
    await server.send('POST', url, configMapOf('held', {}, { finalizers: ['example.com/x'] }));
    await server.send('POST', url, configMapOf('free'));
    const { body } = await server.send('DELETE', '/api/v1/namespaces/ns');
    expect(body).toMatchObject({
      metadata: { deletionTimestamp: someText },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Terminating' },
    });
    expect(await names(server)).toEqual(['held']);
    const waiting = await server.send('GET', '/api/v1/namespaces/ns');
    const { conditions: all } = waiting.body.status as { conditions: Record<string, string>[] };
    const conditions = all.map(({ type, status, message }) => [type, status, message]);
    expect(conditions.slice(3)).toEqual([
      [
        'NamespaceContentRemaining',
        'True',
        'Some resources are remaining: configmaps. has 1 resource instances',
      ],
      [
        'NamespaceFinalizersRemaining',
        'True',
        'Some content in the namespace has finalizers remaining: example.com/x in 1 resource instances',
      ],
    ]);
    await server.patch('merge-patch+json', `${url}/held`, { metadata: { finalizers: null } });
    await server.clock.settle();
    expect((await server.send('GET', '/api/v1/namespaces/ns')).status).toBe(404);
  });

  test('without its finalizer, set at /finalize, it goes at once', async () => {
    const server = new TestServer();
    await server.send('POST', url, configMapOf('held', {}, { finalizers: ['example.com/x'] }));
    await server.send('DELETE', '/api/v1/namespaces/ns');
    const finalize = { metadata: { name: 'ns' }, spec: { finalizers: [] } };
    expect((await server.send('PUT', '/api/v1/namespaces/ns/finalize', finalize)).status).toBe(200);
    expect((await server.send('GET', '/api/v1/namespaces/ns')).status).toBe(404);
  });

  test('some are needed by the system', async () => {
    const server = new TestServer();
    server.addNamespace('default');
    expect((await server.send('DELETE', '/api/v1/namespaces/default')).status).toBe(403);
  });
});
