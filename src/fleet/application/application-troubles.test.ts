import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { getCondition } from '../../machinery/conditions.ts';
import { SourceError } from '../../gitops/source/source-error.ts';
import { ApiError } from '../../kube/api-error.ts';
import type { KubeEvent } from '../../kube/event-correlator.ts';
import { eventKind } from '../../kube/event-recorder.ts';
import { names } from '../fleet-world.test-double.ts';
import {
  applicationKind,
  attachedClusterKind,
  canaryKind,
  deploymentKind,
  fleetKind,
  namespaceKind,
  secretKind,
  serviceKind,
} from '../kinds.ts';
import { ApplicationWorld, type Draft, walkthrough } from './application-world.test-double.ts';

const [one, two] = names;
const webapp = 'blue-green-demo-0-attachedcluster-kurator-member';
const podinfo = 'blue-green-demo-1-attachedcluster-kurator-member';
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

/** Ready of a placement. */
async function ready(name: string) {
  const { status } = await world.application();
  const entry = status?.syncStatus?.find((one) => one.name === name);
  return getCondition((entry?.kustomizationStatus ?? entry?.HelmReleaseStatus)?.conditions, 'Ready');
}

async function warnings(): Promise<readonly string[]> {
  return (await world.eventsOf()).filter((event) => event.startsWith('Warning'));
}

const first = ({ spec }: Draft) => spec.syncPolicies[0]!;

describe('a policy that cannot be delivered says why, and its neighbour is delivered', () => {
  test.each<[string, (draft: Draft) => void, string, RegExp]>([
    [
      'its path is missing',
      (draft) => Object.assign(first(draft).kustomization ?? {}, { path: './nowhere' }),
      'ArtifactFailed',
      /^kustomization path not found: stat \.\/nowhere: no such file or directory$/,
    ],
    [
      'its path leads out of the repository',
      (draft) => Object.assign(first(draft).kustomization ?? {}, { path: '../../etc' }),
      'BuildFailed',
      /leads out of the tree/,
    ],
    [
      'a patch of its does not fit',
      (draft) =>
        Object.assign(first(draft).kustomization ?? {}, {
          patches: [{ patch: '[{"op":"remove","path":"/spec/no"}]', target: { kind: 'Service' } }],
        }),
      'BuildFailed',
      /^kustomize build failed: /,
    ],
    [
      'it is for helm',
      (draft) => {
        delete first(draft).kustomization;
        delete first(draft).rollout;
        first(draft).helm = { interval: '1m', chart: { spec: { chart: './charts/podinfo' } } };
      },
      'Unsupported',
      /helm is not supported yet/,
    ],
    [
      'it depends on what is not there',
      (draft) => Object.assign(first(draft).kustomization ?? {}, { dependsOn: [{ name: 'nothing' }] }),
      'DependencyNotReady',
      /^dependency 'default\/nothing' not found$/,
    ],
  ])('when %s', async (_, change, reason, message) => {
    await deliver('blue_green.yaml', change);

    for (const i of [1, 2]) {
      expect(await ready(`${webapp}${i}`)).toMatchObject({ status: 'False', reason });
      expect((await ready(`${webapp}${i}`))?.message).toMatch(message);
      expect(await ready(`${podinfo}${i}`)).toMatchObject({ status: 'True' });
    }
    const verdict = await world.verdict();
    expect(verdict.count).toBe('2/4');
    expect(verdict.ready).toContain(reason);
    const told = (await world.eventsOf()).filter((event) => event.includes(` ${reason}: `));
    expect(told).toHaveLength(2);

    world.requests = [];
    await world.settle(3_600_000);
    expect(world.requests).toEqual([]);

    await deliver();
    expect(await world.verdict()).toMatchObject({ phase: 'Ready', count: '4/4' });
  });

  test('when a manifest is broken, until a commit puts it right', async () => {
    const path = 'deploy/webapp/backend/service.yaml';
    world.push({ ...walkthrough, [path]: 'kind: [' });
    await deliver();
    expect(await ready(`${webapp}1`)).toMatchObject({ status: 'False', reason: 'BuildFailed' });
    expect((await ready(`${webapp}1`))?.message).toContain(path);

    const commit = world.push({ ...walkthrough, extra: '' });
    await world.settle(240_000);
    await world.runPods(...names);
    expect(await ready(`${webapp}1`)).toMatchObject({ message: `Applied revision: master@sha1:${commit}` });
  });

  test('when a member refuses an object: that is tried again, ever more slowly', async () => {
    const path = 'deploy/webapp/backend/service.yaml';
    const text = (walkthrough[path] ?? '').replaceAll('9898', '99999');
    world.push({ ...walkthrough, [path]: text });
    await deliver();
    const condition = await ready(`${webapp}1`);
    expect(condition).toMatchObject({ status: 'False', reason: 'ReconciliationFailed' });
    expect(condition?.message).toMatch(/Service\/webapp\/backend dry-run failed \(Invalid\)/);
    expect(await ready(`${podinfo}1`)).toMatchObject({ status: 'True' });

    world.requests = [];
    await world.settle(3_600_000);
    const tries = world.requests.filter((request) => /^PATCH .*services\/backend$/.test(request)).length;
    expect(tries).toBeGreaterThan(10);
    expect(tries).toBeLessThan(30);
    expect((await warnings()).filter((event) => event.includes('ReconciliationFailed'))).toHaveLength(2);
  });
});

