import { formatDuration } from '../../base/duration.ts';
import type { CanaryMetric } from '../../api/canary-analysis.ts';
import { goText } from '../../machinery/go-text.ts';

/** `99.13% < 99%`, why a success rate is not accepted; undefined when it is. Bounds are inclusive. */
export function successRateFault(metric: CanaryMetric, percent: number): string | undefined {
  const { min, max } = metric.thresholdRange ?? { min: metric.threshold ?? 0 };
  if (min !== undefined && percent < min) return `${fixed2(percent)}% < ${goText(min)}%`;
  if (max !== undefined && percent > max) return `${fixed2(percent)}% > ${goText(max)}%`;
  return undefined;
}

/** `1.2s > 500ms`. Flagger counts whole milliseconds. */
export function durationFault(metric: CanaryMetric, milliseconds: number): string | undefined {
  const { min, max } = metric.thresholdRange ?? { max: metric.threshold ?? 0 };
  const value = Math.trunc(milliseconds);
  if (min !== undefined && value < Math.trunc(min)) return `${goDuration(value)} < ${goDuration(min)}`;
  if (max !== undefined && value > Math.trunc(max)) return `${goDuration(value)} > ${goDuration(max)}`;
  return undefined;
}

/** `12.50 > 10` */
export function valueFault(metric: CanaryMetric, value: number): string | undefined {
  const { min, max } = metric.thresholdRange ?? { max: metric.threshold ?? 0 };
  if (min !== undefined && value < min) return `${fixed2(value)} < ${goText(min)}`;
  if (max !== undefined && value > max) return `${fixed2(value)} > ${goText(max)}`;
  return undefined;
}

/** The longest duration of Go, in milliseconds. */
const longestMs = 9_223_372_036_854;

function goDuration(milliseconds: number): string {
  return formatDuration(Math.min(longestMs, Math.max(-longestMs, Math.trunc(milliseconds))));
}

/** Go's `%.2f`. */
export function fixed2(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const size = Math.abs(value);
  if (size >= 1e21) return `${BigInt(value)}.00`;
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  // A tie goes to the even digit in Go, and up in JavaScript: 0.125, 0.625.
  const isTieDown = size < 2 ** 50 && (size * 8) % 4 === 1;
  return sign + (isTieDown ? size - 0.001 : size).toFixed(2);
}
