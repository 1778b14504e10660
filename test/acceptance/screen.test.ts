import { expect, test } from 'vitest';
import type { Result } from './row.ts';
import { lineOf, Screen, summaryOf } from './screen.ts';

const good: Result = { id: 'A1', title: 'it is there', outcome: 'ok', detail: 'one\n  two', ms: 5250 };
const bad: Result = { id: 'C8', title: 'it stays', outcome: 'FAIL', detail: 'first\nsecond', ms: 750 };
const left: Result = {
  id: 'E6',
  title: 'per cluster',
  outcome: 'skip',
  detail: 'there is one member',
  ms: 0,
};

test('a line per row', () => {
  expect(lineOf(good)).toBe('ok   A1     5.3 s  it is there: one two');
  expect(lineOf({ ...bad, detail: '' })).toBe('FAIL C8     0.8 s  it stays');
});

test('the summary says why rows were left out, and again what has failed', () => {
  expect(summaryOf([good, bad, left, { ...left, id: 'B1', detail: 'needs P2' }, { ...left, id: 'D7' }]))
    .toBe(`
5 rows in 6.0 s: 1 ok, 3 skipped, 1 failed
skip E6, D7: there is one member
skip B1: needs P2

FAIL C8 it stays
     first
     second`);
  expect(summaryOf([good])).toBe('\n1 rows in 5.3 s: 1 ok, 0 skipped, 0 failed');
});

test('a terminal shows the row that runs; a file does not', () => {
  const written = (isTTY: boolean): string => {
    let text = '';
    const screen = new Screen({ isTTY, columns: 30, write: (more) => (text += more) });
    screen.begins(good);
    screen.say('done');
    return text;
  };
  expect(written(true)).toBe('\r\u001b[2K…    A1           it is there\r\u001b[2Kdone\n');
  expect(written(false)).toBe('done\n');
});
