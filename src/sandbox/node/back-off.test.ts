import { expect, test } from 'vitest';
import { type BackOff, nextBackOff, retryAt } from './back-off.ts';

test('what fails at once is tried at once, then after 10 s, twice that each time, at most 5 min', () => {
  let now = 0;
  let backOff: BackOff | undefined;
  const waits: number[] = [];
  for (let i = 0; i < 8; i += 1) {
    const failedAt = now;
    now = retryAt(backOff, failedAt);
    waits.push((now - failedAt) / 1000);
    backOff = nextBackOff(backOff, failedAt, now);
  }
  expect(waits).toEqual([0, 10, 20, 40, 80, 160, 300, 300]);
});

test('what ran for more than ten minutes is forgiven', () => {
  const backOff = { delayMs: 300_000, updatedAt: 0 };
  expect(retryAt(backOff, 600_000)).toBe(900_000);
  expect(retryAt(backOff, 600_001)).toBe(600_001);
  expect(nextBackOff(backOff, 600_001, 600_001).delayMs).toBe(10_000);
});
