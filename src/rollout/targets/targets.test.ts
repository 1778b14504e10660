import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import type { Canary } from '../../api/canary.ts';
import type { Target } from '../effects.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import {
  canaryOf,
  at,
  kinds,
  type Live,
  startTestRollout,
  type TestRollout,
} from './rollout-cluster.test-double.ts';
import { targets, unsupportedTarget } from './targets.ts';

let world: TestRollout;
beforeEach(async () => {
  world = await startTestRollout();
});
afterEach(() => world.close());

const options = { random: seededRandom('ids') };
const canary = canaryOf();

function targetFor(of: Canary = canary): Target {
  const found = targets(world.cluster, options)(of);
  if (found === undefined) throw new Error('unsupported');
  return found;
}

const podSpec = (more: object = {}): object => ({
  containers: [{ name: 'app', image: 'app:1' }],
  ...more,
});

const web = (spec: object = {}, pod: object = {}, metadata: object = {}) => ({
  ...at('web', { labels: { team: 'a' }, annotations: { note: 'x' }, ...metadata }),
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' }, annotations: { 'a.toolkit.fluxcd.io/x': '1', keep: 'y' } },
      spec: podSpec(pod),
    },
    ...spec,
  },
});

const image = (name: string): object => ({
  spec: { template: { spec: { containers: [{ name: 'app', image: name }] } } },
});

async function createPrimary(of: Canary = canary): Promise<void> {
  await world.run((signal) => targetFor(of).createPrimary(of, signal));
}

async function promote(of: Canary = canary): Promise<void> {
  const revision = targetFor(of).observe(of, 0).target?.revision ?? '';
  await world.run((signal) => targetFor(of).promote(of, revision, signal));
}

const scale = (how: 'to-zero' | 'from-zero' | 'restart', of: Canary = canary): Promise<void> =>
  world.run((signal) => targetFor(of).scale(of, how, signal));

const spec = async (name: string, of: ResourceKind = kinds.deployment): Promise<Live['spec']> =>
  (await world.get(of, name)).spec;

describe('a Deployment', () => {
  test('has a primary of its own label, id and revision, owned by the Canary', async () => {
    await world.create(kinds.deployment, web());
    await createPrimary();
    const primary = await world.get(kinds.deployment, 'web-primary');
    const { target, primary: seen } = targetFor().observe(canary, 0);
    expect(primary).toMatchObject({
      metadata: {
        labels: { app: 'web-primary' },
        annotations: { note: 'x', 'viridian.dev/revision': target?.revision },
        ownerReferences: [{ kind: 'Canary', uid: 'uid-of-web', controller: true, blockOwnerDeletion: true }],
      },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'web-primary' } },
        template: {
          metadata: {
            labels: { app: 'web-primary' },
            annotations: { keep: 'y', 'flagger-id': expect.stringMatching(/^[0-9a-f-]{36}$/) as string },
          },
        },
      },
    });
    expect(primary.spec.template.metadata.annotations?.['flagger-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(JSON.stringify(primary.spec)).not.toContain('toolkit');
    expect(seen?.revision).toBe(target?.revision);
    await world.test.clock.advance(10_000);
    expect(targetFor().observe(canary, world.test.clock.now()).primary?.readiness.state).toBe('ready');
  });

  test('11.5.3: a promotion keeps the annotations that the primary was created with', async () => {
    await world.create(kinds.deployment, web());
    await createPrimary();
    await promote();
    expect((await world.get(kinds.deployment, 'web-primary')).metadata.annotations).toMatchObject({
      note: 'x',
    });
  });

  test('a promotion copies the template, and repeated it writes nothing', async () => {
    await world.create(kinds.deployment, web());
    await createPrimary();
    await world.test.merge(kinds.deployment, 'web', image('app:2'));
    await world.run(async () => {});
    world.writes();
    await promote();
    expect((await spec('web-primary')).template.spec.containers[0]?.image).toBe('app:2');
    expect(world.writes()).toHaveLength(1);
    await promote();
    expect(world.writes()).toEqual([]);
  });

  test('an edit between the analysis and its promotion is refused', async () => {
    await world.create(kinds.deployment, web());
    await createPrimary();
    const work = world.run((signal) => targetFor().promote(canary, 'another', signal));
    await expect(work).rejects.toMatchObject({ code: 'RevisionChanged', next: 'retry' });
  });

  test('is scaled by fields that the agent applies, and given back with its replicas', async () => {
    await world.create(kinds.deployment, web());
    await createPrimary();
    await scale('to-zero');
    const idle = await world.get(kinds.deployment, 'web');
    expect((await spec('web')).replicas).toBe(0);
    expect(idle.metadata.managedFields).toContainEqual(
      expect.objectContaining({
        manager: 'viridian-agent',
        operation: 'Apply',
        fieldsV1: { 'f:spec': { 'f:replicas': {} } },
      }),
    );
    world.writes();
    await scale('to-zero');
    expect(world.writes()).toEqual([]);
    expect(targetFor().observe(canary, 0).target?.isScaledToZero).toBe(true);
    await scale('from-zero');
    expect((await spec('web')).replicas).toBe(2);
    await world.run((signal) => targetFor().release(canary, signal));
    const released = await world.get(kinds.deployment, 'web');
    expect((await spec('web')).replicas).toBe(2);
    expect(released.metadata.managedFields?.map(({ manager }) => manager)).not.toContain('viridian-agent');
    world.writes();
    await world.run((signal) => targetFor().release(canary, signal));
    expect(world.writes()).toEqual([]);
  });

  test('comes back with the replicas that git wants', async () => {
    await world.create(kinds.deployment, web({}, {}, { annotations: { 'viridian.dev/replicas': '5' } }));
    await createPrimary();
    await scale('to-zero');
    await scale('from-zero');
    expect((await spec('web')).replicas).toBe(5);
    expect(targetFor().observe(canary, 0).wantedReplicas).toBe(5);
  });

  test('a restart replaces every pod without a new revision', async () => {
    await world.create(kinds.deployment, web());
    await world.test.clock.advance(10_000);
    const names = async (): Promise<string[]> =>
      (await world.test.list({ ...kinds.service, resource: 'pods', kind: 'Pod' }))
        .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
        .map(({ metadata }) => metadata.name ?? '');
    const before = await names();
    const revision = targetFor().observe(canary, 0).target?.revision;
    await scale('restart');
    await world.test.clock.advance(20_000);
    const after = await names();
    expect(after).toHaveLength(2);
    expect(after.filter((name) => before.includes(name))).toEqual([]);
    expect(targetFor().observe(canary, 0).target?.revision).toBe(revision);
  });
});

