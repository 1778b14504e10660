import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import type { FetchInit, FetchResponse } from '../../base/fetch.ts';
import { silentLog } from '../../base/log.ts';
import { MemoryFiles } from '../../base/memory-files.ts';
import { MemoryNetwork } from '../../base/memory-network.ts';
import type { Network } from '../../base/network.ts';
import { seededRandom } from '../../base/random.ts';
import { readExposition } from '../prometheus/exposition.ts';
import { podinfo } from './podinfo.ts';

interface Options {
  readonly version?: string;
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: MemoryFiles;
  readonly address?: string;
}

/** A podinfo that has started, a client in another pod, and what it logs. */
class Pod {
  readonly clock: VirtualClock;
  readonly client: Network;
  readonly exit: Promise<number>;
  readonly #stop = new AbortController();
  output = '';

  constructor(world: World, options: Options = {}) {
    const {
      version = '6.5.4',
      argv = [],
      env = {},
      files = new MemoryFiles(),
      address = '10.0.0.1',
    } = options;
    this.clock = world.clock;
    this.client = world.network.host('10.0.0.9');
    this.exit = podinfo(version)({
      argv,
      env: { HOSTNAME: 'podinfo-0', ...env },
      files,
      stdin: (async function* () {})(),
      stdout: (text) => {
        this.output += text;
      },
      signal: this.#stop.signal,
      seams: {
        clock: world.clock,
        random: seededRandom('podinfo'),
        fetch: () => Promise.reject(new Error('no way out of the pod')),
        upgrade: () => Promise.reject(new Error('no way out of the pod')),
        network: world.network.host(address),
        log: silentLog,
      },
    });
  }

  fetch(path: string, init: FetchInit = {}, port = 9898): Promise<FetchResponse> {
    return this.clock.run(this.client.fetch(`http://10.0.0.1:${port}${path}`, init));
  }

  async status(path: string, method = 'GET'): Promise<number> {
    const response = await this.fetch(path, { method });
    response.cancel();
    return response.status;
  }

  async json(path: string, init: FetchInit = {}): Promise<unknown> {
    return this.clock.run((await this.fetch(path, init)).json());
  }

  terminate(): void {
    this.#stop.abort();
  }

  get lines(): Record<string, unknown>[] {
    return this.output
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}

class World {
  readonly clock = new VirtualClock();
  readonly network = new MemoryNetwork((name) => (name === 'backend' ? ['10.0.0.2'] : []));

