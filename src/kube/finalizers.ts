import { TypedError } from '../base/errors.ts';
import type { KubeObject } from '../machinery/object.ts';
import { addFinalizer, removeFinalizer as withoutFinalizer } from '../machinery/owner-references.ts';
import { isNotFound } from './api-error.ts';
import type { ResourceClient } from './resource-client.ts';
import { retryOnConflict, type RetryOptions } from './retry-on-conflict.ts';

/** The object was deleted, and another one has its name now. */
export class ObjectReplacedError extends TypedError {
  constructor({ kind, metadata: { namespace = '', name = '' } }: KubeObject) {
    super(`${kind} ${namespace}/${name} was deleted; another one has taken its name`, {
      code: 'ObjectReplaced',
      // Its own event has come or will come.
      next: 'wait',
    });
  }
}

/**
 * Makes sure that `object` cannot vanish before {@link removeFinalizer}. No request if it has the finalizer.
 *
 * @returns the object as it is now
 * @throws ApiError `NotFound` when it is gone, `Forbidden` or `Invalid` when it is being deleted
 * @throws ObjectReplacedError when another object has its name
 */
export async function ensureFinalizer<T extends KubeObject>(
  client: ResourceClient<T>,
  object: T,
  finalizer: string,
  options: RetryOptions,
): Promise<T> {
  return await change(client, object, (current) => addFinalizer(current, finalizer), options);
}

/**
 * Lets `object` go, as far as this finalizer is concerned. No request if it has none such.
 *
 * @returns the object as it is now; undefined when it is gone
 */
export async function removeFinalizer<T extends KubeObject>(
  client: ResourceClient<T>,
  object: T,
  finalizer: string,
  options: RetryOptions,
): Promise<T | undefined> {
  try {
    return await change(client, object, (current) => withoutFinalizer(current, finalizer), options);
  } catch (error) {
    if (isNotFound(error) || error instanceof ObjectReplacedError) return undefined;
    throw error;
  }
}

/** Patches the finalizers alone, and only of the version that was looked at: others change the same list. */
async function change<T extends KubeObject>(
  client: ResourceClient<T>,
  object: T,
  edit: (current: T) => T,
  options: RetryOptions,
): Promise<T> {
  const { namespace, name = '', uid } = object.metadata;
  const { signal } = options;
  const key = { namespace, name };
  let known: T | undefined = object;
  return await retryOnConflict(
    async () => {
      const current = known ?? (await client.get(key, { signal }));
      known = undefined;
      if (current.metadata.uid !== uid) throw new ObjectReplacedError(object);
      return current;
    },
    async (current) => {
      const edited = edit(current);
      if (edited === current) return current;
      const { resourceVersion } = current.metadata;
      const finalizers = edited.metadata.finalizers ?? [];
      return await client.patch(key, 'merge', { metadata: { resourceVersion, finalizers } }, { signal });
    },
    options,
  );
}
