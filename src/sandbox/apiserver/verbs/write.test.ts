import { describe, expect, test } from 'vitest';
import { TestServer, configMapOf } from '../test-server.test-double.ts';

const url = '/api/v1/namespaces/ns/configmaps';
const leases = '/apis/coordination.k8s.io/v1/namespaces/ns/leases';
const deployments = '/apis/apps/v1/namespaces/ns/deployments';
const someText: unknown = expect.any(String);
const widgets = '/apis/example.com/v1/namespaces/ns/widgets';

describe('create', () => {
  test('gives name, uid, time and version, and says who wrote what', async () => {
    const { status, body } = await new TestServer().send('POST', url, configMapOf('a', { k: 'v' }));
    expect(status).toBe(201);
    expect(body).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'a',
        namespace: 'ns',
        uid: someText,
        resourceVersion: someText,
        creationTimestamp: someText,
        managedFields: [
          {
            manager: 'test',
            operation: 'Update',
            apiVersion: 'v1',
            time: someText,
            fieldsType: 'FieldsV1',
            fieldsV1: { 'f:data': { '.': {}, 'f:k': {} } },
          },
        ],
      },
      data: { k: 'v' },
    });
  });

  test('ignores what only the server may give, and refuses a version', async () => {
    const server = new TestServer();
    const uid = '11111111-2222-3333-4444-555555555555';
    const given = { uid, creationTimestamp: '2001-01-01T00:00:00Z', generation: 7 };
    const { body } = await server.send('POST', url, configMapOf('a', {}, given));
    expect(body.metadata.uid).not.toBe(uid);
    expect(body.metadata.creationTimestamp).not.toBe(given.creationTimestamp);
    expect(body.metadata).not.toHaveProperty('generation');
    const refused = await server.send('POST', url, configMapOf('b', {}, { resourceVersion: '7' }));
    expect(refused).toMatchObject({
      status: 500,
      body: { message: 'resourceVersion should not be set on objects to be created' },
    });
  });

  test('makes names out of generateName', async () => {
    const server = new TestServer();
    const names = [];
    for (let i = 0; i < 3; i += 1) {
      const { body } = await server.send('POST', url, { metadata: { generateName: 'gen-' } });
      names.push(body.metadata.name);
    }
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  test('needs a namespace that is there and stays there', async () => {
    const server = new TestServer();
    const missing = await server.send('POST', '/api/v1/namespaces/none/configmaps', configMapOf('a'));
    expect(missing).toMatchObject({ status: 404, body: { message: 'namespaces "none" not found' } });
    await server.send('POST', url, configMapOf('held', {}, { finalizers: ['example.com/x'] }));
    await server.send('DELETE', '/api/v1/namespaces/ns');
    const late = await server.send('POST', url, configMapOf('late'));
    expect(late).toMatchObject({
      status: 403,
      body: {
        message:
          'configmaps "late" is forbidden: unable to create new content in namespace ns because it is being terminated',
        details: { causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }] },
      },
    });
  });

  test('drops unknown fields, and says so as loudly as it was asked to', async () => {
    const server = new TestServer();
    const send = (name: string, mode: string) =>
      server.send('POST', `${deployments}?fieldValidation=${mode}`, {
        metadata: { name },
        spec: { foo: 1, template: { spec: { containers: [{ name: 'a', imagee: 'x' }] } } },
      });
    const warned = await send('a', 'Warn');
    expect(warned.status).toBe(201);
    expect(warned.body.spec).not.toHaveProperty('foo');
    expect(warned.headers.get('warning')).toBe(
      String.raw`299 - "unknown field \"spec.foo\"", 299 - "unknown field \"spec.template.spec.containers[0].imagee\""`,
    );
    expect((await send('b', 'Ignore')).headers.get('warning')).toBeNull();
    expect(await send('c', 'Strict')).toMatchObject({
      status: 400,
      body: {
        message:
          'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.foo", unknown field "spec.template.spec.containers[0].imagee"',
      },
    });
    expect((await send('d', 'Picky')).status).toBe(422);
  });

  test('owners count once, however often they are named', async () => {
    const server = new TestServer();
    const owner = await server.send('POST', url, configMapOf('owner'));
    const { uid } = owner.body.metadata;
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid };
    const ownerReferences = [reference, { ...reference }];
    const { body, headers } = await server.send('POST', url, configMapOf('a', {}, { ownerReferences }));
    expect(body.metadata.ownerReferences).toEqual([reference]);
    expect(headers.get('warning')).toContain(`duplicate UID(s) observed: ${uid}`);
  });

  test('a dry run answers as if, and stores nothing', async () => {
    const server = new TestServer();
    const { status, body } = await server.send('POST', `${url}?dryRun=All`, configMapOf('a'));
    expect(status).toBe(201);
    expect(body.metadata).not.toHaveProperty('resourceVersion');
    expect((await server.send('GET', `${url}/a`)).status).toBe(404);
    expect((await server.send('POST', `${url}?dryRun=Some`, configMapOf('a'))).status).toBe(422);
  });
});

