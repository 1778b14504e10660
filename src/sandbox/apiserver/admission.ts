import type { JsonObject } from '../../machinery/json.ts';
import { namespaceOf } from './object-metadata.ts';
import type { ResourceDefinition } from './resource-definition.ts';

/**
 * Changes new objects of a kind before they are checked and stored, in the server itself: a mutating admission webhook
 * without the call.
 */
export interface Admission {
  /** As in `storageKey`: `pods`. */
  readonly resource: string;
  /** Pure. @param namespace that the object is created in @returns the object itself, or another one */
  readonly mutate: (object: JsonObject, namespace: JsonObject) => JsonObject;
}

/** @returns the definition itself for kinds that the admission is not about */
export function withAdmission(
  definition: ResourceDefinition,
  admission: Admission | undefined,
): ResourceDefinition {
  if (admission === undefined || definition.storageKey !== admission.resource) return definition;
  return {
    ...definition,
    prepareForCreate: (object, context) => {
      const namespace = context.read('namespaces', undefined, namespaceOf(object) ?? '');
      const changed = namespace === undefined ? object : admission.mutate(object, namespace);
      if (changed !== object) {
        for (const key of Object.keys(object)) delete object[key];
        Object.assign(object, changed);
        definition.setDefaults(object);
      }
      definition.prepareForCreate?.(object, context);
    },
  };
}
