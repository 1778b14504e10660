import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WakeTimes } from './wake-times.ts';

test('wake times come out in order, each key once, at the earliest of its times', () => {
  const adds = fc.array(fc.record({ key: fc.nat(60).map(String), at: fc.nat(1_000) }), { maxLength: 300 });
  fc.assert(
    fc.property(adds, (script) => {
      const times = new WakeTimes();
      const expected = new Map<string, number>();
      for (const { key, at } of script) {
        times.add(key, at);
        expected.set(key, Math.min(at, expected.get(key) ?? at));
      }
      expect(times.size).toBe(expected.size);
      const taken: number[] = [];
      for (let { next } = times; next !== undefined; { next } = times) {
        expect(times.takeDue(next - 1)).toBeUndefined();
        const key = times.takeDue(next)!;
        expect(expected.get(key)).toBe(next);
        expected.delete(key);
        taken.push(next);
      }
      expect(taken).toEqual(taken.toSorted((a, b) => a - b));
      expect(expected.size).toBe(0);
    }),
    { numRuns: 500 },
  );
});
