import type { Json, JsonObject } from '../../machinery/json.ts';
import { fieldElement } from '../../machinery/managed-fields/field-path.ts';
import { FieldSet } from '../../machinery/managed-fields/field-set.ts';
import {
  decodeOwners,
  encodeOwners,
  type FieldOwner,
  ownerId,
} from '../../machinery/managed-fields/owners.ts';
import { InvalidInputError } from '../../base/errors.ts';
import { asJson, type Unstructured } from '../../machinery/object.ts';
import { fieldManager } from './co-ownership.ts';
import { directivesOf, isMerged } from './directives.ts';

/*
 * What kubectl has set counts as declared by the sync before: so what git no longer has, or never had, goes. A mark
 * that keeps an object from being deleted stays with whoever has set it: it must not go because nobody has committed it.
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
  const kept = FieldSet.of(...directivesOf(live).map((path) => path.map(fieldElement)));
  let taken = FieldSet.empty;
  for (const [id, owner] of owners) {
    if (!isTaken(owner, apiVersion)) continue;
    taken = taken.union(owner.fields.difference(kept));
    const fields = owner.fields.intersection(kept);
    if (fields.isEmpty) owners.delete(id);
    else owners.set(id, { ...owner, fields });
  }
  const isMarked = hasMark(live) && !hasMark(desired);
  if (taken.isEmpty && !isMarked) return undefined;
  const entry = { manager: fieldManager, operation: 'Apply', apiVersion, subresource: undefined } as const;
  const id = ownerId(entry);
  const mine = owners.get(id);
  // Names of fields differ between versions: then they end with their owner, and the apply declares the rest anew.
  if (!taken.isEmpty && (mine === undefined || mine.apiVersion === apiVersion)) {
    const fields = mine?.fields.union(taken) ?? taken;
    owners.set(id, { ...entry, time: mine?.time, fields });
  }
  const managedFields: Json = encodeOwners(owners) ?? [];
  return {
    metadata: {
      resourceVersion: live.metadata.resourceVersion ?? '',
      managedFields,
      ...(isMarked ? { annotations: { [lastApplied]: null } } : {}),
    },
  };
}

function hasMark({ metadata }: Unstructured): boolean {
  return metadata.annotations?.[lastApplied] !== undefined;
}

function isTaken({ manager, operation, subresource, apiVersion }: FieldOwner, wanted: string): boolean {
  if (subresource !== undefined || apiVersion !== wanted) return false;
  return manager.startsWith('kubectl') || (operation === 'Update' && updaters.has(manager));
}

function ownersOf(live: Unstructured): ReadonlyMap<string, FieldOwner> {
  try {
    return decodeOwners((asJson(live)['metadata'] as JsonObject)['managedFields']);
  } catch (error) {
    if (error instanceof InvalidInputError) return new Map();
    throw error;
  }
}
