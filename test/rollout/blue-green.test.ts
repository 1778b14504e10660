import { expect, test } from 'vitest';
import { RolloutWorld, specOf } from './rollout-world.ts';

test('blue/green: bootstrap, three iterations, promotion', async () => {
  await RolloutWorld.run({ seed: 'blue green' }, async (world) => {
    await world.createCanary(specOf({ iterations: 3 }));
    await world.phase('Initialized');
    expect(world.story).toEqual([
      'N all the metrics providers are available!',
      'N Initialization done! podinfo.test',
    ]);
    expect(world.rows).toEqual(['Initializing 0/0/0', 'Initialized 0/0/0']);
    world.load();
    world.loadCanary();
    await world.clock.sleep(2000);
    expect(await world.serves()).toEqual(['6.5.3']);
    world.clear();
    await world.deploy('6.5.4');
    await world.phase('Succeeded', 5);
    await world.clock.sleep(1000);
    expect(world.story).toEqual([
      'N New revision detected! Scaling up podinfo.test',
      'N Starting canary analysis for podinfo.test',
      'N Advance podinfo.test canary iteration 1/3',
      'N Advance podinfo.test canary iteration 2/3',
      'N Advance podinfo.test canary iteration 3/3',
      'N Routing all traffic to canary',
      'N Copying podinfo.test template spec to podinfo-primary.test',
      'N Routing all traffic to primary',
      'N Promotion completed! Scaling down podinfo.test',
    ]);
    expect(world.rows).toEqual([
      'Progressing 0/0/0',
      'Progressing 0/1/0',
      'Progressing 0/2/0',
      'Progressing 0/3/0',
      'Progressing 0/4/0',
      'Promoting 0/4/0',
      'Finalising 0/0/0',
      'Succeeded 0/0/0',
    ]);
    expect(world.routes).toEqual(['0/100', '100/0']);
    expect([...world.answers.keys()].filter((answer) => !answer.startsWith('6.'))).toEqual([]);
    expect(await world.serves()).toEqual(['6.5.4']);
  });
}, 120_000);
