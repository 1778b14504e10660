import { expect, test } from 'vitest';
import { FetchError } from '../../src/base/fetch.ts';
import { seededRandom } from '../../src/base/random.ts';
import type { SandboxCall } from '../../src/sandbox/faults.ts';
import { RolloutWorld, specOf } from './rollout-world.ts';

/** A write that belongs to a rollout; who leads and what is told does not matter here. */
function isWrite({ method, url }: SandboxCall): boolean {
  return method !== 'GET' && !/\/(leases|events)(\/|\?|$)/.test(url);
}

async function rollout(world: RolloutWorld): Promise<void> {
  await world.createCanary(specOf({ stepWeight: 50, interval: '5s' }));
  await world.phase('Initialized');
  world.load();
  await world.clock.sleep(5000);
  await world.deploy('6.5.4');
  await world.phase('Succeeded');
  await world.clock.sleep(3000);
  const failed = [...world.answers.keys()].filter((answer) => !answer.startsWith('6.'));
  expect(failed).toEqual([]);
  expect(await world.serves()).toEqual(['6.5.4']);
  // A first step whose row was not written is taken back: nobody can tell who moved the route.
  expect(world.routes.join(' ')).toMatch(/^100\/0 (50\/50 100\/0 )*50\/50 0\/100 100\/0$/);
  expect(await world.replicas('podinfo')).toBe(0);
}

test.each(['a', 'b', 'c'])(
  'every third write fails, by chance (%s): the rollout takes longer',
  async (seed) => {
    const random = seededRandom(seed);
    const onRequest = (call: SandboxCall): void => {
      if (isWrite(call) && random.int(3) === 0) throw new FetchError('Unreachable', 'bad luck');
    };
    await RolloutWorld.run({ seed, onRequest }, rollout);
  },
  120_000,
);

const crashes = [2, 5, 9, 14, 18, 20, 23];
test.each(crashes)(
  'killed just before write %d, the next agent goes on',
  async (at) => {
    let writes = 0;
    const onRequest = async (call: SandboxCall, world: RolloutWorld): Promise<void> => {
      if (!isWrite(call)) return;
      writes += 1;
      if (writes !== at) return;
      await world.killAgent();
      await new Promise(() => {});
    };
    await RolloutWorld.run({ seed: `crash ${at}`, onRequest }, rollout);
  },
  120_000,
);

test('an API server that is away for half a minute costs time, and nothing else', async () => {
  await RolloutWorld.run({ seed: 'away' }, async (world) => {
    await world.createCanary(specOf({ stepWeight: 50, interval: '5s', threshold: 100 }));
    await world.phase('Initialized');
    world.load();
    await world.clock.sleep(5000);
    await world.deploy('6.5.4');
    await world.until('the first step', async () => (await world.canary()).status?.canaryWeight === 50);
    world.cluster.cutOff();
    // The leader loses its Lease, but nodes are not yet taken for dead.
    await world.clock.sleep(30_000);
    expect(await world.serves()).toEqual(['6.5.3', '6.5.4']);
    world.cluster.restore();
    await world.phase('Succeeded', 10);
    // The mesh was cut off as well, and hears of routes and pods when its own back-off is over.
    await world.clock.sleep(60_000);
    expect(world.routes.join(' ')).toBe('100/0 50/50 0/100 100/0');
    expect(await world.serves()).toEqual(['6.5.4']);
  });
}, 120_000);
