import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../base/clock.ts';
import { jsonResponse } from '../../base/fetch.ts';
import type { HttpHandler, Network } from '../../base/network.ts';
import { echo, MeshWorld, startMeshLoad, type WorldPod } from './mesh-world.test-double.ts';

interface Seen {
  readonly pod: string;
  readonly headers: Record<string, string>;
}

function weights(primary: number, canary: number): object {
  return {
    hosts: ['backend'],
    http: [
      {
        route: [
          { destination: { host: 'backend-primary' }, weight: primary },
          { destination: { host: 'backend-canary' }, weight: canary },
        ],
      },
    ],
  };
}

/** The walkthrough's services in the middle of a rollout, and a frontend that calls them. */
async function rollout(
  clock: VirtualClock,
  seed = 1,
): Promise<{ world: MeshWorld; frontend: WorldPod; call: (init?: object) => Promise<Seen> }> {
  const world = new MeshWorld(clock, seed);
  world.service('backend', { app: 'backend-primary' });
  world.service('backend-primary', { app: 'backend-primary' });
  world.service('backend-canary', { app: 'backend' });
  await world.pod('backend-primary');
  await world.pod('backend');
  const frontend = await world.pod('frontend');
  const call = (init = {}): Promise<Seen> => get(frontend.network, 'http://backend:9898/', init);
  return { world, frontend, call };
}

async function get(network: Network, url: string, init: object = {}): Promise<Seen> {
  const response = await network.fetch(url, init);
  const text = await response.text();
  return response.status === 200
    ? (JSON.parse(text) as Seen)
    : { pod: `${response.status} ${text}`, headers: {} };
}

async function run(scenario: (clock: VirtualClock) => Promise<void>): Promise<void> {
  const clock = new VirtualClock();
  await clock.run(scenario(clock));
}

async function count(times: number, call: () => Promise<Seen>): Promise<Record<string, number>> {
  const pods: Record<string, number> = {};
  for (let i = 0; i < times; i++) {
    const { pod } = await call();
    pods[pod] = (pods[pod] ?? 0) + 1;
  }
  return pods;
}

/** The value of the first series of a metric whose labels contain all of these. */
function metric(text: string | undefined, name: string, labels: Record<string, string> = {}): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const line = text
    ?.split('\n')
    .find((each) => each.startsWith(`${name}{`) && wanted.every((part) => each.includes(part)));
  return Number(line?.split(' ').at(-1) ?? 0);
}

