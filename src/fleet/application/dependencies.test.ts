import { beforeEach, expect, test } from 'vitest';
import type { SyncPolicy } from '../../api/application.ts';
import { unmetDependency } from './dependencies.ts';
import { type Known, Placement, type SyncTask } from './placement.ts';
import { Placements } from './placements.ts';

const revision = 'main@sha1:1';
const ready: Known = {
  entries: [],
  unhealthy: [],
  ready: { status: 'True', reason: 'ReconciliationSucceeded', message: '', outlook: 'done' },
  generation: 1,
  observedGeneration: 1,
  appliedRevision: revision,
};

let placements: Placements;

beforeEach(() => {
  placements = new Placements();
});

/** @param name and of whom it depends: `a: b c` */
function placed(
  text: string,
  known: Known = { entries: [], unhealthy: [] },
  application = 'demo',
): Placement {
  const [name = '', ...dependsOn] = text.split(/:? /);
  const place = { name, policy: name, cluster: { kind: 'AttachedCluster', name: 'm1' } } as const;
  const placement = new Placement({ namespace: 'default', name: application }, place, known, () => {});
  placement.spec = {
    kustomization: {
      interval: '0s',
      prune: true,
      force: false,
      dependsOn: dependsOn.map((one) => ({ name: one })),
    },
  } satisfies SyncPolicy;
  placements.add(placement);
  return placement;
}

function told(placement: Placement): string | undefined {
  const task = { kind: 'sync', spec: placement.spec, artifact: { revision } } as unknown as SyncTask;
  return unmetDependency(placement, task, placements)?.message;
}

test.each<[string, Known | undefined, string | undefined]>([
  ['that has applied this revision', ready, undefined],
  [
    'of another revision',
    { ...ready, appliedRevision: 'main@sha1:0' },
    "'default/b' revision is not up to date",
  ],
  ['of another spec', { ...ready, generation: 2 }, "'default/b' is not ready"],
  ['that was not looked at', { entries: [], unhealthy: [] }, "'default/b' is not ready"],
])('a dependency %s', (_, known, expected) => {
  placed('b', known);
  expect(told(placed('a: b'))).toBe(expected && `dependency ${expected}`);
});

test('a dependency of another Application may have any revision', () => {
  placed('elsewhere', { ...ready, appliedRevision: 'v1@sha1:7' }, 'other');
  expect(told(placed('a: elsewhere'))).toBeUndefined();
});

test('what is not there, and what waits in a circle, is said', () => {
  expect(told(placed('a: nobody'))).toBe("dependency 'default/nobody' not found");
  expect(told(placed('self: self'))).toBe("dependency 'default/self' is itself");
  const one = placed('one: two');
  const two = placed('two: three');
  placed('three: one three');
  const outside = placed('outside: one');
  expect(told(one)).toBe("dependency 'default/two' waits for this one: a circle");
  expect(told(two)).toBe("dependency 'default/three' waits for this one: a circle");
  expect(told(outside)).toBe("dependency 'default/one' is not ready");
});
