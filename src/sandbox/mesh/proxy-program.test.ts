import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { MemoryFiles } from '../../base/memory-files.ts';
import type { Network, Server } from '../../base/network.ts';
import { seededRandom } from '../../base/random.ts';
import { allHosts, echo, MeshWorld } from './mesh-world.test-double.ts';
import { proxyProgram } from './proxy-program.ts';
import { localReply } from './responses.ts';

function start(
  world: MeshWorld,
  clock: VirtualClock,
  network: Network,
  argv: string[],
  signal: AbortSignal,
): Promise<number> {
  return proxyProgram(world.mesh)({
    argv,
    env: { ISTIO_PROMETHEUS_ANNOTATIONS: '{"scrape":"true","port":"9797"}' },
    files: new MemoryFiles(),
    stdin: (async function* () {})(),
    stdout: () => {},
    signal,
    seams: {
      clock,
      random: seededRandom(1),
      fetch: network.fetch,
      upgrade: network.upgrade,
      network,
      log: silentLog,
    },
  });
}

async function text(network: Network, url: string, init = {}): Promise<string> {
  const response = await network.fetch(url, init);
  return `${response.status} ${await response.text()}`;
}

describe('the proxy image', () => {
  test('of a sidecar serves health, its metrics, and those of the application beside them', async () => {
    const clock = new VirtualClock();
    const world = new MeshWorld(clock);
    const stop = new AbortController();
    await clock.run(
      (async () => {
        world.service('backend', { app: 'backend' });
        const metrics = async () => localReply(200, [], 'http_requests_total 7\n');
        const pod = await world.pod('backend', { serve: { 9898: echo('backend'), 9797: metrics } });
        const ended = start(world, clock, pod.network, ['proxy', 'sidecar'], stop.signal);
        await clock.sleep(0);
        const client = world.network.host('192.168.1.7');
        const at = (path: string): Promise<string> => text(client, `http://${pod.address}:${path}`);
        expect(await at('15021/healthz/ready')).toBe('200 ');
        expect(await at('15090/stats/prometheus')).toBe('200 ');
        expect(await at('15020/stats/prometheus')).toBe('200 http_requests_total 7\n');
        expect(await at('15090/constructor')).toBe('404 ');
        await at('9898/');
        expect(await at('15020/stats/prometheus')).toMatch(
          /istio_requests_total\{[\s\S]*http_requests_total 7\n$/,
        );
        stop.abort();
        expect(await ended).toBe(0);
        await expect(at('15090/stats/prometheus')).rejects.toThrow('refused');
      })(),
    );
  });

  test('of a gateway listens as the Gateways say', async () => {
    const clock = new VirtualClock();
    const world = new MeshWorld(clock);
    await clock.run(
      (async () => {
        world.service('backend', { app: 'backend' });
        await world.pod('backend');
        const gateway = await world.ingressGateway();
        const client = world.network.host('192.168.1.7');
        const call = (): Promise<string> => text(client, `http://${gateway.address}:8080/`);
        await expect(call()).rejects.toThrow('refused');
        world.apply('Gateway', 'public-gateway', allHosts, 'istio-system');
        await clock.sleep(0);
        expect(await call()).toBe('404 ');
        const [gone] = world.gateways.list();
        if (gone !== undefined) world.gateways.remove(gone);
        await clock.sleep(0);
        await expect(call()).rejects.toThrow('refused');
      })(),
    );
  });

  test('of the init container is done at once', async () => {
    const clock = new VirtualClock();
    const world = new MeshWorld(clock);
    const network = world.network.host('10.0.0.1');
    expect(await start(world, clock, network, ['istio-iptables'], new AbortController().signal)).toBe(0);
  });
});

test('WebSockets follow the routes, through gateway and sidecar', async () => {
  const clock = new VirtualClock();
  const world = new MeshWorld(clock);
  const server: Server = {
    upgrade: async ({ headers }) => ({
      protocol: 'chat',
      serve: async (connection) => {
        for await (const message of connection.messages())
          await connection.send(`${headers['host']}: ${String(message)}`);
      },
    }),
  };
  await clock.run(
    (async () => {
      world.service('backend', { app: 'backend' });
      const pod = await world.pod('backend', { serve: {} });
      await pod.network.listen(9898, server);
      const gateway = await world.ingressGateway();
      world.apply('Gateway', 'public-gateway', allHosts, 'istio-system');
      const http = [{ route: [{ destination: { host: 'backend' } }] }];
      world.apply('VirtualService', 'a', {
        hosts: ['app.com'],
        gateways: ['istio-system/public-gateway'],
        http,
      });
      const frontend = await world.pod('frontend');
      await clock.sleep(0);
      const init = { protocols: ['chat'], headers: { host: 'app.com' } };
      const outside = await world.network.host('192.168.1.7').upgrade(`ws://${gateway.address}:8080/`, init);
      const inside = await frontend.network.upgrade('ws://backend:9898/', { protocols: ['chat'] });
      for (const [connection, answer] of [
        [outside, 'app.com: hi'],
        [inside, 'backend:9898: hi'],
      ] as const) {
        await connection.send('hi');
        for await (const message of connection.messages()) {
          expect(message).toBe(answer);
          break;
        }
        connection.close();
      }
      await expect(
        world.network
          .host('192.168.1.7')
          .upgrade(`ws://${gateway.address}:8080/`, { headers: { host: 'other' } }),
      ).rejects.toMatchObject({ code: 'UpgradeRefused', status: 404 });
    })(),
  );
});
