import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Labels } from './promql/labels.ts';
import { createMatcher, type MatchOperator } from './promql/matcher.ts';
import { noPoints, type Points } from './promql/series.ts';
import { Series, Tsdb } from './tsdb.ts';

function read(series: Series, fromMs: number, toMs: number): Points {
  const points = noPoints();
  series.read(fromMs, toMs, points);
  return points;
}

describe('a series', () => {
  const value = fc.oneof(
    fc.integer({ min: 0, max: 3 }),
    fc.integer(),
    fc.double(),
    fc.constantFrom(-0, 2 ** 60, Number.NaN, Infinity),
  );
  const sample = fc.record({
    gap: fc.oneof(fc.constant(1_000), fc.integer({ min: 1, max: 200_000 })),
    value,
    stale: fc.integer({ min: 0, max: 20 }).map((n) => n === 0),
  });

  test('gives back what it was given, packed or not', () => {
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 400 }), fc.nat(), fc.nat(), (samples, a, b) => {
        const series = new Series(0, Labels.empty);
        let timeMs = 0;
        const stored = samples.map(({ gap, ...rest }) => ({ ...rest, timeMs: (timeMs += gap) }));
        for (const one of stored) {
          if (one.stale) series.markStale(one.timeMs);
          else series.append(one.timeMs, one.value);
        }
        const [fromMs, toMs] = [a % (timeMs + 1), b % (timeMs + 1)].sort((x, y) => x - y) as [number, number];
        const inRange = stored.filter((one) => one.timeMs >= fromMs && one.timeMs <= toMs);
        const shown = inRange.filter((one) => !one.stale);
        expect(read(series, fromMs, toMs)).toEqual({
          times: shown.map((one) => one.timeMs),
          values: shown.map((one) => one.value),
        });
        const last = inRange.at(-1);
        const expected =
          last === undefined || last.stale ? undefined : { timeMs: last.timeMs, value: last.value };
        expect(series.latest(fromMs, toMs)).toEqual(expected);
      }),
    );
  });

  test('takes nothing that is not newer', () => {
    const series = new Series(0, Labels.empty);
    expect(series.append(1_000, 1)).toBe(true);
    expect(series.append(1_000, 2)).toBe(false);
    expect(series.append(999, 3)).toBe(false);
    expect(read(series, 0, 2_000).values).toEqual([1]);
  });
});

describe('the store', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const text = fc.constantFrom('', 'x', 'y', 'xy');
  const labels = fc.dictionary(name, text, { noNullPrototype: true });
  const matcher = fc.record({
    name,
    operator: fc.constantFrom<MatchOperator>('=', '!=', '=~', '!~'),
    value: fc.constantFrom('', 'x', 'x|y', 'x.*', '.+', '.*'),
  });

  test('selects what all matchers accept, in the order in which the series came', () => {
    fc.assert(
      fc.property(fc.array(labels, { maxLength: 12 }), fc.array(matcher, { maxLength: 3 }), (all, wanted) => {
        const tsdb = new Tsdb();
        const series = new Set(all.map((one) => tsdb.series(Labels.of(Object.entries(one)))!));
        const matchers = wanted.map((one) => createMatcher(one.name, one.operator, one.value));
        const expected = [...series].filter((one) =>
          matchers.every((m) => m.matches(one.labels.get(m.name))),
        );
        expect(tsdb.select(matchers)).toEqual(expected);
      }),
    );
  });

  test('forgets after its retention, series and labels with it', () => {
    const tsdb = new Tsdb({ retentionMs: 10_000 });
    tsdb.series(Labels.of([['__name__', 'old']]))!.append(1_000, 1);
    const busy = tsdb.series(Labels.of([['__name__', 'busy']]))!;
    for (let i = 0; i < 1_000; i++) busy.append(i * 1_000, i);
    tsdb.dropOld(1_000_000);
    expect(tsdb.labelValues('__name__')).toEqual(['busy']);
    expect(read(busy, 0, 2_000_000).times[0]).toBeGreaterThan(800_000);
    expect(tsdb.select([createMatcher('__name__', '=', 'old')])).toEqual([]);
  });

  test('takes so many series and no more', () => {
    const tsdb = new Tsdb({ maxSeries: 1 });
    const one = Labels.of([['a', '1']]);
    expect(tsdb.series(one)).toBe(tsdb.series(one));
    expect(tsdb.series(Labels.of([['a', '2']]))).toBeUndefined();
  });
});
