import { stringify } from 'yaml';
import type { Json, JsonObject } from '../../../src/machinery/json.ts';
import type { Unstructured } from '../../../src/machinery/object.ts';
import { apex, namespace } from '../kinds.ts';
import { type FleetScenario, memberNames, type Strategy } from './scenario.ts';

export const repository = 'https://git.test/shop';
export const branch = 'refs/heads/master';
export const hostNamespace = 'default';
export const applicationName = 'demo';
export const fleetName = 'quickstart';
/** What is delivered without a rollout. */
export const shop = { namespace: 'shop', name: 'shop' } as const;

/** What git says of the workload that is rolled out. */
export interface Desired {
  readonly version: string;
  /** undefined: nothing */
  readonly replicas: number | undefined;
}

/** The files of a commit. */
export function filesOf({ version, replicas }: Desired): Record<string, string> {
  return {
    'podinfo/deployment.yaml': stringify(workload(apex, namespace, `podinfo:${version}`, replicas)),
    'podinfo/service.yaml': stringify(service(apex, namespace)),
    'shop/all.yaml': [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: shop.namespace } },
      workload(shop.name, shop.namespace, 'shop:1', 2),
      service(shop.name, shop.namespace),
    ]
      .map((object) => stringify(object))
      .join('---\n'),
  };
}

function workload(name: string, where: string, image: string, replicas: number | undefined): JsonObject {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: where },
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'main', image }] } },
    },
  };
}

function service(name: string, where: string): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: where },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 9898 }] },
  };
}

/** What can be changed in the Application. */
export interface Wishes {
  readonly strategy: Strategy;
  readonly checkFailedTimes: number;
  readonly hasRollout: boolean;
  readonly hasShop: boolean;
}

const routingOf: Readonly<Record<Strategy, JsonObject>> = {
  canary: { canaryStrategy: { stepWeight: 25, maxWeight: 50 } },
  'blue/green': { analysisTimes: 2 },
  'a/b': { analysisTimes: 2, match: [{ headers: { 'x-user': { exact: 'insider' } } }] },
};

export function application(scenario: FleetScenario, wishes: Wishes): Unstructured {
  const destination = { fleet: fleetName };
  const sync = { interval: scenario.interval, prune: true, timeout: '2m0s' };
  const policies: JsonObject[] = [
    {
      name: apex,
      destination,
      kustomization: { ...sync, path: './podinfo' },
      ...(wishes.hasRollout ? { rollout: rollout(scenario, wishes) } : {}),
    },
    ...(wishes.hasShop ? [{ name: shop.name, destination, kustomization: { ...sync, path: './shop' } }] : []),
  ];
  const source = {
    gitRepository: { url: repository, ref: { branch: 'master' }, interval: '10m0s', timeout: '20s' },
  };
  return {
    apiVersion: 'apps.kurator.dev/v1alpha1',
    kind: 'Application',
    metadata: { name: applicationName, namespace: hostNamespace },
    spec: { source, syncPolicies: policies },
  };
}

function rollout(
  { testLoader, revertOnDeletion }: FleetScenario,
  { strategy, checkFailedTimes }: Wishes,
): JsonObject {
  return {
    testLoader,
    trafficRoutingProvider: 'istio',
    workload: { apiVersion: 'apps/v1', kind: 'Deployment', name: apex, namespace },
    serviceName: apex,
    port: 9898,
    rolloutPolicy: {
      revertOnDeletion,
      rolloutTimeoutSeconds: 60,
      trafficRouting: { ...routingOf[strategy], timeoutSeconds: 60 },
      trafficAnalysis: {
        checkIntervalSeconds: 5,
        checkFailedTimes,
        metrics: [{ name: 'request-success-rate', intervalSeconds: 30, thresholdRange: { min: 99 } }],
        webhooks: { timeoutSeconds: 5, command: ['hey -z 5s http://podinfo-canary.test:9898/'] },
      },
    },
  };
}

/** @param members of the fleet */
export function fleet(members: readonly string[], hasPlugin: boolean): Unstructured {
  const spec: Record<string, Json> = {
    clusters: members.map((name) => ({ kind: 'AttachedCluster', name })),
    ...(hasPlugin
      ? { plugin: { flagger: { publicTestloader: true, trafficRoutingProvider: 'istio' } } }
      : {}),
  };
  return {
    apiVersion: 'fleet.kurator.dev/v1alpha1',
    kind: 'Fleet',
    metadata: { name: fleetName, namespace: hostNamespace },
    spec,
  };
}

export function attachedClusters(): readonly Unstructured[] {
  return memberNames.map((name) => ({
    apiVersion: 'cluster.kurator.dev/v1alpha1',
    kind: 'AttachedCluster',
    metadata: { name, namespace: hostNamespace },
    spec: { kubeconfig: { name, key: 'config' } },
  }));
}

/** @param isGood otherwise one that nobody can read */
export function kubeconfigSecret(name: string, isGood: boolean): Unstructured {
  const kubeconfig = isGood
    ? {
        'current-context': name,
        clusters: [{ name, cluster: { server: `https://${name}:6443` } }],
        users: [{ name, user: {} }],
        contexts: [{ name, context: { cluster: name, user: name } }],
      }
    : { clusters: 'none' };
  const data = { config: Buffer.from(JSON.stringify(kubeconfig)).toString('base64') };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: hostNamespace },
    data,
  };
}
