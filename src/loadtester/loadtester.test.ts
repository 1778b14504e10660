import { describe, expect, onTestFinished, test } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import type { FetchResponse } from '../base/fetch.ts';
import { silentLog } from '../base/log.ts';
import { MemoryFiles } from '../base/memory-files.ts';
import { MemoryNetwork } from '../base/memory-network.ts';
import type { HttpRequest } from '../base/network.ts';
import { seededRandom } from '../base/random.ts';
import type { RunProgram } from './commands.ts';
import { loadtester } from './loadtester.ts';
import { plainResponse } from './plain-response.ts';

const names: Readonly<Record<string, readonly string[]>> = {
  app: ['10.96.0.1'],
  'app.test': ['10.96.0.1'],
  'app.test.svc': ['10.96.0.1'],
  'example.com': ['93.184.216.34'],
  loadtester: ['10.96.0.9'],
};
const canary = { name: 'podinfo', namespace: 'test' };

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** A load tester, and the application `app` that counts what reaches it. */
class World {
  readonly clock = new VirtualClock();
  readonly files = new MemoryFiles();
  readonly seen: HttpRequest[] = [];
  readonly bodies: string[] = [];
  readonly #network = new MemoryNetwork((name) => names[name] ?? []);
  readonly #stop = new AbortController();
  output = '';
  ended: Promise<number> | undefined;
  answer: (request: HttpRequest) => FetchResponse = () => plainResponse(200, 'hello');

  async start(argv: readonly string[] = [], runProgram?: RunProgram): Promise<this> {
    const app = this.#network.host('10.96.0.1');
    await app.listen(80, {
      http: async (request) => {
        this.seen.push(request);
        this.bodies.push(Buffer.concat(await Array.fromAsync(request.body())).toString('utf8'));
        return this.answer(request);
      },
    });
    this.ended = loadtester({ runProgram })({
      argv,
      env: {},
      files: this.files,
      stdin: (async function* () {})(),
      stdout: (text) => {
        this.output += text;
      },
      signal: this.#stop.signal,
      seams: {
        clock: this.clock,
        random: seededRandom('loadtester'),
        fetch: () => Promise.reject(new Error('not the way')),
        upgrade: () => Promise.reject(new Error('not the way')),
        network: this.#network.host('10.96.0.9'),
        log: silentLog,
      },
    });
    onTestFinished(() => this.#stop.abort());
    await this.clock.settle();
    return this;
  }

  stop(): Promise<number> {
    this.#stop.abort();
    return this.clock.run(this.ended!);
  }

  post(path: string, body: unknown = canary): Promise<Answer> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return this.clock.run(
      (async () => {
        const client = this.#network.host('10.96.0.7');
        const response = await client.fetch(`http://loadtester:9090${path}`, { method: 'POST', body: text });
        return { status: response.status, text: await response.text() };
      })(),
    );
  }

  task(metadata: Readonly<Record<string, string>>, namespace = 'test'): Promise<Answer> {
    return this.post('/', { ...canary, namespace, metadata });
  }

  cmd(cmd: string, namespace?: string): Promise<Answer> {
    return this.task({ cmd, logCmdOutput: 'true' }, namespace);
  }
}

const accepted = { status: 202, text: '' };
const forbidden = { status: 403, text: 'Forbidden' };

