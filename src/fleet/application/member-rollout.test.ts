import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Rollout } from '../../api/application.ts';
import type { Canary } from '../../api/canary.ts';
import { TypedError } from '../../base/errors.ts';
import { canaryKind, deploymentKind, metricTemplateKind, namespaceKind, serviceKind } from '../kinds.ts';
import { plannedRollout } from './member-rollout.ts';
import { blueGreen, custom, type Life, MemberWorld, place, placeOf } from './member-world.test-double.ts';

let world: MemberWorld;
let life: Life;

beforeEach(async () => {
  world = await MemberWorld.open();
  life = world.start();
});
afterEach(async () => {
  await life.end();
  await world.close();
});

const install = (rollout: Rollout = blueGreen, at = place) =>
  world.run(life.rollouts.install(rollout, at, world.signal));
const remove = (rollout: Rollout = blueGreen, at = place) =>
  world.run(life.rollouts.remove(plannedRollout(rollout), at, world.signal));
/** How work fails: `CODE, NEXT: MESSAGE`. */
const refusal = async (work: Promise<unknown>): Promise<string> => {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof TypedError)) throw new Error('there was no typed error', { cause: error });
  return `${error.code}, ${error.next}: ${error.message}`;
};
const writes = (): string[] => {
  const made = life.requests.filter((request) => !request.startsWith('GET '));
  life.requests.length = 0;
  return made;
};
const canary = async (name = 'backend'): Promise<Canary | undefined> =>
  (await world.get(canaryKind, name)) as (Canary & { [field: string]: unknown }) | undefined;

const all = [
  'Canary backend',
  'Deployment backend-testloader',
  'Service backend-testloader',
  'istio-injection enabled',
];

