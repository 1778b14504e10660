import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../src/base/errors.ts';
import type { CanarySpec } from '../../src/api/canary.ts';
import { canaryKind, deploymentKind, EngineWorld, revisions, specOf } from './engine-world.ts';

const definitionKind = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  resource: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
} as const;
const key = { namespace: 'test', name: 'podinfo' };

async function ready(world: EngineWorld, name = 'podinfo'): Promise<void> {
  await world.deploy(name, revisions.a);
  await world.clock.sleep(1000);
  expect(await world.phase(name)).toBe('Initialized 0');
}

describe('a rollout', () => {
  test('runs from the first sight of a Canary to the promotion', async () => {
    await EngineWorld.run(async (world) => {
      await world.createCanary('podinfo', specOf({ stepWeight: 50 }));
      await ready(world);
      expect(await world.replicas('podinfo')).toBe(0);
      await world.deploy('podinfo', revisions.b);
      await world.clock.sleep(60_000);
      expect(await world.phase()).toBe('Succeeded 0');
      expect(world.written).toEqual(['podinfo 100/0', 'podinfo 50/50', 'podinfo 0/100', 'podinfo 100/0']);
      expect(await world.replicas('podinfo')).toBe(0);
    });
  });

  test('asks nobody anything while nothing happens', async () => {
    await EngineWorld.run(async (world) => {
      await world.createCanary('podinfo', specOf({ stepWeight: 50 }));
      await ready(world);
      await world.clock.sleep(20_000);
      world.requests.length = 0;
      await world.clock.sleep(200_000);
      expect(world.requests).toEqual([]);
    });
  });

  test('is not woken by what belongs to others', async () => {
    await EngineWorld.run(async (world) => {
      await world.createCanary('podinfo', specOf({ stepWeight: 50 }));
      await ready(world);
      await world.clock.sleep(20_000);
      const before = world.told.length;
      await world.deploy('other', revisions.b);
      await world.clock.sleep(5000);
      expect(world.told.length).toBe(before);
    });
  });
});

describe('a question that takes its time', () => {
  test('keeps no other Canary waiting', async () => {
    await EngineWorld.run(async (world) => {
      world.answering.hook = async ({ metadata }, { type }) => {
        if (metadata.name === 'slow') await world.clock.sleep(600_000);
        return [{ name: type, passed: true, error: '' }];
      };
      const webhooks = [{ name: 'gate', type: 'confirm-rollout' as const, url: 'http://gate/' }];
      for (const name of ['slow', 'podinfo']) {
        await world.createCanary(name, specOf({ stepWeight: 100, webhooks }, name));
        await ready(world, name);
      }
      await world.deploy('slow', revisions.b);
      await world.deploy('podinfo', revisions.b);
      await world.clock.sleep(60_000);
      expect(await world.phase('slow')).toBe('Initialized 0');
      expect(await world.phase('podinfo')).toBe('Succeeded 0');
    });
  });

  test('is dropped when the target changes: traffic goes back at once', async () => {
    await EngineWorld.run(async (world) => {
      const aborted: number[] = [];
      world.answering.metrics = (_canary, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted.push(world.clock.now());
            reject(new Error('aborted'));
          });
        });
      const metrics = [{ name: 'request-success-rate', thresholdRange: { min: 99 } }];
      await world.createCanary('podinfo', specOf({ stepWeight: 20, metrics }));
      await ready(world);
      await world.deploy('podinfo', revisions.b);
      await world.clock.sleep(15_000);
      expect(world.routes.get('podinfo')).toMatchObject({ canary: 20 });
      const at = world.clock.now();
      await world.deploy('podinfo', revisions.c);
      await world.clock.sleep(1);
      // Its pods are ready at once here, so the first step follows.
      expect(world.written.slice(-3)).toEqual(['podinfo 80/20', 'podinfo 100/0', 'podinfo 80/20']);
      expect(aborted).toEqual([at]);
      expect(world.told).toContain('podinfo: New revision detected! Restarting analysis for podinfo.test');
    });
  });
});

