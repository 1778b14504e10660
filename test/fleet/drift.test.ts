import { expect, test } from 'vitest';
import { ApplicationWorld } from '../../src/fleet/application/application-world.test-double.ts';
import { names } from '../../src/fleet/fleet-world.test-double.ts';
import { deploymentKind } from '../../src/fleet/kinds.ts';

test('what is changed again and again is repaired every ten seconds at first, however often it changes', async () => {
  const world = new ApplicationWorld();
  await world.open();
  try {
    await world.begin();
    await world.applyExample();
    await world.settle();
    await world.runPods(...names);
    const [member] = names;
    const deployments = world.member(member).resource(deploymentKind);
    const key = { namespace: 'default', name: 'podinfo' };
    world.requests = [];

    for (let i = 0; i < 60; i += 1) {
      const containers = [{ name: 'podinfod', image: `elsewhere:${i}` }];
      const change = { spec: { template: { spec: { containers } } } };
      await world.run(deployments.patch(key, 'strategic', change, { fieldManager: 'person' }));
      await world.settle(1000);
    }

    // Each is a try of the whole, then the write.
    const path = `PATCH ${member} /apis/apps/v1/namespaces/default/deployments/podinfo`;
    const writes = world.requests.filter((request) => request === path).length;
    expect(writes).toBeGreaterThanOrEqual(10);
    expect(writes).toBeLessThanOrEqual(16);
    await world.settle(10_000);
    expect(await world.imageOf(member, 'podinfo', 'default')).not.toContain('elsewhere');
  } finally {
    await world.close();
  }
});
