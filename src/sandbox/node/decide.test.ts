import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ContainerView, decide } from './decide.ts';
import type { PodSpec } from './kinds.ts';

const idle: ContainerView = {
  running: false,
  exit: undefined,
  started: false,
  stopping: false,
  image: 'a',
  fault: undefined,
  backOff: undefined,
  pull: undefined,
};
const up: ContainerView = { ...idle, running: true, started: true };
const ended = (code: number, finishedAt = 0): ContainerView => ({ ...idle, exit: { code, finishedAt } });

function spec(more: Partial<PodSpec> = {}): PodSpec {
  return { containers: [{ name: 'app', image: 'a' }], restartPolicy: 'Always', ...more };
}
const init = { name: 'init', image: 'a' };
const sidecar = { name: 'proxy', image: 'a', restartPolicy: 'Always' };

describe('init containers', () => {
  const withInit = spec({ initContainers: [sidecar, init] });

  test('start one after the other', () => {
    expect(decide(withInit, new Map(), 0).start).toEqual(['proxy']);
    expect(decide(withInit, new Map([['proxy', { ...up, started: false }]]), 0).start).toEqual([]);
    expect(decide(withInit, new Map([['proxy', up]]), 0).start).toEqual(['init']);
    const done = new Map([
      ['proxy', up],
      ['init', ended(0)],
    ]);
    expect(decide(withInit, done, 0).start).toEqual(['app']);
  });

  test('a sidecar is started again without holding back what runs', () => {
    const views = new Map([
      ['proxy', ended(1)],
      ['init', ended(0)],
      ['app', ended(0)],
    ]);
    expect(decide(withInit, views, 0).start).toEqual(['proxy', 'app']);
  });

  test('one that fails for good ends the pod', () => {
    const never = spec({ initContainers: [init], restartPolicy: 'Never' });
    expect(decide(never, new Map([['init', ended(1)]]), 0)).toMatchObject({ start: [], finished: true });
  });
});

test('sidecars end in reverse, one at a time, once the others have ended', () => {
  const job = spec({ initContainers: [sidecar, { ...sidecar, name: 'last' }], restartPolicy: 'Never' });
  const views = new Map([
    ['proxy', up],
    ['last', up],
    ['app', ended(0)],
  ]);
  expect(decide(job, views, 0).stop.map(({ name }) => name)).toEqual(['last']);
  views.set('last', { ...up, stopping: true });
  expect(decide(job, views, 0).stop).toEqual([]);
  views.set('last', ended(0));
  expect(decide(job, views, 0).stop.map(({ name }) => name)).toEqual(['proxy']);
});

test('a container that crashed waits for its back-off', () => {
  const view = { ...ended(1, 1000), backOff: { delayMs: 10_000, updatedAt: 500 } };
  expect(decide(spec(), new Map([['app', view]]), 2000)).toMatchObject({
    start: [],
    delays: [{ name: 'app', why: 'crash', delayMs: 10_000, until: 11_000 }],
  });
  expect(decide(spec(), new Map([['app', view]]), 11_000).start).toEqual(['app']);
});

test('nothing is started that runs, and nothing stopped that does not', () => {
  const view = fc.record({
    running: fc.boolean(),
    code: fc.option(fc.constantFrom(0, 1)),
    started: fc.boolean(),
    fault: fc.boolean(),
  });
  const specs = fc
    .constantFrom('Always', 'OnFailure', 'Never')
    .map((restartPolicy) => spec({ restartPolicy, initContainers: [sidecar, init] }));
  fc.assert(
    fc.property(specs, fc.dictionary(fc.constantFrom('app', 'init', 'proxy'), view), (pod, containers) => {
      const views = new Map(
        Object.entries(containers).map(
          ([name, { running, code, started, fault }]): [string, ContainerView] => [
            name,
            {
              ...idle,
              running,
              started: running && started,
              exit: running || code === null ? undefined : { code, finishedAt: 0 },
              fault: fault ? { message: 'ill', graceSeconds: undefined } : undefined,
            },
          ],
        ),
      );
      const { start, stop } = decide(pod, views, 0);
      expect(start.filter((name) => views.get(name)?.running)).toEqual([]);
      expect(stop.filter(({ name }) => !views.get(name)?.running)).toEqual([]);
      expect(new Set(start).size).toBe(start.length);
    }),
  );
});
