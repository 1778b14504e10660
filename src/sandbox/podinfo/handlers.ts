import { createHash } from 'node:crypto';
import { errorMessage } from '../../base/errors.ts';
import type { FetchResponse } from '../../base/fetch.ts';
import type { HttpRequest } from '../../base/network.ts';
import { formatTime } from '../../base/time.ts';
import type { PodinfoConfig } from './config.ts';
import { bodyOf, type Podinfo } from './context.ts';
import { echo } from './echo.ts';
import { indexPage } from './index-page.ts';
import type { Route } from './router.ts';
import { checkToken, issueToken } from './token.ts';

export const goVersion = 'go1.21.5';

/** podinfo's routes. Source: registerHandlers in pkg/api/http/server.go and the handlers beside it. */
export function podinfoRoutes(podinfo: Podinfo): readonly Route[] {
  const { config, metrics, answers: text } = podinfo;
  const info = (): FetchResponse => text.json(runtimeInfo(config));
  const echoed = (request: HttpRequest): Promise<FetchResponse> => echo(podinfo, request);
  return [
    { path: '/metrics', handle: () => text.metrics(metrics.scrape()) },
    {
      path: '/',
      methods: ['GET'],
      handle: (request) =>
        (request.headers['user-agent'] ?? '').startsWith('Mozilla') ? text.html(indexPage(config)) : info(),
    },
    {
      path: '/version',
      methods: ['GET'],
      handle: () => text.json({ commit: config.revision, version: config.version }),
    },
    { path: '/echo', handle: echoed },
    { path: '/echo/*', handle: echoed },
    { path: '/env', methods: ['GET', 'POST'], handle: () => text.json(environment(podinfo.context.env)) },
    {
      path: '/headers',
      methods: ['GET', 'POST'],
      handle: (request) => text.json(headersSeen(config, request)),
    },
    ...waits(podinfo),
    ...probes(podinfo),
    {
      path: '/status/{code:[0-9]+}',
      methods: ['GET', 'POST', 'PUT'],
      name: 'status',
      handle: (_request, { code = '' }) => statusAnswer(podinfo, code),
    },
    ...storage(podinfo),
    ...tokens(podinfo),
    { path: '/api/info', methods: ['GET'], handle: info },
    { path: '/api/echo', handle: echoed },
    { path: '/api/echo/*', handle: echoed },
  ];
}

function runtimeInfo(config: PodinfoConfig): object {
  return {
    hostname: config.hostname,
    version: config.version,
    revision: config.revision,
    color: config.uiColor,
    logo: config.uiLogo,
    message: config.uiMessage,
    goos: 'linux',
    goarch: 'amd64',
    runtime: goVersion,
    num_goroutine: '8',
    num_cpu: '2',
  };
}

function environment(env: Readonly<Record<string, string>>): string[] {
  return Object.entries(env).map(([name, value]) => `${name}=${value}`);
}

/** Headers as Go shows them: canonical names, lists of values, without `Host`; two are podinfo's own. */
function headersSeen(config: PodinfoConfig, request: HttpRequest): Record<string, string[]> {
  const own = { 'x-api-version': config.version, 'x-api-revision': config.revision };
  const seen = Object.entries({ ...request.headers, ...own })
    .filter(([name]) => name !== 'host')
    .map(([name, value]): [string, string[]] => [canonicalHeader(name), [value]])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(seen);
}

function canonicalHeader(name: string): string {
  return name.replace(/(^|-)([a-z])/g, (_all, dash: string, letter: string) => dash + letter.toUpperCase());
}

/** The number that Go's strconv.Atoi reads, or its error. */
function atoi(digits: string): number | string {
  return BigInt(digits) < 2n ** 63n
    ? Number(digits)
    : `strconv.Atoi: parsing "${digits}": value out of range`;
}

function statusAnswer(podinfo: Podinfo, digits: string): FetchResponse {
  const { answers: text } = podinfo;
  const code = atoi(digits);
  if (typeof code === 'string') return text.error(code, 400);
  // Go's server panics for what is no status, and an interim status is followed by the final one.
  if (code < 100 || code > 999) throw new RangeError(`invalid WriteHeader code ${code}`);
  return text.json({ status: code }, code < 200 ? 200 : code);
}

function probes(podinfo: Podinfo): Route[] {
  const { health, log, exit } = podinfo;
  const { answers: text } = podinfo;
  const probe = (ok: boolean): FetchResponse => (ok ? text.json({ status: 'OK' }) : text.empty(503));
  const setReady = (ready: boolean): FetchResponse => {
    health.ready = ready;
    return text.empty(202);
  };
  return [
    { path: '/healthz', methods: ['GET'], handle: () => probe(health.healthy) },
    { path: '/readyz', methods: ['GET'], handle: () => probe(health.ready) },
    { path: '/readyz/enable', methods: ['POST'], handle: () => setReady(true) },
    { path: '/readyz/disable', methods: ['POST'], handle: () => setReady(false) },
    {
      path: '/panic',
      methods: ['GET'],
      handle: () => {
        log('info', 'http/panic.go:14', 'Panic command received');
        exit(255);
        // The process is gone: its callers see their connections break.
        return new Promise(() => {});
      },
    },
  ];
}

