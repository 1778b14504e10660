import { once } from 'node:events';
import { createSecureServer, type Http2SecureServer, type Http2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import { createCertificateAuthority } from '../sandbox/apiserver/access/certificates.ts';
import { realClock } from './clock.ts';
import { jsonResponse } from './fetch.ts';
import type { HttpHandler } from './network.ts';
import { seededRandom } from './random.ts';
import { socketClient, type TlsClientOptions } from './socket-client.ts';
import { listenSocket } from './socket-network.ts';

const authority = createCertificateAuthority(realClock(), seededRandom(1), 'ca');
const stranger = createCertificateAuthority(realClock(), seededRandom(2), 'stranger');
const server = authority.issueServer({ commonName: 'server' }, ['localhost', '127.0.0.1']);
const gone = AbortSignal.abort();

describe('over TLS', () => {
  const whoAmI: HttpHandler = async ({ peer }) => jsonResponse(200, peer ?? null);

  async function ask(tls: TlsClientOptions): Promise<unknown> {
    const listener = await listenSocket(
      0,
      { http: whoAmI },
      { tls: { ...server, clientCa: authority.certificate } },
    );
    const client = socketClient({ tls });
    try {
      return await (await client.fetch(`https://127.0.0.1:${listener.port}/`)).json();
    } finally {
      await client.close();
      await listener.close(gone);
    }
  }

  const ca = authority.certificate;

  test('a client certificate says who asks; one of a stranger, or none, says nothing', async () => {
    const me = { commonName: 'me', organizations: ['admins', 'readers'] };
    expect(await ask({ ca, ...authority.issueClient(me) })).toEqual(me);
    expect(await ask({ ca, ...stranger.issueClient(me) })).toBeNull();
    expect(await ask({ ca })).toBeNull();
  });

  test('the server must prove who it is', async () => {
    const refused = { code: 'TlsRefused', next: 'retry' };
    await expect(ask({})).rejects.toMatchObject(refused);
    await expect(ask({ ca: stranger.certificate })).rejects.toMatchObject(refused);
    await expect(ask({ ca, serverName: 'other' })).rejects.toMatchObject(refused);
    expect(await ask({ ca, serverName: 'localhost' })).toBeNull();
    expect(await ask({ insecureSkipTlsVerify: true })).toBeNull();
  });
});

describe('over HTTP/2', () => {
  const sessions: Http2Session[] = [];
  const http2: Http2SecureServer = createSecureServer({ cert: server.cert, key: server.key });
  http2.on('session', (session) => sessions.push(session));
  http2.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/json' });
    if (headers[':path'] === '/watch') stream.write('{"n":1}\n');
    else stream.end('{"got":true}');
  });
  http2.listen(0, '127.0.0.1');
  const client = socketClient({ tls: { ca: authority.certificate } });
  const url = async (path: string): Promise<string> => {
    if (!http2.listening) await once(http2, 'listening');
    return `https://127.0.0.1:${(http2.address() as AddressInfo).port}${path}`;
  };
  const get = async (): Promise<unknown> => (await client.fetch(await url('/get'))).json();
  const watch = async (signal?: AbortSignal): Promise<AsyncIterator<unknown>> => {
    const lines = (await client.fetch(await url('/watch'), { signal })).jsonLines();
    const values = lines[Symbol.asyncIterator]();
    expect(await values.next()).toMatchObject({ value: { n: 1 } });
    return values;
  };

  afterAll(async () => {
    await client.close();
    for (const session of sessions) session.destroy();
    http2.close();
  });

  test('many watches share a few connections, and an abort ends one of them alone', async () => {
    const stop = new AbortController();
    const watches = await Promise.all(Array.from({ length: 150 }, () => watch()));
    const aborted = await watch(stop.signal);
    stop.abort();
    await expect(aborted.next()).rejects.toMatchObject({ code: 'Cancelled' });
    expect(await get()).toEqual({ got: true });
    expect(sessions.length).toBeLessThanOrEqual(3);
    expect(sessions.filter(({ destroyed }) => destroyed)).toEqual([]);
    for (const values of watches) await values.return?.();
  });

  test('a server that says goodbye, or is cut off, is asked again over a new connection', async () => {
    const cut = await watch();
    for (const session of sessions.splice(0)) session.goaway();
    expect(await get()).toEqual({ got: true });
    for (const session of sessions.splice(0)) session.destroy();
    await cut.return?.();
    const broken = await watch();
    for (const session of sessions.splice(0)) session.destroy();
    await expect(broken.next()).rejects.toMatchObject({ code: 'Unreachable' });
    expect(await get()).toEqual({ got: true });
  });
});