test('a policy waits for the one that it depends on, and goes on the moment that is ready', async () => {
  await world.applyExample('blue_green.yaml', (draft) => {
    Object.assign(draft.spec.syncPolicies[1]?.kustomization ?? {}, {
      dependsOn: [{ name: `${webapp}1` }],
    });
    Object.assign(first(draft).kustomization ?? {}, { path: './nowhere' });
  });
  await world.settle();
  expect(await ready(`${podinfo}1`)).toMatchObject({
    reason: 'DependencyNotReady',
    message: `dependency 'default/${webapp}1' is not ready`,
  });

  await world.applyExample('blue_green.yaml', (draft) => {
    Object.assign(draft.spec.syncPolicies[1]?.kustomization ?? {}, {
      dependsOn: [{ name: `${webapp}1` }],
    });
  });
  await world.settle(3000);
  for (const i of [1, 2]) expect(await ready(`${podinfo}${i}`)).toMatchObject({ status: 'True' });
});

describe('a source', () => {
  test('that does not answer is said, what was delivered stays, and the next process keeps it', async () => {
    await deliver();
    world.git.failure = new SourceError('GitOperationFailed', 'unable to list remote: connection refused');
    await world.settle(240_000);

    const verdict = await world.verdict();
    expect(verdict.ready).toBe('False GitOperationFailed');
    expect(verdict.message).toMatch(/connection refused\. Revision master@sha1:\w+ stays in use/);
    expect((await world.placements()).every((text) => text.includes(' True '))).toBe(true);
    expect((await warnings()).filter((event) => event.includes('GitOperationFailed'))).toHaveLength(1);

    await world.stop();
    world.start();
    await world.settle();
    expect(await world.exists(one, deploymentKind, 'backend')).toBe(true);
    expect((await world.placements()).every((text) => text.includes(' True '))).toBe(true);
    const { status } = await world.application();
    expect(status?.sourceStatus?.gitRepoStatus?.artifact?.revision).toMatch(/^master@sha1/);

    world.git.failure = undefined;
    await world.settle(240_000);
    expect(await world.verdict()).toMatchObject({ ready: expect.stringMatching(/^True/) as unknown });
  });

  test('whose address is changed for one that does not answer still has what it has stored', async () => {
    await deliver();
    const before = (await world.application()).status?.sourceStatus?.gitRepoStatus;
    world.git.failure = new SourceError('GitOperationFailed', 'unable to list remote: no such host');
    await world.applyExample('blue_green.yaml', ({ spec }) =>
      Object.assign(spec.source.gitRepository ?? {}, { url: 'https://nowhere.example/app' }),
    );
    await world.settle();

    const after = (await world.application()).status?.sourceStatus?.gitRepoStatus;
    expect(after?.artifact).toEqual(before?.artifact);
    expect(after?.conditions?.map(({ type, status, reason }) => `${type} ${status} ${reason}`)).toEqual([
      'Reconciling True ProgressingWithRetry',
      'Ready False GitOperationFailed',
      'ArtifactInStorage True Succeeded',
      'FetchFailed True GitOperationFailed',
    ]);
  });

  test('has its credentials from a Secret, which may come later', async () => {
    await deliver('blue_green.yaml', ({ spec }) => {
      Object.assign(spec.source.gitRepository ?? {}, { secretRef: { name: 'git' } });
    });
    expect(await world.verdict()).toMatchObject({ ready: 'False AuthenticationFailed' });
    expect((await world.verdict()).message).toContain("failed to get secret 'default/git'");

    const data = {
      username: Buffer.from('me').toString('base64'),
      password: Buffer.from('x').toString('base64'),
    };
    await world.run(
      world.host.resource(secretKind).create({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'git', namespace: 'default' },
        data,
      }),
    );
    await world.settle();
    await world.runPods(...names);
    expect(await world.verdict()).toMatchObject({ phase: 'Ready', count: '4/4' });
  });

  test('of another kind is not supported yet, which is said', async () => {
    await deliver('blue_green.yaml', ({ spec }) => {
      delete spec.source.gitRepository;
      spec.source.helmRepository = { url: 'https://example.com', interval: '5m' };
    });
    expect(await world.verdict()).toMatchObject({ phase: 'Failed', ready: 'False Unsupported' });
  });
});

