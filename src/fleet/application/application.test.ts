import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ResourceKind } from '../../kube/resource-client.ts';
import { names } from '../fleet-world.test-double.ts';
import { attachedClusterKind, canaryKind, deploymentKind, fleetKind, serviceKind } from '../kinds.ts';
import { ApplicationWorld, initialized, walkthrough } from './application-world.test-double.ts';

const [one, two] = names;
const webapp = 'blue-green-demo-0-attachedcluster-kurator-member';
const podinfo = 'blue-green-demo-1-attachedcluster-kurator-member';
const all = [`${webapp}1`, `${webapp}2`, `${podinfo}1`, `${podinfo}2`];
const ready = all.map((name) => `${name} True ReconciliationSucceeded`);

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

/** The walkthrough's files with another image of the backend. */
function withImage(tag: string): Record<string, string> {
  const path = 'deploy/webapp/backend/deployment.yaml';
  const text = walkthrough[path] ?? '';
  return { ...walkthrough, [path]: text.replace(/podinfo:[^\s"]+/, `podinfo:${tag}`) };
}

describe('the walkthrough', () => {
  test('reaches both members, and its status is to the letter what Flux and Flagger would say', async () => {
    await deliver();

    expect(await world.verdict()).toMatchObject({
      phase: 'Ready',
      count: '4/4',
      ready: 'True ReconciliationSucceeded',
    });
    const { metadata, status } = await world.application();
    expect(metadata.finalizers).toEqual(['apps.kurator.dev']);
    expect(metadata.generation).toBe(1);
    const git = status?.sourceStatus?.gitRepoStatus;
    const revision = git?.artifact?.revision ?? '';
    expect(revision).toMatch(/^master@sha1:[0-9a-f]{40}$/);
    const stored = {
      status: 'True',
      reason: 'Succeeded',
      message: `stored artifact for revision '${revision}'`,
      observedGeneration: 1,
    };
    expect(git).toMatchObject({
      conditions: [
        { type: 'Ready', ...stored },
        { type: 'ArtifactInStorage', ...stored },
      ],
      observedGeneration: 1,
      url: 'http://source-controller.fluxcd-system.svc.cluster.local./gitrepository/default/blue-green-demo/latest.tar.gz',
    });

    expect(status?.syncStatus?.map(({ name }) => name)).toEqual(all);
    for (const entry of status?.syncStatus ?? []) {
      const { conditions = [], inventory, ...rest } = entry.kustomizationStatus ?? {};
      expect(conditions).toEqual([
        {
          type: 'Ready',
          status: 'True',
          reason: 'ReconciliationSucceeded',
          message: `Applied revision: ${revision}`,
          observedGeneration: 1,
          lastTransitionTime: expect.any(String) as unknown,
        },
      ]);
      expect(rest).toEqual({
        lastAppliedRevision: revision,
        lastAttemptedRevision: revision,
        observedGeneration: 1,
      });
      const ids = inventory?.entries.map(({ id, v }) => `${id} ${v}`);
      expect(ids).toEqual(entry.name?.startsWith(webapp) ? webappEntries : podinfoEntries);
    }
    expect(status?.syncStatus?.[0]?.rolloutStatus).toEqual({
      clusterName: one,
      backupNameInCluster: 'backend',
      backupStatusInCluster: initialized,
      rolloutNameInCluster: 'backend',
      rolloutStatusInCluster: initialized,
    });
    expect(status?.syncStatus?.[2]).not.toHaveProperty('rolloutStatus');
  });

  test('leaves no request to be made once it is done', async () => {
    await deliver();
    world.requests = [];
    const { metadata } = await world.application();

    await world.clock.advance(3_600_000);

    expect(world.requests).toEqual([]);
    expect((await world.application()).metadata.resourceVersion).toBe(metadata.resourceVersion);
  });

  test('copies what the agent of a member writes within 100 ms', async () => {
    await deliver();

    await world.canaryIs(two, { ...initialized, phase: 'Progressing', iterations: 1 });
    await world.settle(100);

    const { status } = await world.application();
    const phases = status?.syncStatus?.map(
      ({ rolloutStatus }) => rolloutStatus?.rolloutStatusInCluster?.phase,
    );
    expect(phases).toEqual(['Initialized', 'Progressing', undefined, undefined]);
    expect(await world.verdict()).toMatchObject({
      phase: 'Progressing',
      count: '3/4',
      ready: 'Unknown RolloutProgressing',
    });

    await world.canaryIs(two, { ...initialized, phase: 'Failed' });
    await world.settle(1000);
    expect(await world.verdict()).toMatchObject({ phase: 'Failed', ready: 'False RolloutFailed' });
    const events = (await world.eventsOf()).filter((event) => event.includes('Rollout')).toSorted();
    expect(events).toEqual([
      expect.stringMatching(/^Normal RolloutInitialized: webapp\/backend on kurator-member1: all traffic/),
      expect.stringMatching(/^Normal RolloutInitialized: webapp\/backend on kurator-member2: all traffic/),
      expect.stringMatching(/^Normal RolloutProgressing: webapp\/backend on kurator-member2/),
      expect.stringMatching(
        /^Warning RolloutFailed: .*kurator-member2: .*taken back; all traffic goes to .*Next, on kurator-member2: kubectl -n webapp describe canary backend$/,
      ),
    ]);
  });

  test('says why a rollout stands still, whatever its phase', async () => {
    await deliver();
    const message = 'invalid canary spec: spec.service.hosts[0]: must be a host name';
    const stalled = { type: 'Stalled', status: 'True', reason: 'InvalidSpec', message };
    await world.canaryIs(two, { ...initialized, conditions: [...initialized.conditions, stalled] });
    await world.settle(1000);

    const verdict = await world.verdict();
    expect(verdict).toMatchObject({ phase: 'Failed', count: '3/4', ready: 'False RolloutStalled' });
    const why = `webapp/backend on ${two}: ${message}. What serves there serves on. Next: fix the rollout of the policy`;
    expect(verdict.message).toBe(`rollout of ${why}`);
    const told = (await world.eventsOf()).filter((event) => event.startsWith('Warning'));
    expect(told).toEqual([`Warning RolloutStalled: ${why}`]);

    const paused = { type: 'Paused', status: 'True', reason: 'ProviderUnavailable', message: 'no metrics' };
    await world.canaryIs(two, {
      ...initialized,
      phase: 'Progressing',
      conditions: [...initialized.conditions, paused],
    });
    await world.settle(1000);
    expect((await world.verdict()).message).toContain(`backend on ${two}: Progressing, paused: no metrics`);

    await world.canaryIs(two, initialized);
    await world.settle(1000);
    expect(await world.verdict()).toMatchObject({ phase: 'Ready', count: '4/4' });
  });

  test('tells of a phase that comes while it is at work there', async () => {
    await deliver();
    const canaries = world.member(two).resource(canaryKind);
    const backend = { namespace: 'webapp', name: 'backend' };
    world.onAnswer = async (request) => {
      if (request !== `PATCH ${two} /apis/apps/v1/namespaces/webapp/deployments/backend`) return;
      const status = { ...initialized, phase: 'Progressing' };
      await canaries.patch(backend, 'merge', { status }, { subresource: 'status' });
      await world.clock.sleep(100);
    };
    world.push(withImage('9.9.9'));

    await world.settle(240_000);

    const progressing = /^Normal RolloutProgressing: webapp\/backend on kurator-member2/;
    expect(await world.eventsOf()).toContainEqual(expect.stringMatching(progressing));
  });

  test('takes up a new commit on every member', async () => {
    await deliver();
    const commit = world.push(withImage('9.9.9'));

    await world.settle(240_000);

    for (const member of names) expect(await world.imageOf(member, 'backend')).toMatch(/:9\.9\.9$/);
    const { status } = await world.application();
    for (const { kustomizationStatus } of status?.syncStatus ?? []) {
      expect(kustomizationStatus?.lastAppliedRevision).toBe(`master@sha1:${commit}`);
    }
    const events = await world.eventsOf();
    expect(events).toContainEqual(expect.stringMatching(/^Normal NewArtifact: .*master@sha1/));
    expect(events).toContainEqual(expect.stringMatching(/Deployment\/webapp\/backend configured$/));
  });

  test('removes what a commit no longer has', async () => {
    await deliver();
    const files = Object.entries(walkthrough).filter(([path]) => !path.includes('frontend'));
    world.push(Object.fromEntries(files));

    await world.settle(240_000);

    expect(await world.exists(one, deploymentKind, 'frontend')).toBe(false);
    expect(await world.exists(one, deploymentKind, 'backend')).toBe(true);
    expect(await world.placements()).toEqual(ready);
  });

  test('is begun anew by the annotation of Flux', async () => {
    await deliver();
    world.push(withImage('9.9.9'));

    await world.edit({ metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': 'now' } } });
    await world.settle(3000);

    expect(await world.imageOf(one, 'backend')).toMatch(/:9\.9\.9$/);
    const { status } = await world.application();
    expect(status?.sourceStatus?.gitRepoStatus?.lastHandledReconcileAt).toBe('now');
    for (const { kustomizationStatus } of status?.syncStatus ?? []) {
      expect(kustomizationStatus?.lastHandledReconcileAt).toBe('now');
    }
  });
});

describe('drift', () => {
  const setImage = (name: string, container: string, namespace: string): Promise<unknown> => {
    const containers = [{ name: container, image: 'elsewhere:1' }];
    const patch = { spec: { template: { spec: { containers } } } };
    const deployments = world.member(one).resource(deploymentKind);
    return world.run(deployments.patch({ namespace, name }, 'strategic', patch, { fieldManager: 'person' }));
  };

  test('is repaired where there is an interval, and left where it is 0s', async () => {
    await deliver();

    await setImage('podinfo', 'podinfod', 'default');
    await setImage('frontend', 'frontend', 'webapp');
    await world.settle();

    expect(await world.imageOf(one, 'podinfo', 'default')).not.toBe('elsewhere:1');
    expect(await world.imageOf(one, 'frontend')).toBe('elsewhere:1');
    await world.settle(3_600_000);
    expect(await world.imageOf(one, 'frontend')).toBe('elsewhere:1');
  });

  test('that was left is not repaired by a new process either', async () => {
    await deliver();
    await setImage('frontend', 'frontend', 'webapp');
    await setImage('podinfo', 'podinfod', 'default');
    await world.settle();
    await world.runPods(one);
    await world.stop();
    const before = await world.application();

    world.start();
    await world.settle();

    expect(await world.imageOf(one, 'frontend')).toBe('elsewhere:1');
    expect((await world.application()).status).toEqual(before.status);
  });
});

describe('a member that does not answer', () => {
  test('is named, and the other one goes on', async () => {
    await deliver();
    world.door(one).shut('connection refused');
    await world.settle();

    expect(await world.placements()).toEqual([
      `${webapp}1 Unknown ClusterNotReady`,
      `${webapp}2 True ReconciliationSucceeded`,
      `${podinfo}1 Unknown ClusterNotReady`,
      `${podinfo}2 True ReconciliationSucceeded`,
    ]);
    const verdict = await world.verdict();
    expect(verdict).toMatchObject({ count: '2/4', ready: 'Unknown ClusterNotReady' });
    expect(verdict.message).toMatch(/cluster kurator-member1: Unreachable: .*connection refused/);
    world.push(withImage('9.9.9'));
    await world.settle(240_000);
    expect(await world.imageOf(two, 'backend')).toMatch(/:9\.9\.9$/);

    world.door(one).open();
    await world.settle(60_000);

    expect(await world.imageOf(one, 'backend')).toMatch(/:9\.9\.9$/);
    expect(await world.placements()).toEqual(ready);
    const events = await world.eventsOf();
    expect(events).toContainEqual(expect.stringMatching(/^Warning ClusterNotReady: .*kurator-member1/));
    expect(events).toContainEqual(expect.stringMatching(/^Normal ClusterReady: .*kurator-member1/));
  });

  test('is left alone by the time it is back when there is nothing new', async () => {
    await deliver();
    world.door(one).shut('connection refused');
    await world.settle();
    world.requests = [];
    world.door(one).open();
    await world.settle(60_000);

    expect(await world.placements()).toEqual(ready);
    const writes = world.requests.filter((request) => /^(PATCH|POST|PUT|DELETE) kurator/.test(request));
    expect(writes).toEqual([]);
  });
});

test('a member that says nothing at all delays no other one', async () => {
  world.onRequest = (request) => (request.includes(` ${one} `) ? new Promise(() => {}) : undefined);
  await world.applyExample();
  await world.settle(3000);

  expect((await world.placements()).filter((text) => text.includes(two))).toEqual([ready[1], ready[3]]);
  world.onRequest = () => {};
  await world.settle(300_000);
  expect(await world.placements()).toEqual(ready);
});

describe('a suspended policy', () => {
  test('is left as it is until it goes on', async () => {
    await deliver('blue_green.yaml', ({ spec }) => {
      for (const policy of spec.syncPolicies) Object.assign(policy.kustomization ?? {}, { suspend: true });
    });
    expect(await world.exists(one, deploymentKind, 'backend')).toBe(false);
    const verdict = await world.verdict();
    expect(verdict).toMatchObject({ phase: 'Suspended', count: '0/4', ready: 'Unknown Suspended' });
    expect(verdict.message).toContain('set suspend to false to go on');

    await deliver();
    expect(await world.placements()).toEqual(ready);
  });

  test('has its rollout reported all the same, by the next process too', async () => {
    await deliver();
    await world.applyExample('blue_green.yaml', ({ spec }) => {
      for (const policy of spec.syncPolicies) Object.assign(policy.kustomization ?? {}, { suspend: true });
    });
    await world.settle();
    await world.stop();
    world.start();
    await world.settle();
    await world.canaryIs(one, { ...initialized, phase: 'Progressing' });
    await world.settle(100);

    const { status } = await world.application();
    expect(status?.syncStatus?.[0]?.rolloutStatus?.rolloutStatusInCluster?.phase).toBe('Progressing');
  });

  test('so is a source: no poll, and no new commit', async () => {
    await deliver();
    await world.applyExample('blue_green.yaml', ({ spec }) => {
      Object.assign(spec.source.gitRepository ?? {}, { suspend: true });
    });
    await world.settle();
    const polls = world.git.resolves;
    world.push(withImage('9.9.9'));
    await world.settle(3_600_000);

    expect(world.git.resolves).toBe(polls);
    expect(await world.imageOf(one, 'backend')).not.toMatch(/:9\.9\.9$/);
    expect((await world.placements()).every((text) => text.includes(' True '))).toBe(true);
  });

  test('a source at rest keeps its status, also in a process that has not fetched it', async () => {
    await deliver();
    const before = (await world.application()).status?.sourceStatus?.gitRepoStatus;
    const rest = (interval: string) =>
      world.applyExample('blue_green.yaml', ({ spec }) => {
        Object.assign(spec.source.gitRepository ?? {}, { suspend: true, interval });
      });
    await rest('1m');
    await world.settle();
    await world.stop();
    world.start();
    await world.settle();
    await rest('2m');
    await world.edit({ metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': 'now' } } });
    await world.settle();

    const { status } = await world.application();
    const after = status?.sourceStatus?.gitRepoStatus;
    expect(after?.artifact).toEqual(before?.artifact);
    expect(after).not.toHaveProperty('lastHandledReconcileAt');
    const types = after?.conditions?.map((condition) => `${condition.type}=${condition.status}`);
    expect(types).toEqual(['Ready=True', 'ArtifactInStorage=True']);
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    expect(ready?.message).toContain('the source is suspended');
  });

  test('a source that rests from the beginning is not said to be at work', async () => {
    await deliver('blue_green.yaml', ({ spec }) => {
      Object.assign(spec.source.gitRepository ?? {}, { suspend: true });
    });

    const { status } = await world.application();
    expect(status?.sourceStatus?.gitRepoStatus).toEqual({ conditions: [], observedGeneration: -1 });
    expect((await world.verdict()).message).toContain('the source is suspended: set ');
    expect(world.git.resolves).toBe(0);
  });

  test('what a source leaves out is in its status', async () => {
    await deliver('blue_green.yaml', ({ spec }) => {
      Object.assign(spec.source.gitRepository ?? {}, { ignore: '/docs' });
    });

    const { status } = await world.application();
    expect(status?.sourceStatus?.gitRepoStatus?.observedIgnore).toBe('/docs');
  });
});

describe('clusters', () => {
  test('are selected by their labels, and cleaned when they are no longer', async () => {
    const label = (name: string, env: string | null) =>
      world.patch(attachedClusterKind, name, { metadata: { labels: { env } } });
    await label(one, 'test');
    await deliver('blue_green.yaml', ({ spec }) => {
      for (const policy of spec.syncPolicies) {
        policy.destination = { fleet: 'quickstart', clusterSelector: { matchLabels: { env: 'test' } } };
      }
    });
    expect((await world.application()).status?.syncStatus?.map(({ name }) => name)).toEqual([all[0], all[2]]);

    await label(two, 'test');
    await label(one, null);
    await world.settle(10_000);

    expect((await world.application()).status?.syncStatus?.map(({ name }) => name)).toEqual([all[1], all[3]]);
    await expectClean(one);
    expect(await world.exists(two, deploymentKind, 'backend')).toBe(true);
  });

  test('that leave the fleet are cleaned', async () => {
    await deliver();
    await world.patch(fleetKind, 'quickstart', {
      spec: { clusters: [{ kind: 'AttachedCluster', name: two }] },
    });
    await world.settle(10_000);

    await expectClean(one);
    expect((await world.application()).status?.inventory?.map(({ name }) => name)).toEqual([all[1], all[3]]);
  });

  test('that leave the fleet keep their agent until it has given the workload back', async () => {
    await deliver();
    const canaries = world.canariesAtAgentsEnd(one);
    await world.patch(fleetKind, 'quickstart', {
      spec: { clusters: [{ kind: 'AttachedCluster', name: two }] },
    });
    await world.settle(10_000);

    await expectClean(one);
    expect(canaries).toEqual([[]]);
    expect(await world.installed(one)).toEqual([]);
  });

  test('that leave and come back get everything again', async () => {
    await deliver();
    const clusters = (members: readonly string[]) => ({
      spec: { clusters: members.map((name) => ({ kind: 'AttachedCluster', name })) },
    });
    await world.patch(fleetKind, 'quickstart', clusters([two]));
    await world.settle(10_000);
    await expectClean(one);

    await world.patch(fleetKind, 'quickstart', clusters(names));
    await world.settle(10_000);
    await world.runPods(...names);
    expect(await world.exists(one, deploymentKind, 'backend')).toBe(true);
    expect(await world.exists(one, canaryKind, 'backend')).toBe(true);
    expect(await world.verdict()).toMatchObject({ phase: 'Ready', count: '4/4' });
  });

  test('with a new kubeconfig are followed over the new connection', async () => {
    await deliver();
    await world.secret(one, { preferences: {} });
    await world.settle();

    await world.canaryIs(one, { ...initialized, phase: 'Progressing' });
    const deployments = world.member(one).resource(deploymentKind);
    await world.run(deployments.delete({ namespace: 'default', name: 'podinfo' }));
    await world.settle(15_000);

    const { status } = await world.application();
    expect(status?.syncStatus?.[0]?.rolloutStatus?.rolloutStatusInCluster?.phase).toBe('Progressing');
    expect(await world.exists(one, deploymentKind, 'podinfo', 'default')).toBe(true);
  });

  test('are all kept while the fleet is missing, and that is said', async () => {
    await deliver();
    // Without it the fleet waits until the rollouts are gone.
    const annotations = { 'fleet.kurator.dev/abandon-unreachable': 'true' };
    await world.patch(fleetKind, 'quickstart', { metadata: { annotations } });
    await world.run(world.host.resource(fleetKind).delete({ namespace: 'default', name: 'quickstart' }));
    await world.settle(60_000);

    expect(await world.verdict()).toMatchObject({ ready: 'False FleetMissing' });
    expect(await world.exists(one, deploymentKind, 'backend')).toBe(true);
    expect((await world.application()).status?.inventory).toHaveLength(4);
  });
});

/** Nothing of the walkthrough is there. */
export async function expectClean(member: string): Promise<void> {
  const gone: [ResourceKind, string, string][] = [
    [canaryKind, 'backend', 'webapp'],
    [deploymentKind, 'backend', 'webapp'],
    [deploymentKind, 'backend-testloader', 'webapp'],
    [serviceKind, 'backend', 'webapp'],
    [deploymentKind, 'podinfo', 'default'],
  ];
  for (const [kind, name, namespace] of gone) {
    expect([kind.kind, name, await world.exists(member, kind, name, namespace)]).toEqual([
      kind.kind,
      name,
      false,
    ]);
  }
}

const webappEntries = [
  '_webapp__Namespace v1',
  'webapp_reconciler__ServiceAccount v1',
  'webapp_webapp__ServiceAccount v1',
  'webapp_reconciler_rbac.authorization.k8s.io_Role v1',
  'webapp_reconciler_rbac.authorization.k8s.io_RoleBinding v1',
  'webapp_backend__Service v1',
  'webapp_frontend__Service v1',
  'webapp_backend_apps_Deployment v1',
  'webapp_frontend_apps_Deployment v1',
  'webapp_backend_autoscaling_HorizontalPodAutoscaler v2',
  'webapp_frontend_autoscaling_HorizontalPodAutoscaler v2',
];
const podinfoEntries = [
  'default_podinfo__Service v1',
  'default_podinfo_apps_Deployment v1',
  'default_podinfo_autoscaling_HorizontalPodAutoscaler v2',
];
