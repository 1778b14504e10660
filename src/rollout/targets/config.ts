import { canonicalJson, sha256 } from '../../base/hash.ts';
import { isObject, own, type JsonObject } from '../../machinery/json.ts';
import { asJson, type KubeObject } from '../../machinery/object.ts';

/** A ConfigMap or Secret as the caches keep it: a checksum in place of the data. */
export interface Config extends KubeObject {
  /** Of a Secret. */
  readonly type?: string | undefined;
  /** Of the data, 16 hex digits, as `status.trackedConfigs` shows it. */
  readonly checksum?: string | undefined;
}

/** For `project` of a Store: secrets do not stay in memory. */
export function configOf(config: Config): Config {
  const object = asJson(config);
  // Managed fields and labels are read by nobody here.
  const { managedFields: _, labels: __, ...metadata } = config.metadata;
  const type = own(object, 'type');
  return {
    apiVersion: config.apiVersion,
    kind: config.kind,
    metadata,
    ...(typeof type === 'string' ? { type } : {}),
    checksum: checksumOf(object),
  };
}

function checksumOf(object: JsonObject): string {
  const data = own(object, 'data');
  return sha256(isObject(data) ? canonicalJson(data) : 'null').slice(0, 16);
}