describe('update', () => {
  test('a stale version conflicts; none overwrites, where the kind allows that', async () => {
    const server = new TestServer();
    const { body } = await server.send('POST', url, configMapOf('a', { k: '1' }));
    const stale = body.metadata.resourceVersion;
    expect((await server.send('PUT', `${url}/a`, configMapOf('a', { k: '2' }))).status).toBe(200);
    const late = configMapOf('a', { k: '3' }, { resourceVersion: stale });
    expect(await server.send('PUT', `${url}/a`, late)).toMatchObject({
      status: 409,
      body: { reason: 'Conflict', details: { name: 'a', kind: 'configmaps' } },
    });
    await server.send('POST', leases, { metadata: { name: 'l' } });
    expect(await server.send('PUT', `${leases}/l`, { metadata: { name: 'l' } })).toMatchObject({
      status: 422,
      body: {
        message:
          'leases.coordination.k8s.io "l" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
      },
    });
  });

  test('creates where the kind allows that', async () => {
    const server = new TestServer();
    expect((await server.send('PUT', `${leases}/l`, { metadata: { name: 'l' } })).status).toBe(201);
    expect((await server.send('PUT', `${url}/a`, configMapOf('a'))).status).toBe(404);
  });

  test('without a change it writes nothing', async () => {
    const server = new TestServer();
    const { body } = await server.send('POST', url, configMapOf('a', { k: '1' }));
    await server.clock.advance(5000);
    const again = await server.send('PUT', `${url}/a`, configMapOf('a', { k: '1' }));
    expect(again.body).toBe(body);
  });

  test('the stored object never changes under those who hold it', async () => {
    const server = new TestServer();
    const { body } = await server.send('POST', deployments, {
      metadata: { name: 'd', labels: { a: '1' } },
      spec: { replicas: 1 },
    });
    const before = structuredClone(body);
    await server.patch('merge-patch+json', `${deployments}/d`, { spec: { replicas: 2 } });
    await server.patch('merge-patch+json', `${deployments}/d/status`, { status: { replicas: 2 } });
    await server.apply(`${deployments}/d?force=true`, 'm', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'd' },
      spec: { replicas: 3 },
    });
    await server.send('DELETE', `${deployments}/d`);
    expect(body).toEqual(before);
  });

  test('spec and status have their own doors, and only the spec moves the generation', async () => {
    const server = new TestServer();
    const widget = { metadata: { name: 'w' }, spec: { size: 1 }, status: { phase: 'Made up' } };
    const created = await server.send('POST', widgets, widget);
    expect(created.body).not.toHaveProperty('status');
    expect(created.body.metadata.generation).toBe(1);
    const status = await server.patch('merge-patch+json', `${widgets}/w/status`, {
      metadata: { labels: { x: 'y' } },
      spec: { size: 9 },
      status: { phase: 'Ready' },
    });
    expect(status.body).toMatchObject({ spec: { size: 1 }, status: { phase: 'Ready' } });
    expect(status.body.metadata).toMatchObject({ generation: 1 });
    expect(status.body.metadata).not.toHaveProperty('labels');
    const spec = await server.patch('merge-patch+json', `${widgets}/w`, { spec: { size: 2 }, status: null });
    expect(spec.body).toMatchObject({
      metadata: { generation: 2 },
      spec: { size: 2 },
      status: { phase: 'Ready' },
    });
  });

  test('whoever wrote the status still owns it after a write that leaves it out', async () => {
    const server = new TestServer();
    const { body } = await server.send('POST', deployments, {
      metadata: { name: 'd' },
      spec: { replicas: 1 },
    });
    await server.patch('merge-patch+json', `${deployments}/d/status?fieldManager=controller`, {
      status: { replicas: 1 },
    });
    const { uid } = body.metadata;
    const put = await server.send('PUT', `${deployments}/d`, {
      metadata: { name: 'd', uid },
      spec: { replicas: 2 },
    });
    expect(put.body).toMatchObject({ status: { replicas: 1 }, spec: { replicas: 2 } });
    expect(put.body.metadata.managedFields).toMatchObject([
      { manager: 'controller', subresource: 'status', fieldsV1: { 'f:status': { 'f:replicas': {} } } },
      { manager: 'test', fieldsV1: { 'f:spec': { 'f:replicas': {} } } },
    ]);
  });

  test('all versions of a kind show the same object', async () => {
    const server = new TestServer();
    await server.send('POST', widgets, { metadata: { name: 'w' }, spec: { size: 1 } });
    const second = await server.send('GET', '/apis/example.com/v2/namespaces/ns/widgets/w');
    const first = await server.send('GET', `${widgets}/w`);
    expect(second.body).toEqual({ ...first.body, apiVersion: 'example.com/v2' });
    expect(first.body.apiVersion).toBe('example.com/v1');
  });

  test('metadata that the server gave cannot be taken back', async () => {
    const server = new TestServer();
    const { body } = await server.send('POST', url, configMapOf('a', {}, { finalizers: ['example.com/x'] }));
    await server.send('DELETE', `${url}/a`);
    const patched = await server.patch('merge-patch+json', `${url}/a`, {
      metadata: { deletionTimestamp: null, creationTimestamp: null, uid: null },
    });
    expect(patched.body.metadata).toMatchObject({
      uid: body.metadata.uid,
      creationTimestamp: body.metadata.creationTimestamp,
      deletionTimestamp: someText,
    });
  });
});

