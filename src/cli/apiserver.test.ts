import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { exitCode, type RunningCommand, startCommand } from './running-command.test-double.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'viridian-cli-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

const start = (...args: string[]): RunningCommand => startCommand('apiserver', ...args);

test('it says where it is, leaves a kubeconfig while it runs, and ends on SIGINT', async () => {
  const dir = join(folder, 'new');
  const { child, output } = start('--dir', dir);
  while (!output().includes('Ctrl-C')) await once(child.stdout ?? child, 'data');
  const file = join(dir, 'apiserver.config');
  const [server = ''] = /https:\/\/127\.0\.0\.1:\d+/.exec(output()) ?? [];
  expect(readFileSync(file, 'utf8')).toContain(server);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(output()).toContain('kubectl --kubeconfig ');
  child.kill('SIGINT');
  expect(await exitCode(child)).toBe(0);
  expect(existsSync(file)).toBe(false);
});

test('a port that is taken, and a folder that cannot be written, are said so', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const second = start('--dir', folder, '--port', String(port));
  expect(await exitCode(second.child)).toBe(1);
  expect(second.output()).toMatch(/cannot listen at port \d+: .*EADDRINUSE.*--port/);
  expect(existsSync(join(folder, 'apiserver.config'))).toBe(false);
  taken.close();

  writeFileSync(join(folder, 'file'), '');
  const third = start('--dir', join(folder, 'file', 'x'));
  expect(await exitCode(third.child)).toBe(1);
  expect(third.output()).toMatch(/cannot write to .*file\/x: .*--dir/);
});