describe('configs', () => {
  const uses = {
    volumes: [
      { name: 'c', configMap: { name: 'c' } },
      { name: 's', secret: { secretName: 's', optional: true } },
    ],
  };

  test('a missing mandatory one is the reason why there is no target; an optional one is left out', async () => {
    await world.create(kinds.deployment, web({}, uses));
    expect(targetFor().observe(canary, 0).targetError).toBe(
      'configmap c.default get query error: configmaps "c" not found',
    );
    await world.create(kinds.configMap, { ...at('c'), data: { color: 'red' } });
    expect(targetFor().observe(canary, 0).target?.configs).toEqual({ 'configmap/c': '241889ca0604e333' });
    await createPrimary();
    expect((await spec('web-primary')).template.spec.volumes).toMatchObject([
      { configMap: { name: 'c-primary' } },
      { secret: { secretName: 's' } },
    ]);
  });

  test('11.5.1: binaryData is tracked, and copied to the primary', async () => {
    const binaryData = { blob: 'AAEC' };
    await world.create(kinds.configMap, { ...at('c'), data: {}, binaryData });
    await world.create(kinds.secret, {
      ...at('s'),
      type: 'kubernetes.io/basic-auth',
      data: { username: 'YQ==', password: 'Yg==' },
    });
    await world.create(kinds.deployment, web({}, uses));
    await createPrimary();
    expect(await world.get(kinds.configMap, 'c-primary')).toMatchObject({ binaryData });
    expect(await world.get(kinds.secret, 's-primary')).toMatchObject({ type: 'kubernetes.io/basic-auth' });
    const before = targetFor().observe(canary, 0).target?.revision;
    await world.test.merge(kinds.configMap, 'c', { binaryData: { blob: 'AAED' } });
    await world.run(async () => {});
    expect(targetFor().observe(canary, 0).target?.revision).not.toBe(before);
    await promote();
    expect(await world.get(kinds.configMap, 'c-primary')).toMatchObject({ binaryData: { blob: 'AAED' } });
    world.writes();
    await promote();
    expect(world.writes()).toEqual([]);
  });

  test('two Canaries that share one keep each other as owners, and a disabled one stays shared', async () => {
    await world.create(kinds.configMap, { ...at('c'), data: { color: 'red' } });
    await world.create(kinds.secret, {
      ...at('s', { annotations: { 'flagger.app/config-tracking': 'disabled' } }),
      data: {},
    });
    await world.create(kinds.deployment, web({}, uses));
    await createPrimary();
    await createPrimary(canaryOf({}, 'other'));
    const { metadata } = await world.get(kinds.configMap, 'c-primary');
    expect(metadata.ownerReferences).toMatchObject([
      { uid: 'uid-of-other', controller: true },
      { uid: 'uid-of-web', controller: false },
    ]);
    expect(Object.keys(targetFor().observe(canary, 0).target?.configs ?? {})).toEqual(['configmap/c']);
  });
});