describe('calls in the mesh', () => {
  test.each([10, 20, 50, 99])('a weight of %i is kept within three standard deviations', (weight) =>
    run(async (clock) => {
      const { world, call } = await rollout(clock, weight);
      world.apply('VirtualService', 'backend', weights(100 - weight, weight));
      const times = 2000;
      const { backend = 0 } = await count(times, call);
      const deviation = Math.sqrt(times * (weight / 100) * (1 - weight / 100));
      expect(Math.abs(backend - (times * weight) / 100)).toBeLessThan(3 * deviation);
    }),
  );

  test.each([
    'http://backend:9898/',
    'http://backend.webapp:9898/',
    'http://backend.webapp.svc:9898/',
    'http://backend.webapp.svc.cluster.local:9898/',
    'http://backend.webapp.svc.cluster.local.:9898/',
    'http://10.96.0.10:9898/',
  ])('%s follows the VirtualService', (url) =>
    run(async (clock) => {
      const { world, frontend } = await rollout(clock);
      world.apply('VirtualService', 'backend', weights(0, 100));
      expect((await get(frontend.network, url)).pod).toBe('backend');
    }),
  );

  test('a service of its own name is reached without a VirtualService, and so is what the mesh does not know', () =>
    run(async (clock) => {
      const { world, frontend } = await rollout(clock);
      const outsider = await world.pod('outsider', { sidecar: false });
      expect((await get(frontend.network, 'http://backend-canary.webapp:9898/')).pod).toBe('backend');
      expect((await get(frontend.network, `http://${outsider.address}:9898/`)).pod).toBe('outsider');
      expect((await get(frontend.network, 'http://localhost:9898/')).pod).toBe('frontend');
      expect(world.mesh.renderMetrics(frontend.address)).toContain(
        'destination_service_name="PassthroughCluster"',
      );
      await expect(frontend.network.fetch('http://nobody/')).rejects.toThrow('no such host');
    }));

  test('a VirtualService for the gateway alone says nothing to sidecars', () =>
    run(async (clock) => {
      const { world, call } = await rollout(clock);
      world.apply('VirtualService', 'backend', {
        ...weights(0, 100),
        gateways: ['istio-system/public-gateway'],
      });
      expect(await count(5, call)).toEqual({ 'backend-primary': 5 });
    }));

  test('routes may depend on who calls', () =>
    run(async (clock) => {
      const { world, call } = await rollout(clock);
      const other = await world.pod('other', { namespace: 'elsewhere' });
      const to = (host: string): object => ({ route: [{ destination: { host } }] });
      world.apply('VirtualService', 'backend', {
        hosts: ['backend'],
        http: [
          { match: [{ sourceLabels: { app: 'frontend' } }], ...to('backend-canary') },
          { match: [{ sourceNamespace: 'elsewhere' }], directResponse: { status: 204 } },
          to('backend-primary'),
        ],
      });
      expect((await call()).pod).toBe('backend');
      expect((await get(other.network, 'http://backend.webapp:9898/')).pod).toBe('204 ');
    }));

  test('of two VirtualServices for one host the older one holds', () =>
    run(async (clock) => {
      const { world, call } = await rollout(clock);
      world.apply('VirtualService', 'z-older', weights(0, 100));
      world.apply('VirtualService', 'a-younger', weights(100, 0));
      expect((await call()).pod).toBe('backend');
    }));

  test('a change holds for the next request', () =>
    run(async (clock) => {
      const { world, call } = await rollout(clock);
      for (let i = 0; i < 50; i++) {
        world.apply('VirtualService', 'backend', weights(i % 2 === 0 ? 100 : 0, i % 2 === 0 ? 0 : 100));
        expect((await call()).pod).toBe(i % 2 === 0 ? 'backend-primary' : 'backend');
      }
    }));

  test('mirrors are sent beside, and marked', () =>
    run(async (clock) => {
      const { world, frontend, call } = await rollout(clock);
      const hosts: string[] = [];
      const shadow: HttpHandler = async ({ headers }) => {
        hosts.push(headers['host'] ?? '');
        return jsonResponse(500, {});
      };
      world.service('shadow', { app: 'shadow' });
      await world.pod('shadow', { serve: { 9898: shadow } });
      const mirrored = (value: number): object => ({
        hosts: ['backend'],
        http: [
          {
            route: [{ destination: { host: 'backend-primary' } }],
            mirror: { host: 'shadow' },
            mirrorPercentage: { value },
          },
        ],
      });
      world.apply('VirtualService', 'backend', mirrored(100));
      expect(await count(10, call)).toEqual({ 'backend-primary': 10 });
      expect(hosts).toEqual(Array.from({ length: 10 }, () => 'backend-shadow:9898'));
      world.apply('VirtualService', 'backend', mirrored(50));
      await count(200, call);
      expect(hosts.length).toBeGreaterThan(10 + 60);
      expect(hosts.length).toBeLessThan(10 + 140);
      world.apply('VirtualService', 'backend', mirrored(0));
      const before = hosts.length;
      await count(10, call);
      expect(hosts).toHaveLength(before);
      expect(
        metric(world.mesh.renderMetrics(frontend.address), 'istio_requests_total', {
          destination_workload: 'shadow',
        }),
      ).toBe(0);
    }));

  test('a sticky cookie of a weighted route comes back as a header of its own', () =>
    run(async (clock) => {
      const { world, frontend } = await rollout(clock);
      const cookies = { response: { add: { 'Set-Cookie': 'c=AbCdEfGhIj; Max-Age=86400' } } };
      world.apply('VirtualService', 'backend', {
        hosts: ['backend'],
        http: [{ route: [{ destination: { host: 'backend-canary' }, headers: cookies }] }],
      });
      const response = await frontend.network.fetch('http://backend:9898/');
      await response.text();
      expect([...response.headers].filter(([name]) => name === 'set-cookie')).toEqual([
        ['set-cookie', 'c=AbCdEfGhIj; Max-Age=86400'],
      ]);
    }));
});

