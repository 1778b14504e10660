import type { Application } from '../../../src/api/application.ts';
import {
  applicationKind,
  attachedClusterKind,
  canaryKind,
  clusterRoleBindingKind,
  clusterRoleKind,
  deploymentKind,
  fleetKind,
  metricTemplateKind,
  namespaceKind,
  serviceAccountKind,
  serviceKind,
} from '../../../src/fleet/kinds.ts';
import { canonicalJson } from '../../../src/base/hash.ts';
import type { ResourceKind } from '../../../src/kube/resource-client.ts';
import type { RestClient } from '../../../src/kube/rest-client.ts';
import type { Condition } from '../../../src/machinery/conditions.ts';
import { isObject, type Json, own } from '../../../src/machinery/json.ts';
import { asJson, type Unstructured } from '../../../src/machinery/object.ts';
import { kinds } from '../kinds.ts';
import { at } from '../state.ts';
import type { FleetWorld } from './world.ts';

const memberKinds: readonly ResourceKind[] = [
  namespaceKind,
  serviceAccountKind,
  clusterRoleKind,
  clusterRoleBindingKind,
  deploymentKind,
  serviceKind,
  kinds.configMaps,
  canaryKind,
  metricTemplateKind,
  kinds.virtualServices,
];

/** Where a story has ended: all that is on each cluster, and what is said of it. One line each. */
export async function endOf(world: FleetWorld): Promise<readonly string[]> {
  const members = [...world.members].map(
    async ([
      name,
      {
        world: { user },
      },
    ]) => {
      const lines = await objectsOf(user, memberKinds);
      return lines.map((line) => `${name}: ${line}`);
    },
  );
  const host = await objectsOf(world.host, [attachedClusterKind, fleetKind, applicationKind]);
  return [...host.map((line) => `host: ${line}`), ...(await Promise.all(members)).flat()];
}

async function objectsOf(client: RestClient, of: readonly ResourceKind[]): Promise<readonly string[]> {
  const lists = await Promise.all(of.map((kind) => client.resource(kind).listAll()));
  return lists.flatMap(({ items }, i) =>
    items.map((object) => {
      const { namespace, name } = object.metadata;
      const where = namespace === undefined ? '' : `${namespace}/`;
      return `${of[i]?.kind} ${where}${name} ${canonicalJson(digestOf(object))}`;
    }),
  );
}

/** What must not depend on when something happened. */
function digestOf(object: Unstructured): Json {
  const json = asJson(object);
  const metadata = at(json, 'metadata');
  const common = { labels: own(metadata, 'labels') ?? {}, finalizers: own(metadata, 'finalizers') ?? [] };
  switch (object.kind) {
    case 'Application':
      return { ...common, status: applicationDigest((object as unknown as Application).status) };
    case 'AttachedCluster':
    case 'Fleet':
      return { ...common, status: without(at(json, 'status'), times) };
    case 'Canary': {
      const { phase = '', canaryWeight = 0 } = at(json, 'status');
      return { ...common, spec: own(json, 'spec') ?? {}, status: { phase, canaryWeight } };
    }
    case 'Service':
      return { ...common, selector: at(json, 'spec', 'selector') };
    default:
      return { ...common, spec: without(own(json, 'spec') ?? {}, named) };
  }
}

function applicationDigest(status: Application['status'] = {}): Json {
  return {
    phase: status.phase ?? '',
    ready: status.ready ?? '',
    conditions: conditionsOf(status.conditions),
    source: {
      conditions: conditionsOf(status.sourceStatus?.gitRepoStatus?.conditions),
      revision: status.sourceStatus?.gitRepoStatus?.artifact?.revision ?? '',
    },
    syncs: (status.syncStatus ?? []).map(({ name = '', kustomizationStatus, rolloutStatus }) => ({
      name,
      conditions: conditionsOf(kustomizationStatus?.conditions),
      revision: kustomizationStatus?.lastAppliedRevision ?? '',
      entries: (kustomizationStatus?.inventory?.entries ?? []).map(({ id }) => id),
      rollout: rolloutStatus?.rolloutStatusInCluster?.phase ?? '',
    })),
    inventory: (status.inventory ?? []).map(({ name, entries = [], rollout }) => ({
      name,
      entries: entries.map(({ id }) => id),
      rollout: rollout?.name ?? '',
    })),
  };
}

function conditionsOf(conditions: readonly Condition[] | undefined): Json {
  return (conditions ?? []).map(({ type, status, reason, message }) => ({
    type,
    status,
    reason,
    message,
  }));
}

const times = new Set(['lastTransitionTime', 'lastUpdateTime', 'observedGeneration']);
/** The annotation of a template that has a new value each time. */
const named = new Set(['flagger-id']);

function without(value: Json, keys: ReadonlySet<string>): Json {
  if (Array.isArray(value)) return value.map((item) => without(item, keys));
  if (!isObject(value)) return value;
  const entries = Object.entries(value).filter(([key]) => !keys.has(key));
  return Object.fromEntries<Json>(entries.map(([key, inner]) => [key, without(inner, keys)]));
}
