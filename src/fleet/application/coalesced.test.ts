import { expect, test } from 'vitest';
import { Coalesced } from './coalesced.ts';

test('whoever asks right after a turn does not run beside the next one', async () => {
  let atWork = 0;
  let most = 0;
  let turns = 0;
  const work = new Coalesced(async () => {
    turns += 1;
    atWork += 1;
    most = Math.max(most, atWork);
    for (let i = 0; i < 20; i += 1) await Promise.resolve();
    atWork -= 1;
  });
  const askAgain = async (): Promise<void> => {
    await work.run();
    await work.run();
  };

  await Promise.all([askAgain(), askAgain(), askAgain()]);

  expect(most).toBe(1);
  expect(turns).toBe(4);
});

test('a turn that fails ends in those who asked for it, and the next one begins', async () => {
  const failures = ['lost'];
  const work = new Coalesced(async () => {
    const failure = failures.pop();
    if (failure !== undefined) throw new Error(failure);
  });
  const first = work.run();
  const second = work.run();

  await expect(first).rejects.toThrow('lost');
  await expect(second).resolves.toBeUndefined();
});
