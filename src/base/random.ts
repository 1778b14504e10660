import { createHash, randomBytes } from 'node:crypto';

/** A source of randomness. Seeded in tests, so that a failing run can be repeated. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform whole number in [0, bound). */
  int(bound: number): number;
  bytes(length: number): Uint8Array;
  /** A version 4 UUID. */
  uuid(): string;
  /** `length` characters as Kubernetes puts behind `generateName`: no vowels, so no words. */
  suffix(length: number): string;
  /** An independent source: what one consumer draws never shifts what another one sees. */
  stream(name: string): Random;
}

/** Source: k8s.io/apimachinery/pkg/util/rand. */
const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

function fromUint32(uint32: () => number, stream: (name: string) => Random): Random {
  const random: Random = {
    next: () => uint32() / 2 ** 32,
    int: (bound) => Math.floor((uint32() / 2 ** 32) * bound),
    bytes: (length) => Uint8Array.from({ length }, () => uint32() & 0xff),
    uuid: () => {
      const bytes = random.bytes(16);
      bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
      bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
      const hex = Buffer.from(bytes).toString('hex');
      return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join(
        '-',
      );
    },
    suffix: (length) =>
      Array.from({ length }, () => suffixAlphabet[random.int(suffixAlphabet.length)]).join(''),
    stream,
  };
  return random;
}

/** Randomness from the operating system; its streams are the same source. */
export function systemRandom(): Random {
  let pool = Buffer.alloc(0);
  let at = 0;
  const random: Random = fromUint32(
    () => {
      if (at >= pool.length) {
        pool = randomBytes(1024);
        at = 0;
      }
      at += 4;
      return pool.readUInt32LE(at - 4);
    },
    () => random,
  );
  return random;
}

/** Repeatable randomness: the same seed and the same draws give the same values, on every machine. */
export function seededRandom(seed: string | number): Random {
  const digest = createHash('sha256').update(String(seed)).digest();
  let [a, b, c, d] = [0, 4, 8, 12].map((at) => digest.readUInt32LE(at)) as [number, number, number, number];
  // xoshiro128**, https://prng.di.unimi.it/xoshiro128starstar.c (public domain)
  const uint32 = (): number => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotate(d, 11);
    return result;
  };
  return fromUint32(uint32, (name) => seededRandom(`${seed}/${name}`));
}

function rotate(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}
