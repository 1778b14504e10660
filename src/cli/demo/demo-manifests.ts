import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import { isObject, type Json, type JsonObject, jsonClone } from '../../machinery/json.ts';
import type { Unstructured } from '../../machinery/object.ts';

const examples = new URL('../../../examples/', import.meta.url);

/** Of the manifest, in seconds. */
const originalInterval = 90;
export const applicationKey = { namespace: 'default', name: 'blue-green-demo' };
export const fleetKey = { namespace: 'default', name: 'quickstart' };

/** The documents of a manifest of `examples/`. */
export async function documentsOf(file: string): Promise<readonly Unstructured[]> {
  const text = await readFile(new URL(file, examples), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as Unstructured);
}

/**
 * The walkthrough's Application for another repository and at another pace.
 *
 * @param manifest examples/rollout/blue_green.yaml
 * @param interval seconds between two checks; at its own pace all intervals stay as they are
 */
export function withPace<T>(manifest: T, url: string, interval: number): T {
  const copy = jsonClone(manifest);
  const source = objectAt(copy, 'spec', 'source', 'gitRepository');
  source['url'] = url;
  if (interval === originalInterval) return copy;
  // A commit is to be seen soon, however short the rest is.
  source['interval'] = '1s';
  const analysis = objectAt(copy, 'spec', 'syncPolicies', 0, 'rollout', 'rolloutPolicy', 'trafficAnalysis');
  analysis['checkIntervalSeconds'] = interval;
  const { metrics } = analysis;
  for (const metric of Array.isArray(metrics) ? metrics : []) objectAt(metric)['intervalSeconds'] = interval;
  return copy;
}

/** A cluster of the fleet: its AttachedCluster, and the Secret with its kubeconfig. */
export function attachment(
  template: Unstructured,
  name: string,
  kubeconfig: string,
): readonly Unstructured[] {
  const { namespace } = fleetKey;
  const key = `${name}.config`;
  const data = { [key]: Buffer.from(kubeconfig).toString('base64') };
  const cluster = jsonClone(template);
  objectAt(cluster, 'metadata')['name'] = name;
  objectAt(cluster, 'spec')['kubeconfig'] = { name, key };
  return [{ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data }, cluster];
}

/** The Fleet of the walkthrough with these clusters. */
export function fleetOf(template: Unstructured, names: readonly string[]): Unstructured {
  const fleet = jsonClone(template);
  objectAt(fleet, 'spec')['clusters'] = names.map((name) => ({ kind: 'AttachedCluster', name }));
  return fleet;
}

/**
 * A route of the operator's own, from the gateway to the Service. The one that a rollout makes goes with it; Istio adds
 * VirtualServices of one host up, the older first.
 */
export const ownRoute: Unstructured = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'entrance', namespace: 'webapp' },
  spec: {
    hosts: ['backend.webapp'],
    gateways: ['istio-system/public-gateway'],
    http: [
      { route: [{ destination: { host: 'backend.webapp.svc.cluster.local', port: { number: 9898 } } }] },
    ],
  },
};

/** The value at a path, or undefined. */
export function valueAt(value: unknown, ...path: readonly (string | number)[]): Json | undefined {
  let here: unknown = value;
  for (const key of path) {
    if (typeof key === 'number') here = Array.isArray(here) ? (here[key] as unknown) : undefined;
    else here = isObject(here) && Object.hasOwn(here, key) ? here[key] : undefined;
  }
  return here as Json | undefined;
}

/** @throws Error when there is no object at that path */
function objectAt(value: unknown, ...path: readonly (string | number)[]): JsonObject {
  const found = path.length === 0 ? value : valueAt(value, ...path);
  if (!isObject(found)) throw new Error(`the example has no object at ${path.join('.')}`);
  return found;
}
