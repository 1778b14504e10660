import { expect, test } from 'vitest';
import { Lanes } from './lanes.ts';

test('a turn that is not taken goes to the next one', () => {
  const lanes = new Lanes(1);
  expect(lanes.enter('member', 'a')).toBe(true);
  expect(lanes.enter('member', 'b')).toBe(false);
  expect(lanes.enter('member', 'c')).toBe(false);

  expect(lanes.leave('a')).toBe('b');
  // Nothing is left to do for b.
  expect(lanes.leave('b')).toBe('c');

  expect(lanes.enter('member', 'c')).toBe(true);
  expect(lanes.leave('c')).toBeUndefined();
});

test('a turn is kept for whom it was given to', () => {
  const lanes = new Lanes(1);
  lanes.enter('member', 'a');
  lanes.enter('member', 'b');
  expect(lanes.leave('a')).toBe('b');

  expect(lanes.enter('member', 'c')).toBe(false);
  expect(lanes.enter('other', 'd')).toBe(true);
  expect(lanes.enter('member', 'b')).toBe(true);
  expect(lanes.leave('b')).toBe('c');
});

test('who has something else to do waits in the other lane only, and takes no room of both', () => {
  const lanes = new Lanes(1);
  lanes.enter('removals', 'a');
  expect(lanes.enter('removals', 'b')).toBe(false);
  expect(lanes.enter('member', 'b')).toBe(true);
  expect(lanes.leave('a')).toBeUndefined();
  expect(lanes.leave('b')).toBeUndefined();
  for (const lane of ['removals', 'member']) {
    expect(lanes.enter(lane, `${lane} again`)).toBe(true);
    expect(lanes.enter(lane, `${lane} more`)).toBe(false);
  }
});
