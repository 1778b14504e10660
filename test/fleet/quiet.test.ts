import { expect, test } from 'vitest';
import type { Application } from '../../src/api/application.ts';
import type { Canary } from '../../src/api/canary.ts';
import { applicationKind, canaryKind, deploymentKind } from '../../src/fleet/kinds.ts';
import { MemoryGit } from '../../src/gitops/source/memory-git.test-double.ts';
import type { KubeObject } from '../../src/machinery/object.ts';
import { applicationOf, manifestsOf } from './applications.ts';
import { FleetWorld } from './fleet-world.ts';

const url = 'https://git.example.com/teams';
/** Whether git wins over the cluster again and again, or only with a commit. */
const teams = ['0s', '10s', '0s', '10s'].map((interval, i) => ({ name: `team-${i}`, interval }));
const timeoutMs = 120_000;

/** Who asks an API server for something, and what; watches and Leases are left out. */
class Requests {
  readonly all: string[] = [];

  add(from: string, method: string, path: string): void {
    // API servers see pods by their node; whom else an agent asks sees the pod.
    const isOurs = from.startsWith('pods of ') || from.startsWith('istio-system/istio-system-flagger-');
    if (isOurs && !/watch=true|\/leases/.test(path)) this.all.push(`${from} ${method} ${path}`);
  }
}

function push(git: MemoryGit, replicas: number): void {
  const files = teams.map(({ name }) => manifestsOf(name, replicas));
  git.push(url, 'refs/heads/master', Object.assign({}, ...files) as Record<string, string>);
}

interface Rest {
  readonly canaries: readonly Canary[];
  readonly deployments: readonly KubeObject[];
}

/** What a rollout and a sync could fight about on all members. */
async function restOf({ sandbox }: FleetWorld): Promise<Rest> {
  const lists = sandbox.members.map(async ({ client }) => ({
    canaries: (await client.resource<Canary>(canaryKind).listAll()).items,
    deployments: (await client.resource(deploymentKind).listAll()).items,
  }));
  const found = await Promise.all(lists);
  return {
    canaries: found.flatMap(({ canaries }) => canaries),
    deployments: found.flatMap(({ deployments }) => deployments),
  };
}

/** Replicas by the name of the Deployment: those that are wanted, and those that are ready. */
function replicasOf({ deployments }: Rest): readonly string[] {
  return deployments
    .filter(({ metadata }) => metadata.namespace?.startsWith('team-'))
    .map((object) => {
      const { metadata, spec, status } = object as KubeObject & {
        readonly spec: { readonly replicas?: number };
        readonly status?: { readonly readyReplicas?: number };
      };
      return `${metadata.name} ${spec.replicas}/${status?.readyReplicas ?? 0}`;
    })
    .toSorted();
}

/** Two members. */
function expectedReplicas(count: number): readonly string[] {
  const both = (text: string): readonly string[] => [text, text];
  return teams.flatMap(({ name }) => [...both(`${name} 0/0`), ...both(`${name}-primary ${count}/${count}`)]);
}

async function delivered(world: FleetWorld, replicas: number): Promise<void> {
  await world.until(`${replicas} replicas`, async () => {
    const rest = await restOf(world);
    const { items } = await world.host.resource<Application>(applicationKind).listAll();
    return (
      items.every(({ status }) => status?.phase === 'Ready') &&
      JSON.stringify(replicasOf(rest)) === JSON.stringify(expectedReplicas(replicas))
    );
  });
  // What was handed on, and what is repaired no sooner than ten seconds after the last repair.
  await world.clock.sleep(60_000);
}

/** Passes ten minutes in which nobody wants anything. */
async function rest(world: FleetWorld, requests: Requests): Promise<void> {
  const before = await restOf(world);
  requests.all.length = 0;
  world.requests.length = 0;
  await world.clock.sleep(600_000);
  expect(requests.all).toEqual([]);
  expect(world.requests).toEqual([]);
  // No write by anybody: not to what was declared, and not to a status.
  expect(await restOf(world)).toEqual(before);
}

test(
  'Applications with replicas in git come to rest, with and without an interval, and no sync fights a rollout',
  () => {
    const git = new MemoryGit();
    push(git, 2);
    const requests = new Requests();
    return FleetWorld.run(
      {
        seed: 'quiet',
        args: ['-min-interval=1s'],
        git,
        onRequest: ({ from, method, url: path }) => requests.add(from, method, path),
      },
      async (world) => {
        await world.applyWalkthrough();
        await world.phase('Ready');
        for (const { name, interval } of teams) {
          await world.host.resource<Application>(applicationKind).create(applicationOf(name, url, interval));
        }
        await delivered(world, 2);
        expect(requests.all.length).toBeGreaterThan(100);
        await rest(world, requests);

        // Another count is not another version: it reaches the primaries, and nothing is tested.
        const polls = git.resolves;
        push(git, 3);
        await delivered(world, 3);
        expect(git.resolves).toBeGreaterThan(polls);
        await rest(world, requests);
        const { canaries } = await restOf(world);
        expect(canaries.map(({ status }) => `${status?.phase} ${status?.iterations}`)).toEqual(
          Array.from({ length: 8 }, () => 'Initialized 0'),
        );
      },
    );
  },
  timeoutMs,
);
