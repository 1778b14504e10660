/** A prefix code of DEFLATE: for each symbol its bits, first one lowest, and how many. */
export interface HuffmanCode {
  readonly lengths: Uint8Array;
  readonly codes: Uint16Array;
}

/**
 * The optimal code with lengths up to `limit`, by package-merge. Of codes that are equally good it gives the one that
 * Go's compress/flate gives.
 */
export function huffmanCode(frequencies: Uint32Array, limit: number): HuffmanCode {
  const symbols = Array.from(frequencies.keys()).filter((symbol) => (frequencies[symbol] ?? 0) > 0);
  symbols.sort((a, b) => (frequencies[a] ?? 0) - (frequencies[b] ?? 0) || a - b);
  const lengths = new Uint8Array(frequencies.length);
  const weights = symbols.map((symbol) => frequencies[symbol] ?? 0);
  const found = symbols.length <= 2 ? symbols.map(() => 1) : packageMerge(weights, limit);
  for (const [i, symbol] of symbols.entries()) lengths[symbol] = found[i] ?? 0;
  return canonicalCode(lengths);
}

/** The code that lengths alone determine (RFC 1951, 3.2.2). */
export function canonicalCode(lengths: Uint8Array): HuffmanCode {
  const codes = new Uint16Array(lengths.length);
  let code = 0;
  for (let length = 1; length <= 15; length += 1) {
    for (const [symbol, own] of lengths.entries()) {
      if (own !== length) continue;
      codes[symbol] = reversed(code, length);
      code += 1;
    }
    code <<= 1;
  }
  return { lengths, codes };
}

function reversed(code: number, length: number): number {
  let result = 0;
  for (let bit = 0; bit < length; bit += 1) result |= ((code >> bit) & 1) << (length - 1 - bit);
  return result;
}

/** @param weights ascending, three or more */
function packageMerge(weights: readonly number[], limit: number): number[] {
  const count = weights.length;
  const levels: { readonly weight: number; readonly isLeaf: boolean }[][] = [];
  let below: number[] = [];
  for (let level = 0; level < Math.min(limit, count - 1); level += 1) {
    const packages: number[] = [];
    for (let i = 1; i < below.length; i += 2) packages.push((below[i - 1] ?? 0) + (below[i] ?? 0));
    const merged: { weight: number; isLeaf: boolean }[] = [];
    let at = 0;
    for (const weight of weights) {
      // Of equal ones the package goes first.
      for (; at < packages.length && (packages[at] ?? 0) <= weight; at += 1) {
        merged.push({ weight: packages[at] ?? 0, isLeaf: false });
      }
      merged.push({ weight, isLeaf: true });
    }
    for (; at < packages.length; at += 1) merged.push({ weight: packages[at] ?? 0, isLeaf: false });
    levels.push(merged);
    below = merged.map(({ weight }) => weight);
  }
  const lengths = Array.from({ length: count }, () => 0);
  let taken = 2 * count - 2;
  for (const level of levels.reverse()) {
    const leaves = level.slice(0, taken).filter(({ isLeaf }) => isLeaf).length;
    for (let i = 0; i < leaves; i += 1) lengths[i] = (lengths[i] ?? 0) + 1;
    taken = 2 * (taken - leaves);
  }
  return lengths;
}
