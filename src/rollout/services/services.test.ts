import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  canaryOf,
  at,
  kinds,
  type Live,
  startTestRollout,
  type TestRollout,
} from '../targets/rollout-cluster.test-double.ts';
import { services } from './services.ts';

let world: TestRollout;
beforeEach(async () => {
  world = await startTestRollout();
  await world.create(kinds.deployment, {
    ...at('web'),
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          containers: [
            {
              name: 'app',
              image: 'a',
              ports: [{ containerPort: 9797, name: 'grpc' }, { containerPort: 8080 }],
            },
            { name: 'side', image: 'b', ports: [{ containerPort: 9090 }] },
          ],
        },
      },
    },
  });
});
afterEach(() => world.close());

const canary = canaryOf();
const flux = 'kustomize.toolkit.fluxcd.io/reconcile';

const reconcile = (of = canary, apex = true): Promise<void> =>
  world.run((signal) => services(world.cluster, {}).reconcile(of, apex, signal));
const revert = (): Promise<void> => world.run((signal) => services(world.cluster, {}).revert(canary, signal));
const get = (name: string): Promise<Live> => world.get(kinds.service, name);

const existing = (more: object = {}): object => ({
  ...at('web', more),
  spec: {
    selector: { app: 'web' },
    ports: [
      { name: 'old', port: 80 },
      { name: 'admin', port: 81 },
    ],
  },
});

test('three Services are made; the second reconcile makes no request', async () => {
  await reconcile(canary, false);
  await expect(get('web')).rejects.toMatchObject({ code: 'NotFound' });
  await reconcile();
  expect((await get('web')).spec).toMatchObject({
    selector: { app: 'web-primary' },
    ports: [{ name: 'http', port: 80, targetPort: 8080 }],
  });
  expect((await get('web-canary')).spec.selector).toEqual({ app: 'web' });
  expect((await get('web-primary')).metadata).toMatchObject({
    labels: { app: 'web-primary' },
    annotations: { [flux]: 'disabled' },
    ownerReferences: [{ uid: 'uid-of-web', controller: true }],
  });
  world.writes();
  await reconcile();
  expect(world.writes()).toEqual([]);
});

test('an existing apex is adopted: its ports and selector are ours, the rest is not', async () => {
  await world.create(kinds.service, existing({ labels: { mine: 'x' } }));
  await reconcile();
  const apex = await get('web');
  expect(apex.spec).toMatchObject({ selector: { app: 'web-primary' }, ports: [{ name: 'http', port: 80 }] });
  expect(apex.spec.ports).toHaveLength(1);
  expect(apex.metadata.labels).toEqual({ mine: 'x' });
  expect(apex.metadata.ownerReferences).toBeUndefined();
  const ours = apex.metadata.managedFields?.find(
    ({ manager, operation }) => manager === 'viridian-agent' && operation === 'Apply',
  );
  expect(Object.keys(ours?.fieldsV1?.['f:spec'] ?? {}).sort()).toEqual(['f:ports', 'f:selector']);
  world.writes();
  await reconcile();
  expect(world.writes()).toEqual([]);
});

test('11.5.6: a revert restores the selector, and removes the annotations that adoption added', async () => {
  await world.create(kinds.service, existing());
  await reconcile();
  await revert();
  const apex = await get('web');
  expect(apex.spec.selector).toEqual({ app: 'web' });
  expect(apex.metadata.annotations).toBeUndefined();
  expect(apex.spec.ports).toHaveLength(1);
  world.writes();
  await revert();
  expect(world.writes()).toEqual([]);
});

test('a revert believes the last-applied annotation, and has nothing to do where the Service is gone', async () => {
  await revert();
  const last = JSON.stringify({ spec: { selector: { app: 'web', tier: 'front' } } });
  await world.create(
    kinds.service,
    existing({
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': last, [flux]: 'disabled' },
    }),
  );
  await reconcile();
  await revert();
  const apex = await get('web');
  expect(apex.spec.selector).toEqual({ app: 'web', tier: 'front' });
  expect(apex.metadata.annotations?.[flux]).toBe('disabled');
});

test('the metadata of our Services is ours, but for what is named unmanaged', async () => {
  const of = canaryOf({ service: { port: 80, unmanagedMetadata: { annotations: ['theirs'] } } });
  await reconcile(of);
  const metadata = { annotations: { theirs: '1', stray: '2' }, labels: { stray: '3' } };
  await world.test.merge(kinds.service, 'web-canary', { metadata });
  await reconcile(of);
  const after = (await get('web-canary')).metadata;
  expect(after.labels).toEqual({ app: 'web-canary' });
  expect(after.annotations).toMatchObject({ theirs: '1' });
  expect(after.annotations).not.toHaveProperty('stray');
});

test('11.5.2: portDiscovery orders extra ports by number, headless is for creation', async () => {
  const service = { port: 80, targetPort: 8080, portDiscovery: true, headless: true };
  await reconcile(canaryOf({ service }));
  const { spec } = await get('web-primary');
  expect(spec.clusterIP).toBe('None');
  expect(spec.ports.map(({ name, port }) => `${name} ${port}`)).toEqual([
    'http 80',
    'tcp-side-0 9090',
    'grpc 9797',
  ]);
  await reconcile(canaryOf({ service: { ...service, headless: false } }));
  expect((await get('web-primary')).spec.clusterIP).toBe('None');
});

test('ready endpoints are counted', async () => {
  const kept = services(world.cluster, {});
  expect(kept.endpoints(canary)).toEqual({ primary: 0, canary: 0, lacksCanary: true });
  await reconcile();
  await world.test.clock.advance(10_000);
  expect(kept.endpoints(canary)).toEqual({ primary: 0, canary: 1, lacksCanary: false });
});
