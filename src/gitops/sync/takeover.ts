import type { Json, JsonObject } from '../../machinery/json.ts';
import { fieldElement } from '../../machinery/managed-fields/field-path.ts';
import { FieldSet } from '../../machinery/managed-fields/field-set.ts';
import { decodeOwners, encodeOwners, type FieldOwner, ownerId } from '../../machinery/managed-fields/owners.ts';
import { InvalidInputError } from '../../base/errors.ts';
import { asJson, type Unstructured } from '../../machinery/object.ts';
import { fieldManager } from './co-ownership.ts';
import { directivesOf, isMerged } from './directives.ts';

/*
 * What kubectl has set counts as declared by the sync before: so what git no longer has, or never had, goes.
 * Source: the clean-up of managed fields of Flux's server-side apply (github.com/fluxcd/pkg/ssa).
 */

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
/** Who wrote manifests before there was server-side apply. */
const updaters = new Set(['before-first-apply', 'kustomize-controller', fieldManager]);

/**
 * The merge patch that gives the sync what others have set in its stead. It demands that `live` is the newest version.
 *
 * @returns undefined where there is nothing to take over
 */
export function takeoverPatch(live: Unstructured, desired: Unstructured): JsonObject | undefined {
  if (isMerged(desired)) return undefined;
  const owners = new Map(ownersOf(live));
  const { apiVersion } = desired;
  const taken = [...owners].filter(([, owner]) => isTaken(owner, apiVersion));
  const isMarked = live.metadata.annotations?.[lastApplied] !== undefined;
  if (taken.length === 0 && !isMarked) return undefined;
  for (const [id] of taken) owners.delete(id);
  const mine = { manager: fieldManager, operation: 'Apply', apiVersion, subresource: undefined } as const;
  const before = owners.get(ownerId(mine));
  // Names of fields differ between versions.
  const isMine = before === undefined || before.apiVersion === apiVersion;
  const others = taken.reduce((fields, [, owner]) => fields.union(owner.fields), FieldSet.empty);
  const fields = (before?.fields ?? FieldSet.empty).union(isMine ? withoutDirectives(others, live) : FieldSet.empty);
  if (!fields.isEmpty) owners.set(ownerId(mine), { ...(before ?? { ...mine, time: undefined }), fields });
  const managedFields: Json = encodeOwners(owners) ?? [];
  return {
    metadata: {
      resourceVersion: live.metadata.resourceVersion ?? '',
      managedFields,
      ...(isMarked ? { annotations: { [lastApplied]: null } } : {}),
    },
  };
}

function isTaken({ manager, operation, subresource, apiVersion }: FieldOwner, wanted: string): boolean {
  if (subresource !== undefined || apiVersion !== wanted) return false;
  return manager.startsWith('kubectl') || (operation === 'Update' && updaters.has(manager));
}

/** A mark that keeps an object from being deleted must not go because nobody has committed it. */
function withoutDirectives(fields: FieldSet, live: Unstructured): FieldSet {
  const paths = directivesOf(live).map((path) => path.map(fieldElement));
  return fields.recursiveDifference(FieldSet.of(...paths));
}

function ownersOf(live: Unstructured): ReadonlyMap<string, FieldOwner> {
  try {
    return decodeOwners((asJson(live)['metadata'] as JsonObject)['managedFields']);
  } catch (error) {
    if (error instanceof InvalidInputError) return new Map();
    throw error;
  }
}
