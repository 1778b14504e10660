import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { seededRandom } from '../base/random.ts';
import { ApiError } from './api-error.ts';
import { retryOnConflict } from './retry-on-conflict.ts';

function world(errors: (Error | undefined)[]) {
  const clock = new VirtualClock();
  let reads = 0;
  const given: number[] = [];
  const run = (tries?: number) =>
    clock.run(
      retryOnConflict(
        async () => (reads += 1),
        async (current) => {
          given.push(current);
          const error = errors.shift();
          if (error !== undefined) throw error;
          return 'done';
        },
        { clock, random: seededRandom(1), tries },
      ),
    );
  return { clock, given, run };
}

const conflict = (): ApiError => new ApiError('changed', { status: 409 });

describe('retryOnConflict', () => {
  test('changes the version that it read last', async () => {
    const { clock, given, run } = world([conflict(), conflict()]);
    expect(await run()).toBe('done');
    expect(given).toEqual([1, 2, 3]);
    expect(clock.monotonic()).toBeGreaterThanOrEqual(30);
  });

  test('gives up after five tries, or as many as it was told', async () => {
    const many = world(Array.from({ length: 9 }, conflict));
    await expect(many.run()).rejects.toThrow('changed');
    expect(many.given).toHaveLength(5);
    const once = world([conflict()]);
    await expect(once.run(1)).rejects.toThrow('changed');
    expect(once.given).toEqual([1]);
  });

  test.each([
    ['other errors', new ApiError('no', { status: 403 })],
    ['what exists already', new ApiError('there', { status: 409, reason: 'AlreadyExists' })],
    [
      'fields of another manager',
      new ApiError('owned', { status: 409, details: { causes: [{ reason: 'FieldManagerConflict' }] } }),
    ],
  ])('does not repeat: %s', async (_name, error) => {
    const { given, run } = world([error]);
    await expect(run()).rejects.toBe(error);
    expect(given).toEqual([1]);
  });
});