/** Longest wait that podinfo is asked for here: a day. */
const longestWaitSeconds = 86_400;

function waits(podinfo: Podinfo): Route[] {
  const { clock, random } = podinfo.context.seams;
  const { answers: text } = podinfo;
  const wait = async (request: HttpRequest, seconds: number): Promise<FetchResponse> => {
    await clock.sleep(Math.min(seconds, longestWaitSeconds) * 1000, request.signal);
    return text.json({ delay: seconds });
  };
  const randomSeconds = (): number => {
    const longest = Math.floor(podinfo.config.httpServerTimeoutMs / 1000);
    return random.int(Math.max(longest, 12) - 10) + 10;
  };
  return [
    {
      path: '/delay/{wait:[0-9]+}',
      methods: ['GET'],
      name: 'delay',
      handle: (request, { wait: digits = '' }) => {
        const seconds = atoi(digits);
        return typeof seconds === 'string' ? text.error(seconds, 400) : wait(request, seconds);
      },
    },
    { path: '/chunked', handle: (request) => wait(request, randomSeconds()) },
    {
      path: '/chunked/{wait:[0-9]+}',
      handle: (request, { wait: digits = '' }) => {
        const seconds = atoi(digits);
        return wait(request, typeof seconds === 'string' ? randomSeconds() : seconds);
      },
    },
  ];
}

function storage(podinfo: Podinfo): Route[] {
  const { config, context, log } = podinfo;
  const { answers: text } = podinfo;
  const write = async (request: HttpRequest): Promise<FetchResponse> => {
    const body = await bodyOf(request);
    if (body === undefined) return text.error('reading the request body failed', 400);
    const hash = createHash('sha1').update(body).digest('hex');
    await context.files.write(`${config.dataPath}/${hash}`, body);
    return text.json({ hash }, 202);
  };
  const read = async (hash: string): Promise<FetchResponse> => {
    const file = `${config.dataPath}/${hash}`;
    try {
      return text.raw(202, {}, await context.files.read(file));
    } catch (error) {
      log('warn', 'http/store.go:59', 'reading file failed', { error: errorMessage(error), file });
      return text.error('reading file failed', 500);
    }
  };
  const configs = async (): Promise<FetchResponse> => {
    const { configPath } = config;
    if (configPath === '') return text.json({});
    const names = await context.files.list(configPath);
    const read = async (name: string): Promise<[string, string]> => [
      name,
      Buffer.from(await context.files.read(`${configPath}/${name}`)).toString('utf8'),
    ];
    const files = await Promise.all(names.filter((name) => !name.startsWith('..')).map(read));
    return text.json(Object.fromEntries(files));
  };
  return [
    { path: '/store', methods: ['POST', 'PUT'], handle: write },
    {
      path: '/store/{hash}',
      methods: ['GET'],
      name: 'store',
      handle: (_request, { hash = '' }) => read(hash),
    },
    ...cache(podinfo),
    { path: '/configs', methods: ['GET'], handle: configs },
  ];
}

/** The sandbox has no Redis, so a cache server is always out of reach. */
function cache({ config, log, answers: text }: Podinfo): Route[] {
  const without = config.cacheServer === '';
  const offline = (): FetchResponse => text.error('cache server is offline', 400);
  return [
    {
      path: '/cache/{key}',
      methods: ['POST', 'PUT'],
      handle: () => (without ? offline() : text.error('cache set failed', 500)),
    },
    {
      path: '/cache/{key}',
      methods: ['DELETE'],
      handle: () => (without ? offline() : text.empty(400)),
    },
    {
      path: '/cache/{key}',
      methods: ['GET'],
      name: 'cache',
      handle: (_request, { key = '' }) => {
        if (without) return offline();
        log('warn', 'http/cache.go:104', 'cache key not found', { key });
        return text.empty(404);
      },
    },
  ];
}

function tokens(podinfo: Podinfo): Route[] {
  const { config, context } = podinfo;
  const { answers: text } = podinfo;
  const now = (): number => context.seams.clock.now();
  const issue = async (request: HttpRequest): Promise<FetchResponse> => {
    const body = await bodyOf(request);
    if (body === undefined) return text.error('invalid request body', 400);
    const user = body.length > 0 ? Buffer.from(body).toString('utf8') : 'anonymous';
    const { token, expiresAt } = issueToken(user, config.jwtSecret, now());
    return text.json({ token, expires_at: formatTime(expiresAt * 1000) });
  };
  const validate = (request: HttpRequest): FetchResponse => {
    const [scheme = '', token, ...rest] = (request.headers['authorization'] ?? '').split(' ');
    if (scheme.toLowerCase() !== 'bearer' || token === undefined || rest.length > 0) {
      return text.error('authorization bearer header required', 401);
    }
    const checked = checkToken(token, config.jwtSecret, now());
    if ('refused' in checked) return text.error(checked.refused, 401);
    return text.json({ token_name: checked.name, expires_at: formatTime(checked.expiresAt * 1000) });
  };
  return [
    { path: '/token', methods: ['POST'], handle: issue },
    { path: '/token/validate', methods: ['GET'], handle: validate },
  ];
}
