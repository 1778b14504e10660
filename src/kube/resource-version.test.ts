import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareVersions } from './resource-version.ts';

describe('the order of resource versions', () => {
  test('is that of whole numbers of any length', () => {
    const version = fc.oneof(fc.bigInt({ min: 1n, max: 20n }), fc.bigInt({ min: 1n, max: 10n ** 40n }));
    fc.assert(
      fc.property(version, version, (a, b) => {
        const order = compareVersions(String(a), String(b))!;
        expect(Math.sign(order)).toBe(a === b ? 0 : a < b ? -1 : 1);
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([undefined, '', '0', '01', '-1', '1.5', 'a', '12a', ' 1'])('does not exist for %j', (bad) => {
    expect(compareVersions(bad, '1')).toBeUndefined();
    expect(compareVersions('1', bad)).toBeUndefined();
    expect(compareVersions(bad, bad)).toBeUndefined();
  });
});