describe('a spec', () => {
  test('that cannot work touches nothing', async () => {
    await deliver();
    // The names of policies that have none follow from that of the Application.
    await deliver('blue_green.yaml', ({ spec }) => {
      spec.syncPolicies[1]!.name = 'blue-green-demo-0';
    });

    expect(await world.verdict()).toMatchObject({ phase: 'Failed', ready: 'False InvalidSpec' });
    expect((await world.verdict()).message).toMatch(/^spec\.syncPolicies\[1\]\.name: /);
    expect(await world.exists(one, deploymentKind, 'podinfo', 'default')).toBe(true);
    const { status } = await world.application();
    expect(status?.conditions?.map(({ type, status: value }) => `${type} ${value}`)).toEqual([
      'Ready False',
      'Stalled True',
    ]);
    expect(await warnings()).toHaveLength(1);
  });

  test('with the name of a policy that another Application has is refused, and the other one keeps its objects', async () => {
    const named = (name: string) => (draft: Draft) => {
      draft.metadata.name = name;
      first(draft).name = 'web';
      draft.spec.syncPolicies.pop();
    };
    await deliver('blue_green.yaml', named('first'));
    await deliver('blue_green.yaml', named('second'));

    expect(await world.verdict('first')).toMatchObject({ phase: 'Ready', count: '2/2' });
    expect(await world.verdict('second')).toMatchObject({ ready: 'False NameTaken' });
    await world.deleteApplication('second');
    await world.settle(15_000);
    expect(await world.isGone(applicationKind, 'second')).toBe(true);
    expect(await world.exists(one, deploymentKind, 'backend')).toBe(true);
  });
});

