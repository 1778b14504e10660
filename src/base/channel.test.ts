import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Channel } from './channel.ts';

test('values come out in order, a writer waits while it is full, nothing is lost', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.nat(40),
      fc.scheduler(),
      async (capacity, count, s) => {
        const channel = new Channel<number>(capacity);
        const read: number[] = [];
        let most = 0;
        const writer = (async () => {
          for (let i = 0; i < count; i++) {
            await channel.push(i);
            most = Math.max(most, channel.size);
            await s.schedule(Promise.resolve(), 'write');
          }
          channel.close();
        })();
        const reader = (async () => {
          for await (const value of channel) {
            read.push(value);
            await s.schedule(Promise.resolve(), 'read');
          }
        })();
        await s.waitFor(Promise.all([writer, reader]));
        expect(read).toEqual(Array.from({ length: count }, (_, i) => i));
        expect(most).toBeLessThanOrEqual(capacity);
      },
    ),
    { numRuns: 200 },
  );
});

test('a reader that leaves early lets writers go', async () => {
  const channel = new Channel<number>(1);
  await channel.push(1);
  const waiting = channel.push(2);
  for await (const _ of channel) break;
  expect(await channel.push(3)).toBe(false);
  expect(await Promise.race([waiting, Promise.resolve('still waiting')])).not.toBe('still waiting');
});

test('closing with an error gives it to the reader after the values', async () => {
  const channel = new Channel<number>(2);
  await channel.push(1);
  channel.close(new Error('cut'));
  const read: number[] = [];
  const reading = (async () => {
    for await (const value of channel) read.push(value);
  })();
  await expect(reading).rejects.toThrow('cut');
  expect(read).toEqual([1]);
});
