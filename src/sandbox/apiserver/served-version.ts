import { apiVersionOf } from '../../machinery/group-version-kind.ts';
import type { JsonObject } from '../../machinery/json.ts';
import { jsonClone, jsonEqual } from '../../machinery/json.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { pruneUnknown } from './schema/prune.ts';

/** Per definition: what a stored object looks like through it. */
const views = new WeakMap<ResourceDefinition, WeakMap<JsonObject, JsonObject>>();

/** A stored object at the version of `definition`; made once and shared. */
export function served(definition: ResourceDefinition, stored: JsonObject): JsonObject {
  const apiVersion = apiVersionOf(definition.kind);
  if (!definition.custom && definition.conversion === undefined && stored['apiVersion'] === apiVersion) {
    return stored;
  }
  let known = views.get(definition);
  if (known === undefined) {
    known = new WeakMap();
    views.set(definition, known);
  }
  let view = known.get(stored);
  if (view === undefined) {
    view = convert(definition, stored, apiVersion);
    known.set(stored, view);
  }
  return view;
}

function convert(definition: ResourceDefinition, stored: JsonObject, apiVersion: string): JsonObject {
  const converted = definition.conversion?.fromStored(stored) ?? stored;
  const relabelled = converted['apiVersion'] === apiVersion ? converted : { ...converted, apiVersion };
  if (!definition.custom) return relabelled;
  // It may have been stored before the schema got its present fields and defaults.
  const defaulted = jsonClone(relabelled);
  pruneUnknown(definition.schema, defaulted, 'structural');
  definition.setDefaults(defaulted);
  return jsonEqual(defaulted, relabelled) ? relabelled : defaulted;
}

/** The inverse of {@link served}. */
export function toStored(definition: ResourceDefinition, object: JsonObject): JsonObject {
  const converted = definition.conversion?.toStored(object) ?? object;
  const version = definition.storageVersion;
  const stored =
    definition.conversion === undefined ? apiVersionOf({ ...definition.kind, version }) : undefined;
  if (stored === undefined || converted['apiVersion'] === stored) return converted;
  return { ...converted, apiVersion: stored };
}
