import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeFolder } from './make-folder.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'viridian-folder-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

test('a folder is made with those above it, and one that is there is left alone', async () => {
  expect(await makeFolder(join(folder, 'a', 'b', 'c'))).toBe(join(folder, 'a'));
  expect(existsSync(join(folder, 'a', 'b', 'c'))).toBe(true);
  expect(await makeFolder(join(folder, 'a', 'b'))).toBeUndefined();
});

test('where no folder can be made, the error of the system comes at once', async () => {
  writeFileSync(join(folder, 'file'), '');
  await expect(makeFolder(join(folder, 'file', 'x'))).rejects.toThrow('ENOTDIR');
});

test.runIf(existsSync('/proc/self'))('neither does it try forever below /proc', async () => {
  await expect(makeFolder('/proc/viridian/a/b')).rejects.toThrow('ENOENT');
});