describe('an autoscaler', () => {
  const scaled = canaryOf({
    autoscalerRef: { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', name: 'web' },
  });
  const autoscaler = {
    ...at('web', { annotations: { note: 'x' } }),
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      minReplicas: 2,
      maxReplicas: 4,
    },
  };

  test('is copied for the primary; 11.5.4: a repeated promotion writes nothing', async () => {
    await world.create(kinds.deployment, web());
    expect(targetFor(scaled).observe(scaled, 0).targetError).toContain(
      'HorizontalPodAutoscaler web.default get query error',
    );
    await world.create(kinds.autoscaler, autoscaler);
    await createPrimary(scaled);
    expect(await spec('web-primary', kinds.autoscaler)).toMatchObject({
      scaleTargetRef: { name: 'web-primary' },
      minReplicas: 2,
      maxReplicas: 4,
    });
    await promote(scaled);
    world.writes();
    await promote(scaled);
    expect(world.writes()).toEqual([]);
  });

  test('11.2.7: the primary gets as many replicas as the canary has, before traffic returns', async () => {
    await world.create(kinds.deployment, web());
    await createPrimary(scaled).catch(() => {});
    await world.create(kinds.autoscaler, autoscaler);
    await createPrimary(scaled);
    await world.test.merge(kinds.deployment, 'web', { spec: { replicas: 9 } });
    await world.run(async () => {});
    await promote(scaled);
    expect((await spec('web-primary')).replicas).toBe(4);
  });
});

describe('a DaemonSet', () => {
  const daemon = canaryOf({ targetRef: { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'web' } });

  test('goes to zero by its node selector, which is no revision and no matter of the primary', async () => {
    const { replicas: _, ...rest } = web({}, { nodeSelector: { disk: 'ssd' } }).spec;
    await world.create(kinds.daemonSet, { ...at('web'), spec: rest });
    const before = targetFor(daemon).observe(daemon, 0).target?.revision;
    await scale('to-zero', daemon);
    const key = 'flagger.app/scale-to-zero';
    expect((await spec('web', kinds.daemonSet)).template.spec.nodeSelector).toEqual({
      disk: 'ssd',
      [key]: 'true',
    });
    expect(targetFor(daemon).observe(daemon, 0).target).toMatchObject({
      revision: before,
      isScaledToZero: true,
    });
    // 11.2.6
    await createPrimary(daemon);
    expect((await spec('web-primary', kinds.daemonSet)).template.spec.nodeSelector).toEqual({ disk: 'ssd' });
    await scale('from-zero', daemon);
    const back = await world.get(kinds.daemonSet, 'web');
    expect(back.spec.template.spec.nodeSelector).toEqual({ disk: 'ssd' });
    expect(back.metadata.managedFields).not.toContainEqual(
      expect.objectContaining({ manager: 'viridian-agent', operation: 'Apply' }),
    );
    world.writes();
    await scale('from-zero', daemon);
    expect(world.writes()).toEqual([]);
  });

  test('that only a person may update is refused', async () => {
    const { replicas: _, ...rest } = web().spec;
    await world.create(kinds.daemonSet, {
      ...at('web'),
      spec: { ...rest, updateStrategy: { type: 'OnDelete' } },
    });
    expect(targetFor(daemon).observe(daemon, 0).targetError).toBe(
      'daemonset web.default must have RollingUpdate strategy but have OnDelete',
    );
  });
});

test('a kind that is not supported is told by name', () => {
  const { targetRef } = canaryOf({ targetRef: { apiVersion: 'v1', kind: 'Service', name: 'web' } }).spec;
  expect(targets(world.cluster, options)(canaryOf({ targetRef }))).toBeUndefined();
  expect(unsupportedTarget(targetRef)).toContain('Service web of v1 is not supported');
});
