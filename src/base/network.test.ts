import { getEventListeners, once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { realClock } from './clock.ts';
import { FetchError, type FetchResponse, jsonResponse, memoryResponse } from './fetch.ts';
import { MemoryNetwork } from './memory-network.ts';
import { type HttpHandler, type Network, readBody } from './network.ts';
import { socketClient } from './socket-client.ts';
import { socketNetwork } from './socket-network.ts';

// One suite for every Network: what is true of the network in memory must be true of sockets.

interface Setup {
  network: Network;
  close: () => Promise<void>;
}

const networks: [string, () => Setup][] = [
  [
    'memory',
    () => ({
      network: new MemoryNetwork((name) => (name === 'backend' ? ['10.0.0.1'] : [])).host('10.0.0.1'),
      close: async () => {},
    }),
  ],
  [
    'sockets',
    () => {
      const client = socketClient();
      return { network: socketNetwork(client), close: () => client.close() };
    },
  ],
];

const gone = AbortSignal.abort();

/** Answers with what it was asked. */
const echo: HttpHandler = async (request) => {
  const sent = request.json ?? Buffer.from(await readBody(request.body(), 1e6)).toString('utf8');
  return jsonResponse(
    200,
    { method: request.method, url: request.url, test: request.headers['x-test'], sent },
    { 'x-answer': 'yes' },
  );
};

describe.each(networks)('the %s network', (_name, setup) => {
  async function serving(
    http: HttpHandler,
    run: (network: Network, base: string) => Promise<void>,
  ): Promise<void> {
    const { network, close } = setup();
    const listener = await network.listen(0, { http });
    try {
      await run(network, `http://${listener.address}:${listener.port}`);
    } finally {
      await listener.close(gone);
      await close();
    }
  }

  test('carries method, path, query, headers and body there, and status, headers and body back', async () => {
    await serving(echo, async (network, base) => {
      const response = await network.fetch(`${base}/a/b?c=d%20e`, {
        method: 'POST',
        headers: { 'x-test': ['a', 'b'] },
        body: 'hello',
      });
      expect(response.status).toBe(200);
      expect(response.headers.get('x-answer')).toBe('yes');
      expect(response.headers.get('x-none')).toBeNull();
      expect(await response.json()).toEqual({
        method: 'POST',
        url: '/a/b?c=d%20e',
        test: 'a, b',
        sent: 'hello',
      });
    });
  });

  test('carries JSON values', async () => {
    await serving(echo, async (network, base) => {
      const response = await network.fetch(base, { method: 'PUT', json: { n: [1, 'zwei', null] } });
      const { sent } = (await response.json()) as { sent: unknown };
      expect(typeof sent === 'string' ? (JSON.parse(sent) as unknown) : sent).toEqual({
        n: [1, 'zwei', null],
      });
    });
  });

  test('streams values as they are sent, before the body has ended', async () => {
    const more = Promise.withResolvers<void>();
    async function* values(): AsyncGenerator {
      yield { n: 1 };
      await more.promise;
      yield { n: 2 };
    }
    await serving(
      async () => memoryResponse(200, {}, values()),
      async (network, base) => {
        const seen: unknown[] = [];
        for await (const value of (await network.fetch(base)).jsonLines()) {
          seen.push(value);
          more.resolve();
        }
        expect(seen).toEqual([{ n: 1 }, { n: 2 }]);
      },
    );
  });

  test.each(['leaves the loop', 'cancels', 'aborts'])(
    'a reader that %s ends the stream at the server',
    async (how) => {
      const cancelled = Promise.withResolvers<void>();
      async function* values(): AsyncGenerator {
        yield { n: 1 };
        await cancelled.promise;
      }
      await serving(
        async () => memoryResponse(200, {}, values(), () => cancelled.resolve()),
        async (network, base) => {
          const stop = new AbortController();
          const response = await network.fetch(base, { signal: stop.signal });
          const lines = response.jsonLines()[Symbol.asyncIterator]();
          expect(await lines.next()).toMatchObject({ value: { n: 1 } });
          if (how === 'cancels') response.cancel();
          else if (how === 'leaves the loop') await lines.return?.();
          else stop.abort();
          await cancelled.promise;
        },
      );
    },
  );

  test('an abort while the answer is awaited rejects, and tells the server', async () => {
    const seen = Promise.withResolvers<void>();
    const stop = new AbortController();
    await serving(
      (request) => {
        request.signal.addEventListener('abort', () => seen.resolve());
        stop.abort();
        return new Promise<FetchResponse>(() => {});
      },
      async (network, base) => {
        await expect(network.fetch(base, { signal: stop.signal })).rejects.toMatchObject({
          code: 'Cancelled',
        });
        await seen.promise;
      },
    );
  });

  test('a handler that throws is a 500, and the server lives on', async () => {
    await serving(
      (request) => {
        if (request.url === '/bad') throw new Error('boom');
        return echo(request);
      },
      async (network, base) => {
        const bad = await network.fetch(`${base}/bad`);
        expect([bad.status, await bad.text()]).toEqual([500, expect.stringContaining('boom')]);
        expect((await network.fetch(`${base}/good`)).status).toBe(200);
      },
    );
  });

  test('nobody listening is Unreachable, and worth another try', async () => {
    const { network, close } = setup();
    const listener = await network.listen(0, { http: echo });
    await listener.close();
    const url = `http://${listener.address}:${listener.port}/`;
    await expect(network.fetch(url)).rejects.toMatchObject({ code: 'Unreachable', next: 'retry' });
    await expect(network.dial(listener.address, listener.port)).rejects.toBeInstanceOf(FetchError);
    await expect(network.fetch('http://no-such-host.invalid/')).rejects.toMatchObject({
      code: 'Unreachable',
    });
    await expect(network.resolve('no-such-host.invalid')).rejects.toMatchObject({ code: 'Unreachable' });
    await close();
  });

  test('a port has one owner', async () => {
    const { network, close } = setup();
    const first = await network.listen(0, { http: echo });
    await expect(network.listen(first.port, { http: echo })).rejects.toMatchObject({ code: 'Unreachable' });
    await first.close();
    const second = await network.listen(first.port, { http: echo });
    expect(second.port).toBe(first.port);
    await second.close();
    await close();
  });

  test('a closing listener accepts nothing new and finishes what it has', async () => {
    const { network, close } = setup();
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<FetchResponse>();
    const listener = await network.listen(0, {
      http: () => {
        asked.resolve();
        return answer.promise;
      },
    });
    const url = `http://${listener.address}:${listener.port}/`;
    const call = network.fetch(url).then((response) => response.json());
    await asked.promise;

    let closed = false;
    const closing = listener.close().then(() => {
      closed = true;
    });
    await expect(network.dial(listener.address, listener.port)).rejects.toMatchObject({
      code: 'Unreachable',
    });
    expect(closed).toBe(false);
    answer.resolve(jsonResponse(200, 'finished'));

    expect(await call).toBe('finished');
    await closing;
    await close();
  });

  test('a closing listener that is cut breaks what it has', async () => {
    const { network, close } = setup();
    const asked = Promise.withResolvers<void>();
    const listener = await network.listen(0, {
      http: () => {
        asked.resolve();
        return new Promise<FetchResponse>(() => {});
      },
    });
    const call = network.fetch(`http://${listener.address}:${listener.port}/`);
    await asked.promise;
    await Promise.all([listener.close(gone), expect(call).rejects.toMatchObject({ code: 'Unreachable' })]);
    await close();
  });

  test('a raw connection carries bytes both ways and closes at both ends', async () => {
    const { network, close } = setup();
    const listener = await network.listen(0, { connection: (stream) => void stream.pipe(stream) });
    const stream = await network.dial(listener.address, listener.port);
    stream.write('ping');
    const [reply] = (await once(stream, 'data')) as [Buffer];
    expect(reply.toString()).toBe('ping');
    stream.end();
    stream.resume();
    await once(stream, 'close');
    await listener.close();
    await close();
  });

  test('WebSockets: a handshake with sub-protocol, messages both ways, an end', async () => {
    const { network, close } = setup();
    const listener = await network.listen(0, {
      upgrade: async (request, protocols) =>
        request.url === '/exec'
          ? {
              protocol: protocols.includes('v5') ? 'v5' : '',
              serve: async (socket) => {
                for await (const message of socket.messages()) await socket.send(message);
              },
            }
          : jsonResponse(403, { message: 'not here' }),
    });
    const base = `http://${listener.address}:${listener.port}`;
    const socket = await network.upgrade(`${base}/exec`, { protocols: ['v6', 'v5'] });
    expect(socket.protocol).toBe('v5');
    await socket.send('text');
    await socket.send(Uint8Array.of(1, 2, 3));
    const received: (string | number[])[] = [];
    for await (const message of socket.messages()) {
      received.push(typeof message === 'string' ? message : [...message]);
      if (received.length === 2) socket.close();
    }
    expect(received).toEqual(['text', [1, 2, 3]]);
    await expect(network.upgrade(`${base}/other`)).rejects.toMatchObject({
      code: 'UpgradeRefused',
      status: 403,
    });
    await listener.close(gone);
    await close();
  });

  test('a handshake that fails at the server is refused with 500', async () => {
    const { network, close } = setup();
    const listener = await network.listen(0, { upgrade: () => Promise.reject(new Error('broken')) });
    await expect(network.upgrade(`http://${listener.address}:${listener.port}/`)).rejects.toMatchObject({
      code: 'UpgradeRefused',
      status: 500,
    });
    await listener.close(gone);
    await close();
  });

  test('a handshake that is aborted before it begins does not reach the server', async () => {
    const { network, close } = setup();
    let reached = 0;
    const listener = await network.listen(0, {
      upgrade: () => {
        reached += 1;
        return Promise.reject(new Error('for nobody'));
      },
    });
    const url = `http://${listener.address}:${listener.port}/`;
    await expect(network.upgrade(url, { signal: gone })).rejects.toMatchObject({ code: 'Cancelled' });
    expect(reached).toBe(0);
    await listener.close(gone);
    await close();
  });

  test('a refused handshake leaves nothing behind at a signal that lives on', async () => {
    const { network, close } = setup();
    const listener = await network.listen(0, { upgrade: async () => jsonResponse(403, 'no') });
    const { signal } = new AbortController();
    const url = `http://${listener.address}:${listener.port}/`;
    await expect(network.upgrade(url, { signal })).rejects.toMatchObject({ code: 'UpgradeRefused' });
    await listener.close();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    await close();
  });

  test('an abort cuts a WebSocket that is open, and its own close ends its messages at once', async () => {
    const { network, close } = setup();
    const ended = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const listener = await network.listen(0, {
      upgrade: async (request) => ({
        protocol: '',
        serve: async (socket) => {
          for await (const _ of socket.messages()) continue;
          ended[Number(request.url.slice(1))]?.resolve();
        },
      }),
    });
    const base = `http://${listener.address}:${listener.port}`;
    const stop = new AbortController();
    const first = await network.upgrade(`${base}/0`, { signal: stop.signal });
    const second = await network.upgrade(`${base}/1`);
    stop.abort();
    for await (const _ of first.messages()) expect.unreachable();
    second.close();
    for await (const _ of second.messages()) expect.unreachable();
    await Promise.all(ended.map(({ promise }) => promise));
    await listener.close();
    await close();
  });

  test('an answer that comes too late is given up', async () => {
    const stop = new AbortController();
    const asked = Promise.withResolvers<void>();
    const late = Promise.withResolvers<FetchResponse>();
    const cancelled = Promise.withResolvers<void>();
    await serving(
      () => {
        asked.resolve();
        return late.promise;
      },
      async (network, base) => {
        const call = network.fetch(base, { signal: stop.signal });
        await asked.promise;
        stop.abort();
        await expect(call).rejects.toMatchObject({ code: 'Cancelled' });
        async function* values(): AsyncGenerator {
          yield 1;
          await cancelled.promise;
        }
        late.resolve(memoryResponse(200, {}, values(), () => cancelled.resolve()));
        await cancelled.promise;
      },
    );
  });

  test('localhost is the host itself', async () => {
    const { network, close } = setup();
    const listener = await network.listen(0, { http: echo });
    expect((await network.fetch(`http://localhost:${listener.port}/`)).status).toBe(200);
    await listener.close(gone);
    await close();
  });
});

test('hosts in memory reach each other by name, and see who calls', async () => {
  const world = new MemoryNetwork((name, from) =>
    name === 'backend' && from === '10.0.0.2' ? ['10.0.0.9', '10.0.0.1'] : [],
  );
  await world
    .host('10.0.0.1')
    .listen(80, { http: async (request) => jsonResponse(200, request.remoteAddress) });
  const response = await world.host('10.0.0.2').fetch('http://backend/');
  expect(await response.json()).toBe('10.0.0.2');
  await expect(world.host('10.0.0.3').fetch('http://backend/')).rejects.toThrow('no such host: backend');
});

test('a connection that rests is kept for an hour: after a pause, nobody writes into one that was just closed', async () => {
  const client = socketClient();
  const network = socketNetwork(client);
  const listener = await network.listen(0, { http: echo });
  const response = await network.fetch(`http://127.0.0.1:${listener.port}/`);
  await response.text();
  expect(response.headers.get('keep-alive')).toBe('timeout=3600');
  await listener.close(gone);
  await client.close();
});

test('a whole body that is too large is an error, not memory', async () => {
  const client = socketClient({ maxBodyBytes: 100 });
  const network = socketNetwork(client);
  const listener = await network.listen(0, { http: async () => jsonResponse(200, 'x'.repeat(1000)) });
  const response = await network.fetch(`http://127.0.0.1:${listener.port}/`);
  await expect(response.json()).rejects.toMatchObject({ code: 'MalformedBody' });
  await listener.close(gone);
  await client.close();
});

test('a body that breaks off is an error, never a short body', async () => {
  const clock = realClock();
  const client = socketClient();
  const network = socketNetwork(client);
  async function* endless(): AsyncGenerator {
    for (;;) {
      yield { n: 1 };
      await clock.sleep(1);
    }
  }
  const listener = await network.listen(0, { http: async () => memoryResponse(200, {}, endless()) });
  const response = await network.fetch(`http://127.0.0.1:${listener.port}/`);
  const reading = (async () => {
    for await (const _ of response.jsonLines()) void listener.close(gone);
  })();
  await expect(reading).rejects.toMatchObject({ code: 'Unreachable', next: 'retry' });
  await client.close();
});

test('a client that reads slowly costs the server no memory but its buffers', async () => {
  const clock = realClock();
  const client = socketClient();
  const network = socketNetwork(client);
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  const text = 'x'.repeat(2_000_000);
  const listener = await network.listen(0, {
    http: async () =>
      memoryResponse(
        200,
        {},
        Array.from({ length: 30 }, () => text),
      ),
  });
  const response = await network.fetch(`http://127.0.0.1:${listener.port}/`);
  let bytes = 0;
  for await (const chunk of response.body()) {
    bytes += chunk.length;
    await clock.sleep(0);
  }
  process.off('warning', onWarning);
  expect(bytes).toBe(30 * (text.length + 3));
  expect(warnings).toEqual([]);
  await listener.close(gone);
  await client.close();
});

test('a WebSocket whose reader leaves while it is paused still takes part in its close', async () => {
  const client = socketClient();
  const network = socketNetwork(client);
  const listener = await network.listen(0, {
    upgrade: async () => ({
      protocol: '',
      serve: async (socket) => {
        for (let i = 0; i < 2_000; i++) await socket.send('x'.repeat(1_000));
      },
    }),
  });
  const socket = await network.upgrade(`http://127.0.0.1:${listener.port}/`);
  await realClock().sleep(100);
  for await (const message of socket.messages()) {
    expect(message).toHaveLength(1_000);
    break;
  }
  await listener.close();
  await client.close();
});
