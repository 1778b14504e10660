import { isObject, own, type Json, type JsonObject } from '../../machinery/json.ts';
import { createMergePatch } from '../../machinery/merge-patch.ts';
import { asJson, type KubeObject } from '../../machinery/object.ts';
import { objectAt } from '../targets/fields.ts';
import { releasing } from '../targets/scaling.ts';
import { hasOwnFields, ownFields } from '../targets/writes.ts';
import { fluxAnnotations } from './service.ts';

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * The patch that gives an adopted apex Service back to its owner; undefined where there is nothing to do.
 *
 * @param fallback the selector where no last-applied annotation tells one; undefined: it stays
 */
export function reverted(live: KubeObject, fallback: JsonObject | undefined): JsonObject | undefined {
  const before = objectAt(asJson(live), 'spec', 'selector');
  const selector = createMergePatch(before, originalSelector(live) ?? fallback ?? before);
  const annotations = addedAnnotations(live);
  const isChanged = Object.keys(selector).length > 0;
  if (!isChanged && !hasOwnFields(live)) return undefined;
  return {
    metadata: {
      ...releasing(live),
      ...(annotations.length === 0 ? {} : { annotations: Object.fromEntries(annotations.map(removed)) }),
    },
    ...(isChanged ? { spec: { selector } } : {}),
  };
}

function removed(key: string): [string, Json] {
  return [key, null];
}

function originalSelector({ metadata: { annotations = {} } }: KubeObject): JsonObject | undefined {
  try {
    const applied: unknown = JSON.parse(own(annotations, lastApplied) ?? '');
    const selector = isObject(applied) ? own(objectAt(applied, 'spec'), 'selector') : undefined;
    const isText = isObject(selector) && Object.values(selector).every((value) => typeof value === 'string');
    return isText && Object.keys(selector).length > 0 ? selector : undefined;
  } catch {
    return undefined;
  }
}

/** Those for Flux that are there because the engine wants them, and nobody else does. */
function addedAnnotations(live: KubeObject): readonly string[] {
  const ours = annotationsOf(ownFields(live));
  const others = (live.metadata.managedFields ?? []).filter(({ manager }) => !isEngine(manager));
  return Object.keys(fluxAnnotations).filter(
    (key) =>
      Object.hasOwn(ours, `f:${key}`) &&
      !others.some(({ fieldsV1 = {} }) => Object.hasOwn(annotationsOf(fieldsV1), `f:${key}`)),
  );
}

/** Flagger adds the same annotations. */
function isEngine(manager: string | undefined): boolean {
  return manager === 'flagger' || manager === 'viridian-agent';
}

function annotationsOf(fields: JsonObject): JsonObject {
  return objectAt(fields, 'f:metadata', 'f:annotations');
}
