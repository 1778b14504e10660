import { expect, test } from 'vitest';
import { names } from '../fleet-world.test-double.ts';
import { canaryKind, fleetKind } from '../kinds.ts';
import { ApplicationWorld, walkthrough } from './application-world.test-double.ts';

test('a rollout begins soon after its fleet has got the plugin, however long that took', async () => {
  const world = await new ApplicationWorld().open();
  try {
    world.push(walkthrough);
    for (const name of names) await world.secret(name);
    await world.apply('attachedclusters.yaml');
    await world.apply('fleet.yaml');
    await world.patch(fleetKind, 'quickstart', { spec: { plugin: null } });
    world.start();
    await world.applyExample();
    await world.settle();
    await world.runPods(...names);
    await world.settle(1_200_000);
    const verdict = await world.verdict();
    expect(verdict).toMatchObject({ count: '2/4', ready: 'False RolloutEngineMissing' });
    expect(verdict.message).toMatch(/spec\.plugin\.flagger of the Fleet/);

    const flagger = { trafficRoutingProvider: 'istio' };
    await world.patch(fleetKind, 'quickstart', { spec: { plugin: { flagger } } });
    await world.settle(31_000);
    for (const member of names) expect(await world.exists(member, canaryKind, 'backend')).toBe(true);
  } finally {
    await world.close();
  }
});
