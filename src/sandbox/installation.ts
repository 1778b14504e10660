import { linkAbort } from '../base/abort.ts';
import type { RestClient } from '../kube/rest-client.ts';
import type { Store } from '../kube/store.ts';
import { isObject, type JsonObject } from '../machinery/json.ts';
import { asJson, type KubeObject } from '../machinery/object.ts';
import { istioNamespace, istioObjects } from './istio.ts';
import definitions from './mesh/istio-crds.generated.json' with { type: 'json' };
import { prometheusObjects } from './prometheus-install.ts';

const crdPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

const collections: Readonly<Record<string, string>> = {
  Namespace: 'namespaces',
  ServiceAccount: 'namespaces/istio-system/serviceaccounts',
  ConfigMap: 'namespaces/istio-system/configmaps',
  Service: 'namespaces/istio-system/services',
  Deployment: 'namespaces/istio-system/deployments',
};

/** The kinds of networking.istio.io. */
export async function installDefinitions(client: RestClient): Promise<void> {
  for (const definition of definitions as unknown as JsonObject[]) await post(client, crdPath, definition);
}

/** Istio and Prometheus, as a newcomer is told to install them. */
export async function installMesh(client: RestClient): Promise<void> {
  for (const object of [...istioObjects(), ...prometheusObjects()]) {
    const { kind, apiVersion } = object;
    const root = apiVersion === 'v1' ? '/api/v1' : '/apis/apps/v1';
    await post(client, `${root}/${collections[typeof kind === 'string' ? kind : ''] ?? ''}`, object);
  }
}

async function post(client: RestClient, path: string, json: JsonObject): Promise<void> {
  await client.raw('POST', path, { json, contentType: 'application/json' });
}

/** Pods of istiod, the gateway and Prometheus. */
const installedPods = 3;

/** Resolves when the pods of {@link installMesh} are ready. @throws CancelledError */
export async function meshReady(pods: Store<KubeObject>, signal?: AbortSignal): Promise<void> {
  using linked = linkAbort(signal);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const look = (): void => {
    const installed = pods.list().filter(({ metadata }) => metadata.namespace === istioNamespace);
    if (installed.filter(isReady).length >= installedPods) resolve();
  };
  linked.signal.addEventListener('abort', () => reject(linked.signal.reason), { once: true });
  const unsubscribe = pods.subscribe(look);
  try {
    look();
    await promise;
  } finally {
    unsubscribe();
  }
}

function isReady(pod: KubeObject): boolean {
  const { status } = asJson(pod);
  const conditions = isObject(status) ? status['conditions'] : undefined;
  if (!Array.isArray(conditions)) return false;
  return conditions.some((one) => isObject(one) && one['type'] === 'Ready' && one['status'] === 'True');
}