describe('install', () => {
  test('puts all there, and asks nothing more of the server when nothing differs', async () => {
    expect(await install(custom)).toEqual({
      namespace: 'webapp',
      kind: 'Deployment',
      name: 'backend',
      serviceName: 'backend',
      provider: 'istio',
      metrics: ['errors'],
    });
    expect(await world.traces()).toEqual([...all.slice(0, 2), 'MetricTemplate errors', ...all.slice(2)]);
    expect((await canary())?.spec.service?.targetPort).toBe('http');
    life.requests.length = 0;
    await install(custom);
    await world.run(life.rollouts.prepare(custom, place, world.signal));
    await world.clock.advance(600_000);
    expect(life.requests).toEqual([]);
  });

  test('makes the Namespace of pods that are not there yet, and leaves the label of git alone', async () => {
    await world.run(world.client.resource(namespaceKind).delete({ name: 'webapp' }));
    await world.clock.advance(5000);
    await world.run(life.rollouts.prepare(blueGreen, place, world.signal));
    expect(await world.traces()).toEqual(['istio-injection enabled']);
    const git = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'webapp', labels: { team: 'a' } } };
    const asGit = { fieldManager: 'viridian-gitops', force: true };
    const { metadata } = await world.run(world.client.resource(namespaceKind).apply(git, asGit));
    expect(metadata.labels).toMatchObject({ 'istio-injection': 'enabled', team: 'a' });
    expect(metadata.annotations).toEqual({ 'kurator.dev/rollout': place.policyName });
    const namespace = { ...git, metadata: { name: 'webapp', labels: { 'istio-injection': 'enabled' } } };
    await world.run(world.client.resource(namespaceKind).apply(namespace, asGit));
    life.requests.length = 0;
    await world.run(life.rollouts.prepare(blueGreen, place, world.signal));
    expect(life.requests).toEqual([]);
    await remove();
    expect(await world.traces()).toEqual(['istio-injection enabled']);
  });

  test.each([
    [
      'ServiceMissing, wait: Service webapp/backend is not there on cluster kurator-member1: the rollout needs the ' +
        'Service that users call. Apply it, or fix serviceName; traffic is as before',
      serviceKind,
    ],
    [
      'WorkloadMissing, wait: Deployment webapp/backend is not there on cluster kurator-member1: there is nothing ' +
        'to roll out. Apply it, or fix workload; traffic is as before',
      deploymentKind,
    ],
  ])('says %s; writes nothing, and tells when it is there', async (refused, kind) => {
    await world.delete(kind, 'backend');
    expect(await refusal(install())).toBe(refused);
    expect(writes()).toEqual([]);
    life.events.length = 0;
    if (kind === serviceKind) {
      await world.create(serviceKind, {
        metadata: { name: 'backend', namespace: 'webapp' },
        spec: { selector: { app: 'backend' }, ports: [{ port: 9898 }] },
      });
    } else {
      await world.delete(serviceKind, 'backend');
      await world.workload('backend');
    }
    await world.clock.advance(1000);
    expect(life.events).toContain('webapp/backend');
    await install();
    expect(await world.traces()).toEqual(all);
  });

  test('says that the namespace is missing, and makes none', async () => {
    const rollout = { ...blueGreen, workload: { ...blueGreen.workload, namespace: 'elsewhere' } };
    expect(await refusal(install(rollout))).toContain(
      'NamespaceMissing, wait: Namespace elsewhere is not there on cluster kurator-member1',
    );
    expect(await world.get(namespaceKind, 'elsewhere')).toBeUndefined();
    expect(writes()).toEqual([]);
  });

  test('does not take the label over that forbids sidecars', async () => {
    await world.patch(namespaceKind, 'webapp', { metadata: { labels: { 'istio-injection': 'disabled' } } });
    expect(await refusal(install())).toMatch(/^InjectionDisabled, wait: .*istio-injection=disabled/);
    expect(await world.traces()).toEqual(['istio-injection disabled']);
  });

  test('keeps the targetPort once the engine has taken the ports over', async () => {
    await install();
    const agent = { fieldManager: 'viridian-agent', force: true };
    const ports = [{ name: 'http', protocol: 'TCP', port: 9898, targetPort: 9797 }];
    const metadata = { name: 'backend', namespace: 'webapp' };
    const object = { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports } };
    await world.run(world.client.resource(serviceKind).apply(object, agent));
    await world.clock.advance(1000);
    life.requests.length = 0;
    await install();
    expect(life.requests).toEqual([]);
    expect((await canary())?.spec.service?.targetPort).toBe('http');
  });

  test('follows the targetPort of a Service that nobody has taken over', async () => {
    await install();
    await world.patch(serviceKind, 'backend', { spec: { ports: [{ port: 9898, targetPort: 8080 }] } });
    await world.clock.advance(1000);
    expect(life.events).toContain('webapp/backend');
    await install();
    expect((await canary())?.spec.service?.targetPort).toBe(8080);
  });

  test('takes back what others change or delete', async () => {
    await install();
    await world.patch(canaryKind, 'backend', { spec: { analysis: { threshold: 7 } } });
    await world.delete(serviceKind, 'backend-testloader');
    await world.patch(namespaceKind, 'webapp', { metadata: { labels: { 'istio-injection': null } } });
    life.events.length = 0;
    await world.clock.advance(1000);
    await install();
    expect(await world.traces()).toEqual(all);
    expect((await canary())?.spec.analysis.threshold).toBe(2);
  });

  test('removes what the block no longer wants', async () => {
    await install(custom);
    await install({ ...blueGreen, testLoader: false });
    expect(await world.traces()).toEqual(['Canary backend', 'istio-injection enabled']);
  });
});

