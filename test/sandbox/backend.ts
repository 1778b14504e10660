import type { HttpRequest } from '../../src/base/network.ts';
import type { SandboxCluster } from '../../src/sandbox/sandbox-cluster.ts';

/** A GET as it comes in from outside. */
export function get(
  url: string,
  host = 'backend.webapp',
  signal = new AbortController().signal,
): HttpRequest {
  return { method: 'GET', url, headers: { host }, remoteAddress: '127.0.0.1', signal, async *body() {} };
}

/** Creates an object through a cluster's API. */
export async function create(cluster: SandboxCluster, path: string, json: unknown): Promise<void> {
  await cluster.client.raw('POST', path, { json, contentType: 'application/json' });
}

/** Two podinfo pods with sidecars, behind a service and a route of the gateway. */
export async function deployBackend(cluster: SandboxCluster): Promise<void> {
  const labels = { app: 'backend' };
  await create(cluster, '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'webapp', labels: { 'istio-injection': 'enabled' } },
  });
  const podinfo = {
    name: 'backend',
    image: 'ghcr.io/stefanprodan/podinfo:6.5.4',
    ports: [{ containerPort: 9898 }],
    readinessProbe: { httpGet: { path: '/readyz', port: 9898 } },
  };
  await create(cluster, '/apis/apps/v1/namespaces/webapp/deployments', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'backend' },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [podinfo] } },
    },
  });
  await create(cluster, '/api/v1/namespaces/webapp/services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'backend' },
    spec: { selector: labels, ports: [{ name: 'http', port: 9898 }] },
  });
  await route(cluster);
}

/** The Gateway of the walkthrough, and all of its traffic to the service `backend`. */
export async function route(cluster: SandboxCluster): Promise<void> {
  const version = 'networking.istio.io/v1';
  await create(cluster, `/apis/${version}/namespaces/istio-system/gateways`, {
    apiVersion: version,
    kind: 'Gateway',
    metadata: { name: 'public-gateway' },
    spec: {
      selector: { istio: 'ingressgateway' },
      servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
    },
  });
  await create(cluster, `/apis/${version}/namespaces/webapp/virtualservices`, {
    apiVersion: version,
    kind: 'VirtualService',
    metadata: { name: 'backend' },
    spec: {
      hosts: ['backend.webapp'],
      gateways: ['istio-system/public-gateway', 'mesh'],
      http: [{ route: [{ destination: { host: 'backend', port: { number: 9898 } } }] }],
    },
  });
}

/** The value of an instant query that has one. */
export async function query(cluster: SandboxCluster, promql: string): Promise<number> {
  const response = await cluster.prometheus(get(`/api/v1/query?query=${encodeURIComponent(promql)}`));
  const answer = (await response.json()) as { data: { result: { value: [number, string] }[] } };
  return Number(answer.data.result[0]?.value[1] ?? Number.NaN);
}
