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
 * What kubectl or Flux has set counts as declared by the sync before: so what git no longer has, or never had, goes. A mark
 * that keeps an object from being deleted stays with whoever has set it: it must not go because nobody has committed it.
 * Source: the clean-up of managed fields of Flux's server-side apply (github.com/fluxcd/pkg/ssa).
 */

/** What they have left, and nobody reads any more. */
const marks = {
  annotations: [
    'kubectl.kubernetes.io/last-applied-configuration',
    'kustomize.toolkit.fluxcd.io/checksum',
    'fluxcd.io/sync-checksum',
  ],
  labels: ['kustomize.toolkit.fluxcd.io/checksum', 'fluxcd.io/sync-gc-mark'],
} as const;
/** Flux itself: what it has applied came from the same place. */
const predecessor = 'kustomize-controller';
/** Who wrote manifests before there was server-side apply. */
const updaters = new Set(['before-first-apply', fieldManager]);

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
    // What marks Flux has set, it had from git.
    const stays = owner.manager === predecessor ? FieldSet.empty : kept;
    taken = taken.union(owner.fields.difference(stays));
    const fields = owner.fields.intersection(stays);
    if (fields.isEmpty) owners.delete(id);
    else owners.set(id, { ...owner, fields });
  }
  const unmarked = withoutMarks(live, desired);
  if (taken.isEmpty && unmarked === undefined) return undefined;
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
      ...unmarked,
    },
  };
}

/** The merge patch of metadata that takes marks away which git does not have; undefined where there are none. */
function withoutMarks(live: Unstructured, desired: Unstructured): JsonObject | undefined {
  const patch: JsonObject = {};
  for (const where of ['annotations', 'labels'] as const) {
    const [found = {}, wanted = {}] = [live.metadata[where], desired.metadata[where]];
    const obsolete = marks[where].filter((key) => Object.hasOwn(found, key) && !Object.hasOwn(wanted, key));
    if (obsolete.length > 0) patch[where] = Object.fromEntries(obsolete.map((key) => [key, null]));
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

function isTaken({ manager, operation, subresource, apiVersion }: FieldOwner, wanted: string): boolean {
  if (subresource !== undefined || apiVersion !== wanted) return false;
  if (manager.startsWith('kubectl') || manager === predecessor) return true;
  return operation === 'Update' && updaters.has(manager);
}

function ownersOf(live: Unstructured): ReadonlyMap<string, FieldOwner> {
  try {
    return decodeOwners((asJson(live)['metadata'] as JsonObject)['managedFields']);
  } catch (error) {
    if (error instanceof InvalidInputError) return new Map();
    throw error;
  }
}
