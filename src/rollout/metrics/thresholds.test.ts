import { describe, expect, test } from 'vitest';
import { durationFault, fixed2, successRateFault, valueFault } from './thresholds.ts';

const metric = (rest: object) => ({ name: 'm', ...rest });

describe('thresholds', () => {
  test('a success rate is compared as it is, and bounds pass', () => {
    expect(successRateFault(metric({ thresholdRange: { min: 99 } }), 98.996)).toBe('99.00% < 99%');
    expect(successRateFault(metric({ thresholdRange: { min: 99, max: 100 } }), 99)).toBeUndefined();
    expect(successRateFault(metric({ thresholdRange: { max: 99.5 } }), 100)).toBe('100.00% > 99.5%');
    expect(successRateFault(metric({ threshold: 99 }), 98)).toBe('98.00% < 99%');
    expect(successRateFault(metric({}), 0)).toBeUndefined();
  });

  test('a duration counts whole milliseconds', () => {
    expect(durationFault(metric({ thresholdRange: { max: 500 } }), 500.9)).toBeUndefined();
    expect(durationFault(metric({ thresholdRange: { max: 500.9 } }), 501)).toBe('501ms > 500ms');
    expect(durationFault(metric({ thresholdRange: { min: 100 } }), 99.9)).toBe('99ms < 100ms');
    expect(durationFault(metric({ threshold: 500 }), 1500)).toBe('1.5s > 500ms');
    expect(durationFault(metric({}), 1)).toBe('1ms > 0s');
    expect(durationFault(metric({ threshold: 500 }), Number.POSITIVE_INFINITY)).toMatch(
      /^2562047h47m.* > 500ms$/,
    );
  });

  test('any other value', () => {
    expect(valueFault(metric({ thresholdRange: { min: 1, max: 10 } }), 10)).toBeUndefined();
    expect(valueFault(metric({ thresholdRange: { max: 10 } }), 12.5)).toBe('12.50 > 10');
    expect(valueFault(metric({ thresholdRange: { min: 0.00001 } }), 0)).toBe('0.00 < 1e-05');
    expect(valueFault(metric({}), 0.001)).toBe('0.00 > 0');
    expect(valueFault(metric({ threshold: 5 }), Number.POSITIVE_INFINITY)).toBe('+Inf > 5');
  });

  test.each([
    [0.125, '0.12'],
    [0.375, '0.38'],
    [-2.625, '-2.62'],
    [1e21, '1000000000000000000000.00'],
    [-0, '-0.00'],
    [98.996, '99.00'],
  ])('%d is %s, as Go prints it with two digits', (value, text) => {
    expect(fixed2(value)).toBe(text);
  });
});
