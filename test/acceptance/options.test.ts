import { expect, test, vi } from 'vitest';
import { parseOptions } from './options.ts';

const given = ['--host-kubeconfig', 'h', '--member-kubeconfig', 'one=a=b'];

test('without any: a sandbox with two members, a check each five seconds', () => {
  expect(parseOptions([])).toEqual({
    members: 2,
    given: undefined,
    repo: undefined,
    interval: 5,
    only: [],
    report: undefined,
  });
});

test('given clusters have the pace that agents take by themselves', () => {
  expect(parseOptions([...given, '--member-kubeconfig', 'two=c'])).toMatchObject({
    given: {
      host: 'h',
      members: [
        { name: 'one', kubeconfig: 'a=b' },
        { name: 'two', kubeconfig: 'c' },
      ],
    },
    interval: 10,
  });
});

test('rows may be named in one list or in several', () => {
  expect(parseOptions(['--only', 'P, B1', '--only', "B1'"])?.only).toEqual(['P', 'B1', "B1'"]);
});

test.each([
  [['--members', '0'], 'A whole number from 1 to 20 is wanted.'],
  [['--interval', '1.5'], 'A whole number from 1 to 3600 is wanted.'],
  [['--member-kubeconfig', 'one'], 'NAME=FILE is wanted.'],
  [[...given, '--member-kubeconfig', 'one=c'], 'one is named twice.'],
  [['--host-kubeconfig', 'h'], 'belong together'],
  [['--member-kubeconfig', 'one=a'], 'belong together'],
  [[...given, '--members', '1'], '--members is for the sandbox'],
  [['--membres', '1'], "unknown option '--membres'"],
  [['B2'], 'too many arguments'],
])('%j is refused', (argv, why) => {
  expect(() => parseOptions(argv)).toThrow(why);
});

test('--help prints the list, and that is all', () => {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    expect(parseOptions(['--help'])).toBeUndefined();
    expect(write.mock.calls.join('')).toContain('--member-kubeconfig <name=file>');
  } finally {
    write.mockRestore();
  }
});
