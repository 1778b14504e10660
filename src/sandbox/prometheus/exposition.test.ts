import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../base/errors.ts';
import { defaultExpositionLimits, type Exposition, parseSeries, readExposition } from './exposition.ts';

async function* bytes(text: string, size: number): AsyncGenerator<Uint8Array> {
  const all = Buffer.from(text);
  for (let at = 0; at < all.length; at += size) yield all.subarray(at, at + size);
}

function read(text: string, size = 1_000_000, limits = defaultExpositionLimits): Promise<Exposition> {
  return readExposition(bytes(text, size), limits);
}

const page = `# HELP http_requests_total Requests, \\\\ and \\n.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",path="a\\"b\\\\c\\nd}é",} 3

# a comment
#TYPE not a directive
	up 1
nan{} NaN
inf +Inf
small 1.5e-7`;

describe('a page of metrics', () => {
  test('gives its samples, with times where it has them', async () => {
    const { samples } = await read(page);
    expect(samples.map(({ value, timeMs }) => [value, timeMs])).toEqual([
      [1027, 1395066363000],
      [3, undefined],
      [1, undefined],
      [Number.NaN, undefined],
      [Infinity, undefined],
      [1.5e-7, undefined],
    ]);
    expect(parseSeries(samples[1]!.series)).toEqual([
      ['__name__', 'http_requests_total'],
      ['method', 'post'],
      ['path', 'a"b\\c\nd}é'],
    ]);
    expect(samples.slice(2).map(({ series }) => parseSeries(series))).toEqual([
      [['__name__', 'up']],
      [['__name__', 'nan']],
      [['__name__', 'inf']],
      [['__name__', 'small']],
    ]);
  });

  test('tells what it is about', async () => {
    const { metadata } = await read(page);
    expect([...metadata]).toEqual([
      ['http_requests_total', { type: 'counter', help: 'Requests, \\ and \n.' }],
    ]);
  });

  test('reads the same in pieces of any size', async () => {
    const whole = await read(page);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), async (size) => {
        expect(await read(page, size)).toEqual(whole);
      }),
    );
  });
});

describe('a page that is wrong', () => {
  test.each([
    ['a', /expected value/],
    ['a b', /expected value/],
    ['a 1 2 3', /expected timestamp/],
    ['a 1 1.5', /expected timestamp/],
    ['a{b="c" 1', /expected "}"/],
    ['a 0x1p3', /expected value/],
    ['{a="b"} 1', /expected a metric name/],
    ['9a 1', /expected a metric name/],
    ['# TYPE a nonsense', /invalid metric type/],
    ['# HELP', /expected metric name/],
    ['# TYPE 9 counter', /expected metric name/],
    ['<!DOCTYPE html>', /expected a metric name/],
  ])('%j', async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });

  test.each(['a{b}', 'a{b=c}', 'a{b="c",b="d"}', 'a{9="c"}', 'a{b="c"d="e"}', 'a{,}'])('%s', (series) => {
    expect(() => parseSeries(series)).toThrow(InvalidInputError);
  });

  test('of bytes that are no text', async () => {
    const broken = (async function* () {
      yield Uint8Array.of(0x61, 0xff, 0x0a);
    })();
    await expect(readExposition(broken)).rejects.toThrow(/UTF-8/);
  });

  test('or too large', async () => {
    await expect(
      read('a 1\n'.repeat(100), 10, { ...defaultExpositionLimits, maxBytes: 100 }),
    ).rejects.toThrow(/larger/);
    await expect(
      read(`a${'b'.repeat(999)}`, 10, { ...defaultExpositionLimits, maxLineLength: 99 }),
    ).rejects.toThrow(/longer/);
    await expect(read('a 1\n'.repeat(9), 10, { ...defaultExpositionLimits, maxSamples: 5 })).rejects.toThrow(
      /more/,
    );
  });

  test('whatever comes, nothing but a typed error', async () => {
    const soup = fc.array(
      fc.constantFrom('a', '{', '}', '"', '\\', '=', ',', ' ', '\n', '1', '#', '# TYPE '),
      {
        maxLength: 30,
      },
    );
    await fc.assert(
      fc.asyncProperty(soup, async (parts) => {
        try {
          for (const { series } of (await read(parts.join(''))).samples) parseSeries(series);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInputError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