describe('a server that refuses', () => {
  test('a Service does not stop the analysis: what is bad is taken back all the same', async () => {
    await EngineWorld.run(async (world) => {
      const metrics = [{ name: 'request-success-rate', thresholdRange: { min: 99 } }];
      await world.createCanary('podinfo', specOf({ stepWeight: 20, metrics }));
      await ready(world);
      world.answering.metrics = async () => ({ verdict: 'failed', message: 'too many errors' });
      await world.deploy('podinfo', revisions.b);
      await world.clock.sleep(5000);
      expect(world.routes.get('podinfo')).toMatchObject({ canary: 20 });
      world.refusal = new InvalidInputError('no such port');
      await world.clock.sleep(60_000);
      expect(await world.phase()).toBe('Failed 0');
      expect(world.routes.get('podinfo')).toMatchObject({ canary: 0 });
      expect(world.told.filter((event) => event === 'podinfo: no such port')).toHaveLength(1);
    });
  });

  test('holds up the bootstrap, which goes on by itself', async () => {
    await EngineWorld.run(async (world) => {
      world.refusal = new InvalidInputError('no such port');
      await world.createCanary('podinfo', specOf({ stepWeight: 20 }));
      await world.deploy('podinfo', revisions.a);
      await world.clock.sleep(100_000);
      expect(await world.phase()).toBe('Initializing 0');
      expect(await world.replicas('podinfo')).toBe(1);
      expect(world.told).toEqual(['podinfo: no such port']);
      world.refusal = undefined;
      await world.clock.sleep(31_000);
      expect(await world.phase()).toBe('Initialized 0');
    });
  });
});

describe('two Canaries with one target', () => {
  test('the younger one stands still and says why, until the older one is gone', async () => {
    await EngineWorld.run(async (world) => {
      await world.createCanary('podinfo', specOf({ stepWeight: 50 }));
      await ready(world);
      await world.createCanary('second', specOf({ stepWeight: 50 }, 'podinfo', { revertOnDeletion: true }));
      await world.clock.sleep(1000);
      const { status, metadata } = await world.canary('second');
      expect(status?.conditions?.find(({ type }) => type === 'Stalled')).toMatchObject({
        reason: 'TargetConflict',
        message: 'canary podinfo has the target Deployment/podinfo already: delete one of the two',
      });
      expect(metadata.finalizers).toBeUndefined();
      expect(world.written).toEqual(['podinfo 100/0']);
      await world.client.resource(canaryKind).delete(key);
      await world.clock.sleep(1000);
      expect(await world.phase('second')).toBe('Initialized 0');
    });
  });
});

describe('a deleted Canary', () => {
  test('with revertOnDeletion gives the target back first', async () => {
    await EngineWorld.run(async (world) => {
      await world.createCanary('podinfo', specOf({ stepWeight: 50 }, 'podinfo', { revertOnDeletion: true }));
      await ready(world);
      expect((await world.canary()).metadata.finalizers).toEqual(['finalizer.flagger.app']);
      await world.client.resource(canaryKind).delete(key);
      await world.clock.sleep(1000);
      await expect(world.canary()).rejects.toThrow('not found');
      expect(await world.replicas('podinfo')).toBe(1);
      expect(world.routes.has('podinfo')).toBe(false);
      expect(world.told.slice(-2)).toEqual([
        'podinfo: Terminating canary podinfo.test',
        'podinfo: Terminated canary podinfo.test',
      ]);
    });
  });

  test('whose Services are refused goes before it has begun', async () => {
    await EngineWorld.run(async (world) => {
      world.refusal = new InvalidInputError('no such port');
      await world.createCanary('podinfo', specOf({ stepWeight: 50 }, 'podinfo', { revertOnDeletion: true }));
      await world.deploy('podinfo', revisions.a);
      await world.clock.sleep(1000);
      expect(await world.phase()).toBe('Initializing 0');

      await world.client.resource(canaryKind).delete(key);
      await world.clock.sleep(1000);
      await expect(world.canary()).rejects.toThrow('not found');
      expect(await world.replicas('podinfo')).toBe(1);
    });
  });

  test('in the middle of a question leaves nothing behind', async () => {
    await EngineWorld.run(async (world) => {
      world.answering.hook = () => new Promise(() => {});
      const webhooks = [{ name: 'gate', type: 'confirm-rollout' as const, url: 'http://gate/' }];
      await world.createCanary('podinfo', specOf({ stepWeight: 50, webhooks }));
      await ready(world);
      await world.deploy('podinfo', revisions.b);
      await world.clock.sleep(1000);
      await world.client.resource(canaryKind).delete(key);
      await world.clock.sleep(1000);
      world.requests.length = 0;
      await world.clock.sleep(100_000);
      expect(world.requests).toEqual([]);
    });
  });
});

