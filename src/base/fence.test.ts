import { describe, expect, test } from 'vitest';
import { VirtualClock } from './clock.ts';
import { fence } from './fence.ts';
import { type FetchResponse, jsonResponse, memoryResponse, type Upgrade } from './fetch.ts';
import { silentLog } from './log.ts';
import { MemoryNetwork } from './memory-network.ts';
import type { Network } from './network.ts';
import type { Seams } from './program.ts';
import { seededRandom } from './random.ts';

function setup(): { clock: VirtualClock; outside: Network; seams: Seams; lines: string[] } {
  const clock = new VirtualClock(0);
  const world = new MemoryNetwork();
  const network = world.host('10.0.0.1');
  const lines: string[] = [];
  const log = { ...silentLog, info: (message: string) => void lines.push(message) };
  const { fetch, upgrade } = network;
  const seams: Seams = { clock, random: seededRandom(1), fetch, upgrade, network, log };
  return { clock, outside: world.host('10.0.0.2'), seams, lines };
}

/** Fails if `work` settles, now or within an hour. */
async function expectNever(clock: VirtualClock, work: Promise<unknown>): Promise<void> {
  let settled: string | undefined;
  work.then(
    () => (settled = 'resolved'),
    (error: unknown) => (settled = `rejected: ${String(error)}`),
  );
  await clock.advance(3_600_000);
  expect(settled).toBeUndefined();
}

describe('an open fence', () => {
  test('lets everything through', async () => {
    const { clock, outside, seams, lines } = setup();
    const { seams: fenced } = fence(seams);
    const listener = await fenced.network.listen(80, {
      http: async (request) => jsonResponse(200, request.url),
    });
    const response = await outside.fetch('http://10.0.0.1/x');
    expect(await response.json()).toBe('/x');
    await clock.run(fenced.clock.sleep(10));
    expect(fenced.clock.now()).toBe(10);
    fenced.log.info('hello');
    expect(lines).toEqual(['hello']);
    await expect(fenced.fetch('http://10.0.0.9/')).rejects.toMatchObject({ code: 'Unreachable' });
    await listener.close();
  });

  test('the end of a watch by its reader still reaches the server', async () => {
    const { seams } = setup();
    const { seams: fenced } = fence(seams);
    const cancelled = Promise.withResolvers<void>();
    async function* values(): AsyncGenerator {
      yield 1;
      await cancelled.promise;
    }
    await seams.network.listen(80, {
      http: async () => memoryResponse(200, {}, values(), () => cancelled.resolve()),
    });
    const stop = new AbortController();
    const response = await fenced.fetch('http://10.0.0.1/', { signal: stop.signal });
    const lines = response.jsonLines()[Symbol.asyncIterator]();
    await lines.next();
    stop.abort();
    await cancelled.promise;
    await expect(lines.next()).rejects.toMatchObject({ code: 'Cancelled' });
  });
});

