import { replicasAnnotation } from '../../api/viridian-annotations.ts';
import { groupOf } from '../../machinery/group-version-kind.ts';
import { isObject, jsonClone, type Json, type JsonObject } from '../../machinery/json.ts';
import { fieldPath } from '../../machinery/managed-fields/field-path.ts';
import type { FieldSet } from '../../machinery/managed-fields/field-set.ts';
import { ownedBy } from '../../machinery/managed-fields/managed-fields.ts';
import { asJson, type Unstructured } from '../../machinery/object.ts';
import { isOwnedBy, nameLabel, type SyncOwner } from './ownership.ts';

/** Who applies what git says. */
export const fieldManager = 'viridian-gitops';

/** Who runs the rollouts on a member: the `agentFieldManager` of src/rollout. */
export const rolloutFieldManager = 'viridian-agent';

/**
 * The fields that a rollout takes over on its target. A DaemonSet is scaled by a node selector that fits no node, and a
 * node selector has one owner as a whole.
 */
const rolloutFields = new Map<string, readonly (readonly string[])[]>([
  ['apps/Deployment', [['spec', 'replicas']]],
  ['apps/DaemonSet', [['spec', 'template', 'spec', 'nodeSelector']]],
  [
    '/Service',
    [
      ['spec', 'selector'],
      ['spec', 'ports'],
    ],
  ],
]);

function rolloutFieldsOf({ apiVersion, kind }: Unstructured): readonly (readonly string[])[] {
  return rolloutFields.get(`${groupOf(apiVersion)}/${kind}`) ?? [];
}

/** Whether a rollout may own fields of objects of this kind. */
export function canBeShared(object: Unstructured): boolean {
  return rolloutFieldsOf(object).length > 0;
}

/**
 * `desired` without the fields that a rollout owns on the live object, exactly while its managedFields show them: the
 * rollout claims a field before it changes it, so leaving it out never removes it. Replicas that git wants are handed
 * to the rollout as an annotation.
 */
export function leaveToRollout(desired: Unstructured, live: Unstructured | undefined): Unstructured {
  const fields = rolloutFieldsOf(desired);
  if (live === undefined || fields.length === 0) return desired;
  const owned = ownedBy(asJson(live), rolloutFieldManager, 'Apply');
  const taken = fields.filter((path) => isIn(owned, path));
  if (taken.length === 0) return desired;
  const left = jsonClone(desired);
  for (const path of taken) {
    const value = remove(asJson(left), path);
    if (path.at(-1) !== 'replicas' || typeof value !== 'number') continue;
    left.metadata.annotations = { ...left.metadata.annotations, [replicasAnnotation]: String(value) };
  }
  return left;
}

/** Whether another sync has applied the object since: what its labels say, somebody else may have written too. */
export function isTakenOver(live: Unstructured, owner: SyncOwner): boolean {
  if (isOwnedBy(live, owner)) return false;
  return isIn(ownedBy(asJson(live), fieldManager, 'Apply'), ['metadata', 'labels', nameLabel]);
}

/** Whether the field itself, or something in it, is in the set. */
function isIn(set: FieldSet, path: readonly string[]): boolean {
  return !fieldPath(...path).reduce((node: FieldSet, element) => node.below(element), set).isEmpty;
}

function remove(object: JsonObject, path: readonly string[]): Json | undefined {
  const parent = path
    .slice(0, -1)
    .reduce<Json | undefined>((value, key) => (isObject(value) ? value[key] : undefined), object);
  const key = path.at(-1) ?? '';
  if (!isObject(parent) || !Object.hasOwn(parent, key)) return undefined;
  const value = parent[key];
  delete parent[key];
  return value;
}