describe('load balancing', () => {
  async function three(
    clock: VirtualClock,
    policy: object,
  ): Promise<{ world: MeshWorld; frontend: WorldPod; pods: WorldPod[] }> {
    const world = new MeshWorld(clock);
    world.service('backend', { app: 'backend' });
    const pods: WorldPod[] = [];
    for (const name of ['a', 'b', 'c']) pods.push(await world.pod(name, { labels: { app: 'backend' } }));
    world.apply('DestinationRule', 'backend', { host: 'backend', trafficPolicy: policy });
    return { world, frontend: await world.pod('frontend'), pods };
  }
  const simple = (name: string): object => ({ loadBalancer: { simple: name } });

  test('round robin takes turns; random and least request reach all', () =>
    run(async (clock) => {
      const robin = await three(clock, simple('ROUND_ROBIN'));
      expect(await count(9, () => get(robin.frontend.network, 'http://backend:9898/'))).toEqual({
        a: 3,
        b: 3,
        c: 3,
      });
      for (const policy of ['RANDOM', 'LEAST_REQUEST']) {
        const { frontend } = await three(clock, simple(policy));
        const pods = await count(90, () => get(frontend.network, 'http://backend:9898/'));
        expect(Object.values(pods).every((hits) => hits > 10)).toBe(true);
      }
    }));

  test('a hash of a header sticks to one endpoint while it is there', () =>
    run(async (clock) => {
      const { world, frontend, pods } = await three(clock, {
        loadBalancer: { consistentHash: { httpHeaderName: 'X-User' } },
      });
      const of = (user: string): Promise<string> =>
        get(frontend.network, 'http://backend:9898/', { headers: { 'x-user': user } }).then(({ pod }) => pod);
      const users = Array.from({ length: 30 }, (_, i) => `user-${i}`);
      const first = await Promise.all(users.map(of));
      expect(new Set(first).size).toBe(3);
      expect(await Promise.all(users.map(of))).toEqual(first);
      const [gone] = pods;
      if (gone !== undefined) await world.stop(gone);
      const after = await Promise.all(users.map(of));
      for (const [i, pod] of first.entries()) if (pod !== 'a') expect(after[i]).toBe(pod);
    }));

  test('a client without the cookie gets one, and stays', () =>
    run(async (clock) => {
      const { frontend } = await three(clock, {
        loadBalancer: { consistentHash: { httpCookie: { name: 'session', path: '/', ttl: '60s' } } },
      });
      const response = await frontend.network.fetch('http://backend:9898/');
      const { pod } = (await response.json()) as Seen;
      const cookie = response.headers.get('set-cookie') ?? '';
      expect(cookie).toMatch(/^session="[0-9a-f]{16}"; Max-Age=60; Path=\/; HttpOnly$/);
      const headers = { cookie: cookie.split(';')[0] };
      expect(await count(10, () => get(frontend.network, 'http://backend:9898/', { headers }))).toEqual({
        [pod]: 10,
      });
    }));

  test('an endpoint that keeps failing rests for a while, then longer', () =>
    run(async (clock) => {
      const world = new MeshWorld(clock);
      world.service('backend', { app: 'backend' });
      await world.pod('good', { labels: { app: 'backend' } });
      let failures = 0;
      const failing: HttpHandler = async () => {
        failures += 1;
        return jsonResponse(500, {});
      };
      await world.pod('bad', { labels: { app: 'backend' }, serve: { 9898: failing } });
      const frontend = await world.pod('frontend');
      world.apply('DestinationRule', 'backend', {
        host: 'backend',
        trafficPolicy: {
          outlierDetection: { consecutive5xxErrors: 3, baseEjectionTime: '30s' },
          ...simple('ROUND_ROBIN'),
        },
      });
      const burst = async (): Promise<number> => {
        const before = failures;
        await count(40, () => get(frontend.network, 'http://backend:9898/'));
        return failures - before;
      };
      expect(await burst()).toBe(3);
      await clock.sleep(31_000);
      expect(await burst()).toBe(3);
      await clock.sleep(31_000);
      expect(await burst()).toBe(0);
    }));
});

