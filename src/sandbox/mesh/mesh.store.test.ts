import { expect, test } from 'vitest';
import { VirtualClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import { socketClient } from '../../base/socket-client.ts';
import { listenSocket, socketNetwork } from '../../base/socket-network.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import { Store } from '../../kube/store.ts';
import type { Unstructured } from '../../machinery/object.ts';
import { startCluster } from '../apiserver/cluster.ts';
import { ClusterNetwork } from '../network/cluster-network.ts';
import { liveServiceTable } from '../network/service-table.ts';
import { localReply } from './responses.ts';

const kind = (group: string, resource: string, kind: string): ResourceKind => ({
  group,
  version: 'v1',
  resource,
  kind,
  namespaced: true,
});

test('names and addresses follow the API server within 10 ms', async () => {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const cluster = await clock.run(startCluster({ clock, random, log: silentLog }));
  const stop = new AbortController();
  const client = cluster.client();
  const services = client.resource(kind('', 'services', 'Service'));
  const storeOf = (of: ResourceKind): Store => {
    const store = new Store<Unstructured>({ client: client.resource(of), clock, random, log: silentLog });
    void store.run(stop.signal);
    return store;
  };
  const table = liveServiceTable({
    services: storeOf(services.kind),
    endpointSlices: storeOf(kind('discovery.k8s.io', 'endpointslices', 'EndpointSlice')),
    pods: storeOf(kind('', 'pods', 'Pod')),
  });
  const network = new ClusterNetwork({ table: () => table.get(), random });
  const pod = network.pod('10.244.0.2', 'default');
  await clock.advance(100);
  expect(await pod.resolve('kubernetes')).toEqual(['10.96.0.1']);
  await clock.run(
    services.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'backend', namespace: 'default' },
      spec: { ports: [{ port: 80 }], selector: { app: 'backend' } },
    }),
  );
  await clock.advance(10);
  expect((await pod.resolve('backend.default.svc.cluster.local.'))[0]).toMatch(/^10\.96\.\d+\.\d+$/);
  stop.abort();
  await clock.run(cluster.close());
});

test('cookies that several parts of a route set reach a client behind a socket one by one', async () => {
  const cookies = async () =>
    localReply(
      200,
      [
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2; Path=/'],
      ],
      'x',
    );
  const listener = await listenSocket(0, { http: cookies });
  const client = socketClient();
  const connection = await socketNetwork(client).dial('127.0.0.1', listener.port);
  connection.end('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
  const sent = Buffer.concat(await Array.fromAsync(connection as AsyncIterable<Uint8Array>)).toString();
  expect(sent.match(/^set-cookie: .*$/gm)).toEqual(['set-cookie: a=1', 'set-cookie: b=2; Path=/']);
  await client.close();
  await listener.close(AbortSignal.abort());
});
