import { goJson } from '../go-text.ts';
import type { Json, JsonObject } from '../json.ts';
import { isObject, own } from '../json.ts';
import type { FieldSet } from './field-set.ts';
import type { Shape } from './shape.ts';
import { checkDepth, compare, toFieldSet } from './typed.ts';
import { validateApplied } from './validate.ts';

/*
 * Objects that were managed by client-side `kubectl apply`: its server-side apply, whose manager is
 * `kubectl`, takes over what the annotation says without a conflict, and keeps the annotation up to date.
 *
 * Source: https://pkg.go.dev/k8s.io/apimachinery/pkg/util/managedfields (internal/lastapplied*.go)
 */

const annotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** Bytes: what all annotations of an object may take together. */
const maxAnnotationsSize = 256 * 1024;

function annotationsOf(object: JsonObject): JsonObject {
  const metadata = own(object, 'metadata');
  const annotations = isObject(metadata) ? own(metadata, 'annotations') : undefined;
  return isObject(annotations) ? annotations : {};
}

/**
 * The fields that client-side apply set and nobody changed since; undefined where the annotation is absent,
 * broken, or of another version.
 */
export function lastAppliedFields(live: JsonObject, apiVersion: string, shape: Shape): FieldSet | undefined {
  const text = own(annotationsOf(live), annotation);
  if (typeof text !== 'string' || text === '') return undefined;
  try {
    const lastApplied = JSON.parse(text) as Json;
    checkDepth(lastApplied);
    if (!isObject(lastApplied) || own(lastApplied, 'apiVersion') !== apiVersion) return undefined;
    if (validateApplied(lastApplied, shape) !== undefined) return undefined;
    const { modified, added, removed } = compare(lastApplied, live, shape);
    return toFieldSet(lastApplied, shape).difference(modified).difference(added).difference(removed);
  } catch {
    return undefined; // a broken annotation allows nothing
  }
}

/** `object` with its annotation, where it has one, saying what was now applied. */
export function withLastApplied(object: JsonObject, applied: JsonObject): JsonObject {
  const annotations = annotationsOf(object);
  const before = own(annotations, annotation);
  if (typeof before !== 'string' || before === '') return object;
  const after = `${goJson(withoutAnnotation(applied))}\n`;
  if (after === before) return object;
  const next: JsonObject = { ...annotations, [annotation]: after };
  let size = 0;
  for (const [key, value] of Object.entries(next)) {
    size += Buffer.byteLength(key) + (typeof value === 'string' ? Buffer.byteLength(value) : 0);
  }
  if (size > maxAnnotationsSize) delete next[annotation];
  const metadata = own(object, 'metadata');
  return { ...object, metadata: { ...(isObject(metadata) ? metadata : {}), annotations: next } };
}

function withoutAnnotation(applied: JsonObject): JsonObject {
  const { [annotation]: removed, ...annotations } = annotationsOf(applied);
  const metadata = own(applied, 'metadata');
  if (removed === undefined || !isObject(metadata)) return applied;
  return { ...applied, metadata: { ...metadata, annotations } };
}
