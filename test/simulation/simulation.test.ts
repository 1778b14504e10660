import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { kinds } from './kinds.ts';
import { runSeed } from './run.ts';
import type { SeedResult } from './seed-run.ts';
import { sharesOf } from './traffic-invariants.ts';
import type { World } from './world.ts';

const run = promisify(execFile);
const main = new URL('main.ts', import.meta.url).pathname;

// They take a minute and a half on two quiet cores, and four on slow ones, with the rest of the suite beside them.
test('300 seeds pass', { timeout: 610_000 }, async () => {
  const { stdout } = await run(process.execPath, [main, '--seeds', '300'], { timeout: 600_000 });
  expect(stdout).toMatch(/^300 seeds in .*: 0 failed$/m);
  // Everything that can go wrong has gone wrong.
  for (const kind of ['crash after', '409', 'stale list', 'watch 410', 'prometheus down', 'hook fails']) {
    expect(stdout).toContain(kind);
  }
});

/** What the simulation has found in the engine, and would find again. */
test.each([
  [191, 'a first version that never starts is replaced by the one that mends it'],
  [
    663,
    'a status that the cache does not have yet is not decided on: routes went back and forth without a pause',
  ],
  [1721, 'a Canary that goes before it has a primary leads nobody there'],
  [2522, 'nor does one that goes before its primary has served'],
  [5292, 'a scale-down that is carried out late takes no pods from users'],
  [16154, 'what an old list makes it start anew after a promotion, it takes back'],
])('seed %i: %s', async (seed) => {
  expect(await runSeed({ seed })).toMatchObject({ failures: [] });
});

test('a seed tells the same story each time', async () => {
  const first = await runSeed({ seed: 7, keepTrace: true });
  const second = await runSeed({ seed: 7, keepTrace: true });
  expect(first.trace.length).toBeGreaterThan(20);
  expect(second.trace).toEqual(first.trace);
});

/** The first of some seeds in which the bug shows. */
async function found(sabotage: (world: World) => void): Promise<SeedResult | undefined> {
  for (let seed = 1; seed <= 10; seed += 1) {
    const result = await runSeed({ seed, sabotage });
    if (result.failures.length > 0) return result;
  }
  return undefined;
}

const key = { namespace: 'test', name: 'podinfo' };
const primary = { namespace: 'test', name: 'podinfo-primary' };

describe('a bug in the engine is found:', () => {
  test('the target is scaled down while users are sent there', async () => {
    const result = await found((world) => {
      world.state.listen(({ actor, kind }) => {
        if (actor !== 'engine' || kind !== 'VirtualService' || sharesOf(world.state).canary === 0) return;
        world.asEngine((client) =>
          client.resource(kinds.deployments).patch(key, 'merge', { spec: { replicas: 0 } }),
        );
      });
    });
    expect(result?.failures.join('\n')).toContain('the target was scaled down or removed with');
  });

  test('weights do not add up', async () => {
    const result = await found((world) => {
      let isDone = false;
      world.state.listen(({ actor, kind, after }) => {
        if (actor !== 'engine' || kind !== 'VirtualService' || after === undefined || isDone) return;
        isDone = true;
        const route = [
          { destination: { host: 'podinfo-primary' }, weight: 90 },
          { destination: { host: 'podinfo-canary' }, weight: 0 },
        ];
        world.asEngine((client) =>
          client.resource(kinds.virtualServices).patch(key, 'merge', { spec: { http: [{ route }] } }),
        );
      });
    });
    expect(result?.failures.join('\n')).toContain('weights add up to 90');
  });

  test('a version that fails is promoted', async () => {
    const result = await found((world) => {
      let isDone = false;
      world.state.listen(({ actor, kind, name }) => {
        if (actor !== 'engine' || kind !== 'Deployment' || name !== 'podinfo-primary' || isDone) return;
        isDone = true;
        const containers = [{ name: 'podinfod', image: 'podinfo:bad-99' }];
        world.asEngine((client) =>
          client
            .resource(kinds.deployments)
            .patch(primary, 'strategic', { spec: { template: { spec: { containers } } } }),
        );
      });
    });
    expect(result?.failures.join('\n')).toContain('bad-99 was promoted');
  });

  test('it does not come back after a crash', async () => {
    const result = await found((world) => world.engine.bury());
    expect(result?.failures.join('\n')).toMatch(/never gets there|ends as/);
  });
});
