import type { PartialGvk } from './field-spec.ts';
import type { SortOptions } from './kustomization.ts';
import { idOf, type Resource, type ResourceId } from './resource.ts';

/** Source: kustomize 5, `sortOptions` of the reference documentation. */
const defaultFirst = [
  'Namespace',
  'ResourceQuota',
  'StorageClass',
  'CustomResourceDefinition',
  'ServiceAccount',
  'PodSecurityPolicy',
  'Role',
  'ClusterRole',
  'RoleBinding',
  'ClusterRoleBinding',
  'ConfigMap',
  'Secret',
  'Endpoints',
  'Service',
  'LimitRange',
  'PriorityClass',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'Deployment',
  'StatefulSet',
  'CronJob',
  'PodDisruptionBudget',
];
const defaultLast = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'];

/** What depends on others comes later, as `kustomize build` prints it. */
export function sortLegacy(
  resources: readonly Resource[],
  options: SortOptions['legacySortOptions'],
): Resource[] {
  const rank = options == null ? defaultRank : rankOf(options.orderFirst ?? [], options.orderLast ?? []);
  return resources
    .map((resource) => {
      const id = idOf(resource);
      return { resource, rank: rank(id.kind), text: sortText(id) };
    })
    .sort((a, b) => a.rank - b.rank || compare(a.text[0], b.text[0]) || compare(a.text[1], b.text[1]))
    .map(({ resource }) => resource);
}

/** Of kinds: negative for what comes first, positive for what comes last. */
function rankOf(first: readonly string[], last: readonly string[]): (kind: string) => number {
  return (kind) => {
    const atLast = last.lastIndexOf(kind);
    if (atLast >= 0) return atLast + 1;
    const atFirst = first.lastIndexOf(kind);
    return atFirst < 0 ? 0 : atFirst - first.length;
  };
}

const defaultRank = rankOf(defaultFirst, defaultLast);

/** The order of kinds themselves. */
export function compareKinds(a: PartialGvk, b: PartialGvk): number {
  return defaultRank(a.kind ?? '') - defaultRank(b.kind ?? '') || compare(gvkText(a), gvkText(b));
}

/** `~` makes what is missing come last. */
function gvkText({ group, version, kind }: PartialGvk): string {
  return [group || '~G', version || '~V', kind || '~K'].join('_');
}

function sortText(id: ResourceId): readonly [string, string] {
  const gvk = gvkText(id);
  return [gvk, [gvk, id.namespace || '~X', id.name || '~N'].join('|')];
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
