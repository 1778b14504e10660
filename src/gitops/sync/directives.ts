import { own } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/object.ts';

/*
 * What labels or annotations of an object ask of its sync; the names are Flux's, and case does not count in values.
 */

const prefix = 'kustomize.toolkit.fluxcd.io';
const directives = new Set(['reconcile', 'ssa', 'prune', 'force'].map((name) => `${prefix}/${name}`));

function says({ metadata }: KubeObject, name: string, value: string): boolean {
  const key = `${prefix}/${name}`;
  return [metadata.labels, metadata.annotations].some(
    (values) => values !== undefined && own(values, key)?.toLowerCase() === value,
  );
}

/** `reconcile: disabled` and `ssa: Ignore`: nothing is done to the object; either git or the live object says so. */
export function isLeftAlone(object: KubeObject): boolean {
  return says(object, 'reconcile', 'disabled') || says(object, 'ssa', 'ignore');
}

/** `ssa: IfNotPresent`, in git: made once, then left alone. */
export function isCreatedOnly(desired: KubeObject): boolean {
  return says(desired, 'ssa', 'ifnotpresent');
}

/** `prune: disabled`, on the live object: it stays when git no longer has it. */
export function isKept(live: KubeObject): boolean {
  return says(live, 'prune', 'disabled') || isLeftAlone(live);
}

/** `force: enabled`, in git: deleted and made anew where a change is refused. */
export function isForced(desired: KubeObject): boolean {
  return says(desired, 'force', 'enabled');
}

/** `ssa: Merge`, in git: what others have set beside it stays. */
export function isMerged(desired: KubeObject): boolean {
  return says(desired, 'ssa', 'merge');
}

/** Where on a live object such labels and annotations are. */
export function directivesOf({ metadata }: KubeObject): readonly (readonly string[])[] {
  return (['labels', 'annotations'] as const).flatMap((where) =>
    Object.keys(metadata[where] ?? {})
      .filter((key) => directives.has(key))
      .map((key) => ['metadata', where, key]),
  );
}
