import { compareVersions } from '../../machinery/group-version-kind.ts';
import type { ResourceDefinition } from './resource-definition.ts';

/**
 * Groups in the order in which discovery lists them. It decides which `events` or `ingresses` a short name means.
 *
 * Source: apiVersionPriorities of kube-apiserver's aggregator.
 */
const groupPriorities: { readonly [group: string]: number } = {
  '': 18000,
  apps: 17800,
  'events.k8s.io': 17750,
  'authentication.k8s.io': 17700,
  'authorization.k8s.io': 17600,
  autoscaling: 17500,
  batch: 17400,
  'networking.k8s.io': 17200,
  policy: 17100,
  'rbac.authorization.k8s.io': 17000,
  'storage.k8s.io': 16800,
  'apiextensions.k8s.io': 16700,
  'scheduling.k8s.io': 16600,
  'coordination.k8s.io': 16500,
  'discovery.k8s.io': 16200,
};
const customPriority = 1000;

export interface ApiVersion {
  readonly version: string;
  /** In order of the alphabet. */
  readonly definitions: readonly ResourceDefinition[];
}

export interface ApiGroup {
  /** Empty for the core group. */
  readonly name: string;
  /** The preferred version first; at least one. */
  readonly versions: readonly ApiVersion[];
}

/** What is served, by group and version, in the order of discovery. */
export function groupsOf(definitions: Iterable<ResourceDefinition>): ApiGroup[] {
  const byGroup = Map.groupBy(definitions, ({ kind }) => kind.group);
  return [...byGroup]
    .sort(([a], [b]) => priorityOf(b) - priorityOf(a) || compareText(a, b))
    .map(([name, members]) => ({ name, versions: versionsOf(members) }));
}

function versionsOf(definitions: readonly ResourceDefinition[]): ApiVersion[] {
  return [...Map.groupBy(definitions, ({ kind }) => kind.version)]
    .sort(([a], [b]) => compareVersions(a, b))
    .map(([version, members]) => ({
      version,
      definitions: members.sort((a, b) => compareText(a.kind.resource, b.kind.resource)),
    }));
}

function priorityOf(group: string): number {
  return Object.hasOwn(groupPriorities, group) ? (groupPriorities[group] ?? 0) : customPriority;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
