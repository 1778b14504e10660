import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
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

test('a server that offers HTTP/2 is spoken to in HTTP/1.1, so that its goodbye cannot strand requests', async () => {
  const http2 = createSecureServer({ cert: server.cert, key: server.key, allowHTTP1: true });
  const versions: string[] = [];
  let connections = 0;
  http2.on('secureConnection', () => (connections += 1));
  http2.on('request', (request, response) => {
    versions.push(request.httpVersion);
    if (request.url === '/watch') response.write('{"n":1}\n');
    else response.end('{"got":true}');
  });
  http2.listen(0, '127.0.0.1');
  await once(http2, 'listening');
  const base = `https://127.0.0.1:${(http2.address() as AddressInfo).port}`;
  const client = socketClient({ tls: { ca: authority.certificate } });
  const get = async (): Promise<unknown> => (await client.fetch(`${base}/get`)).json();

  const stop = new AbortController();
  const lines = (await client.fetch(`${base}/watch`, { signal: stop.signal })).jsonLines();
  const watch = lines[Symbol.asyncIterator]();
  expect(await watch.next()).toMatchObject({ value: { n: 1 } });
  for (let i = 0; i < 20; i++) expect(await get()).toEqual({ got: true });
  // One for the watch; a second get may come before the first one's connection is free again.
  expect(connections).toBeLessThanOrEqual(3);
  stop.abort();
  await expect(watch.next()).rejects.toMatchObject({ code: 'Cancelled' });
  expect(await get()).toEqual({ got: true });
  expect(new Set(versions)).toEqual(new Set(['1.1']));
  await client.close();
  http2.close();
});
