import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { jsonResponse, memoryResponse } from '../base/fetch.ts';
import { silentLog } from '../base/log.ts';
import { MemoryFiles } from '../base/memory-files.ts';
import { MemoryNetwork } from '../base/memory-network.ts';
import type { HttpHandler, HttpRequest } from '../base/network.ts';
import { seededRandom } from '../base/random.ts';
import { hey } from './hey.ts';

/** A server at http://web:80 and a pod that runs hey against it. */
class World {
  readonly clock = new VirtualClock();
  readonly network = new MemoryNetwork((name) => (name === 'web' ? ['10.0.0.1'] : []));
  readonly files = new MemoryFiles({ '/body.json': '{"a":1}' });
  readonly stop = new AbortController();
  readonly seen: { readonly at: number; readonly request: HttpRequest; readonly body: string }[] = [];
  output = '';

  /** @param delayMs of the i-th answer */
  serve(
    delayMs: (i: number) => number,
    answer: HttpHandler = async () => jsonResponse(200, 'ok'),
  ): Promise<unknown> {
    return this.network.host('10.0.0.1').listen(80, {
      http: async (request) => {
        const i = this.seen.length;
        const body = Buffer.concat(await Array.fromAsync(request.body())).toString('utf8');
        this.seen.push({ at: this.clock.monotonic(), request, body });
        const delay = delayMs(i);
        if (delay > 0) await this.clock.sleep(delay, request.signal);
        return answer(request);
      },
    });
  }

  start(...argv: string[]): Promise<number> {
    return hey({
      argv,
      env: {},
      files: this.files,
      stdin: (async function* () {})(),
      stdout: (text) => {
        this.output += text;
      },
      signal: this.stop.signal,
      seams: {
        clock: this.clock,
        random: seededRandom('hey'),
        fetch: () => Promise.reject(new Error('not the way')),
        upgrade: () => Promise.reject(new Error('not the way')),
        network: this.network.host('10.0.0.2'),
        log: silentLog,
      },
    });
  }

  run(...argv: string[]): Promise<number> {
    return this.clock.run(this.start(...argv));
  }
}

async function world(delayMs: (i: number) => number = () => 0, answer?: HttpHandler): Promise<World> {
  const made = new World();
  await made.serve(delayMs, answer);
  return made;
}

describe('counts and rates', () => {
  const table: [string[], number, number][] = [
    [[], 200, 40],
    [['-n', '10', '-c', '2'], 10, 50],
    [['-n', '10', '-c', '3'], 9, 30],
    [['-n=8', '--c=4', '-q', '10'], 8, 110],
    [['-z', '10s', '-q', '10', '-c', '2'], 200, 9910],
    [['-z', '1m', '-q', '5', '-c', '10'], 3000, 59_810],
    [['-z', '1s', '-c', '1'], 100, 1000],
    [['-z', '1500ms', '-q', '0.5', '-c', '3'], 3, 10],
  ];
  test.each(table)(
    'hey %j http://web: %i requests in %i ms when each takes 10',
    async (argv, requests, ms) => {
      const it = await world(() => 10);
      expect(await it.run(...argv, 'http://web/')).toBe(0);
      expect(it.seen).toHaveLength(requests);
      expect(it.clock.monotonic()).toBe(ms);
      expect(it.output).toContain(`[200]\t${requests} responses`);
    },
  );

  test('answers that take no time do not keep time from passing', async () => {
    const it = await world();
    await it.run('-z', '100ms', '-c', '2', 'http://web/');
    expect(it.seen).toHaveLength(200);
    expect(it.clock.monotonic()).toBe(100);
  });

  test('requests that a slow one delays keep their intended start: nothing is omitted', async () => {
    // 10 a second from one worker; the first answer takes a second, the others none.
    const it = await world((i) => (i === 0 ? 1000 : 0));
    await it.run('-o', 'csv', '-z', '2s', '-q', '10', '-c', '1', 'http://web/');
    const rows = it.output
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(',').map(Number));
    expect(rows).toHaveLength(20);
    expect(rows.map((row) => row[7])).toEqual(Array.from({ length: 20 }, (_none, i) => i / 10));
    // Those due at 0.1 … 0.9 waited for the first; each took a millisecond more of the worker's time than the last.
    expect(rows.slice(0, 10).map((row) => row[0])).toEqual([
      1, 0.9, 0.801, 0.702, 0.603, 0.504, 0.405, 0.306, 0.207, 0.108,
    ]);
    expect(rows.at(-1)?.[0]).toBe(0);
  });

  test('SIGTERM ends it: what is in flight is finished and told', async () => {
    const it = await world(() => 100);
    const exit = it.start('-z', '1h', '-c', '2', '-q', '1', 'http://web/');
    await it.clock.advance(2050);
    it.stop.abort();
    expect(await it.clock.run(exit)).toBe(0);
    expect(it.seen).toHaveLength(6);
    expect(it.output).toContain('[200]\t6 responses');
  });
});