describe('a rollout', () => {
  test('of an Application whose name is longer than a label is installed, and taken away', async () => {
    const name = `${'a'.repeat(99)}.b`;
    await deliver('blue_green.yaml', ({ metadata }) => {
      metadata.name = name;
    });
    await world.settle();
    expect(await world.verdict(name)).toMatchObject({ phase: 'Ready', count: '4/4' });
    expect(await world.exists(one, canaryKind, 'backend')).toBe(true);

    await world.deleteApplication(name);
    await world.settle(15_000);
    expect(await world.isGone(applicationKind, name)).toBe(true);
    expect(await world.traces(one)).toEqual([]);
  });

  test('has every condition of an A/B test that an Application can have', async () => {
    const match = [
      {
        name: 'insiders',
        uri: { prefix: '/api' },
        method: { exact: 'GET' },
        headers: { cookie: { regex: '.*insider.*' } },
        withoutHeaders: { 'x-bot': {} },
        queryParams: { v: { suffix: '2' } },
        port: 9898,
        sourceLabels: { app: 'frontend' },
        sourceNamespace: 'webapp',
        gateways: ['mesh'],
        ignoreUriCase: true,
      },
    ];
    await deliver('ab-testing.yaml', (draft) => {
      const { rolloutPolicy } = first(draft).rollout as Record<string, { trafficRouting: object }>;
      Object.assign(rolloutPolicy?.trafficRouting ?? {}, { match });
    });

    expect(await world.find(one, canaryKind, 'backend')).toMatchObject({ spec: { analysis: { match } } });
  });

  test('that a cluster refuses says what that means, and what to do', async () => {
    const path = 'deploy/webapp/backend/deployment.yaml';
    const name = `backend-${'a'.repeat(50)}`;
    world.push({
      ...walkthrough,
      [path]: (walkthrough[path] ?? '').replace('name: backend', `name: ${name}`),
    });
    await deliver('blue_green.yaml', (draft) => {
      const { workload } = first(draft).rollout as { workload: object };
      Object.assign(workload, { name });
    });

    const { message } = (await ready(`${webapp}1`)) ?? {};
    expect(message).toMatch(
      /^Deployment\.apps "backend-a+-testloader" is invalid: .* 63 .*\. Traffic is as before/,
    );
    expect(message).toContain('Next: fix the rollout of the policy');
  });

  test('whose Service is missing says so, and begins when it comes', async () => {
    await deliver('blue_green.yaml', (draft) => {
      Object.assign(first(draft).rollout ?? {}, { serviceName: 'other' });
    });
    expect(await ready(`${webapp}1`)).toMatchObject({ status: 'False', reason: 'RolloutInstallFailed' });
    expect((await ready(`${webapp}1`))?.message).toContain('Service webapp/other is not there');
    expect(await world.exists(one, canaryKind, 'backend')).toBe(false);
    expect(await ready(`${podinfo}1`)).toMatchObject({ status: 'True' });

    for (const member of names) {
      await world.run(
        world
          .member(member)
          .resource(serviceKind)
          .create({
            apiVersion: 'v1',
            kind: 'Service',
            metadata: { name: 'other', namespace: 'webapp' },
            spec: { selector: { app: 'backend' }, ports: [{ name: 'http', port: 9898 }] },
          }),
      );
    }
    await world.settle(3000);
    expect(await ready(`${webapp}1`)).toMatchObject({ status: 'True' });
    expect(await world.exists(one, canaryKind, 'backend')).toBe(true);
  });

  test('for a port that the Service has not leaves the Service alone, and begins when that is put right', async () => {
    const withPort = (port: number) => (draft: Draft) => {
      Object.assign(first(draft).rollout ?? {}, { port });
    };
    await deliver('blue_green.yaml', withPort(1234));
    expect((await ready(`${webapp}1`))?.message).toBe(
      `Service webapp/backend has no port 1234 on cluster ${one}, and would lose those that it has (9898, 9999). ` +
        'Fix port or serviceName; traffic is as before',
    );
    expect(await world.exists(one, canaryKind, 'backend')).toBe(false);

    await deliver('blue_green.yaml', withPort(9999));
    expect(await world.find(one, canaryKind, 'backend')).toMatchObject({
      spec: { service: { port: 9999, targetPort: 'grpc' } },
    });
  });

  test('that somebody has deleted on a member comes back', async () => {
    await deliver();
    const before = await world.find(two, canaryKind, 'backend');
    await world.run(world.member(two).resource(canaryKind).delete({ namespace: 'webapp', name: 'backend' }));
    await world.settle();

    const after = await world.find(two, canaryKind, 'backend');
    expect(after).toBeDefined();
    expect(after?.metadata.uid).not.toBe(before?.metadata.uid);
  });

  test('gives its workload back before a commit that has it no longer removes it', async () => {
    await deliver();
    world.requests = [];
    const files = Object.entries(walkthrough).filter(([path]) => !path.includes('backend/deployment'));
    world.push(Object.fromEntries(files));
    await world.settle(240_000);

    const deletions = world.requests.filter((request) => request.startsWith(`DELETE ${one} `));
    const canary = deletions.findIndex((request) => request.endsWith('canaries/backend'));
    const workload = deletions.findIndex((request) => request.endsWith('deployments/backend'));
    expect(canary).toBeGreaterThanOrEqual(0);
    expect(workload).toBeGreaterThan(canary);
    expect((await ready(`${webapp}1`))?.message).toContain('Deployment webapp/backend is not there');
  });
});