describe('patch', () => {
  test('every kind of patch', async () => {
    const server = new TestServer();
    await server.send('POST', url, configMapOf('a', { k: '1' }));
    const json = await server.patch('json-patch+json', `${url}/a`, [
      { op: 'add', path: '/data/j', value: '2' },
    ]);
    expect(json.body.data).toEqual({ k: '1', j: '2' });
    const merge = await server.patch('merge-patch+json', `${url}/a`, { data: { j: null } });
    expect(merge.body.data).toEqual({ k: '1' });
    const strategic = await server.patch('strategic-merge-patch+json', `${url}/a`, { data: { s: '3' } });
    expect(strategic.body.data).toEqual({ k: '1', s: '3' });
    expect((await server.patch('json', `${url}/a`, {})).status).toBe(415);
    expect((await server.patch('strategic-merge-patch+json', `${widgets}/w`, {})).status).toBe(415);
  });

  test('cannot rename, and does not hide its version', async () => {
    const server = new TestServer();
    const { body } = await server.send('POST', url, configMapOf('a', { k: '1' }));
    const patch = (value: object) => server.patch('merge-patch+json', `${url}/a`, value);
    expect((await patch({ metadata: { name: 'b' } })).status).toBe(400);
    await patch({ data: { k: '2' } });
    const { resourceVersion } = body.metadata;
    expect((await patch({ metadata: { resourceVersion }, data: { k: '3' } })).status).toBe(409);
  });

  test('a result that the kind cannot hold is invalid', async () => {
    const server = new TestServer();
    await server.send('POST', url, configMapOf('a'));
    const broken = await server.patch('merge-patch+json', `${url}/a`, { data: 'text' });
    expect(broken).toMatchObject({ status: 422, body: { reason: 'Invalid' } });
    const strict = await server.patch('merge-patch+json', `${url}/a?fieldValidation=Strict`, { dota: {} });
    expect(strict.status).toBe(422);
    expect(strict.body.message).toContain('strict decoding error: unknown field "dota"');
  });
});