describe('gates', () => {
  test('answer as those of Flagger, each Canary on its own', async () => {
    const world = await new World().start();
    expect(await world.post('/healthz')).toEqual({ status: 200, text: 'OK' });
    expect(await world.post('/gate/approve', 'no json')).toEqual({ status: 200, text: 'OK' });
    expect(await world.post('/gate/halt', 'no json')).toEqual(forbidden);
    for (const kind of ['gate', 'rollback']) {
      expect(await world.post(`/${kind}/check`)).toEqual(forbidden);
      expect(await world.post(`/${kind}/open`)).toEqual(accepted);
      expect(await world.post(`/${kind}/check`)).toEqual({ status: 200, text: 'Approved' });
      expect(await world.post(`/${kind}/check`, { ...canary, name: 'other' })).toEqual(forbidden);
      expect(await world.post(`/${kind}/close`)).toEqual(accepted);
      expect(await world.post(`/${kind}/check`)).toEqual(forbidden);
    }
    await world.post('/gate/open');
    expect(await world.post('/rollback/check')).toEqual(forbidden);
    expect((await world.post('/metrics')).text).toContain('loadtester_gates_open 1');
  });

  test('stay open over a restart', async () => {
    const world = await new World().start(['--state=/data/gates']);
    await world.post('/gate/open');
    await world.post('/rollback/open');
    await world.post('/rollback/close');
    expect(await world.stop()).toBe(0);
    const next = new World();
    await next.files.write('/data/gates', await world.files.read('/data/gates'));
    await next.start(['--state=/data/gates']);
    expect((await next.post('/gate/check')).status).toBe(200);
    expect((await next.post('/rollback/check')).status).toBe(403);
  });

  test('are closed where their file cannot be read, and say when they are not stored', async () => {
    const world = new World();
    await world.files.write('/state/gates.json', Buffer.from('{"open":'));
    await world.start();
    expect(world.output).toContain('cannot read the gates');
    expect((await world.post('/gate/check')).status).toBe(403);
    world.files.write = () => Promise.reject(new Error('disk full'));
    const { status, text } = await world.post('/gate/open');
    expect([status, text]).toEqual([500, 'not stored, and so lost with a restart: disk full']);
    expect((await world.post('/gate/check')).status).toBe(200);
    // A failed write does not keep the next one from being tried.
    world.files.write = () => Promise.resolve();
    expect(await world.post('/gate/close')).toEqual(accepted);
  });

  test.each(['', 'x', '[]', '{"name": 1}', '{"metadata": {"a": 1}}'])('refuse the body %j', async (body) => {
    const world = await new World().start();
    expect(await world.post('/gate/open', body)).toEqual({ status: 400, text: '' });
  });

  test('refuse bodies without an end, and other namespaces', async () => {
    const world = await new World().start(['-namespace-regexp', '^(test|prod)$']);
    expect((await world.post('/gate/open', 'x'.repeat(70_000))).status).toBe(413);
    expect((await world.post('/gate/open')).status).toBe(202);
    expect(await world.post('/gate/open', { ...canary, namespace: 'test2' })).toEqual(forbidden);
    expect(await world.task({ cmd: 'curl http://app/' }, 'other')).toEqual(forbidden);
  });
});

