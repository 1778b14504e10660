import { expect, test } from 'vitest';
import { RolloutWorld, specOf } from './rollout-world.ts';

const failures = (world: RolloutWorld): string[] =>
  [...world.answers.keys()].filter((answer) => !answer.startsWith('6.'));

test('canary: traffic moves in steps, and nobody notices', async () => {
  await RolloutWorld.run({ seed: 'canary' }, async (world) => {
    await world.createCanary(specOf({ stepWeight: 20, maxWeight: 50 }));
    await world.phase('Initialized');
    world.load();
    await world.clock.sleep(5000);
    world.clear();
    await world.deploy('6.5.4');
    await world.phase('Succeeded');
    await world.clock.sleep(1000);
    expect(world.story).toEqual([
      'N New revision detected! Scaling up podinfo.test',
      'N Starting canary analysis for podinfo.test',
      'N Advance podinfo.test canary weight 20',
      'N Advance podinfo.test canary weight 40',
      'N Advance podinfo.test canary weight 60',
      'N Copying podinfo.test template spec to podinfo-primary.test',
      'N Routing all traffic to primary',
      'N Promotion completed! Scaling down podinfo.test',
    ]);
    expect(world.rows).toEqual([
      'Progressing 0/0/0',
      'Progressing 20/0/0',
      'Progressing 40/0/0',
      'Progressing 60/0/0',
      'Promoting 60/0/0',
      'Finalising 0/0/0',
      'Succeeded 0/0/0',
    ]);
    expect(world.routes).toEqual(['80/20', '60/40', '40/60', '100/0']);
    expect(failures(world)).toEqual([]);
    expect(await world.serves()).toEqual(['6.5.4']);
    expect(await world.replicas('podinfo')).toBe(0);
  });
}, 120_000);

test('a bad version is taken back, and the good one goes on serving', async () => {
  await RolloutWorld.run({ seed: 'b1' }, async (world) => {
    await world.createCanary(specOf({ stepWeight: 20, maxWeight: 50, threshold: 2 }));
    await world.phase('Initialized');
    world.load();
    // Enough of them for errors in every window.
    world.loadCanary();
    await world.clock.sleep(5000);
    world.clear();
    await world.deploy('6.5.4', ['--random-error']);
    await world.phase('Failed');
    await world.clock.sleep(1000);
    expect(world.story).toEqual([
      'N New revision detected! Scaling up podinfo.test',
      'N Starting canary analysis for podinfo.test',
      'N Advance podinfo.test canary weight 20',
      expect.stringMatching(/^W Halt podinfo\.test advancement success rate \d+\.\d+% < 99%$/),
      expect.stringMatching(/^W Halt podinfo\.test advancement success rate \d+\.\d+% < 99%$/),
      'W Rolling back podinfo.test failed checks threshold reached 2',
      'W Canary failed! Scaling down podinfo.test',
    ]);
    expect(world.rows).toEqual([
      'Progressing 0/0/0',
      'Progressing 20/0/0',
      'Progressing 20/0/1',
      'Progressing 20/0/2',
      'Failed 0/0/0',
    ]);
    expect(world.routes).toEqual(['80/20', '100/0']);
    expect(await world.serves()).toEqual(['6.5.3']);
    expect(await world.replicas('podinfo')).toBe(0);
    // The cure is rolled out as any other version.
    await world.deploy('6.5.4');
    await world.phase('Succeeded');
    await world.clock.sleep(5000);
    expect(await world.serves()).toEqual(['6.5.4']);
  });
}, 120_000);

test('another version in the middle of a test: traffic is back before its pods are there', async () => {
  await RolloutWorld.run({ seed: 'restart' }, async (world) => {
    await world.createCanary(specOf({ stepWeight: 20, maxWeight: 50 }));
    await world.phase('Initialized');
    world.load();
    await world.clock.sleep(5000);
    await world.deploy('6.5.4');
    await world.until('40 %', async () => world.routes.at(-1) === '60/40');
    await world.clock.sleep(3500);
    world.clear();
    await world.deploy('6.5.5');
    await world.clock.sleep(10);
    expect(world.routes).toEqual(['100/0']);
    expect(world.events).toEqual(['N New revision detected! Restarting analysis for podinfo.test']);
    await world.phase('Succeeded');
    await world.clock.sleep(5000);
    expect(failures(world)).toEqual([]);
    expect(await world.serves()).toEqual(['6.5.5']);
  });
}, 120_000);

test('the agent may be killed at any time: the next one goes on', async () => {
  await RolloutWorld.run({ seed: 'crash' }, async (world) => {
    await world.createCanary(specOf({ stepWeight: 20, maxWeight: 50 }));
    await world.phase('Initialized');
    world.load();
    await world.clock.sleep(5000);
    world.clear();
    await world.deploy('6.5.4');
    for (const routes of ['80/20', '60/40', '40/60']) {
      await world.until(routes, async () => world.routes.at(-1) === routes);
      await world.killAgent();
    }
    await world.phase('Succeeded');
    await world.clock.sleep(5000);
    expect(world.routes).toEqual(['80/20', '60/40', '40/60', '100/0']);
    expect(failures(world)).toEqual([]);
    expect(await world.serves()).toEqual(['6.5.4']);
  });
}, 120_000);

test('A/B: who asks for it gets the canary, all others the primary', async () => {
  await RolloutWorld.run({ seed: 'ab' }, async (world) => {
    const match = [{ headers: { 'x-canary': { exact: 'insider' } } }];
    await world.createCanary(specOf({ iterations: 2, match }));
    await world.phase('Initialized');
    world.load();
    await world.clock.sleep(5000);
    world.clear();
    await world.deploy('6.5.4');
    await world.until('iteration 1', async () => world.events.some((event) => event.includes('1/2')));
    expect(await world.serves()).toEqual(['6.5.3']);
    world.load('podinfo.test', { 'x-canary': 'insider' });
    expect(await world.serves()).toEqual(['6.5.3', '6.5.4']);
    await world.phase('Succeeded');
    await world.clock.sleep(1000);
    expect(world.story).toEqual([
      'N New revision detected! Scaling up podinfo.test',
      'N Starting canary analysis for podinfo.test',
      'N Advance podinfo.test canary iteration 1/2',
      'N Advance podinfo.test canary iteration 2/2',
      'N Copying podinfo.test template spec to podinfo-primary.test',
      'N Routing all traffic to primary',
      'N Promotion completed! Scaling down podinfo.test',
    ]);
    expect(await world.serves()).toEqual(['6.5.4']);
  });
}, 120_000);
