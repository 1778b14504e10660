import type { Json, JsonObject } from '../../machinery/json.ts';
import { isObject, own } from '../../machinery/json.ts';
import type { Labels } from '../../machinery/label-selector.ts';

const none: JsonObject = Object.freeze({});

/** `metadata` of a JSON object; an empty one where there is none. Read-only: see {@link ownMetadata}. */
export function metadataOf(object: JsonObject): JsonObject {
  const metadata = own(object, 'metadata');
  return isObject(metadata) ? metadata : none;
}

/** `metadata` of an object that belongs to the caller, to be changed in place; made where there is none. */
export function ownMetadata(object: JsonObject): JsonObject {
  const metadata = own(object, 'metadata');
  if (isObject(metadata)) return metadata;
  const made: JsonObject = {};
  object['metadata'] = made;
  return made;
}

/** A string field; empty where there is none. */
export function textOf(object: JsonObject, field: string): string {
  const value = own(object, field);
  return typeof value === 'string' ? value : '';
}

export function nameOf(object: JsonObject): string {
  return textOf(metadataOf(object), 'name');
}

/** Undefined for an object without namespace. */
export function namespaceOf(object: JsonObject): string | undefined {
  const namespace = textOf(metadataOf(object), 'namespace');
  return namespace === '' ? undefined : namespace;
}

export function uidOf(object: JsonObject): string {
  return textOf(metadataOf(object), 'uid');
}

export function resourceVersionOf(object: JsonObject): string {
  return textOf(metadataOf(object), 'resourceVersion');
}

export function labelsOf(object: JsonObject): Labels {
  const labels = own(metadataOf(object), 'labels');
  return (isObject(labels) ? labels : none) as Labels;
}

/** A list of strings in `metadata`. */
function textsOf(metadata: JsonObject, field: string): string[] {
  const value = own(metadata, field);
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

export function finalizersOf(object: JsonObject): string[] {
  return textsOf(metadataOf(object), 'finalizers');
}

export function ownerReferencesOf(object: JsonObject): JsonObject[] {
  const references: Json | undefined = own(metadataOf(object), 'ownerReferences');
  return Array.isArray(references) ? references.filter(isObject) : [];
}

export function isTerminating(object: JsonObject): boolean {
  return textOf(metadataOf(object), 'deletionTimestamp') !== '';
}

export function withResourceVersion(object: JsonObject, resourceVersion: string): JsonObject {
  return { ...object, metadata: { ...metadataOf(object), resourceVersion } };
}
