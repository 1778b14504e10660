import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ResourceKind } from '../../kube/resource-client.ts';
import { names } from '../fleet-world.test-double.ts';
import {
  applicationKind,
  attachedClusterKind,
  canaryKind,
  deploymentKind,
  fleetKind,
  serviceKind,
} from '../kinds.ts';
import { abandonApplicationAnnotation } from './abandonment.ts';
import { ApplicationWorld } from './application-world.test-double.ts';

const [one, two] = names;
let world: ApplicationWorld;

beforeEach(async () => {
  world = new ApplicationWorld();
  await world.open();
  await world.begin();
});

afterEach(() => world.close());

async function deliver(...args: Parameters<ApplicationWorld['applyExample']>): Promise<void> {
  await world.applyExample(...args);
  await world.settle();
  await world.runPods(...names);
}

async function expectClean(member: string): Promise<void> {
  const gone: [ResourceKind, string, string][] = [
    [canaryKind, 'backend', 'webapp'],
    [deploymentKind, 'backend', 'webapp'],
    [deploymentKind, 'backend-testloader', 'webapp'],
    [serviceKind, 'backend', 'webapp'],
    [deploymentKind, 'podinfo', 'default'],
  ];
  const left = [];
  for (const [kind, name, namespace] of gone) {
    if (await world.exists(member, kind, name, namespace)) left.push(`${kind.kind} ${name}`);
  }
  expect(left).toEqual([]);
}

/** Requests that write to members, in order: `DELETE canaries/backend`. */
function writes(member: string): readonly string[] {
  return world.requests
    .filter((request) => /^(PATCH|POST|PUT|DELETE) /.test(request) && request.includes(` ${member} `))
    .map((request) => request.replace(/ .*\/([^/]+\/[^/]+)$/, ' $1'));
}

