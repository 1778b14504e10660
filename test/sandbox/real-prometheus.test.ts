import { expect, test } from 'vitest';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { listenSocket } from '../../src/base/socket-network.ts';
import { podinfoImages } from '../../src/sandbox/podinfo/podinfo-images.ts';
import { shell } from '../../src/cli/shell.ts';
import { throughNetwork } from '../../src/sandbox/edge.ts';
import { machineAddress } from '../../src/sandbox/outside.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { promtoolVersion } from '../promql/promtool.ts';
import { startPrometheus } from '../promql/real-server.ts';
import { deployBackend, get, query } from './backend.ts';

const real = promtoolVersion();
if (real === undefined) console.log('The mesh is not scraped by a real Prometheus: none is installed here');

const pods = { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true };

/**
 * The built-in queries of a Canary on Istio, for the workload `backend`, over the load alone: the requests before it are
 * slow, and only one of the servers may have seen them come.
 */
const selector =
  'reporter="destination", destination_workload_namespace="webapp", destination_workload=~"backend"';
const successRate = `sum( rate( istio_requests_total{ ${selector}, response_code!~"5.*" }[15s] ) ) / sum( rate( istio_requests_total{ ${selector} }[15s] ) ) * 100`;
const duration = `histogram_quantile( 0.99, sum( rate( istio_request_duration_milliseconds_bucket{ ${selector} }[15s] ) ) by (le) )`;

test.skipIf(real === undefined)(
  'a real Prometheus scrapes the mesh and answers the built-in queries, as ours does',
  async () => {
    const clock = realClock();
    const sandbox = await startSandbox({
      clock,
      random: systemRandom(),
      log: silentLog,
      members: 1,
      images: podinfoImages(),
      shell,
    });
    const [member] = sandbox.members;
    if (member === undefined) throw new Error('a member was asked for');
    await deployBackend(member);
    let status = 0;
    while (status !== 200) {
      const response = await member.gateway(get('/version'));
      status = response.status;
      await response.text();
      await clock.sleep(50);
    }
    const { items } = await member.client.resource(pods).list({ namespace: 'webapp' });
    const addresses = items.map((pod) => (pod as unknown as { status: { podIP: string } }).status.podIP);
    const listeners = await Promise.all(
      addresses.map((address) =>
        listenSocket(0, { http: throughNetwork(member.network.host(machineAddress), address, 15020) }),
      ),
    );
    const targets = listeners.map(({ port }) => `127.0.0.1:${port}`);
    const server = await startPrometheus(
      JSON.stringify({
        scrape_configs: [
          {
            job_name: 'mesh',
            scrape_interval: '1s',
            metrics_path: '/stats/prometheus',
            static_configs: [{ targets }],
          },
        ],
      }),
    );

    // Every series is there, and both have scraped it, before the load begins: what a server has not seen rise, it
    // does not count.
    const call = async (path: string): Promise<void> => void (await (await member.gateway(get(path))).text());
    for (let i = 0; i < 20; i++) await call(i % 2 === 0 ? '/status/500' : '/version');
    await clock.sleep(2_500);

    const stop = new AbortController();
    let sent = 0;
    const load = clock.every(20, () => call(sent++ % 4 === 0 ? '/status/500' : '/version'), stop.signal);
    await clock.sleep(12_000);
    stop.abort();
    await load;
    // Both have scraped the last of it, and their windows reach back to before the first, but not to the calls before.
    await clock.sleep(2_500);
    const ask = async (promql: string): Promise<number> => {
      const response = await fetch(`${server.url}/api/v1/query?query=${encodeURIComponent(promql)}`);
      const answer = (await response.json()) as { data: { result: { value: [number, string] }[] } };
      return Number(answer.data.result[0]?.value[1] ?? Number.NaN);
    };
    const [theirRate, ourRate] = [await ask(successRate), await query(member, successRate)];
    const [theirDuration, ourDuration] = [await ask(duration), await query(member, duration)];
    await server.stop();
    await Promise.all(listeners.map((listener) => listener.close(AbortSignal.abort())));
    await sandbox.close();

    // One request in four fails.
    expect(theirRate).toBeGreaterThan(70);
    expect(theirRate).toBeLessThan(80);
    expect(Math.abs(theirRate - ourRate)).toBeLessThan(3);
    expect(theirDuration).toBeGreaterThan(0);
    expect(Math.abs(theirDuration - ourDuration)).toBeLessThan(Math.max(theirDuration, ourDuration) * 0.5);
  },
);