describe('WebSockets through a fence', () => {
  function served(seams: Seams): { served: Promise<unknown>; upgrade: Promise<unknown> } {
    const ended = Promise.withResolvers<string>();
    const upgrade = seams.network.listen(80, {
      upgrade: async () => ({
        protocol: '',
        serve: async (socket) => {
          for await (const _ of socket.messages()) continue;
          ended.resolve('ended');
        },
      }),
    });
    return { served: ended.promise, upgrade };
  }

  test('follow the signal of their opener also when they are open', async () => {
    const { seams } = setup();
    const { served: end } = served(seams);
    const stop = new AbortController();
    await fence(seams).seams.upgrade('http://10.0.0.1/', { signal: stop.signal });
    stop.abort();
    expect(await end).toBe('ended');
  });

  test('are cut when it closes', async () => {
    const { seams } = setup();
    const { served: end } = served(seams);
    const { seams: fenced, close } = fence(seams);
    await fenced.upgrade('http://10.0.0.1/');
    close();
    expect(await end).toBe('ended');
  });

  test('leave nothing behind once they have ended', async () => {
    const { seams } = setup();
    const closes: (number | undefined)[] = [];
    const signals: AbortSignal[] = [];
    const upgrade: Upgrade = async (_url, init) => {
      if (init?.signal !== undefined) signals.push(init.signal);
      const close = (code?: number): void => void closes.push(code);
      return { protocol: '', send: async () => {}, messages: async function* () {}, close };
    };
    const { seams: fenced, close } = fence({ ...seams, upgrade });
    const [first, second] = [await fenced.upgrade('http://x/'), await fenced.upgrade('http://x/')];
    for await (const _ of first.messages()) expect.unreachable();
    second.close(1000);
    close();
    expect(closes).toEqual([1000]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
  });
});

describe('a closed fence', () => {
  test('stops a program where it stands: no catch, no finally, no more effects', async () => {
    const { clock, seams, lines } = setup();
    const { seams: fenced, close } = fence(seams);
    const trace: string[] = [];
    const program = (async () => {
      try {
        trace.push('sleeping');
        await fenced.clock.sleep(1_000);
        trace.push('awake');
      } catch {
        trace.push('caught');
      } finally {
        trace.push('finally');
      }
    })();
    await clock.advance(500);
    close();
    await expectNever(clock, program);
    expect(trace).toEqual(['sleeping']);

    fenced.log.info('from the grave');
    expect(lines).toEqual([]);
    expect(fenced.clock.now()).toBe(500);
  });

  test('never settles new calls either, so a retry loop cannot spin', async () => {
    const { clock, seams } = setup();
    const { seams: fenced, close } = fence(seams);
    close();
    let tries = 0;
    const loop = (async () => {
      for (;;) {
        tries += 1;
        try {
          await fenced.fetch('http://10.0.0.1/');
        } catch {
          continue;
        }
      }
    })();
    await expectNever(clock, loop);
    expect(tries).toBe(1);
    await expectNever(clock, fenced.network.listen(80, {}));
    await expectNever(
      clock,
      fenced.clock.every(1, () => {}, new AbortController().signal),
    );
    expect(clock.pending).toBe(0);
  });

  test('cuts its requests off at the server, and drops answers that come later', async () => {
    const { clock, seams } = setup();
    const { seams: fenced, close } = fence(seams);
    let aborted = false;
    const answer = Promise.withResolvers<FetchResponse>();
    await seams.network.listen(80, {
      http: (request) => {
        request.signal.addEventListener('abort', () => (aborted = true));
        return answer.promise;
      },
    });
    const call = fenced.fetch('http://10.0.0.1/');
    await clock.settle();
    close();
    answer.resolve(jsonResponse(200, 'too late'));
    await expectNever(clock, call);
    expect(aborted).toBe(true);
  });

  test('breaks its watches off without an end or an error', async () => {
    const { clock, seams } = setup();
    const { seams: fenced, close } = fence(seams);
    let cancelled = 0;
    async function* values(): AsyncGenerator {
      yield 1;
      await clock.sleep(10);
      yield 2;
    }
    await seams.network.listen(80, {
      http: async () => memoryResponse(200, {}, values(), () => cancelled++),
    });
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const value of (await fenced.fetch('http://10.0.0.1/')).jsonLines()) seen.push(value);
    })();
    await clock.settle();
    close();
    await expectNever(clock, reading);
    expect(seen).toEqual([1]);
    expect(cancelled).toBe(1);
  });

  test('breaks what it serves: callers see a broken connection and nobody listening', async () => {
    const { clock, outside, seams } = setup();
    const { seams: fenced, close } = fence(seams);
    await fenced.network.listen(80, { http: () => new Promise<FetchResponse>(() => {}) });
    const call = outside.fetch('http://10.0.0.1/');
    await clock.settle();
    close();
    await expect(clock.run(call)).rejects.toMatchObject({ code: 'Unreachable' });
    await expect(outside.fetch('http://10.0.0.1/')).rejects.toMatchObject({ code: 'Unreachable' });
  });
});
