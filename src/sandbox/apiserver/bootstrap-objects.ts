import type { JsonObject } from '../../machinery/json.ts';
import { defaultRoles } from './access/default-roles.ts';
import { rbacGroup } from './access/role-based-access.ts';

/** An object that a new cluster has, and where it is created. */
export interface BootstrapObject {
  readonly path: string;
  readonly object: JsonObject;
}

const namespaces = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];
/** The first address of the range of service addresses. */
export const serviceAddress = '10.96.0.1';
/** Where the server is in the cluster's own network: endpoints may not name the loopback address. */
const serverAddress = '172.18.0.2';
const serverPort = 6443;

/** What a cluster has before anybody has done anything in it. */
export function bootstrapObjects(): BootstrapObject[] {
  return [
    ...namespaces.map((name) => ({
      path: '/api/v1/namespaces',
      object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    })),
    ...defaultRoles.map((object) => ({
      path: `/apis/${rbacGroup}/v1/${object['kind'] === 'ClusterRole' ? 'clusterroles' : 'clusterrolebindings'}`,
      object,
    })),
    ...kubernetesService(),
  ];
}

/** The server as a Service: `kubernetes.default.svc`. */
function kubernetesService(): BootstrapObject[] {
  const metadata = { name: 'kubernetes', namespace: 'default' };
  const ports = [{ name: 'https', port: serverPort, protocol: 'TCP' }];
  return [
    {
      path: '/api/v1/namespaces/default/services',
      object: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { ...metadata, labels: { component: 'apiserver', provider: 'kubernetes' } },
        spec: {
          type: 'ClusterIP',
          clusterIP: serviceAddress,
          ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: serverPort }],
        },
      },
    },
    {
      path: '/api/v1/namespaces/default/endpoints',
      object: {
        apiVersion: 'v1',
        kind: 'Endpoints',
        metadata: { ...metadata, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
        subsets: [{ addresses: [{ ip: serverAddress }], ports }],
      },
    },
    {
      path: '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices',
      object: {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
        addressType: 'IPv4',
        endpoints: [{ addresses: [serverAddress], conditions: { ready: true } }],
        ports,
      },
    },
  ];
}
