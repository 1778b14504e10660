import { describe, expect, test } from 'vitest';
import { guardRoutes, guardScaleDown } from './traffic-guard.ts';

const routes = (primary: number, canary: number): { primary: number; canary: number; mirrored: false } => ({
  primary,
  canary,
  mirrored: false,
});
const both = { primary: 1, canary: 1 };

describe('routes that are about to be written', () => {
  test.each([
    [90, 20],
    [-10, 110],
    [99.5, 0.5],
    [Number.NaN, 100],
  ])('%d and %d are refused: they do not add up', (primary, canary) => {
    expect(() => guardRoutes(routes(primary, canary), undefined, both)).toThrow('do not add up to 100');
  });

  test('never raise the weight of a side without ready endpoints', () => {
    expect(() => guardRoutes(routes(80, 20), routes(100, 0), { primary: 1, canary: 0 })).toThrow(
      'refused: the canary has no ready endpoint, so its weight must not rise from 0 to 20',
    );
    expect(() => guardRoutes(routes(100, 0), routes(0, 100), { primary: 0, canary: 1 })).toThrow(
      'the primary has no ready endpoint',
    );
    expect(() => guardRoutes(routes(80, 20), undefined, { primary: 1, canary: 0 })).toThrow('the canary');
  });

  test('may lower the weight of a side that is dead, and leave alone what nobody can serve', () => {
    expect(() => guardRoutes(routes(100, 0), routes(50, 50), { primary: 1, canary: 0 })).not.toThrow();
    expect(() => guardRoutes(routes(100, 0), undefined, { primary: 0, canary: 0 })).not.toThrow();
  });
});

test('a canary with traffic is not scaled down', () => {
  expect(() => guardScaleDown(routes(99, 1))).toThrow('the canary has 1 % of the traffic');
  guardScaleDown(routes(100, 0));
  guardScaleDown(undefined);
});
