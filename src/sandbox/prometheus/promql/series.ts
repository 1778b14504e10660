import type { Labels } from './labels.ts';
import type { Matcher } from './matcher.ts';

/** A value at the moment of evaluation. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** Values in order of time: two lists of one length. Times are milliseconds since the Unix epoch. */
export interface Points {
  readonly times: number[];
  readonly values: number[];
}

export function noPoints(): Points {
  return { times: [], values: [] };
}

export interface PointSeries {
  readonly labels: Labels;
  readonly points: Points;
}

/** A stored series as queries read it. */
export interface SeriesReader {
  readonly labels: Labels;
  /** The newest sample from `fromMs` to `toMs`, both included; none where the series has been marked as ended. */
  latest(fromMs: number, toMs: number): { readonly timeMs: number; readonly value: number } | undefined;
  /** Appends the samples from `fromMs` to `toMs`, both included, to `points`; without marks of an end. */
  read(fromMs: number, toMs: number, points: Points): void;
}

export interface Queryable {
  /** The series that all matchers accept. A missing label is an empty one. */
  select(matchers: readonly Matcher[]): readonly SeriesReader[];
}