  async start(options: Options = {}): Promise<Pod> {
    const pod = new Pod(this, options);
    await this.clock.settle();
    return pod;
  }
}

async function started(options: Options = {}): Promise<Pod> {
  return new World().start(options);
}

describe('endpoints', () => {
  test('the answer of / is the runtime information, in podinfo’s order and layout', async () => {
    const pod = await started({ env: { PODINFO_UI_COLOR: '#34577c' } });

    const response = await pod.fetch('/');

    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toEqual({
      'content-type': 'application/json; charset=utf-8',
      'x-content-type-options': 'nosniff',
      date: 'Thu, 01 Jan 2026 00:00:00 GMT',
      'content-length': '344',
    });
    expect(await response.text()).toBe(`{
  "hostname": "podinfo-0",
  "version": "6.5.4",
  "revision": "unknown",
  "color": "#34577c",
  "logo": "https://raw.githubusercontent.com/stefanprodan/podinfo/gh-pages/cuddle_clap.gif",
  "message": "greetings from podinfo v6.5.4",
  "goos": "linux",
  "goarch": "amd64",
  "runtime": "go1.21.5",
  "num_goroutine": "8",
  "num_cpu": "2"
}`);
  });

  const table: [string, string, number, string][] = [
    ['GET', '/version', 200, '{\n  "commit": "unknown",\n  "version": "6.5.4"\n}'],
    ['GET', '/healthz', 200, '{\n  "status": "OK"\n}'],
    ['GET', '/readyz', 200, '{\n  "status": "OK"\n}'],
    ['GET', '/status/503', 503, '{\n  "status": 503\n}'],
    ['POST', '/status/201', 201, '{\n  "status": 201\n}'],
    ['GET', '/status/204', 204, ''],
    ['GET', '/status/teapot', 404, '404 page not found\n'],
    ['DELETE', '/status/200', 405, ''],
    ['HEAD', '/', 405, ''],
    ['GET', '/nothing', 404, '404 page not found\n'],
    ['GET', '/delay/3', 200, '{\n  "delay": 3\n}'],
    ['GET', '/chunked/2', 200, '{\n  "delay": 2\n}'],
    ['GET', '/configs', 200, '{}'],
    ['POST', '/echo', 202, 'hello <you>'],
    ['PUT', '/api/echo/anything', 202, 'hello <you>'],
    ['GET', '/store/none', 200, '{\n  "code": 500,\n  "message": "reading file failed"\n}'],
    ['POST', '/cache/key', 200, '{\n  "code": 400,\n  "message": "cache server is offline"\n}'],
    [
      'GET',
      '/token/validate',
      200,
      '{\n  "code": 401,\n  "message": "authorization bearer header required"\n}',
    ],
    [
      'GET',
      '/delay/99999999999999999999',
      200,
      '{\n  "code": 400,\n  "message": "strconv.Atoi: parsing \\"99999999999999999999\\": value out of range"\n}',
    ],
  ];
  test.each(table)('%s %s → %i', async (method, path, status, body) => {
    const pod = await started();

    const response = await pod.fetch(path, { method, body: method === 'GET' ? undefined : 'hello <you>' });

    expect(response.status).toBe(status);
    expect(await response.text()).toBe(body);
  });

  test('/api/info tells the same as /, a browser gets a page', async () => {
    const pod = await started();
    expect(await pod.json('/api/info')).toEqual(await pod.json('/'));
    const page = await pod.fetch('/', { headers: { 'user-agent': 'Mozilla/5.0' } });
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(await page.text()).toContain('<title>podinfo-0</title>');
  });

  test('/env and /headers show what the process and the request carry', async () => {
    const pod = await started({ env: { A: '1' } });
    expect(await pod.json('/env')).toEqual(['HOSTNAME=podinfo-0', 'A=1']);
    expect(await pod.json('/headers', { headers: { 'x-canary': 'always' } })).toEqual({
      'X-Api-Revision': ['unknown'],
      'X-Api-Version': ['6.5.4'],
      'X-Canary': ['always'],
    });
  });

  test('/delay takes as long as it says', async () => {
    const pod = await started();
    const before = pod.clock.monotonic();
    await pod.fetch('/delay/7');
    expect(pod.clock.monotonic() - before).toBe(7000);
  });

  test('/store keeps what it is given under its SHA-1', async () => {
    const pod = await started();
    const hash = 'a94a8fe5ccb19ba61c4c0873d391e987982fbbd3';
    expect(await pod.json('/store', { method: 'POST', body: 'test' })).toEqual({ hash });
    const response = await pod.fetch(`/store/${hash}`);
    expect([response.status, await response.text()]).toEqual([202, 'test']);
  });

  test('/configs reads the configuration folder anew each time', async () => {
    const files = new MemoryFiles({ '/config/a': '1' });
    const pod = await started({ argv: ['--config-path=/config'], files });
    await files.write('/config/b', Buffer.from('2'));
    expect(await pod.json('/configs')).toEqual({ a: '1', b: '2' });
  });

  test('a token is good for a minute', async () => {
    const pod = await started();
    const issued = (await pod.json('/token', { method: 'POST', body: 'eve' })) as Record<string, string>;
    const headers = { authorization: `Bearer ${issued['token']}` };
    expect(issued['expires_at']).toBe('2026-01-01T00:01:00Z');
    expect(await pod.json('/token/validate', { headers })).toEqual({
      token_name: 'eve',
      expires_at: '2026-01-01T00:01:00Z',
    });
    await pod.clock.advance(65_000);
    expect(await pod.json('/token/validate', { headers })).toEqual({
      code: 401,
      message: 'token is expired by 5s',
    });
    expect(
      await pod.json('/token/validate', { headers: { authorization: `${headers.authorization}x` } }),
    ).toEqual({ code: 401, message: 'signature is invalid' });
  });

  test('readiness is switched off and on; liveness stays', async () => {
    const pod = await started();
    expect(await pod.status('/readyz/disable', 'POST')).toBe(202);
    expect([await pod.status('/readyz'), await pod.status('/healthz')]).toEqual([503, 200]);
    expect(await pod.status('/readyz/enable', 'POST')).toBe(202);
    expect(await pod.status('/readyz')).toBe(200);
  });

  test('--unhealthy and --unready never become so', async () => {
    const pod = await started({ argv: ['--unhealthy', '--unready=true'] });
    expect([await pod.status('/healthz'), await pod.status('/readyz')]).toEqual([503, 503]);
  });
});

describe('backends', () => {
  test('the echo of a frontend is what its backend says, with the trace carried on', async () => {
    const world = new World();
    const backend = await world.start({ address: '10.0.0.2', argv: ['--level=debug'] });
    const frontend = await world.start({ argv: ['--backend-url=http://backend:9898/echo'] });

    const response = await frontend.fetch('/echo', {
      method: 'POST',
      body: 'ping',
      headers: { 'x-request-id': 'abc', 'x-other': 'stays' },
    });

    expect(response.status).toBe(200);
    expect(response.headers.get('x-color')).toBe('#34577c');
    expect(await response.json()).toEqual(['ping']);
    expect(backend.lines.at(-1)).toMatchObject({
      level: 'debug',
      msg: 'request started',
      method: 'POST',
      uri: '/echo',
      'user-agent': 'Go-http-client/1.1',
    });
  });

  test('a backend that fails or is not there is told and logged', async () => {
    const world = new World();
    await world.start({ address: '10.0.0.2' });
    const argv = ['--backend-url=http://backend:9898/status/500', '--backend-url', 'http://nobody/x'];
    const frontend = await world.start({ argv });

    const results = (await frontend.json('/echo', { method: 'POST', body: 'x' })) as string[];

    expect(results[0]).toBe('backend http://backend:9898/status/500 response status code 500');
    expect(results[1]).toBe(
      'backend http://nobody/x call failed Post "http://nobody/x": no such host: nobody',
    );
    expect(frontend.lines.filter(({ level }) => level === 'error')).toHaveLength(2);
  });

  test('a backend that is too slow is given up after --http-client-timeout', async () => {
    const world = new World();
    await world.start({
      address: '10.0.0.2',
      argv: ['--random-delay', '--random-delay-min=50', '--random-delay-max=50'],
    });
    const frontend = await world.start({
      argv: ['--backend-url=http://backend:9898/echo', '--http-client-timeout=2s'],
    });
    const [result] = (await frontend.json('/echo', { method: 'POST' })) as string[];
    expect(result).toMatch(/^backend http:\/\/backend:9898\/echo call failed /);
    expect(world.clock.monotonic()).toBe(2000);
  });
});

describe('faults', () => {
  test('--random-error fails about a third of the requests, with three statuses', async () => {
    const pod = await started({ argv: ['--random-error'] });
    const statuses = new Map<number, number>();
    for (let i = 0; i < 900; i++) {
      const { status } = await pod.fetch('/');
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    expect([...statuses.keys()].sort((a, b) => a - b)).toEqual([200, 400, 409, 500]);
    // 900 draws of 1/3: σ = 14.
    expect(Math.abs((statuses.get(200) ?? 0) - 600)).toBeLessThan(3 * 14.2);
  });

  test('--random-delay stays between its bounds, in its unit', async () => {
    const argv = [
      '--random-delay',
      '--random-delay-unit=ms',
      '--random-delay-min=20',
      '--random-delay-max=40',
    ];
    const pod = await started({ argv });
    const delays: number[] = [];
    for (let i = 0; i < 50; i++) {
      const before = pod.clock.monotonic();
      await pod.fetch('/');
      delays.push(pod.clock.monotonic() - before);
    }
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(20);
    expect(Math.max(...delays)).toBeLessThan(40);
    expect(new Set(delays).size).toBeGreaterThan(5);
  });

  const badDelays = [[['--random-delay-min=5', '--random-delay-max=2']], [['--random-delay-unit=h']]];
  test.each(badDelays)('%j is a panic', async (argv) => {
    const pod = await started({ argv });
    expect(await pod.exit).toBe(2);
    expect(pod.lines).toMatchObject([{ level: 'panic' }]);
  });
});

describe('metrics', () => {
  test('requests are counted by method, path and status; what has no route is not', async () => {
    const pod = await started({ argv: ['--port-metrics=9797'] });
    for (const path of ['/', '/', '/status/500', '/delay/1', '/nothing']) await pod.fetch(path);
    const scraped = await pod.fetch('/metrics', {}, 9797);
    expect(scraped.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');

    const text = await scraped.text();

    expect(text).toContain('# TYPE http_request_duration_seconds histogram\n');
    const { samples } = await readExposition([Buffer.from(text)][Symbol.iterator]() as never);
    const values = new Map(samples.map(({ series, value }) => [series.trim(), value]));
    const count = (labels: string) => values.get(`http_request_duration_seconds_count{${labels}}`);
    expect(count('method="GET",path="root",status="200"')).toBe(2);
    expect(count('method="GET",path="status",status="500"')).toBe(1);
    expect(count('method="GET",path="delay",status="200"')).toBe(1);
    const bucket = (le: string) =>
      values.get(`http_request_duration_seconds_bucket{method="GET",path="delay",status="200",le="${le}"}`);
    expect([bucket('0.5'), bucket('1'), bucket('+Inf')]).toEqual([0, 1, 1]);
    expect(values.get('http_requests_total{status="200"}')).toBe(3);
    expect(values.get('http_requests_total{status="500"}')).toBe(1);
    expect(values.get('process_start_time_seconds')).toBe(1767225600);
    expect(await (await pod.fetch('/healthz', {}, 9797)).text()).toBe('OK');
  });
});

describe('life and death', () => {
  test('the manifests’ command line starts it, with podinfo’s log', async () => {
    const argv = [
      '--port=9898',
      '--port-metrics=9797',
      '--grpc-port=9999',
      '--grpc-service-name=podinfo',
      '--level=info',
      '--random-delay=false',
      '--random-error=false',
    ];
    const pod = await started({ argv });
    expect(pod.output).toBe(
      '{"level":"info","ts":"2026-01-01T00:00:00.000Z","caller":"podinfo/main.go:153","msg":"Starting podinfo","version":"6.5.4","revision":"unknown","port":"9898"}\n' +
        '{"level":"info","ts":"2026-01-01T00:00:00.000Z","caller":"http/server.go:224","msg":"Starting HTTP Server.","addr":":9898"}\n',
    );
    const connection = await pod.client.dial('10.0.0.1', 9999);
    connection.destroy();
  });

  test('SIGTERM: probes fail at once, it serves on for three seconds, finishes what it has, and leaves with 0', async () => {
    const pod = await started({ argv: ['--server-shutdown-timeout=10s'] });
    const slow = pod.client.fetch('http://10.0.0.1:9898/delay/5');

    pod.terminate();

    await pod.clock.advance(2000);
    expect(await pod.status('/readyz')).toBe(503);
    expect(await pod.status('/')).toBe(200);
    await pod.clock.advance(1500);
    await expect(pod.fetch('/')).rejects.toThrow('refused');
    expect(await pod.clock.run((await pod.clock.run(slow)).json())).toEqual({ delay: 5 });
    expect(await pod.clock.run(pod.exit)).toBe(0);
    expect(pod.lines.at(-1)).toMatchObject({ msg: 'Shutting down HTTP/HTTPS server', timeout: 10 });
  });

  test('SIGTERM: what is not finished in time is cut off', async () => {
    const pod = await started();
    const slow = pod.client.fetch('http://10.0.0.1:9898/delay/60');
    const cut = slow.then(() => 'answered', errorMessage);
    pod.terminate();
    expect(await pod.clock.run(pod.exit)).toBe(0);
    expect(await cut).toContain('closed the connection');
    expect(pod.clock.monotonic()).toBe(5000);
    expect(pod.lines.at(-1)).toMatchObject({ level: 'warn', error: 'context deadline exceeded' });
  });

  test('/panic ends the process with 255 and breaks the connection', async () => {
    const pod = await started();
    await expect(pod.fetch('/panic')).rejects.toThrow('closed the connection');
    expect(await pod.clock.run(pod.exit)).toBe(255);
    expect(pod.lines.at(-1)).toMatchObject({ caller: 'http/panic.go:14', msg: 'Panic command received' });
  });

  test('a port that is taken is fatal', async () => {
    const world = new World();
    await world.start();
    const second = await world.start({ argv: ['--port-metrics=9797'] });
    expect(await second.exit).toBe(1);
    expect(second.lines.at(-1)).toMatchObject({ level: 'fatal', msg: 'HTTP server crashed' });
  });

  const early: [string[], number, string | RegExp][] = [
    [['--version'], 0, '6.5.4\n'],
    [['-v'], 0, '6.5.4\n'],
    [['--help'], 0, /--port int \(default 9898\)/],
    [['--nonsense'], 2, /^Error: unknown flag: --nonsense\n\n/],
    [['--port=x'], 2, /^Error: invalid argument "x" for "--port" flag/],
    [['--port'], 2, /^Error: flag needs an argument: --port\n/],
    [['-x'], 2, /^Error: unknown shorthand flag: 'x' in -x\n/],
    [['--http-client-timeout=2'], 2, /^Error: invalid argument "2" for "--http-client-timeout"/],
  ];
  test.each(early)('%j ends with %i', async (argv, code, text) => {
    const pod = await started({ argv });
    expect(await pod.exit).toBe(code);
    expect(pod.output).toMatch(text);
  });

  test('a flag wins over the environment, the environment over the default', async () => {
    const env = { PODINFO_UI_MESSAGE: 'from env', PODINFO_UI_COLOR: 'blue', PODINFO_PORT: '9000' };
    const pod = await started({ env, argv: ['--ui-message', 'from flag', '--port=9898'] });
    expect(await pod.json('/')).toMatchObject({ message: 'from flag', color: 'blue' });
  });

  test('its log is sampled: a hundred of a message in a second, then each hundredth', async () => {
    const pod = await started({ argv: ['--level=debug'] });
    for (let i = 0; i < 350; i++) await pod.fetch('/');
    expect(pod.lines.filter(({ msg }) => msg === 'request started')).toHaveLength(102);
  });
});
