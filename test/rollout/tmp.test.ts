import { test } from 'vitest';
import { RolloutWorld, specOf, kinds, namespace } from './rollout-world.ts';
import { get } from '../sandbox/backend.ts';
test('away', async () => {
  await RolloutWorld.run({ seed: 'away' }, async (world) => {
    const t0 = world.clock.now();
    const T = () => ((world.clock.now() - t0) / 1000).toFixed(1);
    await world.createCanary(specOf({ stepWeight: 50, interval: '5s', threshold: 100 }));
    await world.phase('Initialized');
    world.load();
    await world.clock.sleep(5000);
    await world.deploy('6.5.4');
    await world.until('the first step', async () => (await world.canary()).status?.canaryWeight === 50);
    world.cluster.cutOff(); console.log(T(), 'cut');
    await world.clock.sleep(30_000);
    world.cluster.restore(); console.log(T(), 'restore');
    let last = '';
    for (let i = 0; i < 600; i++) {
      await world.clock.sleep(50);
      const r = await world.cluster.gateway(get('/version', 'podinfo.test')); const text = (await r.text()).slice(0,60).replace(/\s+/g,' ');
      const pods = (await world.cluster.client.resource(kinds.pods).list({ namespace })).items.map((p: any) => p.metadata.name + ':' + p.status.phase + ':' + p.status.conditions?.find((c: any) => c.type === 'Ready')?.status + (p.metadata.deletionTimestamp ? ':del' : '') + ':' + p.spec.containers[0].image.slice(-5));
      const line = JSON.stringify([r.status === 200 ? 200 : text, world.routes.at(-1), world.rows.at(-1), pods]);
      if (line !== last) console.log(T(), line); last = line;
    }
    console.log(world.events.slice(-12));
    console.log((await world.agentLog()).filter((l) => !l.includes('"decided"')).slice(-30).map((l) => l.slice(0, 250)).join('\n'));
  });
}, 100_000);
