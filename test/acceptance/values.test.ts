import { expect, test } from 'vitest';
import { firstValue } from './prometheus.ts';
import { parseTable } from './table.ts';
import { at, conditionOf, listAt, namesOf, numberAt, textAt } from './values.ts';

const canary = {
  metadata: { name: 'backend' },
  status: { canaryWeight: 0, conditions: [{ type: 'Promoted', status: 'True' }] },
};

test('what is at a place, and what is not', () => {
  expect(at(canary, 'status', 'conditions', 0, 'status')).toBe('True');
  expect(at(canary, 'status', 'conditions', -1, 'type')).toBe('Promoted');
  expect(at(canary, 'status', 'conditions', 1)).toBeUndefined();
  expect(at(canary, 'spec', 'provider')).toBeUndefined();
  expect(at(canary, 'toString')).toBeUndefined();
  expect(at(undefined, 'status')).toBeUndefined();
  expect(textAt(canary, 'metadata', 'name')).toBe('backend');
  expect(textAt(canary, 'status', 'canaryWeight')).toBe('');
  expect(numberAt(canary, 'status', 'canaryWeight')).toBe(0);
  expect(numberAt(canary, 'metadata', 'name')).toBeNaN();
  expect(listAt(canary, 'metadata')).toEqual([]);
});

test('names of a list, and a condition', () => {
  expect(namesOf({ items: [canary, {}] })).toEqual(['backend', '']);
  expect(conditionOf(canary.status, 'Promoted')).toEqual({ type: 'Promoted', status: 'True' });
  expect(conditionOf(canary.status, 'Ready')).toBeUndefined();
});

test('a table of kubectl', () => {
  const text =
    'NAME      STATUS        WEIGHT   LASTTRANSITIONTIME\nbackend   Initialized   0        2024-01-13T08:12:40Z\n\n';
  expect(parseTable(text)).toEqual({
    header: ['NAME', 'STATUS', 'WEIGHT', 'LASTTRANSITIONTIME'],
    rows: [['backend', 'Initialized', '0', '2024-01-13T08:12:40Z']],
  });
  expect(parseTable('')).toEqual({ header: [], rows: [] });
});

test('the first value of Prometheus', () => {
  const answer = (...result: readonly unknown[]): unknown => ({ data: { resultType: 'vector', result } });
  expect(firstValue(answer({ metric: {}, value: [1705133560, '77.5'] }), 'up')).toBe(77.5);
  expect(() => firstValue(answer({ metric: {}, value: [1705133560, 'NaN'] }), 'up')).toThrow('to up');
  expect(() => firstValue(answer(), 'up')).toThrow('"result":[]');
  expect(() => firstValue({ status: 'error', error: 'parse error' }, 'up)')).toThrow('parse error');
});
