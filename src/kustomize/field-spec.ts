import { isObject, own, setOwn, type Json, type JsonObject } from '../machinery/json.ts';
import type { GroupVersionKind } from '../machinery/group-version-kind.ts';
import { buildError } from './build-error.ts';
import { formatId, gvkOfResource, idOf, type Resource } from './resource.ts';

/** Fields that a transformer changes: a path, and the kinds it holds for. */
export interface FieldSpec {
  /** Parts separated by `/`; `\/` is a slash within a part; lists are walked through, also where written `[]`. */
  readonly path: string;
  readonly group?: string | undefined;
  readonly version?: string | undefined;
  readonly kind?: string | undefined;
  /** Missing maps on the way are made. */
  readonly create?: boolean | undefined;
}

export type PartialGvk = Partial<{ readonly [K in keyof GroupVersionKind]: string | undefined }>;

/** What is left out, or empty, holds for all. */
export function gvkMatches(spec: PartialGvk, gvk: GroupVersionKind): boolean {
  const matches = (wanted: string | undefined, actual: string): boolean =>
    wanted === undefined || wanted === '' || wanted === actual;
  return matches(spec.group, gvk.group) && matches(spec.version, gvk.version) && matches(spec.kind, gvk.kind);
}

function splitPath(path: string): string[] {
  return path
    .split(/(?<!\\)\//)
    .filter((part) => part !== '')
    .map((part) => part.replaceAll('\\/', '/'));
}

/**
 * Replaces the values that a spec names by what `change` returns.
 * @param missing what stands in for a missing value where the spec creates
 */
export function changeField(
  resource: Resource,
  spec: FieldSpec,
  missing: () => Json,
  change: (value: Json) => Json,
): void {
  if (!gvkMatches(spec, gvkOfResource(resource))) return;
  const walk = (value: Json, parts: readonly string[]): Json => {
    const [part, ...rest] = parts;
    if (part === undefined) return change(value);
    if (value === null) return value;
    if (Array.isArray(value)) return value.map((item) => walk(item, parts));
    if (!isObject(value)) {
      throw buildError(
        `${formatId(idOf(resource))}: ${spec.path} cannot be reached: a value stands where a map is needed`,
      );
    }
    return walkMap(value, part, rest);
  };
  const walkMap = (map: JsonObject, part: string, rest: readonly string[]): JsonObject => {
    const isList = part.endsWith('[]');
    const key = isList ? part.slice(0, -2) : part;
    const present = own(map, key);
    if (present != null) setOwn(map, key, walk(present, rest));
    else if (spec.create === true && !isList)
      setOwn(map, key, walk(rest.length === 0 ? missing() : {}, rest));
    return map;
  };
  walk(resource.object, splitPath(spec.path));
}

/** Adds entries to the maps of strings that a spec names. */
export function addToMap(
  resource: Resource,
  spec: FieldSpec,
  entries: Readonly<Record<string, string>>,
): void {
  changeField(
    resource,
    spec,
    () => ({}),
    (value) => {
      if (!isObject(value)) throw buildError(`${formatId(idOf(resource))}: ${spec.path} is not a map`);
      for (const [key, text] of Object.entries(entries)) setOwn(value, key, text);
      return value;
    },
  );
}
