import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { exitCode, type RunningCommand, startCommand } from '../running-command.test-double.ts';

/** What commands take for the machine's folder of temporary files. */
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'viridian-demo-test-'));
  vi.stubEnv('NODE_COMPILE_CACHE', join(tmpdir(), 'node-compile-cache'));
  vi.stubEnv('TMPDIR', folder);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

async function printed({ child, output }: RunningCommand, text: string): Promise<void> {
  const ended = once(child, 'close').then(() => true);
  while (!output().includes(text)) {
    const isOver = await Promise.race([ended, once(child.stdout ?? child, 'data').then(() => false)]);
    if (isOver) throw new Error(`it has ended: ${output()}`);
  }
}

test.each(['a host and its members start', 'ok    install', 'Initializing'])(
  'Ctrl-C after "%s": code 130, a report, nothing else left',
  async (moment) => {
    const demo = startCommand('demo', '--plain', '--members', '1', '--report', join(folder, 'report.json'));
    await printed(demo, moment);
    demo.child.kill('SIGINT');
    expect(await exitCode(demo.child)).toBe(130);
    expect(readdirSync(folder)).toEqual(['report.json']);
    const { steps } = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as {
      steps: { id: string; ok: boolean; detail: string }[];
    };
    expect(steps.map(({ id }) => id).slice(0, 2)).toEqual(['install', 'fleet']);
    expect(steps.find(({ ok }) => !ok)?.detail).toBe('interrupted');
    expect(demo.output()).not.toMatch(/Error|at .*\.ts:/);
  },
  60_000,
);

test('what cannot be done is said before anything is started', async () => {
  const nowhere = startCommand('demo', '--report', join(folder, 'none', 'out.json'));
  expect(await exitCode(nowhere.child)).toBe(1);
  expect(nowhere.output()).toMatch(/ENOENT.*Nothing was started; name another file with --report/);
  const none = startCommand('demo', '--members', '0');
  expect(await exitCode(none.child)).toBe(1);
  expect(none.output()).toContain('Members are a whole number from 1 to 10.');
  expect(readdirSync(folder)).toEqual([]);
}, 30_000);
