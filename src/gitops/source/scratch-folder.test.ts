import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openScratchFolder } from './scratch-folder.ts';

let parent: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'scratch-'));
});

afterEach(() => {
  rmSync(parent, { recursive: true });
});

test('a folder goes with its owner; another one that lives keeps its own', async () => {
  const first = await openScratchFolder(parent);
  writeFileSync(join(first.path, 'file'), '');
  const second = await openScratchFolder(parent);
  expect(readdirSync(parent).length).toBe(2);
  await second[Symbol.asyncDispose]();
  expect(readdirSync(first.path)).toContain('file');
  await first[Symbol.asyncDispose]();
  expect(readdirSync(parent)).toEqual([]);
});

test('what a killed process has left behind is removed at the next start', async () => {
  const module = JSON.stringify(new URL('./scratch-folder.ts', import.meta.url).href);
  const program = `
    const { openScratchFolder } = await import(${module});
    const { path } = await openScratchFolder(process.argv[1]);
    console.log(path);
    process.stdin.resume();
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, parent], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const left = line.toString().trim();
  mkdirSync(join(left, 'git-a', 'repository'), { recursive: true });
  writeFileSync(join(left, 'git-a', 'ca.pem'), '');
  const beside = await openScratchFolder(parent);
  expect(readdirSync(left)).toContain('git-a');
  await beside[Symbol.asyncDispose]();

  child.kill('SIGKILL');
  await once(child, 'exit');
  const next = await openScratchFolder(parent);
  expect(readdirSync(parent).map((name) => join(parent, name))).toEqual([next.path]);
  await next[Symbol.asyncDispose]();
});

test('folders without a socket, of others and links are left alone', async () => {
  const target = join(parent, 'target');
  mkdirSync(target);
  writeFileSync(join(target, 'file'), '');
  symlinkSync(target, join(parent, 'viridian-git-link'));
  mkdirSync(join(parent, 'viridian-git-new'));
  mkdirSync(join(parent, 'other-abcdef'));
  await using folder = await openScratchFolder(parent);
  const left = ['other-abcdef', 'target', 'viridian-git-link', 'viridian-git-new'];
  expect(readdirSync(parent).filter((name) => !folder.path.endsWith(name))).toEqual(left);
});

test('where the path is too long for a socket it is a folder all the same', async () => {
  const deep = join(parent, 'x'.repeat(100));
  mkdirSync(deep);
  const folder = await openScratchFolder(deep);
  expect(readdirSync(folder.path)).toEqual([]);
  await folder[Symbol.asyncDispose]();
  expect(readdirSync(deep)).toEqual([]);
});
