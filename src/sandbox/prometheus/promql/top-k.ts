import type { Sample } from './series.ts';

/**
 * The `k` greatest (or least) samples, best first. Which of several equal ones stay is decided by the heap, step by
 * step as Go's container/heap moves them, so that the choice is Prometheus's.
 */
export function topK(samples: readonly Sample[], k: number, greatest: boolean): Sample[] {
  const worse = (a: number, b: number): boolean => Number.isNaN(a) || (greatest ? a < b : a > b);
  const heap: Sample[] = [];
  for (const sample of samples) {
    const worst = heap[0];
    if (worst === undefined || heap.length < k) {
      heap.push(sample);
      siftUp(heap, worse);
    } else if (
      Number.isNaN(worst.value) ||
      (greatest ? worst.value < sample.value : worst.value > sample.value)
    ) {
      removeWorst(heap, worse);
      heap.push(sample);
      siftUp(heap, worse);
    }
  }
  return heap.sort((a, b) =>
    worse(b.value, a.value) ? (worse(a.value, b.value) ? 0 : -1) : worse(a.value, b.value) ? 1 : 0,
  );
}

type Worse = (a: number, b: number) => boolean;

function isWorse(heap: readonly Sample[], i: number, j: number, worse: Worse): boolean {
  const a = heap[i];
  const b = heap[j];
  return a !== undefined && b !== undefined && worse(a.value, b.value);
}

function swap(heap: Sample[], i: number, j: number): void {
  const a = heap[i];
  const b = heap[j];
  if (a === undefined || b === undefined) return;
  heap[i] = b;
  heap[j] = a;
}

function siftUp(heap: Sample[], worse: Worse): void {
  let i = heap.length - 1;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (!isWorse(heap, i, parent, worse)) return;
    swap(heap, i, parent);
    i = parent;
  }
}

function removeWorst(heap: Sample[], worse: Worse): void {
  swap(heap, 0, heap.length - 1);
  heap.pop();
  let i = 0;
  for (;;) {
    const left = 2 * i + 1;
    if (left >= heap.length) return;
    const child = isWorse(heap, left + 1, left, worse) ? left + 1 : left;
    if (!isWorse(heap, child, i, worse)) return;
    swap(heap, i, child);
    i = child;
  }
}