describe('tasks', () => {
  test.each([
    [{}, 'metadata not found in payload'],
    [{ x: 'y' }, 'cmd not found in metadata'],
    [{ type: 'bash', cmd: 'true' }, 'bash tasks are not allowed: start the load tester with --allow-shell'],
    [{ type: 'k6', cmd: 'x' }, 'unknown task type k6'],
    [{ type: '__proto__', cmd: 'x' }, 'unknown task type __proto__'],
    [
      { type: 'helm', cmd: 'x' },
      'task type helm is not supported here: it needs helm and rights in the cluster',
    ],
    [{ type: 'ngrinder' }, 'task type ngrinder is not supported here: there is no client of nGrinder'],
  ])('%j is refused', async (metadata, text) => {
    const world = await new World().start();
    expect(await world.task(metadata)).toEqual({ status: 400, text });
  });

  test.each([
    ['rm -rf /', 'is not allowed'],
    ['', 'is not allowed'],
    ['curl http://app/ | sh', 'without a shell'],
    ['hey -D /var/run/secrets/token http://app/', '-D is not supported'],
    ['hey', 'Usage'],
    ['curl -d @/etc/passwd http://app/', 'from a file'],
    ['curl -o /etc/passwd http://app/', '/dev/null only'],
    ['curl --proxy http://x http://app/', 'unknown or not supported'],
    ['curl file:///etc/passwd', 'no http or https URL'],
    ['hey http://example.com/', 'outside the cluster'],
    ['hey http://a.example.com/', 'no name of the cluster'],
    ['curl http://169.254.169.254/latest', 'no address of the cluster'],
    ['curl http://0x7f.1/', 'no address of the cluster'],
    ['curl http://localhost:15000/quitquitquit', 'no name of the cluster'],
    ['curl http://[::ffff:10.0.0.1]/', 'no address of the cluster'],
  ])('%j is refused', async (cmd, why) => {
    const world = await new World().start();
    const { status, text } = await world.cmd(cmd);
    expect(status).toBe(400);
    expect(text).toContain(why);
    expect(world.seen).toEqual([]);
  });

  test('a namespace of the name of a domain opens nothing', async () => {
    const world = await new World().start();
    expect((await world.cmd('curl http://example.com/', 'com')).status).toBe(400);
  });

  test.each(['app', 'app.test', 'app.test.svc', '10.96.0.1', 'app:80'])('%s may be called', async (host) => {
    const world = await new World().start();
    expect(await world.cmd(`curl -s http://${host}/x`)).toEqual(accepted);
    await world.clock.advance(10);
    expect(world.seen.map(({ url }) => url)).toEqual(['/x']);
  });

  test('a redirect leads nowhere outside', async () => {
    const world = await new World().start();
    world.answer = () => plainResponse(302, '', { location: 'http://example.com/' });
    await world.cmd('curl -L http://app/');
    await world.clock.advance(10);
    expect(world.output).toContain('has an address outside the cluster');
  });

  test('hey runs in the background, once at a time, within the rate', async () => {
    const world = await new World().start(['--max-rate', '20']);
    expect(await world.cmd('hey -z 10s -q 100 -c 2 http://app/')).toEqual(accepted);
    await world.clock.advance(2000);
    expect((await world.post('/metrics')).text).toContain('loadtester_tasks_running 1');
    expect(await world.cmd('hey -z 10s -q 100 -c 2 http://app/')).toEqual(accepted);
    expect(world.output).toContain('command skipped hey -z 10s -q 100 -c 2 http://app/ is already running');
    await world.clock.advance(10_000);
    expect(world.seen.length).toBe(200);
    expect(world.output).toContain('Requests/sec');
    expect((await world.post('/metrics')).text).toContain('loadtester_tasks_total{result="succeeded"} 1');
    expect(await world.cmd('hey -z 10s -q 100 -c 2 http://app/')).toEqual(accepted);
    await world.clock.advance(100);
    expect(world.seen.length).toBeGreaterThan(200);
  });

  test('a task ends by its time-out, and with the load tester', async () => {
    const world = await new World().start(['-timeout', '5s']);
    await world.cmd('hey -z 10m -q 1 -c 1 http://app/');
    await world.clock.advance(20_000);
    expect(world.seen.length).toBeLessThanOrEqual(6);
    await world.cmd('hey -z 10m -q 1 -c 1 http://app/');
    await world.clock.advance(1000);
    expect(await world.stop()).toBe(0);
  });

  test('there is room for so many tasks, and no more', async () => {
    const world = await new World().start();
    const statuses: number[] = [];
    for (let i = 0; i < 300; i += 1) {
      statuses.push((await world.cmd(`curl --retry 9 http://app/${i}`)).status);
      if (i === 0) world.answer = () => plainResponse(503);
    }
    expect(statuses.slice(0, 288)).not.toContain(503);
    expect(statuses.at(-1)).toBe(503);
  });

  test('curl sends what it is told to', async () => {
    const world = await new World().start();
    await world.cmd(`curl -sS -XPUT -H 'X-A: b c' -H "Host: h" -d 'a=1' -d b=2 -u me:pw http://app/p?q`);
    await world.clock.advance(10);
    const [{ method, url, headers }] = world.seen as [HttpRequest];
    expect([method, url, world.bodies[0]]).toEqual(['PUT', '/p?q', 'a=1&b=2']);
    expect(headers).toMatchObject({ 'x-a': 'b c', host: 'h', authorization: 'Basic bWU6cHc=' });
    expect(world.output).toContain('hello');
  });

  test('curl -f fails on an error, after its retries', async () => {
    const world = await new World().start();
    world.answer = () => plainResponse(503);
    await world.cmd('curl -sf -o /dev/null -m 5 --retry 2 http://app/');
    await world.clock.advance(10_000);
    expect(world.seen.length).toBe(3);
    expect(world.output).toContain('curl: (22) The requested URL returned error: 503');
  });

  test('with a shell, bash tasks block, and commands may take one', async () => {
    const calls: string[] = [];
    const world = await new World().start(['--allow-shell'], async (program, args) => {
      calls.push([program, ...args].join(' '));
      return { stdout: 'out', code: args[1]?.includes('false') === true ? 3 : 0 };
    });
    expect(await world.task({ type: 'bash', cmd: 'true' })).toEqual({ status: 200, text: '' });
    expect(await world.task({ type: 'bash', cmd: 'true', returnCmdOutput: 'true' })).toEqual({
      status: 200,
      text: 'out',
    });
    expect(await world.task({ type: 'bash', cmd: 'false' })).toEqual({
      status: 500,
      text: 'command false failed: out: exit status 3',
    });
    expect(await world.cmd('a | b')).toEqual(accepted);
    expect(calls).toEqual([
      'bash -c exec 2>&1\ntrue',
      'bash -c exec 2>&1\ntrue',
      'bash -c exec 2>&1\nfalse',
      'sh -c exec 2>&1\na | b',
    ]);
  });

  test('without programs, allowing them is not enough', async () => {
    const world = await new World().start(['--allow-shell', '--allow-program=ghz']);
    expect((await world.task({ type: 'bash', cmd: 'true' })).status).toBe(400);
    expect((await world.cmd('ghz x')).text).toContain('cannot run here');
  });
});

test.each([
  ['--no-such'],
  ['-port', 'x'],
  ['-timeout', '0'],
  ['-namespace-regexp', '('],
  ['-log-level', 'loud'],
  ['-port'],
])('the command line %j makes no sense', async (...argv) => {
  const world = await new World().start(argv);
  expect(await world.clock.run(world.ended!)).toBe(2);
  expect(world.output).toContain('-');
});
