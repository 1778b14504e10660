import { expect, test } from 'vitest';
import { abortError, linkAbort } from './abort.ts';
import { CancelledError, DeadlineError, errorMessage, InvalidInputError, nextStep } from './errors.ts';

test('a linked signal aborts with the first of its parents, with its reason', () => {
  const [a, b] = [new AbortController(), new AbortController()];
  const linked = linkAbort(a.signal, undefined, b.signal);
  b.abort('second');
  a.abort('first, later');
  expect(linked.signal.reason).toBe('second');
  expect(linkAbort(a.signal).signal.reason).toBe('first, later');
});

test('a disposed link no longer follows, and holds nothing at its parents', () => {
  const parent = new AbortController();
  const linked = linkAbort(parent.signal);
  linked[Symbol.dispose]();
  parent.abort();
  expect(linked.signal.aborted).toBe(false);
});

test('the error of an abort is its reason where that is typed', () => {
  const late = new DeadlineError('too late');
  expect(abortError(AbortSignal.abort(late))).toBe(late);
  expect(abortError(AbortSignal.abort('why'))).toMatchObject({ code: 'Cancelled', cause: 'why' });
});

test('every error says what happens next; foreign ones count as passing trouble', () => {
  expect(
    [new CancelledError(), new InvalidInputError('x'), new DeadlineError('x'), new Error('x'), 'x'].map(
      nextStep,
    ),
  ).toEqual(['terminal', 'stalled', 'retry', 'retry', 'retry']);
});

test('anything thrown has a text', () => {
  const hostile = {
    toString() {
      throw new Error('no');
    },
  };
  expect([new Error('boom'), 'text', undefined, hostile].map(errorMessage)).toEqual([
    'boom',
    'text',
    'undefined',
    'unprintable error',
  ]);
});
