import type { ApiServer } from './api-server.ts';
import { isTerminating } from './object-metadata.ts';
import { RequestError, forbiddenError, notFoundError } from './request-error.ts';
import type { ResourceDefinition } from './resource-definition.ts';

export const namespacesKey = 'namespaces';
const namespacesResource = { group: '', resource: 'namespaces' };
/** The system needs them: nobody may delete them. */
const immortal: readonly string[] = ['default', 'kube-system', 'kube-public'];

/**
 * Refuses new objects where there is no namespace for them, or where it is on its way out.
 * @param name for the message; empty when it is still to be made
 * @throws RequestError 403, 404
 */
export function checkNamespace(
  server: ApiServer,
  definition: ResourceDefinition,
  namespace: string | undefined,
  name: string,
): void {
  if (!definition.kind.namespaced || namespace === undefined) return;
  const found = server.storage.get(namespacesKey, undefined, namespace);
  if (found === undefined) throw notFoundError(namespacesResource, namespace);
  if (!isTerminating(found)) return;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const { status } = forbiddenError(definition.kind, name, why);
  const cause = {
    reason: 'NamespaceTerminating',
    message: `namespace ${namespace} is being terminated`,
    field: 'metadata.namespace',
  };
  throw new RequestError({ ...status, details: { ...status.details, causes: [cause] } });
}

/** @throws RequestError 403 */
export function checkNamespaceDeletion(definition: ResourceDefinition, name: string): void {
  if (definition.storageKey !== namespacesKey || !immortal.includes(name)) return;
  throw forbiddenError(definition.kind, name, 'this namespace may not be deleted');
}
