import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { localReply } from '../mesh/responses.ts';
import { MeshWorld } from '../mesh/mesh-world.test-double.ts';
import { ClusterNetwork } from './cluster-network.ts';
import { resolveName } from './dns.ts';
import { PodAddresses } from './pod-addresses.ts';
import { ServiceTable } from './service-table.ts';

function object(kind: string, name: string, namespace: string, rest: object): KubeObject {
  return { apiVersion: 'v1', kind, metadata: { name, namespace }, ...rest };
}

function slice(service: string, namespace: string, ports: object[], endpoints: object[]): KubeObject {
  const made = object('EndpointSlice', `${service}-abc`, namespace, { ports, endpoints });
  made.metadata.labels = { 'kubernetes.io/service-name': service };
  return made;
}

const table = new ServiceTable({
  services: [
    object('Service', 'backend-canary', 'webapp', {
      spec: { clusterIP: '10.96.0.7', ports: [{ port: 9898, targetPort: 'http', nodePort: 30_080 }] },
    }),
    object('Service', 'db', 'webapp', { spec: { clusterIP: 'None', ports: [{ name: 'sql', port: 5432 }] } }),
    object('Service', 'alias', 'webapp', {
      spec: { type: 'ExternalName', externalName: 'backend-canary.webapp.svc.cluster.local' },
    }),
    object('Service', 'outside', 'webapp', { spec: { type: 'ExternalName', externalName: 'example.com' } }),
    object('Service', 'loop', 'webapp', {
      spec: { type: 'ExternalName', externalName: 'loop.webapp.svc.cluster.local' },
    }),
    object('Service', 'idle', 'webapp', { spec: { clusterIP: '10.96.0.8', ports: [{ port: 80 }] } }),
    object('Service', 'broken', 'webapp', { spec: { clusterIP: 7, ports: 'none' } }),
  ],
  endpointSlices: [
    slice(
      'backend-canary',
      'webapp',
      [{ name: '', port: 9898 }],
      [
        { addresses: ['10.244.0.2'], conditions: { ready: true } },
        { addresses: ['10.244.0.3'], conditions: { ready: true } },
        { addresses: ['10.244.0.4'], conditions: { ready: false } },
      ],
    ),
    slice(
      'db',
      'webapp',
      [{ name: 'sql', port: 5432 }],
      [
        { addresses: ['10.244.0.5'], hostname: 'db-0', conditions: { ready: true } },
        { addresses: ['10.244.0.6'], conditions: {} },
      ],
    ),
  ],
  pods: [],
});
const external = (name: string): string[] => (name === 'example.com' ? ['93.184.216.34'] : []);

describe('cluster DNS', () => {
  const canary = ['10.96.0.7'];
  test.each([
    ['backend-canary', 'webapp', canary],
    ['BACKEND-canary', 'webapp', canary],
    ['backend-canary', 'default', []],
    ['backend-canary.webapp', 'default', canary],
    ['backend-canary.webapp.svc', 'default', canary],
    ['backend-canary.webapp.svc.cluster.local', 'default', canary],
    ['backend-canary.webapp.svc.cluster.local.', 'default', canary],
    ['backend-canary.webapp.', 'default', []],
    ['nobody.webapp', 'default', []],
    ['db', 'webapp', ['10.244.0.5', '10.244.0.6']],
    ['db-0.db', 'webapp', ['10.244.0.5']],
    ['10-244-0-6.db.webapp.svc.cluster.local', 'default', ['10.244.0.6']],
    ['10-244-0-5.db', 'webapp', []],
    ['10-244-0-9.webapp.pod.cluster.local', 'default', ['10.244.0.9']],
    ['alias', 'webapp', canary],
    ['outside', 'webapp', ['93.184.216.34']],
    ['example.com', 'webapp', ['93.184.216.34']],
    ['loop', 'webapp', []],
    ['broken', 'webapp', []],
    ['__proto__', 'webapp', []],
    ['', 'webapp', []],
    ['..', 'webapp', []],
  ])('%s, asked from %s', (name, namespace, addresses) => {
    expect(resolveName(table, external, name, namespace)).toEqual(addresses);
  });
});

