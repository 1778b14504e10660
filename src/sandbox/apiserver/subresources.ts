import type { GroupVersionKind } from '../../machinery/group-version-kind.ts';
import { formatGroupResource } from '../../machinery/group-version-kind.ts';
import type { ResourceDefinition } from './resource-definition.ts';

/** A path below an object: `pods/NAME/log`. */
export interface Subresource {
  readonly name: string;
  readonly verbs: readonly string[];
  /** What is read and written there, where it is not the object itself. */
  readonly kind?: GroupVersionKind | undefined;
}

const readWrite = ['get', 'patch', 'update'];
const core = (kind: string): GroupVersionKind => ({ group: '', version: 'v1', kind });

/** The subresources that no other kind has; `pods/eviction` is not served. */
const special: { readonly [resource: string]: readonly Subresource[] } = {
  namespaces: [{ name: 'finalize', verbs: ['update'] }],
  pods: [
    { name: 'attach', verbs: ['create', 'get'], kind: core('PodAttachOptions') },
    { name: 'binding', verbs: ['create'], kind: core('Binding') },
    { name: 'exec', verbs: ['create', 'get'], kind: core('PodExecOptions') },
    { name: 'log', verbs: ['get'] },
    { name: 'portforward', verbs: ['create', 'get'], kind: core('PodPortForwardOptions') },
  ],
  serviceaccounts: [
    {
      name: 'token',
      verbs: ['create'],
      kind: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
    },
  ],
};

/** The subresources of a kind, in order of the alphabet. */
export function subresourcesOf(definition: ResourceDefinition): Subresource[] {
  const found = [...(special[formatGroupResource(definition.kind)] ?? [])];
  if (definition.status) found.push({ name: 'status', verbs: readWrite });
  if (definition.scale !== undefined) {
    found.push({
      name: 'scale',
      verbs: readWrite,
      kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
    });
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}
