import { canonicalCode, type HuffmanCode, huffmanCode } from './huffman-code.ts';

/** Literal byte, or a match: {@link matchToken}. */
export type Token = number;

const matchBit = 1 << 30;

export function matchToken(length: number, distance: number): Token {
  return matchBit | ((length - 3) << 16) | (distance - 1);
}

/** Bits in the order of DEFLATE: lowest first. */
export class BitWriter {
  #bytes = new Uint8Array(65_536);
  #length = 0;
  #bits = 0;
  #count = 0;

  write(value: number, count: number): void {
    this.#bits |= value << this.#count;
    this.#count += count;
    for (; this.#count >= 8; this.#count -= 8) {
      this.#push(this.#bits & 0xff);
      this.#bits >>>= 8;
    }
  }

  align(): void {
    if (this.#count > 0) this.write(0, 8 - this.#count);
  }

  /** A block as it is, none of it compressed. */
  stored(isFinal: boolean, data: Uint8Array): void {
    this.write(isFinal ? 1 : 0, 3);
    this.align();
    this.write(data.length, 16);
    this.write(data.length ^ 0xffff, 16);
    for (const byte of data) this.#push(byte);
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #push(byte: number): void {
    if (this.#length === this.#bytes.length) {
      const grown = new Uint8Array(2 * this.#length);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes[this.#length] = byte;
    this.#length += 1;
  }
}

interface Range {
  readonly base: number;
  readonly extraBits: number;
}

const lengthRanges: readonly Range[] = ranges(3, 8, 4, 28).concat({ base: 258, extraBits: 0 });
const distanceRanges: readonly Range[] = ranges(1, 4, 2, 30);

/** Ranges that double: `plain` single ones, then `perSize` of each size (RFC 1951, 3.2.5). */
function ranges(first: number, plain: number, perSize: number, count: number): Range[] {
  const all: Range[] = [];
  let base = first;
  for (let i = 0; i < count; i += 1) {
    const extraBits = i < plain ? 0 : Math.floor((i - plain) / perSize) + 1;
    all.push({ base, extraBits });
    base += 1 << extraBits;
  }
  return all;
}

function indexOf(all: readonly Range[], upTo: number): Uint8Array {
  const found = new Uint8Array(upTo + 1);
  for (const [i, { base }] of all.entries()) found.fill(i, base);
  return found;
}

const lengthIndex = indexOf(lengthRanges, 258);
const distanceIndex = indexOf(distanceRanges, 32_768);
const none: Range = { base: 0, extraBits: 0 };
const endOfBlock = 256;

const fixedLiterals = canonicalCode(
  Uint8Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)),
);
const fixedDistances = canonicalCode(new Uint8Array(30).fill(5));

function cost({ lengths }: HuffmanCode, frequencies: Uint32Array): number {
  return frequencies.reduce((sum, frequency, symbol) => sum + frequency * (lengths[symbol] ?? 0), 0);
}

function usedLength(frequencies: Uint32Array): number {
  return frequencies.findLastIndex((frequency) => frequency > 0) + 1;
}

/**
 * Writes a block in the shortest of the three ways.
 * @param raw what the tokens stand for; undefined when it is not at hand any more
 */
export function writeBlock(out: BitWriter, tokens: Int32Array, raw: Uint8Array | undefined): void {
  const literals = new Uint32Array(286);
  const distances = new Uint32Array(30);
  let extra = 0;
  literals[endOfBlock] = 1;
  for (const token of tokens) {
    if (token < matchBit) {
      literals[token] = (literals[token] ?? 0) + 1;
      continue;
    }
    const { symbol, length, distanceSymbol, distance } = parts(token);
    literals[symbol] = (literals[symbol] ?? 0) + 1;
    distances[distanceSymbol] = (distances[distanceSymbol] ?? 0) + 1;
    extra += length.extraBits + distance.extraBits;
  }
  if (usedLength(distances) === 0) distances[0] = 1;
  const literalCode = huffmanCode(literals, 15);
  const distanceCode = huffmanCode(distances, 15);
  const header = dynamicHeader(
    literalCode.lengths.subarray(0, usedLength(literals)),
    distanceCode.lengths.subarray(0, usedLength(distances)),
  );
  const fixedBits = 3 + cost(fixedLiterals, literals) + cost(fixedDistances, distances);
  const dynamicBits = header.bits + cost(literalCode, literals) + cost(distanceCode, distances);
  const isDynamic = dynamicBits < fixedBits;
  const best = Math.min(dynamicBits, fixedBits) + extra;
  if (raw !== undefined && raw.length <= 65_535 && (raw.length + 5) * 8 < best) {
    out.stored(false, raw);
    return;
  }
  if (isDynamic) header.write(out);
  else out.write(0b010, 3);
  writeTokens(
    out,
    tokens,
    isDynamic ? literalCode : fixedLiterals,
    isDynamic ? distanceCode : fixedDistances,
  );
}

function parts(token: Token) {
  const length = ((token & ~matchBit) >> 16) + 3;
  const distance = (token & 0xffff) + 1;
  const index = lengthIndex[length] ?? 0;
  const distanceSymbol = distanceIndex[distance] ?? 0;
  const lengthRange = lengthRanges[index] ?? none;
  const distanceRange = distanceRanges[distanceSymbol] ?? none;
  return {
    symbol: 257 + index,
    length: { ...lengthRange, extra: length - lengthRange.base },
    distanceSymbol,
    distance: { ...distanceRange, extra: distance - distanceRange.base },
  };
}

function writeTokens(
  out: BitWriter,
  tokens: Int32Array,
  literals: HuffmanCode,
  distances: HuffmanCode,
): void {
  const put = ({ codes, lengths }: HuffmanCode, symbol: number): void =>
    out.write(codes[symbol] ?? 0, lengths[symbol] ?? 0);
  for (const token of tokens) {
    if (token < matchBit) {
      put(literals, token);
      continue;
    }
    const { symbol, length, distanceSymbol, distance } = parts(token);
    put(literals, symbol);
    out.write(length.extra, length.extraBits);
    put(distances, distanceSymbol);
    out.write(distance.extra, distance.extraBits);
  }
  put(literals, endOfBlock);
}

const headerOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/** Bits behind the symbols that repeat. */
const repeatBits = new Map([
  [16, 2],
  [17, 3],
  [18, 7],
]);

/** Tells the codes of a dynamic block by their lengths, with repetitions written short (RFC 1951, 3.2.7). */
function dynamicHeader(literals: Uint8Array, distances: Uint8Array) {
  const steps = runLengths([...literals, ...distances]);
  const frequencies = new Uint32Array(19);
  for (const { symbol } of steps) frequencies[symbol] = (frequencies[symbol] ?? 0) + 1;
  const code = huffmanCode(frequencies, 7);
  const sent = Math.max(4, headerOrder.findLastIndex((symbol) => (code.lengths[symbol] ?? 0) > 0) + 1);
  const repeats = steps.reduce((sum, { symbol }) => sum + (repeatBits.get(symbol) ?? 0), 0);
  return {
    bits: 3 + 5 + 5 + 4 + 3 * sent + cost(code, frequencies) + repeats,
    write(out: BitWriter): void {
      out.write(0b100, 3);
      out.write(literals.length - 257, 5);
      out.write(distances.length - 1, 5);
      out.write(sent - 4, 4);
      for (const symbol of headerOrder.slice(0, sent)) out.write(code.lengths[symbol] ?? 0, 3);
      for (const { symbol, extra } of steps) {
        out.write(code.codes[symbol] ?? 0, code.lengths[symbol] ?? 0);
        out.write(extra, repeatBits.get(symbol) ?? 0);
      }
    },
  };
}

function runLengths(lengths: readonly number[]): { symbol: number; extra: number }[] {
  const steps: { symbol: number; extra: number }[] = [];
  for (let at = 0; at < lengths.length;) {
    const value = lengths[at] ?? 0;
    let left = 1;
    while (lengths[at + left] === value) left += 1;
    at += left;
    const repeat = (symbol: number, least: number, most: number): void => {
      for (; left >= least; left -= Math.min(most, left))
        steps.push({ symbol, extra: Math.min(most, left) - least });
    };
    if (value === 0) {
      repeat(18, 11, 138);
      if (left >= 3) repeat(17, 3, 10);
    } else {
      steps.push({ symbol: value, extra: 0 });
      left -= 1;
      repeat(16, 3, 6);
    }
    for (; left > 0; left -= 1) steps.push({ symbol: value, extra: 0 });
  }
  return steps;
}
