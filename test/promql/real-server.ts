import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestData } from './promtool.ts';

/** A real Prometheus server. */
export interface RealServer {
  /** Of its HTTP API, without a slash at the end. */
  readonly url: string;
  stop(): Promise<void>;
}

/** One that knows the test data and scrapes nothing. */
export async function startRealServer(data: TestData): Promise<RealServer> {
  return startPrometheus(`global: {evaluation_interval: ${data.evaluationMs}ms}\n`, async (folder, store) => {
    const metrics = join(folder, 'metrics.txt');
    await writeFile(metrics, openMetrics(data));
    execFileSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', metrics, store], {
      stdio: 'ignore',
    });
  });
}

/** @param fill puts blocks into its store before it starts */
export async function startPrometheus(
  config: string,
  fill: (folder: string, store: string) => Promise<void> = async () => {},
): Promise<RealServer> {
  const folder = await mkdtemp(join(tmpdir(), 'prometheus-'));
  const store = join(folder, 'store');
  await fill(folder, store);
  const file = join(folder, 'prometheus.yaml');
  await writeFile(file, config);
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${store}`,
      '--storage.tsdb.retention.time=100y',
      `--web.listen-address=${address}`,
      '--log.level=error',
    ],
    { stdio: 'ignore' },
  );
  const server: RealServer = {
    url: `http://${address}`,
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      await rm(folder, { recursive: true });
    },
  };
  for (let tried = 0; tried < 200; tried++) {
    const ready = await fetch(`${server.url}/-/ready`).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return server;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await server.stop();
  throw new Error('the real Prometheus did not become ready');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Without marks of an end: the format has none. */
function openMetrics({ intervalMs, series }: TestData): string {
  const lines = series.flatMap(({ labels: { __name__: name, ...labels }, values }) => {
    const text = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
    return values.flatMap((value, i) =>
      typeof value === 'string'
        ? []
        : [
            `${name}{${text.join(',')}} ${String(value).replace('Infinity', 'Inf')} ${(i * intervalMs) / 1000}`,
          ],
    );
  });
  return `${lines.join('\n')}\n# EOF\n`;
}
