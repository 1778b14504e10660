import fc from 'fast-check';

export const name = fc.constantFrom('a', 'b', 'web');
const labelKey = fc.constantFrom('app', 'tier', 'example.com/team');
export const labelValue = fc.constantFrom('a', 'b', 'x-1', 'true', '1');
export const labels = fc.dictionary(labelKey, labelValue, { minKeys: 1, maxKeys: 2 });
export const some = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined, freq: 1 });
export const rare = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