describe('services', () => {
  test('spread over ready endpoints, at a cluster address, a node port and the target port', async () => {
    const network = new ClusterNetwork({ table: () => table, random: seededRandom(1) });
    const hits: string[] = [];
    for (const address of ['10.244.0.2', '10.244.0.3', '10.244.0.4']) {
      await network.pod(address, 'webapp').listen(9898, { connection: () => void hits.push(address) });
    }
    const client = network.pod('10.244.0.9', 'webapp');
    for (let i = 0; i < 200; i++) await client.dial('backend-canary', 9898);
    const first = hits.filter((address) => address === '10.244.0.2').length;
    expect(first).toBeGreaterThan(60);
    expect(first).toBeLessThan(140);
    expect(hits).not.toContain('10.244.0.4');
    network.node('172.18.0.3');
    await client.dial('172.18.0.3', 30_080);
    expect(hits).toHaveLength(201);
  });

  test('refuse where there is no endpoint, no such port, or nobody listens', async () => {
    const network = new ClusterNetwork({ table: () => table, random: seededRandom(1) });
    const client = network.pod('10.244.0.9', 'webapp');
    await expect(client.dial('idle', 80)).rejects.toMatchObject({ code: 'Unreachable' });
    await expect(client.dial('backend-canary', 80)).rejects.toMatchObject({ code: 'Unreachable' });
    await expect(client.dial('backend-canary', 9898)).rejects.toThrow('refused');
    await expect(client.resolve('nobody')).rejects.toThrow('no such host: nobody');
  });

  test('send to terminating endpoints when nothing else is left', async () => {
    const clock = new VirtualClock();
    const world = new MeshWorld(clock);
    world.service('backend', { app: 'backend' });
    const pod = await world.pod('backend', { sidecar: false });
    const client = world.network.pod('10.244.0.99', 'webapp');
    pod.terminating = true;
    world.setReady(pod, true);
    const response = await client.fetch('http://backend:9898/');
    expect(response.status).toBe(200);
  });

  test('a pod that goes finishes what it has and gets nothing new', async () => {
    const clock = new VirtualClock();
    const world = new MeshWorld(clock);
    world.service('backend', { app: 'backend' });
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow = await world.pod('slow', {
      labels: { app: 'backend' },
      sidecar: false,
      serve: {
        9898: async () => {
          await promise;
          return localReply(200, [], 'done');
        },
      },
    });
    const client = world.network.pod('10.244.0.99', 'webapp');
    const answer = client.fetch('http://backend:9898/');
    const stopped = world.stop(slow);
    await world.pod('fast', { labels: { app: 'backend' }, sidecar: false });
    for (let i = 0; i < 20; i++) {
      const { pod } = (await (await client.fetch('http://backend:9898/')).json()) as { pod: string };
      expect(pod).toBe('fast');
    }
    resolve();
    expect(await (await answer).text()).toBe('done');
    await stopped;
  });
});

describe('pod addresses', () => {
  test('each node has its own /24, and an address comes back last', () => {
    const addresses = new PodAddresses();
    expect(addresses.podCidr('node-1')).toBe('10.244.0.0/24');
    expect(addresses.podCidr('node-2')).toBe('10.244.1.0/24');
    expect(addresses.allocate('node-1')).toBe('10.244.0.2');
    expect(addresses.allocate('node-2')).toBe('10.244.1.2');
    addresses.release('10.244.0.2');
    const next = Array.from({ length: 253 }, () => addresses.allocate('node-1'));
    expect(next[0]).toBe('10.244.0.3');
    expect(next.at(-1)).toBe('10.244.0.2');
    expect(() => addresses.allocate('node-1')).toThrow('in use');
  });
});
