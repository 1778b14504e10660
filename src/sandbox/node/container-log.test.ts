import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ContainerLog, type LogReadOptions } from './container-log.ts';

const { signal } = new AbortController();

async function read(log: ContainerLog, options: Partial<LogReadOptions> = {}): Promise<string> {
  const chunks = await Array.fromAsync(log.read({ follow: false, timestamps: false, signal, ...options }));
  return Buffer.concat(chunks).toString('utf8');
}

test('what was written is read, whichever way it was cut into pieces', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom('a', 'line\n', '\n', 'two\nlines', '')), async (pieces) => {
      const log = new ContainerLog(() => 0, 1024 * 1024);
      for (const piece of pieces) log.write(piece);
      expect(await read(log)).toBe(pieces.join(''));
    }),
  );
});

test('the last lines are kept, within the bound', async () => {
  const log = new ContainerLog(() => 0, 10_000);
  for (let i = 0; i < 10_000; i += 1) log.write(`line ${i}\n`);
  const lines = (await read(log)).trimEnd().split('\n');
  expect(lines.at(-1)).toBe('line 9999');
  expect(lines.length).toBeGreaterThan(50);
  expect(lines.length).toBeLessThan(10_000 / 64);
  expect(await read(log, { tailLines: 1 })).toBe('line 9999\n');
  expect(await read(log, { tailLines: 0 })).toBe('');
});

test('a line that comes in pieces has one time', async () => {
  const log = new ContainerLog(() => 0, 10_000);
  log.write('pass');
  log.write('word: ');
  log.write('hush\nnext\n');
  expect(await read(log, { timestamps: true, tailLines: 2 })).toBe(
    '1970-01-01T00:00:00.000000000Z password: hush\n1970-01-01T00:00:00.000000000Z next\n',
  );
});

test('a follower gets what comes until the end, or until it leaves', async () => {
  const log = new ContainerLog(() => 0, 10_000);
  log.write('before\n');
  const leaving = new AbortController();
  const whole = read(log, { follow: true });
  const part = read(log, { follow: true, signal: leaving.signal });
  await Promise.resolve();
  log.write('after\n');
  await new Promise((resolve) => process.nextTick(resolve));
  leaving.abort();
  expect(await part).toBe('before\nafter\n');
  log.write('later\n');
  log.close();
  expect(await whole).toBe('before\nafter\nlater\n');
});