describe('a deleted Application', () => {
  test('takes all with it, the rollout first', async () => {
    await deliver();
    world.requests = [];
    await world.deleteApplication();
    await world.settle(15_000);

    expect(await world.isGone(applicationKind, 'blue-green-demo')).toBe(true);
    for (const member of names) {
      await expectClean(member);
      const deletions = writes(member).filter((request) => request.startsWith('DELETE'));
      expect(deletions.indexOf('DELETE canaries/backend')).toBeLessThan(
        deletions.indexOf('DELETE deployments/backend'),
      );
      expect(await world.installed(member)).not.toEqual([]);
    }
    const events = await world.eventsOf();
    expect(events).toContainEqual('Normal Terminating: removing 4 placements');
  });

  test('leaves the objects of policies that do not prune, or are suspended, but no rollout', async () => {
    await deliver();
    await deliver('blue_green.yaml', ({ spec: { syncPolicies } }) => {
      Object.assign(syncPolicies[0]?.kustomization ?? {}, { prune: false });
      Object.assign(syncPolicies[1]?.kustomization ?? {}, { suspend: true });
    });
    expect((await world.application()).status?.inventory?.map(({ entries = [] }) => entries.length)).toEqual([
      0, 0,
    ]);
    await world.deleteApplication();
    await world.settle(15_000);

    expect(await world.isGone(applicationKind, 'blue-green-demo')).toBe(true);
    expect(await world.exists(one, deploymentKind, 'backend')).toBe(true);
    expect(await world.exists(one, deploymentKind, 'podinfo', 'default')).toBe(true);
    expect(await world.exists(one, canaryKind, 'backend')).toBe(false);
    expect(await world.exists(one, deploymentKind, 'backend-testloader')).toBe(false);
  });

  test('waits for a member that does not answer, names it, and cleans the other one meanwhile', async () => {
    await deliver();
    world.door(one).shut('connection refused');
    await world.settle();
    await world.deleteApplication();
    await world.settle(15_000);

    await expectClean(two);
    const verdict = await world.verdict();
    expect(verdict).toMatchObject({ phase: 'Terminating', ready: 'False Terminating' });
    expect(verdict.message).toMatch(/kurator-member1: cluster kurator-member1: Unreachable/);
    expect(verdict.message).toContain(
      `kubectl -n default annotate application blue-green-demo ${abandonApplicationAnnotation}=true`,
    );

    world.door(one).open();
    await world.settle(60_000);
    await expectClean(one);
    expect(await world.isGone(applicationKind, 'blue-green-demo')).toBe(true);
  });

  test.each([
    ['a person says so', { metadata: { annotations: { [abandonApplicationAnnotation]: 'true' } } }, 5000],
    ['ten minutes are over', undefined, 601_000],
  ])('gives a member up that does not answer when %s', async (_, patch, ms) => {
    await deliver();
    world.door(one).shut('connection refused');
    await world.settle();
    await world.deleteApplication();
    await world.settle(15_000);
    if (patch !== undefined) await world.edit(patch);
    await world.settle(ms);

    expect(await world.isGone(applicationKind, 'blue-green-demo')).toBe(true);
    const events = (await world.eventsOf()).filter((event) => event.includes('Abandoned')).toSorted();
    expect(events).toEqual([
      expect.stringMatching(
        /^Warning Abandoned: .*the rollout of webapp\/backend and 11 objects may still be on cluster kurator-member1/,
      ),
      expect.stringMatching(/^Warning Abandoned: .*3 objects may still be on cluster kurator-member1/),
    ]);

    world.door(one).open();
    world.watches = [];
    await world.settle(60_000);
    expect(world.watches).toContain(`${one} /api/v1/namespaces`);
    expect(world.watches.filter((watch) => watch.includes(one) && watch.includes('autoscaling'))).toEqual([]);
  });

  test.each([
    ['its fleet', () => world.host.resource(fleetKind).delete({ namespace: 'default', name: 'quickstart' })],
    ['the plugin', () => world.patch(fleetKind, 'quickstart', { spec: { plugin: null } })],
  ])('takes its rollout with it before the agent goes, when %s was to go before', async (_, take) => {
    await deliver();
    const canaries = world.canariesAtAgentsEnd(one);
    await world.run<unknown>(take());
    await world.settle(20_000);
    expect(canaries).toEqual([]);
    const { plugins = [] } = (await world.fleet()).status ?? {};
    expect(plugins[0]?.message).toMatch(
      /the agent stays as long as Application default\/blue-green-demo has rollouts there.*kubectl -n default annotate/,
    );
    await world.deleteApplication();
    await world.settle(20_000);
    expect(await world.isGone(applicationKind, 'blue-green-demo')).toBe(true);
    await expectClean(one);
    expect(canaries).toEqual([[]]);
    expect(await world.installed(one)).toEqual([]);
  });

  test('goes although its fleet has gone, or an attached cluster', async () => {
    await deliver();
    await world.run(world.host.resource(fleetKind).delete({ namespace: 'default', name: 'quickstart' }));
    await world.settle(15_000);
    await world.run(world.host.resource(attachedClusterKind).delete({ namespace: 'default', name: one }));
    await world.settle();
    expect((await world.application()).status?.inventory).toHaveLength(4);
    await world.deleteApplication();
    await world.settle(15_000);

    expect(await world.isGone(applicationKind, 'blue-green-demo')).toBe(true);
    await expectClean(two);
    expect(await world.eventsOf()).toContainEqual(expect.stringMatching(/Abandoned: .*kurator-member1/));
  });

  test('is cleaned up by a process that did not deliver it', async () => {
    await deliver();
    await world.stop();
    await world.deleteApplication();
    world.start();
    await world.settle(20_000);

    expect(await world.isGone(applicationKind, 'blue-green-demo')).toBe(true);
    for (const member of names) await expectClean(member);
  });
});

test('a process that has just begun gives no member up', async () => {
  await deliver();
  world.door(one).shut('connection refused');
  await world.settle();
  await world.deleteApplication();
  await world.settle(15_000);
  await world.stop();
  await world.clock.advance(3_600_000);
  world.door(one).open();

  world.start();
  await world.settle(20_000);

  await expectClean(one);
  expect(await world.isGone(applicationKind, 'blue-green-demo')).toBe(true);
});

