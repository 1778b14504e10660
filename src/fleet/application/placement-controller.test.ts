import { afterEach, beforeEach, expect, test } from 'vitest';
import { FetchError } from '../../base/fetch.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import { names } from '../fleet-world.test-double.ts';
import { canaryKind, deploymentKind } from '../kinds.ts';
import { ApplicationWorld, type Draft, initialized, walkthrough } from './application-world.test-double.ts';

const [one] = names;
const backend = { namespace: 'webapp', name: 'backend' };
const placement = 'blue-green-demo-0-attachedcluster-kurator-member1';
const configMapKind: ResourceKind = {
  group: '',
  version: 'v1',
  resource: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};
let world: ApplicationWorld;

beforeEach(async () => {
  world = new ApplicationWorld();
  await world.open();
  await world.begin();
});

afterEach(() => world.close());

async function deliver(change: (draft: Draft) => void = () => {}): Promise<void> {
  await world.applyExample('blue_green.yaml', change);
  await world.settle();
  await world.runPods(...names);
}

/** Makes requests to the first member wait. @returns how to let them go on */
function hold(isHeld: (request: string) => boolean): () => void {
  const held = Promise.withResolvers<void>();
  world.onRequest = async (request) => {
    if (isHeld(request)) await held.promise;
  };
  return () => {
    world.onRequest = () => {};
    held.resolve();
  };
}

function deleteCanary(): Promise<unknown> {
  return world.run(world.member(one).resource(canaryKind).delete(backend));
}

test('what is done already does not wait for a dependency', async () => {
  await deliver(({ spec: { syncPolicies } }) => {
    const [webapp] = syncPolicies;
    Object.assign(webapp?.kustomization ?? {}, {
      dependsOn: [{ name: 'blue-green-demo-1-attachedcluster-kurator-member1' }],
    });
  });
  world.onRequest = (request) => {
    if (request.includes(`${one} /apis/apps/v1/namespaces/default/deployments/podinfo`)) {
      throw new FetchError('Unreachable', 'connection reset');
    }
  };
  await world.run(
    world.member(one).resource(deploymentKind).delete({ namespace: 'default', name: 'podinfo' }),
  );
  await world.settle(30_000);
  expect(await world.placements()).toContain(
    'blue-green-demo-1-attachedcluster-kurator-member1 False ReconciliationFailed',
  );

  await world.canaryIs(one, { ...initialized, phase: 'Progressing' });
  await world.settle();
  expect(await world.placements()).toContain(`${placement} True ReconciliationSucceeded`);

  world.onRequest = () => {};
  await world.settle(900_000);
  await world.runPods(...names);
  expect(await world.placements()).toContain(`${placement} True ReconciliationSucceeded`);
});

const extras = [0, 1, 2, 3].map((i) => `extra-${i}`);

/** The walkthrough with four more policies, each of which has a ConfigMap. */
async function deliverExtras(): Promise<void> {
  const files = extras.map((name): [string, string] => [
    `${name}/map.yaml`,
    `{ apiVersion: v1, kind: ConfigMap, metadata: { name: ${name}, namespace: default } }`,
  ]);
  world.push({ ...walkthrough, ...Object.fromEntries(files) });
  await deliver(({ spec: { syncPolicies } }) => {
    for (const path of extras) {
      const kustomization = { interval: '5m', prune: true, path };
      syncPolicies.push({ destination: { fleet: 'quickstart' }, kustomization });
    }
  });
}

test('what cannot be removed holds nothing up that is to be delivered to its cluster', async () => {
  await deliverExtras();
  const maps = world.member(one).resource(configMapKind);
  for (const name of extras) {
    const patch = { metadata: { finalizers: ['example.com/held'] } };
    await world.run(maps.patch({ namespace: 'default', name }, 'merge', patch));
  }
  await deliver();
  expect((await world.verdict()).message).toContain('to be removed');

  const images = [{ name: 'ghcr.io/stefanprodan/podinfo', newTag: '9.9.9' }];
  await deliver(
    ({ spec: { syncPolicies } }) => void Object.assign(syncPolicies[1]?.kustomization ?? {}, { images }),
  );
  expect(await world.imageOf(one, 'podinfo', 'default')).toMatch(/:9\.9\.9$/);
});

test('a rollout that is to be repaired waits while the cluster has much to do, and is not forgotten', async () => {
  await deliverExtras();
  expect(await world.verdict()).toMatchObject({ phase: 'Ready' });
  await world.settle(20_000);

  const goOn = hold((request) => request.includes(`${one} /api/v1/namespaces/default/configmaps`));
  for (const name of extras) {
    await world.run(world.member(one).resource(configMapKind).delete({ namespace: 'default', name }));
  }
  await world.settle(1000);
  await deleteCanary();
  await world.settle(1000);
  expect(await world.exists(one, canaryKind, 'backend')).toBe(false);

  goOn();
  await world.settle();
  expect(await world.exists(one, canaryKind, 'backend')).toBe(true);
});

test('a rollout whose repair is cut off by a loss of the cluster is repaired after it', async () => {
  await deliver();
  const goOn = hold((request) => request.includes(`${one} /apis/flagger.app/v1beta1/namespaces/webapp`));
  await deleteCanary();
  await world.settle(1000);
  world.door(one).shut('connection refused');
  await world.settle(10_000);
  goOn();
  await world.settle(1000);

  world.door(one).open();
  await world.settle(60_000);

  expect(await world.exists(one, canaryKind, 'backend')).toBe(true);
});

const isStuck = {
  observedGeneration: 1,
  replicas: 1,
  unavailableReplicas: 1,
  conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }],
};

async function frontendIsStuck(): Promise<void> {
  const key = { namespace: 'webapp', name: 'frontend' };
  const deployments = world.member(one).resource(deploymentKind);
  await world.run(deployments.patch(key, 'merge', { status: isStuck }, { subresource: 'status' }));
  await world.settle();
}

test.each<[string, () => Promise<void>]>([
  [
    'another process',
    async () => {
      await world.stop();
      world.start();
    },
  ],
  ['another kubeconfig', () => world.secret(one, { preferences: {} })],
])('what was applied without an interval is watched by %s too', async (_, change) => {
  await deliver();
  await change();
  await world.settle(60_000);
  expect(await world.verdict()).toMatchObject({ phase: 'Ready' });

  await frontendIsStuck();

  expect(await world.verdict()).toMatchObject({ phase: 'Failed', ready: 'False ObjectFailed' });
});

test('who leads no longer writes nothing more to any cluster, in the middle of the work too', async () => {
  const later: string[] = [];
  let stopping: Promise<void> | undefined;
  world.onRequest = async (request) => {
    // What has happened is still told.
    const isWrite = !request.startsWith('GET ') && !request.includes('/events');
    if (stopping !== undefined && isWrite) later.push(request);
    if (request === `PATCH ${one} /apis/apps/v1/namespaces/webapp/deployments/backend`)
      stopping ??= world.stop();
  };

  await world.applyExample();
  await world.settle();

  expect(stopping).toBeDefined();
  await stopping;
  expect(later).toEqual([]);
  expect(await world.exists(one, deploymentKind, 'podinfo', 'default')).toBe(true);
  expect((await world.verdict()).phase).not.toBe('Ready');
});
