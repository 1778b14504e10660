import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { deploymentKind, serviceKind } from '../../../src/fleet/kinds.ts';
import { createClient, type RestClient } from '../../../src/kube/rest-client.ts';
import { inProcessServer } from '../../../src/sandbox/apiserver/cluster.ts';
import { apex, namespace } from '../kinds.ts';
import type { SeedResult } from '../seed-run.ts';
import { runFleetSeed } from './run.ts';
import type { FleetWorld } from './world.ts';

const run = promisify(execFile);
const main = new URL('../main.ts', import.meta.url).pathname;

// They take a minute on two quiet cores, and three and a half on slow ones, with the rest of the suite beside them.
test('50 seeds pass', { timeout: 610_000 }, async () => {
  const { stdout } = await run(process.execPath, [main, '--fleet', '--seeds', '50'], { timeout: 600_000 });
  expect(stdout).toMatch(/^50 seeds in .*: 0 failed$/m);
  // Everything that can go wrong has gone wrong.
  for (const kind of ['crash before', 'crash after', '409', 'stale list', 'watch 410', 'git down', 'late']) {
    expect(stdout).toContain(kind);
  }
});

/** What the simulation has found in the fleet's side, and would find again. */
test.each([
  [4, 'a version that mends a workload is delivered while its rollout waits for it to go'],
  [11, 'a workload that never starts does not hold up its own removal'],
  [446, 'a cluster that leaves the fleet keeps its agent until the workload serves again'],
])('seed %i: %s', { timeout: 60_000 }, async (seed) => {
  expect(await runFleetSeed({ seed })).toMatchObject({ failures: [] });
});

test('a seed tells the same story each time', { timeout: 60_000 }, async () => {
  const first = await runFleetSeed({ seed: 2, keepTrace: true });
  const second = await runFleetSeed({ seed: 2, keepTrace: true });
  expect(first.trace.length).toBeGreaterThan(100);
  expect(second.trace).toEqual(first.trace);
});

/** The first of some seeds in which the bug shows. */
async function found(sabotage: (world: FleetWorld) => void): Promise<SeedResult | undefined> {
  for (let seed = 1; seed <= 10; seed += 1) {
    const result = await runFleetSeed({ seed, sabotage });
    if (result.failures.length > 0) return result;
  }
  return undefined;
}

/** As if the manager did it. */
function asManager(world: FleetWorld, member: 'member1' | 'member2'): RestClient {
  const { wayOfManager } = world.member(member).world;
  return createClient({
    fetch: wayOfManager,
    server: inProcessServer,
    clock: world.clock,
    userAgent: 'test',
  });
}

/** Does something once, when the Canary has that phase. */
function once(world: FleetWorld, phase: string, act: (manager: RestClient) => Promise<unknown>): void {
  let isDone = false;
  world.member('member1').world.state.listen(({ kind, after }) => {
    const status = (after as { status?: { phase?: string } } | undefined)?.status;
    if (isDone || kind !== 'Canary' || status?.phase !== phase) return;
    isDone = true;
    // The object may be gone by now.
    act(asManager(world, 'member1')).catch(() => {});
  });
}

describe('a bug of the manager is found:', { timeout: 120_000 }, () => {
  test('it sends users elsewhere', async () => {
    const result = await found((world) =>
      once(world, 'Initialized', (manager) =>
        manager
          .resource(serviceKind)
          .patch({ namespace, name: `${apex}-primary` }, 'merge', { spec: { selector: { app: apex } } }),
      ),
    );
    expect(result?.failures.join('\n')).toContain('which is the engine’s');
  });

  test('it removes a workload that nobody took away', async () => {
    const result = await found((world) =>
      once(world, 'Progressing', (manager) =>
        manager.resource(deploymentKind).delete({ namespace, name: apex }),
      ),
    );
    expect(result?.failures.join('\n')).toContain('removes Deployment podinfo');
  });

  test('it does not come back after a crash', async () => {
    const result = await found((world) => world.manager.bury());
    expect(result?.failures.join('\n')).toMatch(/never gets there|ends with/);
  });
});