describe('what is not ours', () => {
  const foreign = (name: string, target: string, more: object = {}): object => ({
    metadata: { name, namespace: 'webapp', ...more },
    spec: {
      targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: target },
      service: { port: 1 },
      analysis: { interval: '1m', threshold: 1, iterations: 1 },
    },
  });

  test.each([
    ['of the same name', 'backend', {}, 'somebody else (made with person)'],
    ['with the same workload', 'other', {}, 'somebody else (made with person)'],
    [
      'of another manager',
      'backend',
      { annotations: { 'kurator.dev/rollout': 'x-0' } },
      'policy x-0 of another manager (annotation kurator.dev/rollout)',
    ],
  ])('a Canary %s is left alone', async (_, name, more, owner) => {
    await world.create(canaryKind, foreign(name, 'backend', more));
    expect(await refusal(install())).toContain(
      `AlreadyOwned, wait: Canary webapp/${name} on cluster kurator-member1 belongs to ${owner} and is left alone`,
    );
    expect(writes()).toEqual([]);
    await remove();
    expect((await canary(name))?.spec.service?.port).toBe(1);
    await world.delete(canaryKind, name);
    await world.clock.advance(1000);
    expect(life.events).toContain(`webapp/${name}`);
    await install();
  });

  test('of two policies with one workload the second is refused, even when both come at once', async () => {
    const other = placeOf('blue-green-demo-1');
    const first = life.rollouts.install(blueGreen, place, world.signal);
    const second = refusal(life.rollouts.install(blueGreen, other, world.signal));
    await world.run(first);
    expect(await world.run(second)).toMatch(
      /belongs to policy blue-green-demo-0 of Application default\/blue-green-demo .*can have one rollout/,
    );
    await remove(blueGreen, other);
    expect(await world.traces()).toEqual(all);
    const heir = { ...other, takesOver: [place.labels] };
    await install(blueGreen, heir);
    await remove();
    expect(await world.traces()).toEqual(all);
    expect((await canary())?.metadata.labels).toMatchObject(other.labels);
  });

  test('who takes over leaves the other workloads of the policy that is gone to it', async () => {
    const gone = placeOf('gone');
    await install(custom, gone);
    await world.workload('frontend');
    const workload = { ...blueGreen.workload, name: 'frontend' };
    const other = { ...blueGreen, workload, serviceName: 'frontend' };
    await install(other, { ...place, takesOver: [gone.labels] });
    expect((await world.traces()).filter((trace) => !trace.includes('frontend'))).toEqual([
      ...all.slice(0, 2),
      'MetricTemplate errors',
      ...all.slice(2),
    ]);
  });

  test('two rollouts cannot share a Service', async () => {
    await install();
    await world.workload('frontend');
    const workload = { ...blueGreen.workload, name: 'frontend' };
    await expect(install({ ...blueGreen, workload }, placeOf('p-1'))).rejects.toThrow(
      'Service webapp/backend can have one rollout',
    );
  });

  test('a test loader and a template of others are left alone', async () => {
    await world.workload('backend-testloader');
    await expect(install()).rejects.toThrow(
      /^Service webapp\/backend-testloader .* belongs to somebody else/,
    );
    const spec = { provider: { type: 'prometheus' }, query: 'theirs' };
    await world.create(metricTemplateKind, { metadata: { name: 'errors', namespace: 'webapp' }, spec });
    const rollout = { ...custom, testLoader: false };
    await expect(install(rollout)).rejects.toThrow('give the metric another name');
    await remove();
    expect(await world.get(deploymentKind, 'backend-testloader')).toBeDefined();
    expect((await world.get(metricTemplateKind, 'errors'))?.['spec']).toEqual(spec);
  });
});

