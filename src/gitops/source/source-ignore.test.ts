import fc from 'fast-check';
import { expect, test } from 'vitest';
import { foldersOf } from './file-tree.ts';
import { compileGlob } from './glob.ts';
import { selectFiles } from './source-ignore.ts';

function kept(files: readonly string[], ignore?: string, ignoreFiles: Record<string, string> = {}) {
  const all = [...files, ...Object.keys(ignoreFiles)];
  const parsed = new Map(Object.entries(ignoreFiles).map(([path, text]) => [path, Buffer.from(text)]));
  return selectFiles(all, foldersOf(all), parsed, ignore);
}

const matchesGlob = (glob: string, name: string): boolean => compileGlob(glob)(name, { left: Infinity });

const project = [
  'README.md',
  '.gitignore',
  'docs/logo.png',
  'docs/.gitattributes',
  '.github/workflows/test.yml',
  'deploy/webapp/a.yaml',
  'deploy/webapp/.sops.yaml',
  'deploy/.github',
  'release.tar.gz',
  'cloudbuild.yaml',
];

test('without patterns of its own, a repository loses pictures, archives and what is for CI', () => {
  const { files, folders } = kept(project);
  expect(files).toEqual(['README.md', 'deploy/webapp/a.yaml', 'deploy/.github']);
  // Left empty, but entries of the artifact.
  expect(folders.toSorted()).toEqual(['deploy', 'deploy/webapp', 'docs']);
});

test('one pattern of its own replaces the defaults; what is about git stays out', () => {
  expect(kept(project, '/README.md\n').files).toEqual([
    'docs/logo.png',
    '.github/workflows/test.yml',
    'deploy/webapp/a.yaml',
    'deploy/webapp/.sops.yaml',
    'deploy/.github',
    'release.tar.gz',
    'cloudbuild.yaml',
  ]);
  expect(kept(project, '# a comment alone\n\n').files).toEqual(kept(project).files);
});

test('a folder deep inside an excluded one can be included again', () => {
  expect(kept(project, '/*\n!/deploy/webapp\n')).toEqual({
    files: ['deploy/webapp/a.yaml', 'deploy/webapp/.sops.yaml'],
    folders: ['deploy/webapp'],
  });
});

test('.sourceignore is about its own folder, a deeper one decides, spec.ignore has the last word', () => {
  const files = ['a.yaml', 'x/a.yaml', 'x/b.yaml', 'y/a.yaml'];
  const own = { '.sourceignore': 'a.yaml\n', 'x/.sourceignore': '/b.yaml\n!a.yaml\n' };
  expect(kept(files, undefined, own).files).toEqual(['x/a.yaml', '.sourceignore', 'x/.sourceignore']);
  expect(kept(files, '!y/\nx/a.yaml', own).files).toEqual(['y/a.yaml', '.sourceignore', 'x/.sourceignore']);
});

test.each([
  ['*.png', 'a/b.png', true],
  ['b', 'a/b/c', true],
  ['b/', 'a/b/c', true],
  ['b/', 'a/b', false],
  ['/b', 'a/b', false],
  ['a/b', 'x/a/b', false],
  ['a/*/c', 'a/b/c', true],
  ['a/*/c', 'a/b/b/c', false],
  ['a/**/c', 'a/c', true],
  ['a/**/c', 'a/b/b/c/d', true],
  ['**/c', 'a/b/c', true],
  ['**/c', 'c', true],
  ['a/**', 'a/b', true],
  ['a/**', 'a', false],
  ['**/b/**/b', 'b/x/b', true],
  ['a b ', 'a b', true],
  ['\\#a', '#a', true],
  ['\\!a', '!a', true],
  ['[', '[', false],
])('the pattern %j on the file %j: %j', (pattern, path, isIgnored) => {
  expect(kept([path], pattern).files).toEqual(isIgnored ? [] : [path]);
});

test.each([
  ['*', '', true],
  ['a*c', 'abbc', true],
  ['a*c*d', 'acxcxd', true],
  ['a?c', 'aéc', true],
  ['[a-c]x', 'bx', true],
  ['[^a-c]x', 'bx', false],
  ['[]a]', ']', false],
  ['[\\]]', ']', true],
  ['a\\*', 'a*', true],
  ['a\\*', 'ab', false],
  ['a\\', 'a', false],
  ['[a-', 'a', false],
  ['*.yaml', 'a.yaml', true],
  ['*.yaml', 'a.yml', false],
  ['deploy*', 'deployment', true],
  ['deploy*', 'redeploy', false],
  ['?', '\u{1f600}', true],
  ['*[^x]', '\u{1f600}\u{1f600}', true],
])('%j matches %j: %j', (glob, name, isMatch) => {
  expect(matchesGlob(glob, name)).toBe(isMatch);
});

test('a glob is what it would be as a regular expression', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
  const name = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 });
  fc.assert(
    fc.property(text, name, (glob, candidate) => {
      const pattern = new RegExp(`^${glob.replaceAll('?', '.').replaceAll('*', '.*')}$`);
      expect(matchesGlob(glob, candidate)).toBe(pattern.test(candidate));
    }),
  );
});

test('a pattern made to backtrack ends soon', () => {
  expect(matchesGlob('*a'.repeat(200), 'a'.repeat(199))).toBe(false);
});

test('patterns are bounded, in their number, their length and their work', () => {
  const deep = Array.from({ length: 3000 }, (_, i) => `${'a/'.repeat(60)}${i}`);
  expect(() => kept(deep, `${'**/a*/'.repeat(70)}b\n`.repeat(100))).toThrow('take too much work');
  const repeated = Array.from({ length: 5000 }, (_, i) => 'a'.repeat(250) + i);
  expect(() => kept(repeated, `*${'a'.repeat(125)}?b\n`.repeat(2000))).toThrow('take too much work');
  expect(() => kept(['a'], '#'.repeat(2 ** 20 + 1))).toThrow('more than 1048576 bytes');
  expect(() => kept(['a'], 'x'.repeat(513))).toThrow('longer than 512 characters');
  expect(() => kept(['a'], 'x\n'.repeat(2001))).toThrow('more than 2000 ignore patterns');
});
