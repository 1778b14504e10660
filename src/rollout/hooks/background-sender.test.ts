import { expect, test } from 'vitest';
import { silentLog } from '../../base/log.ts';
import { VirtualClock } from '../../base/clock.ts';
import { BackgroundSender } from './background-sender.ts';

function given(
  limits: { maxWaiting?: number; maxWaitingPerLane?: number; maxSending?: number; timeoutMs?: number } = {},
) {
  const clock = new VirtualClock();
  const lines: unknown[] = [];
  const log = {
    ...silentLog,
    warn: (message: string, fields?: object) => void lines.push([message, fields]),
  };
  const sender = new BackgroundSender({ clock, log, ...limits });
  const sent: string[] = [];
  const push = (lane: string, text: string, ms = 0, receiver = lane): void =>
    sender.push({
      lane,
      receiver,
      send: async (signal) => {
        await clock.sleep(ms, signal);
        sent.push(text);
      },
    });
  return { clock, sender, sent, push, lines };
}

test('what is pushed before or between runs is sent by the next one, in order', async () => {
  const { clock, sender, sent, push } = given();
  push('a', '1');
  push('a', '2');
  const first = new AbortController();
  const running = sender.run(first.signal);
  await clock.advance(1);
  expect(sent).toEqual(['1', '2']);
  first.abort();
  await running;
  push('a', '3');
  await clock.advance(1);
  expect(sent).toEqual(['1', '2']);
  const second = new AbortController();
  const again = sender.run(second.signal);
  await clock.advance(1);
  expect(sent).toEqual(['1', '2', '3']);
  second.abort();
  await again;
});

test('what does not fit is dropped, counted and said', () => {
  const { sender, push, lines } = given({ maxWaiting: 3, maxWaitingPerLane: 2 });
  for (const lane of ['a', 'a', 'a', 'b', 'b']) push(lane, lane);
  expect(sender.dropped).toBe(2);
  expect(lines).toEqual([
    ['too many notifications wait: dropped one', { lane: 'a', dropped: 1 }],
    ['too many notifications wait: dropped one', { lane: 'b', dropped: 2 }],
  ]);
});

test('lanes take turns when not all can send', async () => {
  const { clock, sender, sent, push } = given({ maxSending: 1 });
  for (const text of ['a1', 'a2', 'a3']) push('a', text, 10);
  for (const text of ['b1', 'b2']) push('b', text, 10);
  const end = new AbortController();
  const running = sender.run(end.signal);
  await clock.advance(100);
  expect(sent).toEqual(['a1', 'b1', 'a2', 'b2', 'a3']);
  end.abort();
  await running;
});

test('the end cuts off what is being sent, and a failure ends nothing', async () => {
  const { clock, sender, sent, push, lines } = given();
  sender.push({ lane: 'a', receiver: 'a', send: () => Promise.reject(new Error('no')) });
  push('a', 'a', 1);
  push('b', 'b', 1_000_000);
  push('b', 'b2');
  const end = new AbortController();
  const running = sender.run(end.signal);
  await clock.advance(10);
  expect(sent).toEqual(['a']);
  end.abort();
  await clock.run(running);
  expect(clock.pending).toBe(0);
  expect(lines).toEqual([
    ['notification failed', { lane: 'a', error: 'no' }],
    ['notifications were not sent', { waiting: 1 }],
  ]);
});

test('a dead receiver that everybody has to tell holds up no other, and costs a delivery its time only', async () => {
  const { clock, sender, sent, push, lines } = given({ timeoutMs: 5_000 });
  for (let i = 0; i < 40; i += 1) push(`canary-${i} dead`, 'dead', 1_000_000, 'http://dead');
  for (let i = 0; i < 40; i += 1) push(`canary-${i} alive`, 'alive', 10, 'http://alive');
  const end = new AbortController();
  const running = sender.run(end.signal);
  await clock.advance(150);
  expect(sent).toHaveLength(40);
  await clock.advance(50_000);
  expect(lines).toHaveLength(40);
  expect(JSON.stringify(lines)).not.toContain('http://dead');
  end.abort();
  await running;
  expect(clock.pending).toBe(0);
});
