import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { exitCode, type RunningCommand, startCommand } from './running-command.test-double.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'viridian-cli-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

const start = (...args: string[]): RunningCommand => startCommand('sandbox', ...args);

function git(...args: string[]): string {
  return execFileSync('git', args, { encoding: 'utf8', env: { ...process.env, GIT_TERMINAL_PROMPT: '0' } });
}

function makeRepository(): string {
  const repository = join(folder, 'repository');
  git('init', '-q', '-b', 'main', repository);
  writeFileSync(join(repository, 'hello'), 'hello');
  git('-C', repository, 'add', 'hello');
  git('-C', repository, '-c', 'user.name=A', '-c', 'user.email=a@example.com', 'commit', '-q', '-m', 'hello');
  return repository;
}

test('it prints one screen, serves clusters and a repository, and leaves nothing behind', async () => {
  const dir = join(folder, 'new', 'deep');
  const { child, output } = start('--members', '1', '--dir', dir, '--serve', `app=${makeRepository()}`);
  while (!output().includes('Ctrl-C')) await once(child.stdout ?? child, 'data');
  expect(readdirSync(dir).sort()).toEqual(['kurator-host.config', 'kurator-member1.config']);
  expect(statSync(join(dir, 'kurator-host.config')).mode & 0o777).toBe(0o600);
  const [server = ''] = /https:\/\/127\.0\.0\.1:\d+/.exec(output()) ?? [];
  expect(readFileSync(join(dir, 'kurator-host.config'), 'utf8')).toContain(server);
  expect(output()).toMatch(
    /gateway {5}http:\/\/127\.0\.0\.1:\d+\n +prometheus {2}http:\/\/127\.0\.0\.1:\d+\n/,
  );
  expect(output().match(/^ {2}kubectl --kubeconfig /gm)).toHaveLength(3);
  expect(output().split('\n').length).toBeLessThan(24);

  const [url = ''] = /http:\/\/127\.0\.0\.1:\d+\/app/.exec(output()) ?? [];
  git('clone', '-q', url, join(folder, 'clone'));
  expect(readFileSync(join(folder, 'clone', 'hello'), 'utf8')).toBe('hello');
  git('clone', '-q', '--depth', '1', `${url}.git`, join(folder, 'shallow'));
  expect(() => git('-C', join(folder, 'clone'), 'push', '-q', 'origin', 'main:other')).toThrow(
    'Command failed',
  );

  child.kill('SIGINT');
  expect(await exitCode(child)).toBe(0);
  expect(existsSync(join(folder, 'new'))).toBe(false);
  expect(() => git('ls-remote', url)).toThrow('Command failed');
}, 30_000);

test('what cannot be had is said so, and nothing is left', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const dir = join(folder, 'new');
  const second = start('--members', '0', '--dir', dir, '--port-base', String(port));
  expect(await exitCode(second.child)).toBe(1);
  expect(second.output()).toMatch(/cannot listen at port \d+: .*EADDRINUSE.*--port-base/);
  expect(existsSync(dir)).toBe(false);
  taken.close();

  writeFileSync(join(folder, 'file'), '');
  const third = start('--dir', join(folder, 'file', 'x'));
  expect(await exitCode(third.child)).toBe(1);
  expect(third.output()).toMatch(/cannot write to .*file\/x: .*--dir/);

  const fourth = start('--serve', `app=${folder}`);
  expect(await exitCode(fourth.child)).toBe(1);
  expect(fourth.output()).toMatch(/--serve app: .* is not a git repository; run git init/);
}, 30_000);
