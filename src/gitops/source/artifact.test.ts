import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sha256 } from '../../base/hash.ts';
import { packArtifact } from './artifact.ts';
import { foldersOf } from './file-tree.ts';
import { packTar } from './tar.ts';

const podinfo = new URL('../../../test/testdata/podinfo/', import.meta.url).pathname;

function filesBelow(folder: string): Map<string, Uint8Array> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  return new Map(
    entries.map((one) => {
      const path = join(one.parentPath, one.name);
      return [relative(folder, path), readFileSync(path)] as const;
    }),
  );
}

/** What tar itself reads. */
function listed(bytes: Uint8Array): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'viridian-tar-'));
  try {
    writeFileSync(join(folder, 'a.tar'), bytes);
    const args = [
      '--list',
      '--verbose',
      '--numeric-owner',
      '--utc',
      '--quoting-style=literal',
      '--file=a.tar',
    ];
    return execFileSync('tar', args, { cwd: folder }).toString().trim().split('\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const noPause = async (): Promise<void> => {};

test('others have their turn while a large one is packed', async () => {
  const files = new Map([['a', Buffer.alloc(3 * 2 ** 20, 'text')]]);
  let pauses = 0;
  const packed = await packArtifact(files, [], async () => {
    pauses += 1;
  });
  expect(pauses).toBeGreaterThanOrEqual(10);
  expect(Buffer.from(gunzipSync(packed.bytes))).toEqual(packTar(files, []));
});

test('the digest is of the compressed bytes, the same for equal files in any order', async () => {
  const files = filesBelow(podinfo);
  const packed = await packArtifact(files, foldersOf(files.keys()), noPause);
  const again = await packArtifact(
    new Map([...files].reverse()),
    [...foldersOf(files.keys())].reverse(),
    noPause,
  );
  expect(packed.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(packed.size).toBe(packed.bytes.length);
  expect(again).toEqual(packed);
  expect([...packed.bytes.subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
  expect(Buffer.from(gunzipSync(packed.bytes))).toEqual(packTar(files, foldersOf(files.keys())));
});

test('tar and artifact are those that Go makes of the same files', async () => {
  const files = filesBelow(podinfo);
  // From Go's archive/tar over the same folder, walked and stripped as source-controller does it.
  const expected = '62a0cadbf9882b0edf98ac16df1028c1af2c4a9e2fabd01c61f9b1e55191d74c';
  expect(sha256(packTar(files, foldersOf(files.keys())))).toBe(expected);
  expect(await packArtifact(files, foldersOf(files.keys()), noPause)).toMatchObject({
    digest: 'sha256:fcb8a93fcf12f95e3ab7fd81959c49a0d2ffa3297f6cc67bdcc499a6e9da5b65',
    size: 4276,
  });
});

test('names that a header has no room for are written as Go writes them', () => {
  const [long, longer] = ['y'.repeat(99), 'n'.repeat(101)];
  const paths = [
    `${long}/é.yaml`,
    `${long}/${longer}`,
    `${'x'.repeat(98)}/é/a.yaml`,
    `${'p'.repeat(155)}/${'n'.repeat(100)}`,
    'a\nb\t=/c',
    '日本/😀.yaml',
  ];
  const files = new Map(paths.map((path) => [path, Buffer.from(path)]));
  // From Go's archive/tar.
  const expected = '255d89d7765b05ad4c7101032f29915466f4e0530758fb2e637063164aa74f3f';
  expect(sha256(packTar(files, foldersOf(paths)))).toBe(expected);
});

test('tar reads it: no owners, no times, one mode for files and one for folders', () => {
  const long = `${'d'.repeat(80)}/${'n'.repeat(90)}`;
  const longest = 'n'.repeat(120);
  const files = new Map(
    ['a.txt', 'a/b', 'a-b', long, longest, 'é.yaml'].map((path) => [path, Buffer.from(path)] as const),
  );
  const lines = listed(packTar(files, foldersOf(files.keys())));
  const at = '1970-01-01 00:00';
  expect(lines.map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
    `drwxr-xr-x 0/0 0 ${at} .`,
    `drwxr-xr-x 0/0 0 ${at} a`,
    `-rw-r--r-- 0/0 3 ${at} a/b`,
    `-rw-r--r-- 0/0 3 ${at} a-b`,
    `-rw-r--r-- 0/0 5 ${at} a.txt`,
    `drwxr-xr-x 0/0 0 ${at} ${'d'.repeat(80)}`,
    `-rw-r--r-- 0/0 171 ${at} ${long}`,
    `-rw-r--r-- 0/0 120 ${at} ${longest}`,
    `-rw-r--r-- 0/0 7 ${at} é.yaml`,
  ]);
});

test('an artifact without files is one folder', () => {
  expect(packTar(new Map(), []).length).toBe(512 * 3);
});

test('whatever the paths, tar reads as many entries as were packed', () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'b', 'ü', '-', '.x'), minLength: 1, maxLength: 70 });
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
  fc.assert(
    fc.property(fc.uniqueArray(path, { maxLength: 5 }), (paths) => {
      const folders = foldersOf(paths);
      const files = new Map(
        paths.filter((one) => !folders.has(one)).map((one) => [one, Buffer.from(one)] as const),
      );
      const names = listed(packTar(files, folders)).map((line) => line.split(' 00:00 ')[1]);
      expect(new Set(names)).toEqual(new Set(['.', ...folders, ...files.keys()]));
      expect(names.length).toBe(1 + folders.size + files.size);
    }),
    { numRuns: 20 },
  );
});
