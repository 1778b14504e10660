import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memoryResponse, onResponseEnd, parseJsonLines } from './fetch.ts';

async function* chunked(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const to of [...at, bytes.length]) {
    yield bytes.subarray(from, to);
    from = to;
  }
}

test('JSON lines do not depend on where the network cuts them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue()),
      fc.array(fc.nat()),
      fc.boolean(),
      async (values, cuts, newline) => {
        const text = values.map((value) => JSON.stringify(value)).join('\n') + (newline ? '\n' : '');
        const parsed = await Array.fromAsync(parseJsonLines(chunked(Buffer.from(text), cuts)));
        expect(parsed).toEqual(JSON.parse(`[${values.map((value) => JSON.stringify(value)).join(',')}]`));
      },
    ),
  );
});

test('a line that is not JSON, or never ends, is an error that does not repeat it', async () => {
  const broken = Array.fromAsync(parseJsonLines(chunked(Buffer.from('{"a":1}\n{"password": oops\n'), [])));
  await expect(broken).rejects.toMatchObject({
    code: 'MalformedBody',
    message: expect.not.stringContaining('oops') as string,
  });
  // Node's own error quotes the text around the mistake.
  expect(inspect(await broken.catch((error: unknown) => error), { depth: 10 })).not.toContain('oops');
  const endless = Array.fromAsync(parseJsonLines(chunked(Buffer.alloc(2000, 'x'), [500, 1000]), 999));
  await expect(endless).rejects.toThrow('longer than 999 bytes');
});

test('a response in memory gives its value away as it is, and as text when asked', async () => {
  const value = { a: [1] };
  expect(await memoryResponse(200, {}, [value]).json()).toBe(value);
  expect(await memoryResponse(200, {}, [value]).text()).toBe('{"a":[1]}\n');
  await expect(memoryResponse(200, {}, []).json()).rejects.toMatchObject({ code: 'MalformedBody' });
});

test.each(['json', 'text', 'leave', 'cancel'] as const)(
  'the end of a response is told once: %s',
  async (how) => {
    let ends = 0;
    let cancels = 0;
    const response = onResponseEnd(
      memoryResponse(200, {}, [1, 2], () => cancels++),
      () => ends++,
    );
    if (how === 'leave') {
      for await (const _ of response.jsonLines()) break;
    } else if (how === 'cancel') response.cancel();
    else await response[how]();
    response.cancel();
    expect(ends).toBe(1);
    expect(cancels).toBe(how === 'text' ? 0 : 1);
  },
);
