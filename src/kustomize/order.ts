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
  const [first, last] = [options?.orderFirst ?? defaultFirst, options?.orderLast ?? defaultLast];
  const rank = (kind: string): number => {
    const atLast = last.lastIndexOf(kind);
    if (atLast >= 0) return atLast + 1;
    const atFirst = first.lastIndexOf(kind);
    return atFirst < 0 ? 0 : atFirst - first.length;
  };
  return resources
    .map((resource) => {
      const id = idOf(resource);
      return { resource, rank: rank(id.kind), text: sortText(id) };
    })
    .sort((a, b) => a.rank - b.rank || compare(a.text[0], b.text[0]) || compare(a.text[1], b.text[1]))
    .map(({ resource }) => resource);
}

/** `~` makes what is missing come last. */
function sortText(id: ResourceId): readonly [string, string] {
  const gvk = [id.group || '~G', id.version || '~V', id.kind || '~K'].join('_');
  return [gvk, [gvk, id.namespace || '~X', id.name || '~N'].join('|')];
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