describe('metrics', () => {
  test('both sides count a request under the names of Istio', () =>
    run(async (clock) => {
      const world = new MeshWorld(clock);
      world.service('backend', { app: 'backend' });
      const slow: HttpHandler = async (request) => {
        await clock.sleep(42);
        return echo('backend')(request);
      };
      const backend = await world.pod('backend-5d89bdfbf9-abcde', {
        deployment: 'backend',
        labels: { app: 'backend', version: 'v1' },
        serve: { 9898: slow },
      });
      const frontend = await world.pod('frontend-5d89bdfbf9-xyzzy', {
        deployment: 'frontend',
        labels: { app: 'frontend' },
      });
      await get(frontend.network, 'http://backend:9898/');
      const source = world.mesh.renderMetrics(frontend.address);
      const destination = world.mesh.renderMetrics(backend.address);
      const common =
        'source_workload="frontend",source_canonical_service="frontend",source_canonical_revision="latest",source_workload_namespace="webapp",source_principal="spiffe://cluster.local/ns/webapp/sa/default",source_app="frontend",source_version="unknown",source_cluster="Kubernetes",destination_workload="backend",destination_canonical_service="backend",destination_canonical_revision="v1",destination_workload_namespace="webapp",destination_principal="spiffe://cluster.local/ns/webapp/sa/default",destination_app="backend",destination_version="v1",destination_cluster="Kubernetes",destination_service="backend.webapp.svc.cluster.local",destination_service_name="backend",destination_service_namespace="webapp",request_protocol="http",response_code="200",grpc_response_status="",response_flags="-"';
      expect(source).toContain(
        `istio_requests_total{reporter="source",${common},connection_security_policy="unknown"} 1\n`,
      );
      expect(destination).toContain(
        `istio_requests_total{reporter="destination",${common},connection_security_policy="mutual_tls"} 1\n`,
      );
      for (const text of [source, destination]) {
        expect(metric(text, 'istio_request_duration_milliseconds_bucket', { le: '25' })).toBe(0);
        expect(metric(text, 'istio_request_duration_milliseconds_bucket', { le: '50' })).toBe(1);
        expect(metric(text, 'istio_request_duration_milliseconds_bucket', { le: '+Inf' })).toBe(1);
        expect(metric(text, 'istio_request_duration_milliseconds_sum')).toBe(42);
      }
    }));

  test('a caller outside the mesh is unknown; the pod itself and probes are not counted', () =>
    run(async (clock) => {
      const world = new MeshWorld(clock);
      world.service('backend', { app: 'backend' });
      const backend = await world.pod('backend');
      const outsider = await world.pod('outsider', { sidecar: false });
      await get(outsider.network, 'http://backend:9898/');
      await get(backend.network, 'http://localhost:9898/');
      await get(world.network.node('172.18.0.3'), `http://${backend.address}:9898/healthz`);
      const text = world.mesh.renderMetrics(backend.address);
      const lines = text?.split('\n').filter((line) => line.startsWith('istio_requests_total'));
      expect(lines).toHaveLength(1);
      expect(lines?.[0]).toContain('source_workload="unknown"');
      expect(lines?.[0]).toContain('connection_security_policy="none"} 1');
    }));

  test('a caller that leaves before the answer counts as code 0', () =>
    run(async (clock) => {
      const world = new MeshWorld(clock);
      world.service('backend', { app: 'backend' });
      await world.pod('backend', {
        serve: {
          9898: async (request) => clock.sleep(60_000, request.signal).then(() => jsonResponse(200, {})),
        },
      });
      const frontend = await world.pod('frontend');
      using limit = clock.timeout(100);
      await expect(
        frontend.network.fetch('http://backend:9898/', { signal: limit.signal }),
      ).rejects.toThrow();
      const text = world.mesh.renderMetrics(frontend.address);
      expect(metric(text, 'istio_requests_total', { response_code: '0', response_flags: 'DC' })).toBe(1);
    }));
});

test(
  'no request is lost while endpoints roll, the VirtualService flips 1,000 times and pods drain, at 500 a second',
  () =>
    run(async (clock) => {
      const { world, call, frontend } = await rollout(clock);
      const answers: Record<string, number> = {};
      const requests: Promise<void>[] = [];
      const lengthMs = 20_000;
      const slow =
        (name: string): HttpHandler =>
        async (request) => {
          await clock.sleep(35);
          return echo(name)(request);
        };
      const roll = async (deployment: string): Promise<void> => {
        let old = await world.pod(`${deployment}-0`, {
          deployment,
          labels: { app: deployment },
          serve: { 9898: slow(deployment) },
        });
        for (let n = 1; clock.monotonic() < lengthMs; n++) {
          await clock.sleep(400);
          const next = await world.pod(`${deployment}-${n}`, {
            deployment,
            labels: { app: deployment },
            serve: { 9898: slow(deployment) },
          });
          // One of them stops listening while its address is still handed out.
          if (deployment === 'backend') await Promise.all(old.listeners.map((listener) => listener.close()));
          await world.stop(old);
          old = next;
        }
      };
      const flip = async (): Promise<void> => {
        for (let n = 0; n < 1000; n++) {
          world.apply('VirtualService', 'backend', weights(n % 101, 100 - (n % 101)));
          await clock.sleep(lengthMs / 1000);
        }
      };
      const load = async (): Promise<void> => {
        while (clock.monotonic() < lengthMs) {
          requests.push(
            call().then(({ pod }) => {
              answers[pod] = (answers[pod] ?? 0) + 1;
            }),
          );
          await clock.sleep(2);
        }
      };
      await Promise.all([roll('backend-primary'), roll('backend'), flip(), load()]);
      await Promise.all(requests);
      expect(Object.keys(answers).sort()).toEqual(['backend', 'backend-primary']);
      expect(requests.length).toBeGreaterThanOrEqual(9_900);
      const total = world.mesh
        .renderMetrics(frontend.address)
        ?.split('\n')
        .filter((line) => line.startsWith('istio_requests_total'))
        .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
      expect(total).toBe(requests.length);
    }),
  30_000,
);

test('the same seed gives the same metrics, byte for byte', async () => {
  const metrics = async (): Promise<string | undefined> => {
    const clock = new VirtualClock();
    const { world, request } = await clock.run(startMeshLoad(clock));
    for (let i = 0; i < 300; i++) expect(await clock.run(request())).toBe(200);
    return world.mesh.renderMetrics('10.244.0.4');
  };
  expect(await metrics()).toBe(await metrics());
});
