import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ResourceKind } from '../../kube/resource-client.ts';
import type { Unstructured } from '../../machinery/object.ts';
import { names } from '../fleet-world.test-double.ts';
import { deploymentKind, namespaceKind } from '../kinds.ts';
import { ApplicationWorld, type Draft } from './application-world.test-double.ts';

const [one] = names;
const kind = (group: string, resource: string, of: string, namespaced: boolean): ResourceKind => ({
  group,
  version: 'v1',
  resource,
  kind: of,
  namespaced,
});
const toyKind = kind('example.com', 'toys', 'Toy', true);
const definitionKind = kind(
  'apiextensions.k8s.io',
  'customresourcedefinitions',
  'CustomResourceDefinition',
  false,
);

const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: toys.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: toys, singular: toy, kind: Toy, listKind: ToyList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`;
const objects = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: a}}
---
apiVersion: example.com/v1
kind: Toy
metadata: {name: ball, namespace: shop}
spec: {size: 1}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: shop-reader}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast, labels: {team: a}}
provisioner: example.com/disks
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, creationTimestamp: null}
    spec: {containers: [{name: web, image: 'web:1', resources: {limits: {cpu: 1000m}}}]}
status: {}
`;

let world: ApplicationWorld;

beforeEach(async () => {
  world = new ApplicationWorld();
  await world.open();
  await world.begin();
});

afterEach(() => world.close());

/** @param copies policies that want the same */
async function deliver(copies = 1, interval = '5m0s'): Promise<void> {
  world.push({ 'app/definition.yaml': definition, 'app/objects.yaml': objects });
  await world.applyExample('blue_green.yaml', ({ spec }: Draft) => {
    const [, policy] = spec.syncPolicies;
    const kustomization = { interval, path: './app', prune: true };
    spec.syncPolicies = Array.from({ length: copies }, () => ({ ...policy, kustomization }));
  });
  await world.settle();
}

function edit(of: ResourceKind, name: string, patch: object): Promise<unknown> {
  const key = of.namespaced ? { namespace: 'shop', name } : { name };
  return world.run(world.member(one).resource(of).patch(key, 'merge', patch, { fieldManager: 'person' }));
}

const live = (of: ResourceKind, name: string): Promise<Unstructured | undefined> =>
  world.find(one, of, name, 'shop');

test('of every kind is put back, with and without a namespace, defined by the same sync too', async () => {
  await deliver();
  const cases: readonly (readonly [ResourceKind, string, object, object])[] = [
    [namespaceKind, 'shop', { metadata: { labels: { team: 'b' } } }, { metadata: { labels: { team: 'a' } } }],
    [toyKind, 'ball', { spec: { size: 9 } }, { spec: { size: 1 } }],
    [
      kind('rbac.authorization.k8s.io', 'clusterroles', 'ClusterRole', false),
      'shop-reader',
      { rules: [] },
      { rules: [{ resources: ['pods'] }] },
    ],
    [
      kind('storage.k8s.io', 'storageclasses', 'StorageClass', false),
      'fast',
      { metadata: { labels: { team: null } } },
      { metadata: { labels: { team: 'a' } } },
    ],
    [deploymentKind, 'web', { spec: { replicas: 7 } }, { spec: { replicas: 2 } }],
  ];
  for (const [of, name, patch, expected] of cases) {
    await edit(of, name, patch);
    await world.settle(15_000);
    expect(await live(of, name)).toMatchObject(expected);
  }
  await world.run(world.member(one).resource(definitionKind).delete({ name: 'toys.example.com' }));
  await world.settle(60_000);
  expect(await live(toyKind, 'ball')).toMatchObject({ spec: { size: 1 } });
  await world.run(world.member(one).resource(namespaceKind).delete({ name: 'shop' }));
  await world.settle(60_000);
  expect(await live(deploymentKind, 'web')).toMatchObject({ spec: { replicas: 2 } });
});

test('that comes back again and again is repaired ever more slowly, down to once in the interval', async () => {
  await deliver();
  const repairs: number[] = [];
  for (let second = 0; second < 3600; second += 5) {
    const found = await live(deploymentKind, 'web');
    if ((found as unknown as { spec: { replicas: number } }).spec.replicas === 2) {
      repairs.push(second);
      await edit(deploymentKind, 'web', { spec: { replicas: 3 } });
    }
    await world.settle(5000);
  }
  expect(repairs.length).toBeLessThan(30);
  expect(repairs.slice(0, 4).every((second) => second <= 60)).toBe(true);
  expect((repairs.at(-1) ?? 0) - (repairs.at(-2) ?? 0)).toBeLessThanOrEqual(310);
  await edit(namespaceKind, 'shop', { metadata: { labels: { team: 'b' } } });
  await world.settle(15_000);
  expect(await live(namespaceKind, 'shop')).toMatchObject({ metadata: { labels: { team: 'a' } } });
});

test('what two policies want is no fight between them', async () => {
  await deliver(2);
  world.requests = [];
  await world.settle(600_000);
  expect(world.requests).toEqual([]);
  expect(await world.placements()).toHaveLength(4);
  for (const placement of await world.placements())
    expect(placement).toContain('True ReconciliationSucceeded');
  await edit(deploymentKind, 'web', { spec: { replicas: 7 } });
  await world.settle(15_000);
  expect(await live(deploymentKind, 'web')).toMatchObject({ spec: { replicas: 2 } });
});

test('stays with an interval of 0s when something else is edited, until it is asked for', async () => {
  await deliver(1, '0s');
  await edit(deploymentKind, 'web', { spec: { replicas: 7 } });
  await world.edit({ spec: { source: { gitRepository: { interval: '4m0s' } } } });
  await world.settle(30_000);
  expect(await live(deploymentKind, 'web')).toMatchObject({ spec: { replicas: 7 } });
  const { metadata, status } = await world.application();
  expect(metadata.generation).toBe(2);
  expect(status?.syncStatus?.[0]?.kustomizationStatus?.observedGeneration).toBe(2);
  await world.edit({ metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': 'now' } } });
  await world.settle(15_000);
  expect(await live(deploymentKind, 'web')).toMatchObject({ spec: { replicas: 2 } });
});
