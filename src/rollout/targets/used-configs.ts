import { InvalidInputError } from '../../base/errors.ts';
import type { Canary } from '../../api/canary.ts';
import type { CachedResource } from '../../kube/cached-resource.ts';
import { isObject, own, type JsonObject } from '../../machinery/json.ts';
import { asJson, type OwnerReference } from '../../machinery/object.ts';
import type { RolloutCluster } from '../cluster.ts';
import { type Config, configOf, isTracked } from './config.ts';
import { configReferences, type ConfigReference } from './config-references.ts';
import { objectAt } from './fields.ts';
import { controllerReference, includedLabels, type TargetOptions } from './options.ts';
import { readIfThere, replace, withLabels } from './writes.ts';

/** The configs that a target uses and its primary has copies of, by `configmap/NAME` or `secret/NAME`. */
export type UsedConfigs = ReadonlyMap<string, Config>;

const noConfigs: UsedConfigs = new Map();

/** Empty where there are none: `status.trackedConfigs` must forget those that are not used any more. */
export function checksums(configs: UsedConfigs): Readonly<Record<string, string>> {
  return Object.fromEntries([...configs].map(([id, { checksum = '' }]) => [id, checksum]));
}

/** @throws InvalidInputError when a config that is not optional is missing */
export function cachedConfigs(
  cluster: RolloutCluster,
  { enableConfigTracking = true }: TargetOptions,
  template: JsonObject,
  namespace: string,
): UsedConfigs {
  if (!enableConfigTracking) return noConfigs;
  const found = new Map<string, Config>();
  for (const [id, reference] of configReferences(objectAt(template, 'spec'))) {
    const config = resourceOf(cluster, reference).get({ namespace, name: reference.name });
    if (isUsed(config, reference, namespace)) found.set(id, config);
  }
  return found;
}

/** The same from the server, with their data. @throws also ApiError */
export async function readConfigs(
  cluster: RolloutCluster,
  { enableConfigTracking = true }: TargetOptions,
  template: JsonObject,
  namespace: string,
  signal: AbortSignal,
): Promise<UsedConfigs> {
  if (!enableConfigTracking) return noConfigs;
  const found = new Map<string, Config>();
  for (const [id, reference] of configReferences(objectAt(template, 'spec'))) {
    const resource = resourceOf(cluster, reference);
    const config = await readIfThere(resource, { namespace, name: reference.name }, signal);
    if (isUsed(config, reference, namespace)) {
      found.set(id, { ...config, checksum: configOf(config).checksum });
    }
  }
  return found;
}

function resourceOf(cluster: RolloutCluster, { kind }: ConfigReference): CachedResource<Config> {
  return kind === 'secret' ? cluster.secrets : cluster.configMaps;
}

function isUsed(
  config: Config | undefined,
  { kind, name, optional }: ConfigReference,
  namespace: string,
): config is Config {
  if (config !== undefined) return isTracked(config);
  if (optional) return false;
  throw new InvalidInputError(
    `${kind} ${name}.${namespace} get query error: ${kind}s ${JSON.stringify(name)} not found`,
  );
}

/**
 * Makes the copies for the primary, or brings them up to date.
 *
 * @param configs with their data
 */
export async function copyConfigs(
  cluster: RolloutCluster,
  options: TargetOptions,
  canary: Canary,
  configs: UsedConfigs,
  signal: AbortSignal,
): Promise<void> {
  for (const config of configs.values()) {
    const resource = config.kind === 'Secret' ? cluster.secrets : cluster.configMaps;
    const { namespace = '', name = '', labels } = config.metadata;
    const key = { namespace, name: `${name}-primary` };
    const live = await readIfThere(resource, key, signal);
    const { apiVersion, kind } = config;
    const source = asJson(config);
    const copy = {
      apiVersion,
      kind,
      metadata: withLabels(
        { ...live?.metadata, ...key, ownerReferences: owners(canary, live?.metadata.ownerReferences) },
        includedLabels(labels ?? {}, options.includeLabelPrefix),
      ),
      ...(kind === 'Secret' ? { type: config.type ?? 'Opaque' } : {}),
      ...dataOf(source),
    };
    if (live === undefined) await resource.create(copy, { signal });
    else await replace(resource, live, asJson(copy), { signal });
  }
}

function dataOf(config: JsonObject): JsonObject {
  const data = own(config, 'data');
  const binaryData = own(config, 'binaryData');
  return { ...(isObject(data) ? { data } : {}), ...(isObject(binaryData) ? { binaryData } : {}) };
}

/** Other Canaries that share the config keep their copy when this one goes. */
function owners(canary: Canary, others: readonly OwnerReference[] = []): OwnerReference[] {
  const ours = controllerReference(canary);
  const isOther = ({ uid, kind, name }: OwnerReference): boolean =>
    uid !== ours.uid && !(kind === ours.kind && name === ours.name);
  return [ours, ...others.filter(isOther).map((owner) => ({ ...owner, controller: false }))];
}