describe('what cannot run', () => {
  const core = { apiVersion: 'core/v1', kind: 'Service', name: 'podinfo' } as const;
  const keda = { apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject', name: 'podinfo' } as const;

  test.each<[string, Partial<CanarySpec>]>([
    [
      'spec.provider: nginx is not supported here: use istio (its kinds must be installed) or kubernetes',
      { provider: 'nginx' },
    ],
    [
      'spec.targetRef: Service podinfo of core/v1 is not supported: use a Deployment or DaemonSet of apps/v1',
      { targetRef: core },
    ],
    [
      'spec.autoscalerRef: ScaledObject podinfo is not supported: use a HorizontalPodAutoscaler',
      { autoscalerRef: keda },
    ],
  ])('says so in a condition and one event: %s', async (message, rest) => {
    await EngineWorld.run(async (world) => {
      await world.createCanary('podinfo', specOf({ stepWeight: 50 }, 'podinfo', rest));
      await world.deploy('podinfo', revisions.a);
      await world.clock.sleep(60_000);
      expect(world.told).toEqual([`podinfo: ${message}`]);
      const { status } = await world.canary();
      expect(status?.conditions?.find(({ type }) => type === 'Stalled')).toMatchObject({
        reason: 'Unsupported',
        message,
      });
      expect(world.routes.size).toBe(0);
      expect(await world.replicas('podinfo')).toBe(1);
    });
  });

  test('a Canary without anything, which the definition of Flagger lets pass, hurts no neighbour', async () => {
    await EngineWorld.run(async (world) => {
      const definitions = world.client.resource(definitionKind);
      const schema = '/spec/versions/0/schema/openAPIV3Schema';
      await definitions.patch({ name: 'canaries.flagger.app' }, 'json', [
        { op: 'remove', path: `${schema}/required` },
      ]);
      await world.clock.sleep(1000);
      await world.createCanary('bare', undefined as never);
      await world.createCanary('podinfo', specOf({ stepWeight: 50 }));
      await ready(world);
      const { status } = await world.canary('bare');
      expect(status?.conditions?.find(({ type }) => type === 'Stalled')).toMatchObject({
        reason: 'InvalidSpec',
        message: expect.stringContaining('invalid canary spec: spec.targetRef.kind: ') as string,
      });
      await world.client.resource(canaryKind).delete({ ...key, name: 'bare' });
      await world.clock.sleep(1000);
      await expect(world.canary('bare')).rejects.toThrow('not found');
    });
  });

  test('a target that vanishes is no disaster', async () => {
    await EngineWorld.run(async (world) => {
      await world.createCanary('podinfo', specOf({ stepWeight: 50 }));
      await ready(world);
      await world.client.resource(deploymentKind).delete(key);
      await world.clock.sleep(15_000);
      expect(world.told.at(-1)).toBe('podinfo: deployment podinfo.test get query error: not found');
      await ready(world);
    });
  });
});
