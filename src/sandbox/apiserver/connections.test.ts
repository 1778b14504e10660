import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { realClock } from '../../base/clock.ts';
import type { FetchResponse } from '../../base/fetch.ts';
import { silentLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import type { Cluster } from './cluster.ts';
import { inProcessServer, startCluster } from './cluster.ts';

const clock = realClock();
const configMaps = '/api/v1/namespaces/default/configmaps';
let cluster: Cluster | undefined;
afterEach(() => cluster?.close());

async function start(): Promise<Cluster> {
  cluster = await startCluster({ clock, random: seededRandom(1), log: silentLog, listen: {} });
  return cluster;
}

async function write(to: Cluster, method: 'POST' | 'PUT', name: string, value: string): Promise<void> {
  const path = method === 'POST' ? configMaps : `${configMaps}/${name}`;
  const response = await to.fetch(`${inProcessServer}${path}`, {
    method,
    json: { metadata: { name }, data: { value } },
  });
  expect(response.status).toBeLessThan(300);
  response.cancel();
}

async function watchInProcess(to: Cluster): Promise<FetchResponse> {
  return await to.fetch(`${inProcessServer}${configMaps}?watch=true&resourceVersion=${await revision(to)}`);
}

async function revision(of: Cluster): Promise<string> {
  const response = await of.fetch(`${inProcessServer}${configMaps}?limit=1`);
  const { metadata } = (await response.json()) as { metadata: { resourceVersion: string } };
  return metadata.resourceVersion;
}

/** Who has the certificate of an administrator, over a socket. */
function dialer(to: Cluster): () => Promise<TLSSocket> {
  const kubeconfig = to.kubeconfig();
  const decode = (field: string): string =>
    Buffer.from(new RegExp(`${field}: (\\S+)`).exec(kubeconfig)?.[1] ?? '', 'base64').toString('utf8');
  const { port } = new URL(to.server ?? '');
  const options = {
    host: '127.0.0.1',
    port: Number(port),
    ca: to.ca,
    cert: decode('client-certificate-data'),
    key: decode('client-key-data'),
  };
  return () =>
    new Promise((resolve, reject) => {
      const socket = connect(options, () => resolve(socket));
      socket.once('error', reject);
    });
}

/** A watch over a socket of its own, once its headers are there. */
async function watchBySocket(dial: () => Promise<TLSSocket>, from: string): Promise<TLSSocket> {
  const socket = await dial();
  const answered = new Promise<Buffer>((resolve) => {
    socket.once('data', resolve);
  });
  socket.write(`GET ${configMaps}?watch=true&resourceVersion=${from} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
  expect((await answered).toString('utf8')).toMatch(/^HTTP\/1\.1 200 /);
  return socket;
}

test('a crowd of watches hears of a change, and does not keep the server from closing', async () => {
  const to = await start();
  const dial = dialer(to);
  const from = await revision(to);
  const sockets: TLSSocket[] = [];
  for (let i = 0; i < 100; i += 1) sockets.push(await watchBySocket(dial, from));
  const watches = await Promise.all(Array.from({ length: 10_000 }, () => watchInProcess(to)));

  const heard = sockets.map(
    (socket) =>
      new Promise<string>((resolve) => socket.once('data', (data: Buffer) => resolve(data.toString()))),
  );
  const events = watches.map((watch) => watch.jsonLines()[Symbol.asyncIterator]().next());
  await write(to, 'POST', 'a', 'x');
  for (const event of await Promise.all(events)) expect(event.value).toMatchObject({ type: 'ADDED' });
  for (const event of await Promise.all(heard)) expect(event).toContain('"type":"ADDED"');

  // Half of them leave without a word; the others do not notice.
  for (const socket of sockets.slice(50)) socket.destroy();
  for (const watch of watches.slice(5000)) watch.cancel();
  const next = new Promise<string>((resolve) => {
    sockets[0]?.once('data', (data: Buffer) => resolve(data.toString()));
  });
  await write(to, 'PUT', 'a', 'y');
  expect(await next).toContain('"type":"MODIFIED"');

  const closed = sockets.slice(0, 50).map((socket) => {
    socket.on('error', () => {});
    return new Promise((resolve) => socket.once('close', resolve));
  });
  const before = clock.monotonic();
  await to.close();
  await Promise.all(closed);
  expect(clock.monotonic() - before).toBeLessThan(5000);
});

test('a reader that stops reading is cut off; what waited for it is dropped, and others lose nothing', async () => {
  const changes = 6000;
  const to = await start();
  const dial = dialer(to);
  await write(to, 'POST', 'a', '');
  const from = await revision(to);
  const slow = await watchBySocket(dial, from);
  slow.pause();
  const other = await watchInProcess(to);
  const seen = (async () => {
    let count = 0;
    for await (const _ of other.jsonLines()) {
      count += 1;
      if (count === changes) break;
    }
    return count;
  })();
  const value = 'x'.repeat(2000);
  for (let i = 0; i < changes; i += 1) await write(to, 'PUT', 'a', `${i} ${value}`);
  expect(await seen).toBe(changes);

  // The end of the chunked answer comes long before the last change.
  let text = '';
  slow.on('data', (data: Buffer) => {
    text += data.toString('latin1');
  });
  const ended = new Promise<void>((resolve) => {
    slow.on('data', () => {
      if (text.endsWith('\r\n0\r\n\r\n')) resolve();
    });
  });
  slow.resume();
  await ended;
  const received = text.split('"type":"MODIFIED"').length - 1;
  expect(received).toBeGreaterThan(0);
  expect(received).toBeLessThan(changes / 2);
});

test('what is no request harms nobody', async () => {
  const to = await start();
  const dial = dialer(to);
  const head = 'host: localhost\r\ncontent-type: application/json\r\n';
  const rubbish = [
    '\0\xff\xfe\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    `GET /${'a'.repeat(100_000)} HTTP/1.1\r\n${head}\r\n`,
    `GET / HTTP/1.1\r\n${head}x: ${'a'.repeat(100_000)}\r\n\r\n`,
    `GET //x?%zz HTTP/1.1\r\n${head}\r\n`,
    `GET http://evil.example/api HTTP/1.1\r\nhost: evil.example\r\n\r\n`,
    `CONNECT localhost:1 HTTP/1.1\r\n${head}\r\n`,
    `POST ${configMaps} HTTP/1.1\r\n${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    `POST ${configMaps} HTTP/1.1\r\n${head}content-length: 99999\r\n\r\n{"a":`,
    `POST ${configMaps} HTTP/1.1\r\n${head}transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n`,
    `GET ${configMaps} HTTP/1.1\r\n${head}connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: x\r\n\r\n`,
    `GET /api/v1/namespaces/default/pods/p/exec HTTP/1.1\r\n${head}connection: upgrade\r\nupgrade: SPDY/3.1\r\n\r\n`,
  ];
  for (const text of rubbish) {
    const socket = await dial();
    socket.on('error', () => {});
    const answered = new Promise<string>((resolve) => {
      socket.once('data', (data: Buffer) => resolve(data.toString('latin1')));
      socket.once('close', () => resolve(''));
    });
    socket.write(Buffer.from(text, 'latin1'));
    // Some wait for the rest of what they announced: they are left, and the client goes.
    const answer = await Promise.race([answered, clock.sleep(300).then(() => '')]);
    expect(answer.slice(0, 10)).toMatch(/^(HTTP\/1\.1 4)?$/);
    socket.destroy();
  }
  expect((await to.fetch(`${inProcessServer}${configMaps}`)).status).toBe(200);
});
