import { expect, test } from 'vitest';
import { check, checkMatch, checkSame, eventually, throughout } from './checks.ts';
import { Skip } from './row.ts';

test('what differs is shown, and where', () => {
  const spec = (...prune: readonly unknown[]): unknown => ({
    policies: prune.map((value) => ({ prune: value })),
  });
  const same = (actual: unknown, expected: unknown) => (): void => checkSame('spec', actual, expected);
  expect(same(spec(true, false), spec(true, false))).not.toThrow();
  expect(same(spec(true, false), spec(true, true))).toThrow('spec.policies[1].prune is false, not true');
  expect(same(spec(true, undefined), spec(true, true))).toThrow('spec.policies[1].prune is absent, not true');
  expect(same(spec(true), spec(true, true))).toThrow('spec.policies is [{"prune":true}], not [{');
  expect(same(['a', 'b'], ['a', 'c'])).toThrow('spec is ["a","b"], not ["a","c"]');
  expect(same({ weight: undefined }, {})).toThrow('spec is {}, not {}');
  expect(same({ weight: 0 }, {})).toThrow('spec.weight is 0, not absent');
  expect(same(0, '0')).toThrow('spec is 0, not "0"');
});

test('other checks', () => {
  expect(() => check(true, 'no')).not.toThrow();
  expect(() => check(false, 'no')).toThrow('no');
  expect(() => checkMatch('revision', 'master@sha1:0', /^master@/)).not.toThrow();
  expect(() => checkMatch('revision', 'main@sha1:0', /^master@/)).toThrow(
    'revision is "main@sha1:0", not like /^master@/',
  );
  expect(() => checkMatch('revision', undefined, /x/)).toThrow('revision is absent');
});

test('eventually: the first time that it holds, or why it did not the last time', async () => {
  let tries = 0;
  const third = async (): Promise<string> => {
    tries += 1;
    check(tries === 3, `try ${tries}`);
    return 'there';
  };
  expect(await eventually(10_000, third, 1)).toBe('there');
  await expect(eventually(0, third, 1)).rejects.toThrow('after 0 s: try 4');
  await expect(
    eventually(10_000, async () => {
      throw new Skip('no Istio');
    }),
  ).rejects.toThrow(Skip);
});

test('throughout: once more when the time is over', async () => {
  let tries = 0;
  const first = async (): Promise<void> => {
    tries += 1;
    check(tries === 1, 'no more');
  };
  await expect(throughout(5, first, 1)).rejects.toThrow('no more');
});
