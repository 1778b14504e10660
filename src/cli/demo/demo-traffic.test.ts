import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../base/clock.ts';
import { type Fetch, FetchError } from '../../base/fetch.ts';
import { localReply } from '../../sandbox/mesh/responses.ts';
import { type Answer, causeOf, faultyCause, lost, RecentAnswers, totalOf, Users } from './demo-traffic.ts';

const faulty = '6.7.0';
const calm = { routedTo: [undefined, undefined], lagMs: 0 };
const answer = (status: number | undefined, isOfPod: boolean, text = ''): Answer => ({
  status,
  isOfPod,
  text,
});

describe('who is to blame', () => {
  test('nobody for a success', () => {
    expect(causeOf(answer(200, true), calm, faulty)).toBeUndefined();
  });

  test.each([
    ['both when it was sent and when it was answered', [faulty, faulty]],
    ['when it was sent', [faulty, undefined]],
    ['when it was answered', [undefined, faulty]],
  ])('the faulty version, where users were routed to it %s', (_, routedTo) => {
    expect(causeOf(answer(500, true), { routedTo, lagMs: 0 }, faulty)).toBe(faultyCause);
  });

  test.each([
    ['an error of a pod while nothing is tested on users', answer(500, true), calm, /^lost: 500 from a pod/],
    [
      'an error of a pod of a good version',
      answer(500, true),
      { ...calm, routedTo: ['6.6.0'] },
      /^lost: 500/,
    ],
    [
      'an error of the mesh',
      answer(503, false, 'no healthy upstream'),
      calm,
      /^lost: 503 .*no healthy upstream$/,
    ],
    ['no route', answer(404, false), calm, /^lost: 404 from a proxy$/],
    [
      'an error of the mesh while users are on the faulty version',
      answer(503, false),
      { routedTo: [faulty, faulty], lagMs: 0 },
      /^lost: 503/,
    ],
    ['no answer', answer(undefined, false, 'no answer in 5 s'), calm, /^lost: no answer in 5 s$/],
    ['a redirect, which users did not ask for', answer(302, true), calm, /^lost: 302 from a pod/],
  ])('the demo for %s', (_, seen, circumstances, cause) => {
    const found = causeOf(seen, circumstances, faulty);
    expect(found).toMatch(cause);
    expect(lost({ sent: 1, failed: { [found ?? '']: 1 } })).toBe(1);
  });

  test('a pause of the process is named, and excuses nothing', () => {
    const cause =
      causeOf(answer(undefined, false, 'no answer in 5 s'), { ...calm, lagMs: 5200 }, faulty) ?? '';
    expect(cause).toBe('lost: no answer in 5 s, while this process stood still for 5.2 s');
    expect(lost({ sent: 1, failed: { [cause]: 1 } })).toBe(1);
  });
});

test('what the faulty version made is not lost', () => {
  expect(lost({ sent: 9, failed: { [faultyCause]: 3, 'lost: 503 from a proxy': 2 } })).toBe(2);
});

test('all users together', () => {
  const one = { count: { sent: 2, failed: { a: 1 } } };
  const other = { count: { sent: 3, failed: { a: 1, b: 2 } } };
  expect(totalOf([one, other])).toEqual({ sent: 5, failed: { a: 2, b: 2 } });
  expect(totalOf([])).toEqual({ sent: 0, failed: {} });
});

test('the latest five seconds: success rate, the slowest of a hundred, who answered', () => {
  const recent = new RecentAnswers();
  expect(recent.summary(0)).toEqual({ successRate: undefined, p99: undefined, version: undefined });
  recent.add({ at: 0, ms: 9000, isGood: false }, '1');
  for (let i = 1; i <= 100; i += 1) recent.add({ at: 1000 + i, ms: i, isGood: i % 4 !== 0 }, '2');
  expect(recent.summary(5500)).toEqual({ successRate: 0.75, p99: 99, version: '2' });
  expect(recent.summary(60_000)).toEqual({ successRate: undefined, p99: undefined, version: '2' });
});

describe('users', () => {
  const fast = { gateway: 'http://gateway', host: 'backend.webapp', faulty, lag: () => 0 };

  test('at least 50 requests a second, each with the host, until they stop', async () => {
    const clock = new VirtualClock();
    const asked: string[] = [];
    const fetch: Fetch = async (url, init) => {
      asked.push(`${url} ${String(init?.headers?.['host'])}`);
      return localReply(200, [['x-envoy-upstream-service-time', '1']], '{"version": "6.5.4"}');
    };
    const users = new Users({ ...fast, clock, fetch, routedTo: () => undefined });
    users.start();
    await clock.advance(10_000);
    await clock.run(users.stop());
    expect(users.rate).toBeGreaterThanOrEqual(50);
    expect(new Set(asked)).toEqual(new Set(['http://gateway/version backend.webapp']));
    expect(users.count).toEqual({ sent: asked.length, failed: {} });
    expect(users.recent()).toMatchObject({ successRate: 1, version: '6.5.4' });
    await clock.advance(10_000);
    expect(asked).toHaveLength(users.count.sent);
  });

  test('what fails is counted by its cause', async () => {
    const clock = new VirtualClock();
    const now: { routed?: string } = {};
    const fetch: Fetch = async () =>
      now.routed === undefined
        ? localReply(503, [['x-envoy-upstream-service-time', '1']], 'no healthy upstream')
        : localReply(409, [['x-envoy-upstream-service-time', '1']], '');
    const users = new Users({ ...fast, clock, fetch, routedTo: () => now.routed });
    users.start();
    await clock.advance(1000);
    now.routed = faulty;
    await clock.advance(1000);
    await clock.run(users.stop());
    const { sent, failed } = users.count;
    expect(Object.keys(failed).sort()).toEqual(
      ['lost: 503 from a proxy, no healthy upstream', faultyCause].sort(),
    );
    expect(Object.values(failed).reduce((a, b) => a + b)).toBe(sent);
  });

  test('they give up after five seconds, and hear of a connection that fails', async () => {
    const clock = new VirtualClock();
    let hangs = true;
    const fetch: Fetch = (_, init) =>
      new Promise((_resolve, reject) => {
        if (!hangs) reject(new FetchError('Unreachable', 'connection refused'));
        init?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
      });
    const users = new Users({ ...fast, clock, fetch, routedTo: () => undefined });
    users.start();
    await clock.advance(1000);
    hangs = false;
    await clock.advance(1000);
    await clock.run(users.stop());
    expect(Object.keys(users.count.failed)).toEqual(['lost: connection refused', 'lost: no answer in 5 s']);
  });
});
