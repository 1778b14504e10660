import { BitWriter, matchToken, writeBlock } from './deflate-block.ts';

const windowBytes = 32_768;
const longestMatch = 258;
const lookahead = 4 + longestMatch;
const maxTokens = 16_384;
const sliceBytes = 2 ** 18;

/**
 * DEFLATE as Go's compress/flate does it at its default level, bit for bit: another encoder gives an equally good
 * stream with another digest, and digests are compared with what Flux has published. Yields after every quarter of a
 * megabyte, some hundredths of a second.
 */
export function goDeflate(data: Uint8Array): Generator<void, Uint8Array> {
  return new Encoder(data).run();
}

class Encoder {
  readonly #data: Uint8Array;
  readonly #out = new BitWriter();
  readonly #tokens = new Int32Array(maxTokens);
  #tokenCount = 0;
  #blockStart = 0;
  // Positions plus 1; 0 is none.
  readonly #head = new Int32Array(2 ** 17);
  readonly #previous = new Int32Array(windowBytes);
  /** What lies before has left the window. */
  #base = 0;
  #end = 0;
  #at = 0;
  #length = 3;
  #distance = 0;
  #isPending = false;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  *run(): Generator<void, Uint8Array> {
    let yieldedAt = 0;
    while (this.#end < this.#data.length) {
      if (this.#end - yieldedAt >= sliceBytes) {
        yield;
        yieldedAt = this.#end;
      }
      if (this.#at - this.#base >= 2 * windowBytes - lookahead) this.#base += windowBytes;
      this.#end = Math.min(this.#data.length, this.#base + 2 * windowBytes);
      while (this.#end - this.#at >= lookahead) this.#step();
    }
    while (this.#at < this.#end) this.#step();
    if (this.#isPending) this.#emit(this.#data[this.#at - 1] ?? 0);
    if (this.#tokenCount > 0) this.#flush(this.#at);
    this.#out.stored(true, new Uint8Array());
    return this.#out.finish();
  }

  #step(): void {
    const at = this.#at;
    const candidate = this.#insert(at);
    const length = this.#length;
    const distance = this.#distance;
    this.#length = 3;
    this.#distance = 0;
    const least = Math.max(this.#base, at - windowBytes);
    if (candidate >= least && this.#end - at > length && length < 16) this.#search(candidate, least);
    if (length >= 4 && this.#length <= length) {
      this.#emit(matchToken(length, distance));
      for (let i = at + 1; i <= at + length - 2; i += 1) this.#insert(i);
      this.#at += length - 1;
      this.#isPending = false;
      this.#length = 3;
      if (this.#tokenCount === maxTokens) this.#flush(this.#at);
      return;
    }
    if (this.#isPending) {
      this.#emit(this.#data[at - 1] ?? 0);
      if (this.#tokenCount === maxTokens) this.#flush(at);
    }
    this.#at += 1;
    this.#isPending = true;
  }

  /** @returns the last position with the same four bytes, -1 if none */
  #insert(at: number): number {
    if (at >= this.#end - 3) return -1;
    const data = this.#data;
    const bytes =
      ((data[at] ?? 0) << 24) |
      ((data[at + 1] ?? 0) << 16) |
      ((data[at + 2] ?? 0) << 8) |
      (data[at + 3] ?? 0);
    const key = Math.imul(bytes, 0x1e35a7bd) >>> 15;
    const former = this.#head[key] ?? 0;
    this.#previous[at % windowBytes] = former;
    this.#head[key] = at + 1;
    return former - 1;
  }

  #search(first: number, least: number): void {
    const data = this.#data;
    const at = this.#at;
    const limit = Math.min(longestMatch, this.#end - at);
    const goodEnough = Math.min(128, limit);
    let candidate = first;
    for (let tries = 128; tries > 0; tries -= 1) {
      if (data[candidate + this.#length] === data[at + this.#length]) {
        let n = 0;
        while (n < limit && data[candidate + n] === data[at + n]) n += 1;
        if (n > this.#length && (n > 4 || at - candidate <= 4096)) {
          this.#length = n;
          this.#distance = at - candidate;
          if (n >= goodEnough) return;
        }
      }
      if (candidate === at - windowBytes) return;
      candidate = (this.#previous[candidate % windowBytes] ?? 0) - 1;
      if (candidate < least) return;
    }
  }

  #emit(token: number): void {
    this.#tokens[this.#tokenCount] = token;
    this.#tokenCount += 1;
  }

  #flush(end: number): void {
    const start = this.#blockStart;
    this.#blockStart = end;
    const raw = start >= this.#base ? this.#data.subarray(start, end) : undefined;
    writeBlock(this.#out, this.#tokens.subarray(0, this.#tokenCount), raw);
    this.#tokenCount = 0;
  }
}