describe('apply', () => {
  const config = (data?: object) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a' },
    ...(data === undefined ? {} : { data }),
  });

  test('creates, changes, leaves alone, and removes what is no longer applied', async () => {
    const server = new TestServer();
    const created = await server.apply(`${url}/a`, 'alice', config({ k: '1', j: '1' }));
    expect(created.status).toBe(201);
    const again = await server.apply(`${url}/a`, 'alice', config({ k: '1', j: '1' }));
    expect(again).toMatchObject({ status: 200 });
    expect(again.body).toBe(created.body);
    const less = await server.apply(`${url}/a`, 'alice', config({ k: '2' }));
    expect(less.body.data).toEqual({ k: '2' });
    expect((await server.apply(`${url}/a`, 'alice', config())).body).not.toHaveProperty('data');
  });

  test('fields of others need force', async () => {
    const server = new TestServer();
    await server.apply(`${url}/a`, 'alice', config({ x: '1' }));
    expect((await server.apply(`${url}/a`, 'bob', config({ x: '2' }))).body).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'Apply failed with 1 conflict: conflict with "alice": .data.x',
      reason: 'Conflict',
      details: {
        causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "alice"', field: '.data.x' }],
      },
      code: 409,
    });
    const forced = await server.apply(`${url}/a?force=true`, 'bob', config({ x: '2' }));
    expect(forced.body.data).toEqual({ x: '2' });
  });

  test('needs a manager, a kind and the name of the URL', async () => {
    const server = new TestServer();
    expect((await server.patch('apply-patch+yaml', `${url}/a`, config())).status).toBe(422);
    expect((await server.apply(`${url}/a`, 'm', { metadata: { name: 'a' } })).status).toBe(400);
    expect((await server.apply(`${url}/b`, 'm', config())).status).toBe(400);
  });
});

describe('scale', () => {
  test('is a view of the object, through which its size can change', async () => {
    const server = new TestServer();
    const selector = { matchLabels: { app: 'd' } };
    await server.send('POST', deployments, { metadata: { name: 'd' }, spec: { replicas: 2, selector } });
    const read = await server.send('GET', `${deployments}/d/scale`);
    expect(read.body).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      spec: { replicas: 2 },
      status: { replicas: 0, selector: 'app=d' },
    });
    const scale = { metadata: { name: 'd' }, spec: { replicas: 3 } };
    expect((await server.send('PUT', `${deployments}/d/scale`, scale)).body.spec).toEqual({ replicas: 3 });
    await server.patch('merge-patch+json', `${deployments}/d/scale`, { spec: { replicas: 4 } });
    const { body } = await server.send('GET', `${deployments}/d`);
    expect(body).toMatchObject({ metadata: { generation: 3 }, spec: { replicas: 4 } });
    const negative = { metadata: { name: 'd' }, spec: { replicas: -1 } };
    expect(await server.send('PUT', `${deployments}/d/scale`, negative)).toMatchObject({
      status: 422,
      body: { details: { causes: [{ field: 'spec.replicas' }] } },
    });
  });
});
