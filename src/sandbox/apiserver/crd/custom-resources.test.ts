import { expect, test } from 'vitest';
import type { AnswerBody } from '../test-server.test-double.ts';
import { TestServer } from '../test-server.test-double.ts';
import { customResourceDefinitions } from './custom-resource-definition.ts';
import { CustomResources } from './custom-resources.ts';

const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** A server of custom resources, and a way to wait for what it does in the background. */
function start(): TestServer {
  const server = new TestServer();
  server.registry.add(customResourceDefinitions);
  void new CustomResources(server);
  return server;
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await Promise.resolve();
}

interface Overrides {
  readonly names?: object;
  readonly version?: object;
  readonly versions?: readonly object[];
}

const spec = { type: 'object', properties: { size: { type: 'integer' }, host: { type: 'string' } } };

function crd(plural: string, kind: string, { names, version, versions }: Overrides = {}): object {
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec } } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.test.io` },
    spec: {
      group: 'test.io',
      scope: 'Namespaced',
      names: { plural, kind, ...names },
      versions: versions ?? [{ name: 'v1', served: true, storage: true, schema, ...version }],
    },
  };
}

async function create(server: TestServer, ...args: Parameters<typeof crd>): Promise<void> {
  const { status, body } = await server.send('POST', crds, crd(...args));
  expect({ status, message: body.message }).toEqual({ status: 201, message: undefined });
  await settle();
}

async function conditionsOf(server: TestServer, name: string): Promise<Record<string, string>> {
  const { body } = await server.send('GET', `${crds}/${name}`);
  const { conditions } = body.status as {
    conditions: { type: string; status: string; reason: string; lastTransitionTime: string }[];
  };
  return Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
}

const gears = '/apis/test.io/v1/namespaces/ns/gears';

function gear(name: string, more: object = {}): object {
  return { apiVersion: 'test.io/v1', kind: 'Gear', metadata: { name }, ...more };
}

test('a name that another kind of the group has is not given twice, until it is free', async () => {
  const server = start();
  await create(server, 'gears', 'Gear', { names: { shortNames: ['g'] } });
  await create(server, 'goats', 'Goat', { names: { shortNames: ['g'] } });

  expect(await conditionsOf(server, 'goats.test.io')).toEqual({
    NamesAccepted: 'False ShortNamesConflict',
    Established: 'False NotAccepted',
  });
  expect((await server.send('GET', '/apis/test.io/v1/namespaces/ns/goats')).status).toBe(404);

  await server.send('DELETE', `${crds}/gears.test.io`);
  await settle();

  expect(await conditionsOf(server, 'goats.test.io')).toEqual({
    NamesAccepted: 'True NoConflicts',
    Established: 'True InitialNamesAccepted',
  });
  expect((await server.send('GET', '/apis/test.io/v1/namespaces/ns/goats')).status).toBe(200);
  expect(server.errors).toEqual([]);
});

test('a CRD that is deleted waits for objects that have finalizers, and takes no new ones', async () => {
  const server = start();
  await create(server, 'gears', 'Gear');
  await server.send('POST', gears, gear('plain'));
  await server.send('POST', gears, {
    ...gear('held'),
    metadata: { name: 'held', finalizers: ['test.io/x'] },
  });

  const answer = await server.send('DELETE', `${crds}/gears.test.io`);
  await settle();

  expect(answer.body.metadata.finalizers).toEqual(['customresourcecleanup.apiextensions.k8s.io']);
  expect((await server.send('GET', `${gears}/plain`)).status).toBe(404);
  expect(await conditionsOf(server, 'gears.test.io')).toMatchObject({
    Terminating: 'True InstanceDeletionInProgress',
  });
  const refused = await server.send('POST', gears, gear('late'));
  expect(refused.status).toBe(403);
  expect(refused.body.message).toBe(
    'gears.test.io "late" is forbidden: create not allowed while custom resource definition is terminating',
  );

  await server.patch('merge-patch+json', `${gears}/held`, { metadata: { finalizers: null } });
  await settle();

  expect((await server.send('GET', `${crds}/gears.test.io`)).status).toBe(404);
  expect((await server.send('GET', gears)).status).toBe(404);
  expect(server.storage.count('gears.test.io')).toBe(0);
  expect(server.errors).toEqual([]);
});

test('an object whose CRD goes while its body is on the way is not stored', async () => {
  const server = start();
  await create(server, 'gears', 'Gear');
  const { promise, resolve } = Promise.withResolvers<string>();
  const late = server.send('POST', gears, promise);
  await server.send('DELETE', `${crds}/gears.test.io`);
  await settle();
  resolve(JSON.stringify(gear('late')));
  expect(await late).toMatchObject({ status: 404, body: { kind: 'Status', reason: 'NotFound' } });
  await create(server, 'gears', 'Gear');
  expect((await server.send('GET', gears)).body.items).toEqual([]);
});

test('a field that leaves the schema leaves stored objects as well', async () => {
  const server = start();
  await create(server, 'gears', 'Gear');
  await server.send('POST', gears, gear('a', { spec: { size: 1, host: 'h' } }));

  const schema = {
    openAPIV3Schema: {
      type: 'object',
      properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } },
    },
  };
  const versions = [{ name: 'v1', served: true, storage: true, schema }];
  await server.patch('merge-patch+json', `${crds}/gears.test.io`, { spec: { versions } });
  await settle();

  expect((await server.send('GET', `${gears}/a`)).body.spec).toEqual({ size: 1 });
});

test('a version that is no longer served is gone, and the others keep the objects', async () => {
  const server = start();
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec } } };
  const v1 = { name: 'v1', served: true, storage: true, schema };
  const v2 = { name: 'v2', served: true, storage: false, schema };
  await create(server, 'gears', 'Gear', { versions: [v1, v2] });
  await server.send('POST', gears, gear('a', { spec: { size: 1 } }));

  await server.patch('merge-patch+json', `${crds}/gears.test.io`, {
    spec: { versions: [{ ...v1, served: false }, v2] },
  });
  await settle();

  expect((await server.send('GET', `${gears}/a`)).status).toBe(404);
  const { body } = await server.send('GET', '/apis/test.io/v2/namespaces/ns/gears/a');
  expect(body).toMatchObject({ apiVersion: 'test.io/v2', spec: { size: 1 } });
});

test('objects can be selected by the fields that the CRD names', async () => {
  const server = start();
  await create(server, 'gears', 'Gear', { version: { selectableFields: [{ jsonPath: '.spec.host' }] } });
  await server.send('POST', gears, gear('a', { spec: { host: 'x' } }));
  await server.send('POST', gears, gear('b', { spec: { host: 'y' } }));

  const { body } = await server.send('GET', `${gears}?fieldSelector=spec.host%3Dy`);

  expect(body.items.map((item: AnswerBody) => item.metadata.name)).toEqual(['b']);
  expect((await server.send('GET', `${gears}?fieldSelector=spec.size%3D1`)).status).toBe(400);
});

test('a kind that is built in keeps its place, whatever a CRD says', async () => {
  const server = start();
  await server.send('POST', crds, {
    ...crd('leases', 'Lease'),
    metadata: {
      name: 'leases.coordination.k8s.io',
      annotations: { 'api-approved.kubernetes.io': 'unapproved, for a test' },
    },
    spec: { ...(crd('leases', 'Lease') as { spec: object }).spec, group: 'coordination.k8s.io' },
  });
  await settle();
  const leases = '/apis/coordination.k8s.io/v1/namespaces/ns/leases';
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'l' } };
  expect((await server.send('POST', leases, lease)).status).toBe(201);

  await server.send('DELETE', `${crds}/leases.coordination.k8s.io`);
  await settle();

  expect((await server.send('GET', `${crds}/leases.coordination.k8s.io`)).status).toBe(404);
  expect((await server.send('GET', `${leases}/l`)).status).toBe(200);
  expect(server.errors).toEqual([]);
});