describe('a policy', () => {
  test('that is removed is removed from all members', async () => {
    await deliver();
    await deliver('blue_green.yaml', ({ spec }) => void spec.syncPolicies.pop());
    await world.settle(10_000);

    for (const member of names) {
      expect(await world.exists(member, deploymentKind, 'podinfo', 'default')).toBe(false);
      expect(await world.exists(member, deploymentKind, 'backend')).toBe(true);
    }
    expect((await world.application()).status?.syncStatus).toHaveLength(2);
    expect(await world.verdict()).toMatchObject({ count: '2/2' });
  });

  test('that is renamed keeps its objects and its rollout', async () => {
    await deliver();
    const before = await world.find(one, deploymentKind, 'backend');
    const canary = await world.find(one, canaryKind, 'backend');
    world.requests = [];
    await deliver('blue_green.yaml', ({ spec }) => {
      spec.syncPolicies[0]!.name = 'web';
    });
    await world.settle(10_000);

    const after = await world.find(one, deploymentKind, 'backend');
    expect(after?.metadata.uid).toBe(before?.metadata.uid);
    expect((await world.find(one, canaryKind, 'backend'))?.metadata.uid).toBe(canary?.metadata.uid);
    expect(writes(one).filter((request) => request.startsWith('DELETE'))).toEqual([]);
    expect((await world.eventsOf()).filter((event) => event.includes('RolloutRemoved'))).toEqual([]);
    const { status } = await world.application();
    expect(status?.syncStatus?.map(({ name }) => name)).toEqual([
      'web-attachedcluster-kurator-member1',
      'web-attachedcluster-kurator-member2',
      'blue-green-demo-1-attachedcluster-kurator-member1',
      'blue-green-demo-1-attachedcluster-kurator-member2',
    ]);
    expect(await world.verdict()).toMatchObject({ phase: 'Ready', count: '4/4' });
  });

  test('that is renamed while git does not answer is kept until it does', async () => {
    await deliver();
    await world.stop();
    world.git.failure = new Error('connection refused');
    await world.applyExample('blue_green.yaml', ({ spec }) => {
      spec.syncPolicies[0]!.name = 'web';
    });
    world.start();
    await world.settle(60_000);

    expect(await world.exists(one, deploymentKind, 'backend')).toBe(true);
    expect((await world.verdict()).message).toContain('waits until web-attachedcluster-kurator-member1');
    const before = await world.find(one, deploymentKind, 'backend');
    world.git.failure = undefined;
    await world.settle(240_000);
    const after = await world.find(one, deploymentKind, 'backend');
    expect(after?.metadata.uid).toBe(before?.metadata.uid);
    expect((await world.application()).status?.syncStatus).toHaveLength(4);
  });

  test('without its rollout has its workload back, and gets the rollout again when that is back', async () => {
    await deliver();
    const before = await world.find(one, deploymentKind, 'backend');
    await deliver('blue_green.yaml', ({ spec }) => {
      delete spec.syncPolicies[0]!.rollout;
    });
    await world.settle(10_000);

    for (const member of names) {
      expect(await world.exists(member, canaryKind, 'backend')).toBe(false);
      expect(await world.exists(member, deploymentKind, 'backend-testloader')).toBe(false);
    }
    expect((await world.find(one, deploymentKind, 'backend'))?.metadata.uid).toBe(before?.metadata.uid);
    const { metadata, status } = await world.application();
    expect(metadata.generation).toBe(2);
    expect(status?.syncStatus?.[0]).toHaveProperty('kustomizationStatus');
    expect(status?.syncStatus?.[0]).not.toHaveProperty('rolloutStatus');

    await deliver();
    expect(await world.exists(one, canaryKind, 'backend')).toBe(true);
  });
});

test.each([{ prune: false }, { suspend: true }])(
  'a policy with %j that is removed while no manager runs leaves its objects, but no rollout',
  async (change) => {
    await deliver();
    const { spec } = await world.application();
    const [webapp, podinfo] = spec.syncPolicies;
    const kept = { ...webapp, kustomization: { ...webapp?.kustomization, ...change } };
    await world.edit({ spec: { syncPolicies: [kept, podinfo] } });
    await world.settle();
    await world.runPods(...names);
    await world.stop();
    // A process that cannot make a plan writes a status all the same.
    await world.edit({
      spec: { destination: { fleet: 'nowhere' }, syncPolicies: [{ ...kept, destination: null }] },
    });
    world.start();
    await world.settle();
    await world.stop();
    const syncPolicies = [{ ...podinfo, name: 'blue-green-demo-1' }];
    await world.edit({ spec: { destination: null, syncPolicies } });

    world.start();
    await world.settle(60_000);

    expect(await world.exists(one, canaryKind, 'backend')).toBe(false);
    expect(await world.exists(one, deploymentKind, 'backend')).toBe(true);
    expect(await world.exists(one, deploymentKind, 'frontend')).toBe(true);
    expect(await world.placements()).toHaveLength(2);
  },
);
