import { describe, expect, test } from 'vitest';
import { type CanaryRow, canaryRows, checkPromotion, checkRollback, lastRun } from './canary-rows.ts';
import { weightsOf } from './canary-watch.ts';

const start = Date.parse('2024-01-13T08:00:00Z');

/** `Phase weight failedChecks iterations seconds`, as columns of kubectl. */
function rowsOf(...lines: readonly string[]): readonly CanaryRow[] {
  return canaryRows(
    lines.map((line, at) => {
      const cells = line.split(' ');
      const seconds = cells.pop();
      const time = new Date(start + 1000 * Number(seconds)).toISOString().replace('.000', '');
      return { at, cells: [...cells, time] };
    }),
  );
}

const promoted = [
  'Initialized 0 0 0 0',
  'Progressing 0 0 0 10',
  'Progressing 0 0 0 13',
  'Progressing 0 1 0 18',
  'Progressing 0 1 1 23',
  'Progressing 0 1 2 28',
  'Progressing 0 1 3 33',
  'Promoting 0 1 3 38',
  'Finalising 0 1 3 44',
  'Succeeded 0 1 0 44',
];

const takenBack = [
  'Succeeded 0 0 0 0',
  'Progressing 0 0 0 10',
  'Progressing 0 0 1 13',
  'Progressing 0 1 1 18',
  'Progressing 0 2 1 23',
  'Failed 0 0 0 23',
];

test('a write that leaves the status alone makes no row, nor does a header', () => {
  const lines = [['PHASE', 'WEIGHT'], ['<none>'], ['Initialized', '0', '0', '0', '2024-01-13T08:00:00Z']];
  const rows = canaryRows([...lines, ...lines.slice(2)].map((cells, at) => ({ at, cells })));
  expect(rows).toEqual([
    { phase: 'Initialized', weight: 0, failedChecks: 0, iterations: 0, time: start, at: 2 },
  ]);
});

test('the last run begins with what was before it', () => {
  const both = rowsOf(...takenBack, ...promoted.slice(1));
  expect(lastRun(both).map(({ phase }) => phase)).toEqual([
    'Failed',
    ...promoted.slice(1).map((line) => line.split(' ')[0]),
  ]);
  expect(lastRun(rowsOf('Initialized 0 0 0 0'))).toEqual([]);
});

describe('a promotion', () => {
  const check = (...lines: readonly string[]): string =>
    checkPromotion(rowsOf(...lines), { analysisTimes: 3, intervalMs: 5000 });
  const without = (i: number): readonly string[] => promoted.toSpliced(i, 1);

  test('as the walkthrough has it', () => {
    expect(check(...promoted)).toBe(
      'Initialized, Progressing×6, Promoting, Finalising, Succeeded; 1 failed checks; spacing 5 s, 5 s, 5 s, 5 s',
    );
  });

  test.each([
    ['a row of the analysis', without(4)],
    ['Finalising', without(8)],
    ['the end', without(9)],
    ['the beginning', without(0)],
  ])('without %s', (_, lines) => {
    expect(() => check(...lines)).toThrow(/the phases are|it begins with/);
  });

  test('with a weight', () => {
    expect(() => check(...promoted.with(7, 'Promoting 100 1 3 38'))).toThrow('WEIGHT is not 0 in every row');
  });

  test('at another pace', () => {
    expect(() => check(...promoted.with(4, 'Progressing 0 1 1 27'))).toThrow('5 s, 9 s, 1 s, 5 s apart');
  });
});

describe('a rollback', () => {
  const check = (...lines: readonly string[]): string => checkRollback(rowsOf(...lines), 2, 5000);

  test('as the walkthrough has it', () => {
    expect(check(...takenBack)).toBe('Succeeded, Progressing×4, Failed; spacing 5 s, 5 s');
  });

  test('one failed check too early', () => {
    expect(() => check(...takenBack.toSpliced(4, 1))).toThrow('not Progressing×4, Failed after 1 iterations');
  });

  test('with counters that stay', () => {
    expect(() => check(...takenBack.with(5, 'Failed 0 2 1 23'))).toThrow('does not reset');
  });
});

test('weights of a route, as kubectl prints them', () => {
  const of = (...cells: readonly string[]): unknown => weightsOf(cells, 'backend');
  expect(of('backend-primary,backend-canary', '100,0')).toEqual({ primary: 100, canary: 0 });
  expect(of('backend-canary.webapp,backend-primary.webapp', '30,70')).toEqual({ primary: 70, canary: 30 });
  expect(of('backend-primary', '<none>')).toEqual({ primary: 100, canary: 0 });
});