describe('remove', () => {
  test('has the workload restored first, then takes all the rest', async () => {
    world.runAgent();
    await install(custom);
    await world.clock.advance(5000);
    writes();
    await remove(custom);
    expect(await world.traces()).toEqual([]);
    expect(writes()).toEqual([
      'PATCH /apis/flagger.app/v1beta1/namespaces/webapp/canaries/backend',
      'DELETE /apis/flagger.app/v1beta1/namespaces/webapp/canaries/backend',
      'DELETE /apis/apps/v1/namespaces/webapp/deployments/backend-testloader',
      'DELETE /api/v1/namespaces/webapp/services/backend-testloader',
      'DELETE /apis/flagger.app/v1beta1/namespaces/webapp/metrictemplates/errors',
      'PATCH /api/v1/namespaces/webapp',
    ]);
    await remove(custom);
    expect(writes()).toEqual([]);
  });

  test('never deletes a Canary that no agent holds, says so, and goes on when there is one', async () => {
    const stopAgent = world.runAgent();
    await install();
    await world.clock.advance(5000);
    stopAgent();
    expect(await refusal(remove())).toMatch(
      /^RolloutNotRestored, retry: .*not given its workload back within 60 s: no agent has answered.*kubectl -n istio-system get deploy -l fleet.kurator.dev\/plugin=flagger.*backend-primary, which keeps serving/,
    );
    expect((await canary())?.metadata.deletionTimestamp).toBeUndefined();
    expect(await world.traces()).toEqual(all);
    world.runAgent();
    await remove();
    expect(await world.traces()).toEqual([]);
  });

  test('a rollout that comes back while it is leaving is installed as before', async () => {
    const stopAgent = world.runAgent();
    await install();
    await world.clock.advance(5000);
    stopAgent();
    await expect(remove()).rejects.toThrow();
    await install();
    expect((await canary())?.spec).not.toHaveProperty('revertOnDeletion');
  });

  test('a Canary that no agent has begun is deleted at once', async () => {
    await install();
    await remove();
    expect(await world.traces()).toEqual([]);
  });

  test('the label stays while another rollout is in the namespace', async () => {
    await world.workload('frontend');
    const workload = { ...blueGreen.workload, name: 'frontend' };
    const other: Rollout = { ...blueGreen, workload, serviceName: 'frontend', testLoader: false };
    await install();
    await install(other, placeOf('p-1'));
    await remove();
    expect(await world.traces()).toEqual(['Canary frontend', 'istio-injection enabled']);
    await remove(other, placeOf('p-1'));
    expect(await world.traces()).toEqual([]);
  });

  test('another workload or Service gets its rollout after the former one has been taken away', async () => {
    world.runAgent();
    await install();
    await world.workload('frontend');
    await world.clock.advance(5000);
    const workload = { ...blueGreen.workload, name: 'frontend' };
    await install({ ...blueGreen, workload });
    expect(await world.traces()).toEqual([
      'Canary frontend',
      'Deployment frontend-testloader',
      'Service frontend-testloader',
      'istio-injection enabled',
    ]);
    await world.clock.advance(5000);
    const { uid } = (await canary('frontend'))?.metadata ?? {};
    await install({ ...blueGreen, workload, serviceName: 'frontend' });
    expect((await canary('frontend'))?.metadata.uid).not.toBe(uid);
  });

  test('nothing there is nothing to do: no rollout, no namespace', async () => {
    await remove();
    await world.run(world.client.resource(namespaceKind).delete({ name: 'webapp' }));
    await world.clock.advance(5000);
    await remove();
    expect(writes()).toEqual([]);
  });
});

test('without the kinds of the engine, install tells what to enable, and remove has nothing to do', async () => {
  const bare = await MemberWorld.open({ bare: true });
  const { rollouts, end } = bare.start();
  expect(await refusal(bare.run(rollouts.install(blueGreen, place, bare.signal)))).toMatch(
    /^RolloutEngineMissing, retry: .*spec\.plugin\.flagger/,
  );
  await bare.run(rollouts.prepare(blueGreen, place, bare.signal));
  await bare.run(rollouts.remove(plannedRollout(blueGreen), place, bare.signal));
  expect(await bare.traces()).toEqual([]);
  await bare.installDefinitions();
  await bare.run(rollouts.install(blueGreen, place, bare.signal));
  expect(await bare.traces()).toEqual(all);
  await end();
  await bare.close();
});
