import { errorMessage } from '../../base/errors.ts';
import type { FetchResponse } from '../../base/fetch.ts';
import type { HttpHandler, HttpRequest, Listener, Server } from '../../base/network.ts';
import type { Program } from '../../base/program.ts';
import { parsePodinfoConfig } from './config.ts';
import type { Health, Podinfo } from './context.ts';
import { goVersion, podinfoRoutes } from './handlers.ts';
import { PodinfoMetrics } from './metrics.ts';
import { Answers } from './response.ts';
import { Router } from './router.ts';
import { zapLog } from './zap-log.ts';

/** How long podinfo goes on serving after SIGTERM, so that load balancers can let go of it. */
const drainMs = 3000;

const randomErrors = [500, 400, 409];

/**
 * The demo application `ghcr.io/stefanprodan/podinfo`, as its image of this tag behaves: endpoints, flags, metrics,
 * logs, shutdown and exit codes. Left out: TLS, h2c, WebSockets, gRPC beyond an open port, profiling, Swagger, Redis,
 * tracing, the config file. Its random errors and delays are drawn for each request (podinfo seeds anew each second,
 * so all requests of a second share one fate).
 *
 * Source: cmd/podinfo/main.go, pkg/api/http, pkg/signals/shutdown.go of github.com/stefanprodan/podinfo.
 */
export function podinfo(version: string): Program {
  return async (context) => {
    const { clock } = context.seams;
    const config = parsePodinfoConfig(version, context.argv, context.env);
    if ('code' in config) {
      context.stdout(config.text);
      return config.code;
    }
    const log = zapLog(config.level, () => clock.now(), context.stdout);
    if (config.randomDelayMax < config.randomDelayMin) {
      const why = '`--random-delay-max` should be greater than `--random-delay-min`';
      log('panic', 'podinfo/main.go:112', why);
      return 2;
    }
    if (config.randomDelayUnit !== 's' && config.randomDelayUnit !== 'ms') {
      log('panic', 'podinfo/main.go:120', '`random-delay-unit` accepted values are: s|ms');
      return 2;
    }
    const exit = Promise.withResolvers<number>();
    const metrics = new PodinfoMetrics(clock.now(), goVersion);
    const health: Health = { healthy: false, ready: false };
    const answers = new Answers(() => clock.now());
    return run({ config, context, log, metrics, health, answers, exit: exit.resolve }, exit.promise);
  };
}

async function run(podinfo: Podinfo, exited: Promise<number>): Promise<number> {
  const { config, context, log, health } = podinfo;
  const { revision, version, port } = config;
  log('info', 'podinfo/main.go:153', 'Starting podinfo', { version, revision, port: String(port) });
  const aside: Listener[] = [];
  let http: Listener | undefined;
  const listen = (at: number, server: Server): Promise<Listener> => context.seams.network.listen(at, server);
  try {
    if (config.grpcPort > 0) aside.push(await listen(config.grpcPort, silentServer));
    if (config.portMetrics > 0) aside.push(await listen(config.portMetrics, metricsServer(podinfo)));
    if (port > 0) {
      log('info', 'http/server.go:224', 'Starting HTTP Server.', { addr: `${config.host}:${port}` });
      http = await listen(port, { http: podinfoHandler(podinfo) });
    }
  } catch (error) {
    log('fatal', 'http/server.go:226', 'HTTP server crashed', { error: errorMessage(error) });
    await closeNow(aside);
    return 1;
  }
  health.healthy = !config.unhealthy;
  health.ready = !config.unready;
  const code = await Promise.race([exited, terminated(context.signal).then(() => shutDown(podinfo, http))]);
  await closeNow(http === undefined ? aside : [...aside, http]);
  return code;
}

/** Something that accepts connections and says nothing: all that a port check wants to know. */
const silentServer: Server = {
  connection: (stream) => {
    stream.once('error', () => stream.destroy());
    stream.once('end', () => stream.end());
    stream.resume();
  },
};

function metricsServer({ answers, metrics }: Podinfo): Server {
  return {
    http: async ({ url }) => {
      const [path] = url.split('?');
      if (path === '/metrics') return answers.metrics(metrics.scrape());
      if (path === '/healthz') return answers.raw(200, {}, 'OK');
      return answers.notFound();
    },
  };
}

/** Routes a request and counts it. What has no route is not counted, as gorilla/mux has it. */
function podinfoHandler(podinfo: Podinfo): HttpHandler {
  const { answers, context, log, metrics } = podinfo;
  const { clock } = context.seams;
  const router = new Router(podinfoRoutes(podinfo));
  return async (request) => {
    const [path = '/'] = request.url.split('?');
    const route = router.match(request.method, path);
    if (route === undefined) return answers.notFound();
    if (route === 'WrongMethod') return answers.empty(405);
    const began = clock.monotonic();
    log('debug', 'http/logging.go:35', 'request started', {
      proto: 'HTTP/1.1',
      uri: request.url,
      method: request.method,
      remote: request.remoteAddress,
      'user-agent': request.headers['user-agent'] ?? '',
    });
    const response = (await fault(podinfo, request)) ?? (await route.handle(request, route.variables));
    metrics.observe(request.method, route.label, response.status, (clock.monotonic() - began) / 1000);
    return response;
  };
}

/** The random delay and the random error, where they are switched on. */
async function fault(podinfo: Podinfo, request: HttpRequest): Promise<FetchResponse | undefined> {
  const { answers, config, context } = podinfo;
  const { clock, random } = context.seams;
  if (config.randomDelay) {
    const unitMs = config.randomDelayUnit === 'ms' ? 1 : 1000;
    const delay = random.int(config.randomDelayMax - config.randomDelayMin) + config.randomDelayMin;
    await clock.sleep(delay * unitMs, request.signal);
  }
  if (!config.randomError || random.int(3) !== 0) return undefined;
  return answers.empty(randomErrors[random.int(randomErrors.length)] ?? 500);
}

function terminated(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Fails its probes, waits until nobody sends it anything, and finishes what it has. */
async function shutDown(
  { config, context, log, health }: Podinfo,
  http: Listener | undefined,
): Promise<number> {
  const { clock } = context.seams;
  using deadline = clock.timeout(config.shutdownTimeoutMs);
  health.healthy = false;
  health.ready = false;
  const timeout = config.shutdownTimeoutMs / 1000;
  log('info', 'signals/shutdown.go:49', 'Shutting down HTTP/HTTPS server', { timeout });
  if (config.level !== 'debug') await clock.sleep(drainMs);
  if (config.grpcPort > 0) log('info', 'signals/shutdown.go:66', 'Shutting down GRPC server', { timeout });
  await http?.close(deadline.signal);
  if (deadline.signal.aborted) {
    const error = 'context deadline exceeded';
    log('warn', 'signals/shutdown.go:73', 'HTTP server graceful shutdown failed', { error });
  }
  return 0;
}

async function closeNow(listeners: readonly Listener[]): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.close(AbortSignal.abort())));
}
