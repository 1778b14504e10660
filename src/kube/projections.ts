import type { KubeObject } from '../machinery/object.ts';

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * The object with all parts that its type promises: definitions of others let some pass that lack `spec`, or what it
 * must have. For `project` of a Store.
 *
 * @param parts of `spec`, where they are missing
 */
export function withSpec<T extends KubeObject & { readonly spec: object }>(
  object: T,
  parts: Partial<T['spec']>,
): T {
  const spec: object | undefined = object.spec;
  return spec !== undefined && Object.keys(parts).every((key) => key in spec)
    ? object
    : { ...object, spec: { ...parts, ...spec } };
}

/**
 * The object without `metadata.managedFields` and kubectl's last-applied annotation: often more than half of its
 * size, and read by nobody who reads from a cache. For `project` of a Store.
 *
 * Makes new objects (what came from the server is read-only); `delete` would also cost V8's compact layout.
 */
export function withoutManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields, annotations, ...metadata } = object.metadata;
  const hasLastApplied = annotations !== undefined && Object.hasOwn(annotations, lastApplied);
  if (managedFields === undefined && !hasLastApplied) return object;
  if (annotations === undefined) return { ...object, metadata };
  if (!hasLastApplied) return { ...object, metadata: { ...metadata, annotations } };
  const { [lastApplied]: _, ...kept } = annotations;
  return { ...object, metadata: { ...metadata, annotations: kept } };
}
