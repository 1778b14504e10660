import { expect, test } from 'vitest';
import { jsonLog } from './log.ts';

function capture(level: 'debug' | 'info' = 'info'): {
  lines: () => Record<string, unknown>[];
  log: ReturnType<typeof jsonLog>;
} {
  const written: string[] = [];
  return {
    log: jsonLog(
      () => Date.UTC(2026, 0, 1),
      level,
      (line) => written.push(line),
    ),
    lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

test('lines are JSON with time, level, message and fields', () => {
  const { log, lines } = capture();
  log.child({ controller: 'canary' }).info('reconciled', { name: 'backend' });
  log.debug('not at this level');
  expect(lines()).toEqual([
    {
      level: 'info',
      time: '2026-01-01T00:00:00.000Z',
      controller: 'canary',
      name: 'backend',
      msg: 'reconciled',
    },
  ]);
});

test('an error keeps its message, code and stack', () => {
  const { log, lines } = capture();
  log.error('reconcile failed', { error: Object.assign(new Error('boom'), { code: 'Conflict' }) });
  expect(lines()[0]).toMatchObject({
    error: { message: 'boom', code: 'Conflict', stack: expect.stringContaining('boom') as string },
  });
});

test('secrets do not reach it, at any of the usual depths and on children', () => {
  const { log, lines } = capture();
  log.info('deep', {
    token: 's3cret',
    user: { password: 's3cret' },
    request: { headers: { authorization: 's3cret' } },
  });
  log.child({ kubeconfig: 's3cret' }).warn('child', { stringData: { a: 's3cret' } });
  expect(JSON.stringify(lines())).not.toContain('s3cret');
  expect(lines()[0]).toMatchObject({ token: '[redacted]' });
});
