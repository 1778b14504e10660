import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ResourceKind } from '../../kube/resource-client.ts';
import { names } from '../fleet-world.test-double.ts';
import { applicationKind, canaryKind, deploymentKind, namespaceKind } from '../kinds.ts';
import { ApplicationWorld, type Draft, walkthrough } from './application-world.test-double.ts';

const [one] = names;
let world: ApplicationWorld;

beforeEach(async () => {
  world = new ApplicationWorld();
  await world.open();
  await world.begin();
});

afterEach(() => world.close());

async function deliver(change: (draft: Draft) => void): Promise<void> {
  await world.applyExample('blue_green.yaml', change);
  await world.settle();
  await world.runPods(...names);
}

/** An Application with nothing but the folder `kustomize`. */
const podinfo =
  (name: string, interval: string, more: object = {}) =>
  (draft: Draft) => {
    draft.metadata.name = name;
    draft.spec.syncPolicies.shift();
    Object.assign(draft.spec.syncPolicies[0]?.kustomization ?? {}, { interval, ...more });
  };

const uidOf = async (kind: ResourceKind, name: string, namespace?: string): Promise<string | undefined> =>
  (await world.find(one, kind, name, namespace))?.metadata.uid;

const writesTo = (member: string): readonly string[] =>
  world.requests.filter(
    (request) => /^(PATCH|POST|PUT|DELETE) /.test(request) && request.includes(` ${member} `),
  );

async function expectGone(name: string): Promise<void> {
  expect(await world.isGone(applicationKind, name)).toBe(true);
  for (const member of names) expect(await world.traces(member)).toEqual([]);
}

describe.each(['0s', '10s'])('two Applications with the same objects and interval %s', (interval) => {
  beforeEach(async () => {
    await deliver(podinfo('first', interval));
    await deliver(podinfo('second', interval));
  });

  test('are told so, and do not fight', async () => {
    for (const [name, other] of [
      ['first', 'second'],
      ['second', 'first'],
    ] as const) {
      const told = (await world.eventsOf(name)).filter((event) => event.includes('SharedObjects')).toSorted();
      expect(told).toHaveLength(names.length);
      for (const [i, member] of names.entries()) {
        expect(told[i]).toMatch(
          new RegExp(
            `^Warning SharedObjects: ${name}-0-attachedcluster-${member}: .*Deployment/default/podinfo.*: ` +
              `${other}-0-attachedcluster-${member} of Application default/${other} has it in git too.*Next: `,
          ),
        );
      }
    }
    await world.settle(60_000);
    world.requests = [];
    await world.settle(600_000);
    expect(writesTo(one)).toEqual([]);
  });

  test.each([
    ['first', 'second'],
    ['second', 'first'],
  ])('keep them when %s goes, until %s goes too', async (name, other) => {
    const before = await uidOf(deploymentKind, 'podinfo', 'default');
    await world.deleteApplication(name);
    await world.settle(30_000);
    expect(await world.isGone(applicationKind, name)).toBe(true);
    expect(await uidOf(deploymentKind, 'podinfo', 'default')).toBe(before);
    expect((await world.find(one, deploymentKind, 'podinfo', 'default'))?.metadata.labels).toMatchObject({
      'viridian.dev/application': other,
    });

    await world.deleteApplication(other);
    await world.settle(30_000);
    await expectGone(other);
  });

  test('keep them when one is deleted while no manager runs', async () => {
    const before = await uidOf(deploymentKind, 'podinfo', 'default');
    await world.stop();
    await world.deleteApplication('second');
    world.start();
    await world.settle(30_000);
    expect(await uidOf(deploymentKind, 'podinfo', 'default')).toBe(before);
    await world.deleteApplication('first');
    await world.settle(30_000);
    await expectGone('first');
  });
});

test('what is left when its last owner goes is as the other one has it', async () => {
  const images = (newTag: string) => ({ images: [{ name: 'ghcr.io/stefanprodan/podinfo', newTag }] });
  await deliver(podinfo('first', '0s', images('1.0.0')));
  await deliver(podinfo('second', '0s', images('2.0.0')));
  expect(await world.imageOf(one, 'podinfo', 'default')).toMatch(/:2\.0\.0$/);
  await world.deleteApplication('second');
  await world.settle(30_000);
  expect(await world.imageOf(one, 'podinfo', 'default')).toMatch(/:1\.0\.0$/);
});

test('two policies that swap their folders move the objects, and replace none', async () => {
  await deliver(({ spec }) => void delete spec.syncPolicies[0]!.rollout);
  const uids = async () => [
    await uidOf(namespaceKind, 'webapp'),
    await uidOf(deploymentKind, 'backend', 'webapp'),
    await uidOf(deploymentKind, 'podinfo', 'default'),
  ];
  const before = await uids();
  await deliver(({ spec: { syncPolicies } }) => {
    delete syncPolicies[0]!.rollout;
    const [webapp, other] = syncPolicies.map(({ kustomization = {} }) => kustomization);
    Object.assign(webapp!, { path: './kustomize', targetNamespace: 'default' });
    Object.assign(other!, { path: './deploy/webapp', targetNamespace: undefined });
  });
  await world.settle(30_000);

  expect(await uids()).toEqual(before);
  expect(await world.verdict()).toMatchObject({ phase: 'Ready', count: '4/4' });
  expect((await world.eventsOf()).filter((event) => event.includes('SharedObjects'))).toEqual([]);
  await world.deleteApplication();
  await world.settle(30_000);
  await expectGone('blue-green-demo');
});

test('a workload that moves to another policy keeps its rollout', async () => {
  const path = 'deploy/webapp/backend/deployment.yaml';
  const { [path]: deployment = '', ...others } = walkthrough;
  await deliver(
    ({ spec }) =>
      void Object.assign(spec.syncPolicies[1]?.kustomization ?? {}, {
        path: './more',
        targetNamespace: undefined,
      }),
  );
  const before = await uidOf(canaryKind, 'backend');
  expect(before).toBeDefined();
  world.push({ ...others, 'more/deployment.yaml': deployment });
  await world.settle(240_000);
  await world.runPods(...names);

  expect(await uidOf(canaryKind, 'backend')).toBe(before);
  expect(await world.verdict()).toMatchObject({ phase: 'Ready', count: '4/4' });
});