describe('the request', () => {
  test('carries what the flags say', async () => {
    const it = await world();
    const argv = [
      '-n',
      '1',
      '-c',
      '1',
      '-m',
      'put',
      '-H',
      'X-Canary: always',
      '-H',
      'Cookie: a=b',
      '-A',
      'text/plain',
    ];
    const more = [
      '-T',
      'application/json',
      '-U',
      'probe',
      '-a',
      'user:pass',
      '-host',
      'app.example.com',
      '-D',
      '/body.json',
    ];
    await it.run(
      ...argv,
      ...more,
      '-h2',
      '-disable-keepalive',
      '-disable-compression',
      '-cpus',
      '2',
      'http://web/x?y=1',
    );
    expect(it.seen[0]?.request).toMatchObject({
      method: 'PUT',
      url: '/x?y=1',
      headers: {
        'x-canary': 'always',
        cookie: 'a=b',
        accept: 'text/plain',
        'content-type': 'application/json',
        'user-agent': 'probe hey/0.0.1',
        authorization: 'Basic dXNlcjpwYXNz',
        host: 'app.example.com',
      },
    });
    expect(it.seen[0]?.body).toBe('{"a":1}');
  });

  test('without flags is hey’s own', async () => {
    const it = await world();
    await it.run('-n', '1', '-c', '1', '-d', 'hello', 'http://web');
    expect(it.seen[0]?.request.headers).toEqual({
      host: 'web:80',
      'content-type': 'text/html',
      'user-agent': 'hey/0.0.1',
    });
    expect(it.seen[0]?.body).toBe('hello');
  });

  const redirect: HttpHandler = async ({ url }) =>
    url === '/old' ? memoryResponse(302, { location: '/new' }, []) : jsonResponse(200, 'new');
  test('redirects are followed, unless disabled', async () => {
    const followed = await world(() => 0, redirect);
    await followed.run('-n', '1', '-c', '1', '-m', 'POST', '-d', 'x', 'http://web/old');
    expect(followed.seen.map(({ request }) => `${request.method} ${request.url}`)).toEqual([
      'POST /old',
      'GET /new',
    ]);
    expect(followed.output).toContain('[200]\t1 responses');
    const not = await world(() => 0, redirect);
    await not.run('-n', '1', '-c', '1', '-disable-redirects', 'http://web/old');
    expect(not.output).toContain('[302]\t1 responses');
  });

  test('a redirect in a circle is an error', async () => {
    const it = await world(
      () => 0,
      async () => memoryResponse(307, { location: '/again' }, []),
    );
    await it.run('-n', '1', '-c', '1', 'http://web/old');
    expect(it.output).toContain('[1]\tGet "http://web/old": stopped after 10 redirects');
  });
});

