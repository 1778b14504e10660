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

/** On a ConfigMap or Secret: `disabled` leaves it out, and both workloads use it as it is. */
const trackingAnnotation = 'flagger.app/config-tracking';

const trackedSecretTypes: ReadonlySet<string> = new Set([
  'Opaque',
  'kubernetes.io/basic-auth',
  'kubernetes.io/ssh-auth',
  'kubernetes.io/tls',
]);

/** For `project` of a Store: secrets do not stay in memory. */
export function configOf(config: Config): Config {
  const object = asJson(config);
  // Managed fields and labels are read by nobody here; kubectl's annotation has the data once more.
  const { managedFields: _, labels: __, annotations = {}, ...metadata } = config.metadata;
  const tracking = own(annotations, trackingAnnotation);
  const type = own(object, 'type');
  return {
    apiVersion: config.apiVersion,
    kind: config.kind,
    metadata: {
      ...metadata,
      ...(typeof tracking === 'string' ? { annotations: { [trackingAnnotation]: tracking } } : {}),
    },
    ...(typeof type === 'string' ? { type } : {}),
    checksum: checksumOf(object),
  };
}

/** Whether the primary gets a copy of its own. */
export function isTracked({ kind, type, metadata }: Config): boolean {
  const tracking = own(metadata.annotations ?? {}, trackingAnnotation);
  if (typeof tracking === 'string' && tracking.startsWith('disable')) return false;
  return kind !== 'Secret' || trackedSecretTypes.has(type ?? 'Opaque');
}

/** As Flagger computes it, so that `status.trackedConfigs` can be adopted; binary data, which it forgets, is added. */
function checksumOf(object: JsonObject): string {
  const data = own(object, 'data');
  const binaryData = own(object, 'binaryData');
  const json = isObject(data) ? canonicalJson(data) : 'null';
  const binary = isObject(binaryData) && Object.keys(binaryData).length > 0 ? canonicalJson(binaryData) : '';
  return sha256(json + binary).slice(0, 16);
}