test('a trouble that is over, and comes back, is told again', async () => {
  await deliver('blue_green.yaml', ({ spec }) => {
    for (const policy of spec.syncPolicies) {
      policy.destination = { fleet: 'quickstart', clusterSelector: { matchLabels: { tier: 'gold' } } };
    }
  });
  for (const tier of ['gold', null]) {
    await world.patch(attachedClusterKind, one, { metadata: { labels: { tier } } });
    await world.settle(240_000);
  }

  const { items } = await world.run(world.host.resource<KubeEvent>(eventKind).listAll());
  const told = items.filter(({ reason }) => reason === 'NoClusters').map(({ count }) => count ?? 1);
  expect(told.reduce((sum, count) => sum + count, 0)).toBe(2);
});

describe('without a fleet', () => {
  test('an Application goes to the host cluster', async () => {
    await world.applyExample('blue_green.yaml', ({ spec }) => {
      spec.syncPolicies.shift();
      delete spec.syncPolicies[0]!.destination;
    });
    await world.settle();
    await world.runPods('host');

    const { status } = await world.application();
    expect(status?.syncStatus?.map(({ name }) => name)).toEqual(['blue-green-demo-0-currentcluster-host']);
    expect(await world.exists('host', deploymentKind, 'podinfo', 'default')).toBe(true);
    expect(await world.exists(one, deploymentKind, 'podinfo', 'default')).toBe(false);

    await world.deleteApplication();
    await world.settle(15_000);
    expect(await world.exists('host', deploymentKind, 'podinfo', 'default')).toBe(false);
  });

  test('that has none yet, it waits for it', async () => {
    const fleet = await world.fleet();
    await world.run(world.host.resource(fleetKind).delete({ namespace: 'default', name: 'quickstart' }));
    await world.settle(30_000);
    await deliver();
    expect(await world.verdict()).toMatchObject({ phase: 'Pending', ready: 'False FleetMissing' });

    const { apiVersion, kind, spec } = fleet;
    await world.run(
      world.host
        .resource(fleetKind)
        .create({ apiVersion, kind, metadata: { name: 'quickstart', namespace: 'default' }, spec }),
    );
    await world.settle();
    expect(await world.exists(one, deploymentKind, 'backend')).toBe(true);
  });
});

test.each([
  [413, 'Request entity too large: limit is 3145728', 'split the Application'],
  [500, 'etcdserver: request is too large', 'split the Application'],
  [403, 'applications/status is forbidden', 'the rights of the manager'],
])(
  'a status that is refused (%i) is told by an event, and nothing is changed',
  async (status, message, next) => {
    world.onRequest = (request) => {
      if (/^PATCH host .*\/status$/.test(request)) throw new ApiError(message, { status, reason: undefined });
    };
    await deliver();
    expect(await warnings()).toContainEqual(
      expect.stringMatching(new RegExp(`^Warning StatusNotWritten: .*${message}\\. .*Next: .*${next}`)),
    );
    expect(await world.exists('kurator-member1', namespaceKind, 'webapp', '')).toBe(false);

    world.onRequest = () => {};
    await world.settle(120_000);
    expect(await world.exists('kurator-member1', namespaceKind, 'webapp', '')).toBe(true);
  },
);
