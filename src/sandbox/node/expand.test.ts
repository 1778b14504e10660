import { expect, test } from 'vitest';
import { expand } from './expand.ts';

// Cases of third_party/forked/golang/expansion/expand_test.go of Kubernetes 1.36.
test.each([
  ['$(VAR_A)', 'A'],
  ['___$(VAR_B)___', '___B___'],
  ['$(VAR_DNE)', '$(VAR_DNE)'],
  ['$$(VAR_B)_$(VAR_A)', '$(VAR_B)_A'],
  ['$$$(VAR_A)', '$A'],
  ['$$$$(VAR_A)', '$$(VAR_A)'],
  ['$VAR_A', '$VAR_A'],
  ['$(VAR_A', '$(VAR_A'],
  ['foo$', 'foo$'],
  ['$(VAR_EMPTY)', ''],
  ['$()', '$()'],
])('%s becomes %s', (text, expected) => {
  const values = new Map([
    ['VAR_A', 'A'],
    ['VAR_B', 'B'],
    ['VAR_EMPTY', ''],
  ]);
  expect(expand(text, (name) => values.get(name))).toBe(expected);
});
