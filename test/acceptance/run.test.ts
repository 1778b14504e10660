import { expect, test } from 'vitest';
import { acceptanceRows } from './acceptance-rows.ts';
import { type Result, type Row, skip } from './row.ts';
import { runRows, selectRows } from './run.ts';

type TestRow = Row<undefined>;

function row(id: string, needs: readonly string[], run: TestRow['run'] = async () => `${id} holds`): TestRow {
  return { id, title: `row ${id}`, needs, run };
}

async function outcomes(rows: readonly TestRow[]): Promise<string[]> {
  const { signal } = new AbortController();
  const results: Result[] = [];
  for await (const result of runRows(rows, undefined, () => {}, signal)) results.push(result);
  return results.map(({ id, outcome, detail }) => `${outcome} ${id} ${detail}`);
}

test('the list has 52 rows, and each needs only rows before it', () => {
  expect(acceptanceRows).toHaveLength(52);
  expect(new Set(acceptanceRows.map(({ id }) => id)).size).toBe(52);
  for (const [i, { id, needs }] of acceptanceRows.entries()) {
    const before = acceptanceRows.slice(0, i).map((other) => other.id);
    expect(before, `needs of ${id}`).toEqual(expect.arrayContaining([...needs]));
  }
});

test('a row that is asked for brings what it needs, in the order of the list', () => {
  const rows = [row('P1', []), row('A1', ['P1']), row('A2', ['A1']), row("A1'", []), row('B1', ['A1'])];
  const select = (...only: readonly string[]): readonly string[] =>
    selectRows(rows, only).map(({ id }) => id);
  expect(select('b1')).toEqual(['P1', 'A1', 'B1']);
  expect(select("A1'", 'P')).toEqual(['P1', "A1'"]);
  expect(select('A')).toEqual(['P1', 'A1', 'A2', "A1'"]);
  expect(select()).toHaveLength(5);
  expect(() => select('A9')).toThrow('there is no row or group A9: rows are P1, A1, A2');
});

test('rows whose needs do not hold are left out, with the reason', async () => {
  const rows = [
    row('P1', [], async () => skip('no Istio')),
    row('P2', ['P1']),
    row('P3', [], () => Promise.reject(new Error('weights are 50/50'))),
    row('P4', ['P3']),
    row('P5', ['P4']),
    row('P6', []),
  ];
  expect(await outcomes(rows)).toEqual([
    'skip P1 no Istio',
    'skip P2 needs P1, which was skipped',
    'FAIL P3 weights are 50/50',
    'skip P4 needs P3, which failed',
    'skip P5 needs P3, which failed',
    'ok P6 P6 holds',
  ]);
});

test('an interruption gives up the row that runs, and begins no other', async () => {
  const interruption = new AbortController();
  let begun = '';
  const rows = [
    row('P1', []),
    row('P2', [], () => {
      interruption.abort(new Error('interrupted'));
      return new Promise(() => {});
    }),
    row('P3', []),
  ];
  const results = runRows(rows, undefined, ({ id }) => (begun += id), interruption.signal);
  expect(await results.next()).toMatchObject({ value: { id: 'P1', outcome: 'ok' } });
  await expect(results.next()).rejects.toThrow('interrupted');
  expect(begun).toBe('P1P2');
});
