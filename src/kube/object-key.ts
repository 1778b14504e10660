import type { ObjectKey } from './resource-client.ts';

/** `namespace/name`, or `name` alone for kinds without namespaces. Source: client-go's MetaNamespaceKeyFunc. */
export function formatKey(key: ObjectKey): string {
  return key.namespace === undefined || key.namespace === '' ? key.name : `${key.namespace}/${key.name}`;
}

/** The reverse of {@link formatKey}; neither names nor namespaces contain a slash. */
export function parseKey(key: string): ObjectKey {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
