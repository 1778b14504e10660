import { inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sha256 } from '../../base/hash.ts';
import { seededRandom } from '../../base/random.ts';
import { goDeflate } from './go-deflate.ts';

function deflated(data: Uint8Array): Uint8Array {
  const encoder = goDeflate(data);
  for (;;) {
    const { done, value } = encoder.next();
    if (done === true) return value;
  }
}

/** Words with repetitions near and far, and stretches of noise. */
function sample(seed: number, length: number, noise: number): Buffer {
  const random = seededRandom(seed);
  const data = Buffer.alloc(length);
  for (let at = 0; at < length;) {
    const isCopy = at > 10 && random.next() > noise;
    const distance = 1 + random.int(Math.min(at || 1, 40_000));
    const end = Math.min(length, at + 3 + random.int(300));
    for (; at < end; at += 1) data[at] = isCopy ? (data[at - distance] ?? 0) : random.int(200);
  }
  return data;
}

// What Go's compress/flate makes of them at its default level.
test.each([
  ['nothing', Buffer.alloc(0), 'f067985d352d2da6dfaef4844a66d06c5371ecbd9530a4d195ac599fef8b3427'],
  ['one byte', Buffer.from('a'), 'e45ce219caee059e42126964e339db98bbd7d2bbdea1b03859dd48ac96bf269d'],
  ['a run', Buffer.alloc(1000, 'a'), 'acb3b364f454c9230ee47c2f4291ee160d5f1381e8fba9ff9cf7edccef4efb75'],
  [
    'much to repeat',
    sample(1, 200_000, 0.2),
    '97a3d382ade9e07f17ffdf8c55c32579d57cdbd52ec34dcc02787319858890f4',
  ],
  [
    'more than the window, half of it noise',
    sample(2, 300_000, 0.6),
    '5e7d19c33fc2e5e0b4c51e7514c5442469e55518d5d917d179710857ba4d3523',
  ],
  ['noise', sample(3, 150_000, 1), '5d251719fd0ae02eb99a59092d3439ee9e09badd0e9b9a114e109d1cff534c46'],
])('%s is compressed as Go does', (_name, data, expected) => {
  expect(sha256(deflated(data))).toBe(expected);
});

test('whatever is compressed can be read again', () => {
  const words = fc.array(fc.constantFrom('apiVersion: ', 'kind', '\n', 'aaaaaaaa', '\0', 'ü'), {
    maxLength: 300,
  });
  fc.assert(
    fc.property(
      fc.oneof(
        words.map((all) => Buffer.from(all.join(''))),
        fc.uint8Array({ maxLength: 500 }),
      ),
      (data) => {
        expect(inflateRawSync(deflated(data)).equals(data)).toBe(true);
      },
    ),
  );
});