describe('the output', () => {
  test('is hey’s summary, to the last blank', async () => {
    const it = await world((i) => [10, 20, 20, 40][i % 4] ?? 0);
    await it.run('-n', '20', '-c', '1', 'http://web/');
    expect(it.output).toBe(`
Summary:
  Total:	0.4500 secs
  Slowest:	0.0400 secs
  Fastest:	0.0100 secs
  Average:	0.0225 secs
  Requests/sec:	44.4444
  
  Total data:	100 bytes
  Size/request:	5 bytes

Response time histogram:
  0.010 [5]	|■■■■■■■■■■■■■■■■■■■■
  0.013 [0]	|
  0.016 [0]	|
  0.019 [0]	|
  0.022 [10]	|■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■
  0.025 [0]	|
  0.028 [0]	|
  0.031 [0]	|
  0.034 [0]	|
  0.037 [0]	|
  0.040 [5]	|■■■■■■■■■■■■■■■■■■■■


Latency distribution:
  10% in 0.0100 secs
  25% in 0.0200 secs
  50% in 0.0200 secs
  75% in 0.0400 secs
  90% in 0.0400 secs
  95% in 0.0400 secs
  0% in 0.0000 secs

Details (average, fastest, slowest):
  DNS+dialup:	0.0000 secs, 0.0100 secs, 0.0400 secs
  DNS-lookup:	0.0000 secs, 0.0000 secs, 0.0000 secs
  req write:	0.0000 secs, 0.0000 secs, 0.0000 secs
  resp wait:	0.0225 secs, 0.0100 secs, 0.0400 secs
  resp read:	0.0000 secs, 0.0000 secs, 0.0000 secs

Status code distribution:
  [200]	20 responses



`);
  });

  test('of a load that only fails is as empty as hey’s', async () => {
    const it = new World();
    await it.run('-n', '4', '-c', '2', 'http://web/');
    expect(it.output).toBe(`
Summary:
  Total:	0.0020 secs
  Slowest:	0.0000 secs
  Fastest:	0.0000 secs
  Average:	 NaN secs
  Requests/sec:	2000.0000
  

Response time histogram:


Latency distribution:

Details (average, fastest, slowest):
  DNS+dialup:	 NaN secs, 0.0000 secs, 0.0000 secs
  DNS-lookup:	 NaN secs, 0.0000 secs, 0.0000 secs
  req write:	 NaN secs, 0.0000 secs, 0.0000 secs
  resp wait:	 NaN secs, 0.0000 secs, 0.0000 secs
  resp read:	 NaN secs, 0.0000 secs, 0.0000 secs

Status code distribution:

Error distribution:
  [4]	Get "http://web/": connection to web:80 refused: nothing listens there

`);
  });

  test('-t gives up a request that takes too long', async () => {
    const it = await world(() => 5000);
    await it.run('-n', '2', '-c', '2', '-t', '1', 'http://web/');
    expect(it.clock.monotonic()).toBe(1000);
    expect(it.output).toContain(
      '[2]\tGet "http://web/": context deadline exceeded (Client.Timeout exceeded)\n',
    );
  });

  test('a body that breaks off is an error, not an answer', async () => {
    async function* broken(): AsyncGenerator {
      yield 1;
      throw new Error('unexpected EOF');
    }
    const it = await world(
      () => 0,
      async () => memoryResponse(200, {}, broken()),
    );
    await it.run('-n', '1', '-c', '1', 'http://web/');
    expect(it.output).toContain('[1]\tGet "http://web/": unexpected EOF');
    expect(it.output).not.toContain('[200]');
  });
});

describe('the command line', () => {
  const table: [string[], number, string][] = [
    [[], 1, 'Usage: hey [options...] <url>\n'],
    [['-n', '1', 'http://web'], 1, '-n cannot be less than -c.\n\nUsage: hey '],
    [['-n', '0', 'http://web'], 1, '-n and -c cannot be smaller than 1.\n\nUsage'],
    [['-z', '1s', '-c', '0', 'http://web'], 1, '-c cannot be smaller than 1.\n\nUsage'],
    [['-zz', '1', 'http://web'], 2, 'flag provided but not defined: -zz\nUsage'],
    [['-n', 'x', 'http://web'], 2, 'invalid value "x" for flag -n: parse error\nUsage'],
    [['-z', '10', 'http://web'], 2, 'invalid value "10" for flag -z: '],
    [['-c'], 2, 'flag needs an argument: -c\nUsage'],
    [['-h', 'x', 'http://web'], 1, "Flag '-h' is deprecated, please use '-H' instead.\n"],
    [['-H', 'nonsense', 'http://web'], 1, 'could not parse the provided input; input = nonsense\n'],
    [['-a', 'x', 'http://web'], 1, 'could not parse the provided input; input = x\n'],
    [['-x', 'proxy:80', 'http://web'], 1, '-x is not supported here.'],
    [['-o', 'json', 'http://web'], 1, '-o supports csv only'],
    [['web:80/'], 1, 'unsupported protocol scheme "web"'],
    [['web'], 1, 'parse "web": it is no URL'],
    [['-n', '1', '-c', '1', '-D', '/none', 'http://web'], 1, '/none: no such file\n'],
  ];
  test.each(table)('hey %j ends with %i', async (argv, code, text) => {
    const it = new World();
    expect(await it.run(...argv)).toBe(code);
    expect(it.output.startsWith(text)).toBe(true);
  });
});
