import { afterEach, beforeEach, expect, test } from 'vitest';
import { getCondition } from '../../machinery/conditions.ts';
import type { AttachedCluster } from '../../api/attached-cluster.ts';
import type { Fleet } from '../../api/fleet.ts';
import type { Client, ResourceKind } from '../../kube/resource-client.ts';
import { names } from '../fleet-world.test-double.ts';
import { applicationKind, attachedClusterKind, fleetKind } from '../kinds.ts';
import { ApplicationWorld } from './application-world.test-double.ts';

const definitionKind = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  resource: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
} as const;

let world: ApplicationWorld;

beforeEach(async () => {
  world = new ApplicationWorld();
  await world.open();
});

afterEach(() => world.close());

/** As Kurator's definitions are: objects need no spec. */
async function loosen(host: Client, { resource, group }: ResourceKind): Promise<void> {
  const required = '/spec/versions/0/schema/openAPIV3Schema/required';
  const patch = [{ op: 'remove', path: required }];
  await world.run(host.resource(definitionKind).patch({ name: `${resource}.${group}` }, 'json', patch));
}

test('objects without a spec, which other definitions let pass, hurt no neighbour and are told so', async () => {
  for (const kind of [applicationKind, attachedClusterKind, fleetKind]) {
    await loosen(world.host, kind);
    await world.settle(1000);
    const { group, version, kind: name } = kind;
    const bare = {
      apiVersion: `${group}/${version}`,
      kind: name,
      metadata: { name: 'bare', namespace: 'default' },
    };
    await world.run(world.host.resource(kind).create(bare));
  }
  await world.begin();
  await world.applyExample();
  await world.settle();
  await world.runPods(...names);
  await world.settle();

  expect(await world.verdict()).toMatchObject({ phase: 'Ready' });
  const bare = { namespace: 'default', name: 'bare' };
  const { status } = await world.application('bare');
  expect(getCondition(status?.conditions, 'Ready')).toMatchObject({ status: 'False', reason: 'InvalidSpec' });
  const cluster = await world.run(world.host.resource<AttachedCluster>(attachedClusterKind).get(bare));
  expect(getCondition(cluster.status?.conditions, 'Ready')).toMatchObject({
    status: 'False',
    message: expect.stringMatching(
      /^spec\.kubeconfig\.name: must be given.* Next: kubectl explain/,
    ) as string,
  });
  const fleet = await world.run(world.host.resource<Fleet>(fleetKind).get(bare));
  expect(fleet.status?.phase).toBe('Ready');
});
