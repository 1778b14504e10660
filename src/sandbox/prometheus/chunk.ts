import type { Points } from './promql/series.ts';

/** A run of samples of one series, in order of time. */
export interface Chunk {
  readonly length: number;
  readonly firstMs: number;
  readonly lastMs: number;
  timeAt(index: number): number;
  valueAt(index: number): number;
  /** The sample marks the end of the series and has no value. */
  isStale(index: number): boolean;
}

/** Samples in a chunk: two minutes of scrapes a second apart. */
export const chunkLength = 120;

/** A chunk that still grows. */
export class OpenChunk implements Chunk {
  readonly #times: number[] = [];
  readonly #values: number[] = [];
  readonly #stale = new Set<number>();

  get length(): number {
    return this.#times.length;
  }

  get firstMs(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY;
  }

  get lastMs(): number {
    return this.#times.at(-1) ?? Number.NEGATIVE_INFINITY;
  }

  timeAt(index: number): number {
    return this.#times[index] ?? Number.NaN;
  }

  valueAt(index: number): number {
    return this.#values[index] ?? Number.NaN;
  }

  isStale(index: number): boolean {
    return this.#stale.has(index);
  }

  append(timeMs: number, value: number, stale: boolean): void {
    if (stale) this.#stale.add(this.#times.length);
    this.#times.push(timeMs);
    this.#values.push(stale ? (this.#values.at(-1) ?? 0) : value);
  }

  /** The same samples in as little memory as they need. */
  seal(): Chunk {
    return new SealedChunk(new Column(this.#times), new Column(this.#values), new Set(this.#stale));
  }
}

class SealedChunk implements Chunk {
  readonly #times: Column;
  readonly #values: Column;
  readonly #stale: ReadonlySet<number> | undefined;

  constructor(times: Column, values: Column, stale: ReadonlySet<number>) {
    this.#times = times;
    this.#values = values;
    this.#stale = stale.size === 0 ? undefined : stale;
  }

  get length(): number {
    return this.#times.length;
  }

  get firstMs(): number {
    return this.#times.at(0);
  }

  get lastMs(): number {
    return this.#times.at(this.length - 1);
  }

  timeAt(index: number): number {
    return this.#times.at(index);
  }

  valueAt(index: number): number {
    return this.#values.at(index);
  }

  isStale(index: number): boolean {
    return this.#stale?.has(index) ?? false;
  }
}

/**
 * Numbers, packed: most counters stand still or rise by small whole numbers, and scrapes come at a steady pace. What
 * rises by a constant step takes no array at all, whole numbers one of small offsets, anything else its eight bytes.
 */
class Column {
  readonly length: number;
  readonly #floats: Float64Array | undefined;
  readonly #base: number = 0;
  readonly #step: number = 0;
  readonly #offsets: ArrayLike<number> | undefined;

  constructor(values: readonly number[]) {
    this.length = values.length;
    if (!values.every((value) => Number.isSafeInteger(value) && !Object.is(value, -0))) {
      this.#floats = Float64Array.from(values);
      return;
    }
    const first = values[0] ?? 0;
    const step = (values[1] ?? first) - first;
    if (values.every((value, i) => value === first + i * step)) {
      this.#base = first;
      this.#step = step;
      return;
    }
    const base = Math.min(...values);
    const offsets = values.map((value) => value - base);
    this.#base = base;
    this.#offsets = narrow(offsets, Math.max(...offsets));
  }

  at(index: number): number {
    if (this.#floats !== undefined) return this.#floats[index] ?? Number.NaN;
    return this.#base + index * this.#step + (this.#offsets?.[index] ?? 0);
  }
}

function narrow(offsets: readonly number[], max: number): ArrayLike<number> {
  if (max < 2 ** 8) return Uint8Array.from(offsets);
  if (max < 2 ** 16) return Uint16Array.from(offsets);
  return max < 2 ** 32 ? Uint32Array.from(offsets) : Float64Array.from(offsets);
}

/** The index of the last sample not after `timeMs`; -1 where all are. */
export function lastNotAfter(chunk: Chunk, timeMs: number): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (chunk.timeAt(middle) <= timeMs) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Appends the samples from `fromMs` to `toMs`, both included, that mark no end. */
export function readChunk(chunk: Chunk, fromMs: number, toMs: number, points: Points): void {
  const start = lastNotAfter(chunk, fromMs - 1) + 1;
  for (let i = start; i < chunk.length; i++) {
    const timeMs = chunk.timeAt(i);
    if (timeMs > toMs) return;
    if (chunk.isStale(i)) continue;
    points.times.push(timeMs);
    points.values.push(chunk.valueAt(i));
  }
}
