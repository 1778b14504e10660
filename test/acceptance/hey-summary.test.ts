import { expect, test } from 'vitest';
import { lostOf, parseHeySummary, sentOf } from './hey-summary.ts';

const summary = `
Summary:
  Total:	20.0031 secs
  Requests/sec:	19.9969

Response time histogram:
  0.001 [1]	|
  0.010 [390]	|■■■■■■■■■■■■■■■■■■■■

Latency distribution:
  99% in 0.0101 secs

Status code distribution:
  [200]	390 responses
  [404]	2 responses
  [503]	5 responses

Error distribution:
  [3]	Get "http://backend.webapp:9898/": dial tcp 10.96.0.12:9898: connect: connection refused
  [1]	Get "http://backend.webapp:9898/": EOF
`;

test('statuses and errors are counted, the histogram is not', () => {
  const parsed = parseHeySummary(summary);
  expect([...parsed.statuses]).toEqual([
    [200, 390],
    [404, 2],
    [503, 5],
  ]);
  expect(parsed.errors).toBe(4);
  expect(sentOf(parsed)).toBe(401);
  expect(lostOf(parsed)).toBe(11);
});

test('a load that has sent nothing', () => {
  const parsed = parseHeySummary('');
  expect(sentOf(parsed)).toBe(0);
  expect(lostOf(parsed)).toBe(0);
});
