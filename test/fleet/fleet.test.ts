import { expect, test } from 'vitest';
import type { Canary } from '../../src/api/canary.ts';
import { deploymentKind } from '../../src/fleet/kinds.ts';
import { getCondition } from '../../src/machinery/conditions.ts';
import { kinds } from '../rollout/rollout-world.ts';
import { FleetWorld, logsOf } from './fleet-world.ts';

const [first, second] = ['kurator-member1', 'kurator-member2'] as const;
const timeoutMs = 120_000;

async function ready(world: FleetWorld): Promise<void> {
  await world.applyWalkthrough();
  await world.phase('Ready');
}

test(
  'the walkthrough: a manager with the rights of deploy/manager puts the plugin on both members',
  () =>
    FleetWorld.run({ seed: 'walkthrough' }, async (world) => {
      await ready(world);
      const { status } = await world.fleet();
      expect(status).toMatchObject({ phase: 'Ready', readyClusters: 2 });
      expect(status).not.toHaveProperty('unReadyClusters');
      expect(getCondition(status?.conditions, 'FlaggerReady')).toMatchObject({
        status: 'True',
        message: 'runs on 2 clusters',
      });
      for (const name of [first, second]) {
        expect(await world.attached(name)).toBe('true Ready: the API server of the cluster answers');
        const pods = await world.pluginPods(name);
        expect(pods.map(({ metadata }) => metadata.labels?.['app.kubernetes.io/instance']).sort()).toEqual([
          `istio-system-flagger-${name}`,
          `istio-system-testloader-${name}-loadtester`,
        ]);
        const deployments = await world
          .member(name)
          .client.resource(deploymentKind)
          .list({ namespace: 'istio-system', labelSelector: 'fleet.kurator.dev/plugin=flagger' });
        for (const { metadata } of deployments.items) {
          expect(metadata.labels).toMatchObject({
            'fleet.kurator.dev/name': 'quickstart',
            'fleet.kurator.dev/plugin': 'flagger',
          });
        }
      }
      for (const { sandbox } of [world]) {
        const said = [
          ...(await logsOf(sandbox.host, 'kurator-system')),
          ...(await logsOf(world.member(first), 'istio-system')),
        ];
        expect(said.filter((line) => /forbidden/i.test(line))).toEqual([]);
      }
    }),
  timeoutMs,
);
