import { expect, test } from 'vitest';
import { realClock } from './clock.ts';
import { runProgram } from './run-program.ts';

const clock = realClock();
const open = new AbortController().signal;
const node = (script: string, ...args: string[]): Parameters<typeof runProgram> => [
  process.execPath,
  ['-e', script, ...args],
  { ONLY: 'this' },
  'from stdin',
  open,
];

test('arguments, environment and input reach the program as they are, and no shell reads them', async () => {
  const script = `
    const [, ...args] = process.argv;
    process.stdin.setEncoding('utf8').on('data', (text) => {
      console.log(JSON.stringify({ args, env: process.env.ONLY, home: process.env.HOME, text }));
      process.exitCode = 3;
    });`;
  const { stdout, code } = await runProgram(...node(script, '$(whoami)', '; exit 9', "it's"));
  expect(JSON.parse(stdout)).toEqual({
    args: ['$(whoami)', '; exit 9', "it's"],
    env: 'this',
    text: 'from stdin',
  });
  expect(code).toBe(3);
});

test('a program that is not there, or that is killed, says so', async () => {
  await expect(runProgram('/no/such/program', [], {}, '', open)).rejects.toMatchObject({ code: 'ENOENT' });
  const { code } = await runProgram(...node('process.kill(process.pid, "SIGTERM")'));
  expect(code).toBe(143);
});

test('an abort kills the program and what it has started', async () => {
  const stop = new AbortController();
  const script = `
    const { spawn } = require('node:child_process');
    spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
    setInterval(() => {}, 1000);`;
  const [command, args, env] = node(script);
  const running = runProgram(command, args, env, '', stop.signal);
  using deadline = clock.timeout(200);
  deadline.signal.addEventListener('abort', () => stop.abort());
  await expect(running).rejects.toMatchObject({ code: 'Cancelled' });
});

test('a program that writes without end is stopped', async () => {
  const script =
    'const big = "x".repeat(1 << 20); const more = () => process.stdout.write(big, more); more();';
  await expect(runProgram(...node(script))).rejects.toThrow('writes more than');
});
