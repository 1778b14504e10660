import { describe, expect, test } from 'vitest';
import type { TestAnswer, TestEvent } from '../test-server.test-double.ts';
import { EventReader, TestServer, configMapOf } from '../test-server.test-double.ts';

const url = '/api/v1/namespaces/ns/configmaps';

async function filled(...names: string[]): Promise<TestServer> {
  const server = new TestServer();
  for (const name of names)
    await server.send('POST', url, configMapOf(name, { k: '1' }, { labels: { app: name } }));
  return server;
}

const namesOf = ({ body }: TestAnswer): string[] => body.items.map((item) => item.metadata.name);

async function watch(server: TestServer, query: string): Promise<EventReader> {
  const response = await server.open('GET', `${url}?watch=true&${query}`);
  expect(response.status).toBe(200);
  return new EventReader(response);
}

const brief = ({ type, object }: TestEvent): string => `${type} ${object.metadata.name}`;

describe('list', () => {
  test('by labels and fields; items do not repeat their kind', async () => {
    const server = await filled('a', 'b', 'c');
    expect(namesOf(await server.send('GET', `${url}?labelSelector=app%20in%20(a,b)`))).toEqual(['a', 'b']);
    expect(namesOf(await server.send('GET', `${url}?fieldSelector=metadata.name!%3Db`))).toEqual(['a', 'c']);
    expect(namesOf(await server.send('GET', '/api/v1/configmaps'))).toEqual(['a', 'b', 'c']);
    const { body } = await server.send('GET', url);
    expect(body).toMatchObject({ kind: 'ConfigMapList', apiVersion: 'v1' });
    expect(body.items[0]).not.toHaveProperty('kind');
  });

  test('an unknown field is named', async () => {
    const { status, body } = await new TestServer().send('GET', `${url}?fieldSelector=data.n%3Da`);
    expect(status).toBe(400);
    expect(body.message).toBe(
      '"data.n" is not a known field selector: only "metadata.name", "metadata.namespace"',
    );
  });

  test('in pages, all of them of one moment', async () => {
    const server = await filled('a', 'b', 'c', 'd', 'e');
    const first = await server.send('GET', `${url}?limit=2`);
    expect(namesOf(first)).toEqual(['a', 'b']);
    expect(first.body.metadata.remainingItemCount).toBe(3);
    await server.send('POST', url, configMapOf('bb'));
    await server.send('DELETE', `${url}/d`);
    const second = await server.send('GET', `${url}?limit=2&continue=${first.body.metadata.continue}`);
    expect(namesOf(second)).toEqual(['c', 'd']);
    expect(second.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
    const last = await server.send('GET', `${url}?limit=2&continue=${second.body.metadata.continue}`);
    expect(namesOf(last)).toEqual(['e']);
    expect(last.body.metadata).not.toHaveProperty('continue');
  });

  test('pages of a state that is forgotten are gone', async () => {
    const server = new TestServer({ logCount: 2 });
    for (const name of ['a', 'b', 'c']) await server.send('POST', url, configMapOf(name));
    const { body } = await server.send('GET', `${url}?limit=1`);
    for (const name of ['d', 'e', 'f']) await server.send('POST', url, configMapOf(name));
    const next = await server.send('GET', `${url}?limit=1&continue=${body.metadata.continue}`);
    expect(next).toMatchObject({ status: 410, body: { reason: 'Expired' } });
    // Who does not mind that the rest is of another moment may go on.
    const rest = await server.send('GET', `${url}?continue=${next.body.metadata.continue}`);
    expect(namesOf(rest)).toEqual(['b', 'c', 'd', 'e', 'f']);
  });

  test('at an exact version, or at one that is still to come', async () => {
    const server = await filled('a');
    const { body } = await server.send('GET', url);
    const then = body.metadata.resourceVersion;
    await server.send('POST', url, configMapOf('b'));
    const exact = `${url}?resourceVersion=${then}&resourceVersionMatch=Exact`;
    expect(namesOf(await server.send('GET', exact))).toEqual(['a']);
    expect(namesOf(await server.send('GET', `${url}?resourceVersion=${then}`))).toEqual(['a', 'b']);
    expect(await server.send('GET', `${url}?resourceVersion=9000000000000`)).toMatchObject({
      status: 504,
      body: { reason: 'Timeout', details: { causes: [{ reason: 'ResourceVersionTooLarge' }] } },
    });
    expect((await server.send('GET', `${url}?resourceVersionMatch=Exact`)).status).toBe(422);
    expect((await server.send('GET', `${url}?resourceVersion=abc`)).status).toBe(400);
  });
});

describe('watch', () => {
  test('from a version: what came since, then what comes', async () => {
    const server = await filled('a');
    const { body } = await server.send('GET', url);
    await server.patch('merge-patch+json', `${url}/a`, { data: { k: '2' } });
    const reader = await watch(server, `resourceVersion=${body.metadata.resourceVersion}`);
    expect((await reader.take(1)).map(brief)).toEqual(['MODIFIED a']);
    const next = reader.next();
    await server.send('DELETE', `${url}/a`);
    expect(await next).toMatchObject({
      type: 'DELETED',
      object: { kind: 'ConfigMap', metadata: { name: 'a' }, data: { k: '2' } },
    });
  });

  test('without a version it starts with what is there', async () => {
    const server = await filled('a', 'b');
    const reader = await watch(server, '');
    await server.send('POST', url, configMapOf('c'));
    expect((await reader.take(3)).map(brief)).toEqual(['ADDED a', 'ADDED b', 'ADDED c']);
  });

  test('objects enter and leave a selection', async () => {
    const server = await filled('a');
    const reader = await watch(server, 'labelSelector=app%3Dweb');
    const label = (app: string, k: string) =>
      server.patch('merge-patch+json', `${url}/a`, { metadata: { labels: { app } }, data: { k } });
    await label('web', '2');
    await label('web', '3');
    const left = await label('db', '4');
    await label('db', '5');
    await server.send('POST', url, configMapOf('z', {}, { labels: { app: 'web' } }));
    const events = await reader.take(4);
    expect(events.map(brief)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a', 'ADDED z']);
    expect(events[2]?.object.data).toEqual({ k: '3' });
    expect(events[2]?.object.metadata.resourceVersion).toBe(left.body.metadata.resourceVersion);
  });

  test('all watches share the event, and its bytes', async () => {
    const server = new TestServer();
    const readers = [await watch(server, ''), await watch(server, '')];
    await server.send('POST', url, configMapOf('a'));
    const [first, second] = await Promise.all(readers.map((reader) => reader.next()));
    expect(first).toBe(second);
  });

  test('a version that is forgotten is an ERROR in the stream', async () => {
    const server = await filled('a');
    const reader = await watch(server, 'resourceVersion=1');
    expect(await reader.next()).toMatchObject({
      type: 'ERROR',
      object: {
        code: 410,
        reason: 'Expired',
        message: 'too old resource version: 1 (100)',
      },
    });
    expect(await reader.next()).toBeUndefined();
  });

  test('a streamed list ends with a bookmark that says so', async () => {
    const server = await filled('a');
    const reader = await watch(
      server,
      'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true',
    );
    const { resourceVersion } = (await server.send('GET', url)).body.metadata;
    await server.send('POST', url, configMapOf('b'));
    const events = await reader.take(3);
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'BOOKMARK', 'ADDED']);
    // Whoever goes on from the bookmark must not miss what came before he read it.
    expect(events[1]?.object).toMatchObject({
      kind: 'ConfigMap',
      metadata: { resourceVersion, annotations: { 'k8s.io/initial-events-end': 'true' } },
    });
    const refused = await server.send('GET', `${url}?watch=true&sendInitialEvents=true`);
    expect(refused.status).toBe(422);
  });

  test('ends when its time is up, with a last bookmark', async () => {
    const server = await filled('a');
    const { body } = await server.send('GET', url);
    const { resourceVersion } = body.metadata;
    const reader = await watch(
      server,
      `resourceVersion=${resourceVersion}&timeoutSeconds=90&allowWatchBookmarks=1`,
    );
    const events = [await server.clock.run(reader.next()), await server.clock.run(reader.next())];
    expect(events).toMatchObject([
      { type: 'BOOKMARK', object: { metadata: { resourceVersion } } },
      { type: 'BOOKMARK' },
    ]);
    expect(await server.clock.run(reader.next())).toBeUndefined();
  });

  test('leaves nothing behind when the reader goes, however it goes', async () => {
    const server = await filled('a');
    const abort = new AbortController();
    const aborted = await server.open('GET', `${url}?watch=true`, undefined, {}, abort.signal);
    const unread = await server.open('GET', `${url}?watch=true`);
    const read = await watch(server, '');
    await read.next();
    abort.abort();
    unread.cancel();
    read.close();
    await server.clock.settle();
    expect(server.clock.pending).toBe(0);
    expect(await Array.fromAsync(aborted.jsonLines())).toHaveLength(1);
  });
});
