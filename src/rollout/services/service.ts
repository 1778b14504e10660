import type { Canary } from '../../api/canary.ts';
import type { CanaryService } from '../../api/canary-service.ts';
import { jsonEqual, own, type Json, type JsonObject } from '../../machinery/json.ts';
import { asJson, type Unstructured } from '../../machinery/object.ts';
import { numberAt, objectAt, objectsAt, pick } from '../targets/fields.ts';
import { controllerReference } from '../targets/options.ts';

/** Flux, where it applies the same Service, leaves it to the rollout. */
export const fluxAnnotations: Readonly<Record<string, string>> = {
  'kustomize.toolkit.fluxcd.io/reconcile': 'disabled',
  'helm.toolkit.fluxcd.io/driftDetection': 'disabled',
};

/** What one of the three Services is to be. */
export interface ServiceRole {
  readonly name: string;
  /** The selector label, which carries the name of the Service. */
  readonly label: string;
  readonly selector: Readonly<Record<string, string>>;
  /** From the spec. */
  readonly metadata: {
    readonly labels?: Readonly<Record<string, string>> | undefined;
    readonly annotations?: Readonly<Record<string, string>> | undefined;
  };
}

function metadataOf({ metadata, label, name }: ServiceRole): {
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
} {
  return {
    labels: { ...metadata.labels, [label]: name },
    annotations: { ...metadata.annotations, ...fluxAnnotations },
  };
}

export function newService(canary: Canary, role: ServiceRole, ports: readonly JsonObject[]): Unstructured {
  const { headless = false, trafficDistribution } = canary.spec.service ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: role.name,
      ...(canary.metadata.namespace === undefined ? {} : { namespace: canary.metadata.namespace }),
      ...metadataOf(role),
      ownerReferences: [controllerReference(canary)],
    },
    spec: {
      type: 'ClusterIP',
      ...(headless ? { clusterIP: 'None' } : {}),
      selector: role.selector,
      ports,
      ...(trafficDistribution === undefined ? {} : { trafficDistribution }),
    },
  };
}

/**
 * The Service with ports and selector as they have to be, and nothing else of `spec` changed.
 *
 * @param unmanaged keys of metadata to leave alone; `all` for a Service that is somebody else's
 */
export function updated(
  live: Unstructured,
  role: ServiceRole,
  ports: readonly JsonObject[],
  unmanaged: CanaryService['unmanagedMetadata'] | 'all',
): JsonObject {
  const object = asJson(live);
  const spec = objectAt(object, 'spec');
  const next = {
    ...object,
    spec: { ...spec, selector: { ...role.selector }, ports: mergedPorts(objectsAt(spec, 'ports'), ports) },
  };
  if (unmanaged === 'all') return next;
  const metadata = objectAt(object, 'metadata');
  const { labels, annotations } = metadataOf(role);
  return {
    ...next,
    metadata: {
      ...metadata,
      labels: managed(objectAt(metadata, 'labels'), labels, unmanaged?.labels),
      annotations: managed(objectAt(metadata, 'annotations'), annotations, unmanaged?.annotations),
    },
  };
}

function managed(live: JsonObject, wanted: JsonObject, unmanaged: readonly string[] = []): JsonObject {
  const isLeft = (key: string): boolean => unmanaged.includes(key);
  return { ...pick(wanted, (key) => !isLeft(key)), ...pick(live, isLeft) };
}

/** The live list where it has the same ports in whatever order. Node ports stay with the name of their port. */
function mergedPorts(live: readonly JsonObject[], wanted: readonly JsonObject[]): JsonObject[] {
  const ports = wanted.map((port) => {
    const nodePort = own(live.find(({ name }) => name === port.name) ?? {}, 'nodePort');
    return nodePort === undefined ? port : { ...port, nodePort };
  });
  const isSame = jsonEqual(byNumber(live), byNumber(ports));
  return isSame ? [...live] : ports;
}

function byNumber(ports: readonly JsonObject[]): readonly JsonObject[] {
  return ports.toSorted((a, b) => (numberAt(a, 'port') ?? 0) - (numberAt(b, 'port') ?? 0));
}

/** What the engine owns of the apex Service, for server-side apply: whoever applies it from git leaves that out. */
export function apexFields(
  live: Unstructured,
  role: ServiceRole,
  ports: readonly JsonObject[],
): Unstructured {
  const { namespace, name, uid } = live.metadata;
  const order = objectsAt(objectAt(asJson(live), 'spec'), 'ports').map(({ port }): Json => port ?? null);
  const place = ({ port }: JsonObject): number => order.indexOf(port ?? null);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { name }),
      ...(uid === undefined ? {} : { uid }),
      annotations: { ...fluxAnnotations },
    },
    spec: { selector: { ...role.selector }, ports: ports.toSorted((a, b) => place(a) - place(b)) },
  };
}
