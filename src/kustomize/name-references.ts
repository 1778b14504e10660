import { isObject, own, setOwn, type Json, type JsonObject } from '../machinery/json.ts';
import { sizeOf, type Budget } from './budget.ts';
import { buildError } from './build-error.ts';
import { changeField, gvkMatches, type FieldSpec, type PartialGvk } from './field-spec.ts';
import { compareKinds } from './order.ts';
import { type Referral, referrals } from './reference-fields.ts';
import {
  effectiveNamespace,
  formatId,
  gvkOfResource,
  idOf,
  isClusterScoped,
  nameOf,
  namespaceOf,
  type Resource,
} from './resource.ts';

/** What all lookups of one build share. */
interface Index {
  /** By each name that an object had before. */
  readonly renamed: ReadonlyMap<string, readonly Resource[]>;
  /** By the namespace that objects had at first: those that they have now. */
  readonly namespaces: ReadonlyMap<string, ReadonlySet<string>>;
  readonly budget: Budget;
}

/** The references of one object. */
interface Search extends Index {
  readonly referrer: Resource;
  readonly isReachable: (namespace: string) => boolean;
}

/**
 * Lets every known reference follow its object: once, after all names are final.
 * @param more references than those of built-in kinds
 * @throws where a name could mean several objects
 */
export function fixNameReferences(
  resources: readonly Resource[],
  more: readonly Referral[],
  budget: Budget,
): void {
  const index = indexOf(resources, budget);
  // One field may name objects of several kinds: the first that has the name is meant.
  const all = [...referrals, ...more].sort((a, b) => compareKinds(a.target, b.target));
  const byKind = fieldsByKind(all);
  for (const referrer of resources) {
    budget.spendWalks(sizeOf(referrer.object), 2, 'name references');
    const fields = [gvkOfResource(referrer).kind, ''].flatMap((kind) => byKind.get(kind) ?? []);
    if (fields.length === 0) continue;
    const search = { ...index, referrer, isReachable: reachableFrom(referrer) };
    for (const { target, field } of fields) fixField(target, field, search);
  }
}

function indexOf(resources: readonly Resource[], budget: Budget): Index {
  const renamed = new Map<string, Resource[]>();
  const namespaces = new Map<string, Set<string>>();
  for (const resource of resources) {
    for (const name of new Set(resource.previousIds.map((id) => id.name))) {
      const list = renamed.get(name);
      if (list === undefined) renamed.set(name, [resource]);
      else list.push(resource);
    }
    const first = originalNamespace(resource);
    namespaces.set(first, (namespaces.get(first) ?? new Set()).add(namespaceOf(resource)));
  }
  return { renamed, namespaces, budget };
}

function originalNamespace(resource: Resource): string {
  return effectiveNamespace(resource.previousIds[0] ?? idOf(resource));
}

interface ReferenceField {
  readonly target: PartialGvk;
  readonly field: FieldSpec;
}

/** Under '' those that any kind may have. */
function fieldsByKind(all: readonly Referral[]): ReadonlyMap<string, readonly ReferenceField[]> {
  const byKind = new Map<string, ReferenceField[]>();
  for (const { target, fields } of all) {
    for (const field of fields) {
      const kind = field.kind ?? '';
      byKind.set(kind, [...(byKind.get(kind) ?? []), { target, field }]);
    }
  }
  return byKind;
}

function fixField(target: PartialGvk, field: FieldSpec, search: Search): void {
  const fix = (value: Json): Json => {
    if (typeof value === 'string') {
      const referral = select(value, target, candidates(value, target, search), search);
      return referral === undefined ? value : nameOf(referral);
    }
    if (Array.isArray(value)) return value.map(fix);
    if (isObject(value)) fixMap(value, target, search);
    return value;
  };
  changeField(search.referrer, field, () => null, fix);
}

/** A map that names an object and, perhaps, its namespace. */
function fixMap(map: JsonObject, target: PartialGvk, search: Search): void {
  const name = own(map, 'name');
  if (typeof name !== 'string') return;
  const namespace = own(map, 'namespace');
  const named = candidates(name, target, search);
  const found = typeof namespace === 'string' ? inNamespace(named, namespace, search) : named;
  const referral = select(name, target, found, search);
  if (referral === undefined) return;
  setOwn(map, 'name', nameOf(referral));
  if (namespaceOf(referral) !== '') setOwn(map, 'namespace', namespaceOf(referral));
}

/** The namespace at first decides, if anything that can be meant was there, of whatever kind; else the one now. */
function inNamespace(
  found: readonly Resource[],
  namespace: string,
  { namespaces, budget, isReachable }: Search,
): readonly Resource[] {
  if (found.length === 0) return found;
  const now = [...(namespaces.get(namespace) ?? [])];
  budget.spendLooks(now.length, 'name references');
  const wasThere = now.some(isReachable);
  return found.filter(
    (resource) => (wasThere ? originalNamespace(resource) : effectiveNamespace(idOf(resource))) === namespace,
  );
}

function candidates(name: string, target: PartialGvk, { renamed, budget }: Index): readonly Resource[] {
  const found = renamed.get(name) ?? [];
  budget.spendLooks(found.length, 'name references');
  return found.filter((resource) =>
    resource.previousIds.some((id) => id.name === name && gvkMatches(target, id)),
  );
}

function select(
  name: string,
  target: PartialGvk,
  found: readonly Resource[],
  { referrer, isReachable }: Search,
): Resource | undefined {
  let left = found.filter(
    (resource) =>
      fitsRoleRef(referrer, resource) &&
      (isClusterScoped(gvkOfResource(resource)) ||
        (gvkOfResource(resource).kind === 'ServiceAccount'
          ? isReachable(namespaceOf(resource))
          : isNear(referrer, resource))),
  );
  for (const shares of [mayShareAffixes, sharesAffixes]) {
    if (left.length > 1) left = left.filter((resource) => shares(referrer, resource));
  }
  const [first] = left;
  if (first === undefined || left.every((resource) => nameOf(resource) === nameOf(first))) return first;
  throw buildError(
    `${formatId(idOf(referrer))}: found multiple possible referrals of ${name}, a ${target.kind ?? ''}: ${left.map((resource) => formatId(idOf(resource))).join(', ')}`,
  );
}

/**
 * Where the objects may live that an object can mean: in its own namespace, and in those of the subjects of a
 * RoleBinding. The latter are compared as they are written: one without namespace is in none of them.
 */
function reachableFrom(referrer: Resource): (namespace: string) => boolean {
  const gvk = gvkOfResource(referrer);
  if (isClusterScoped(gvk)) return () => true;
  const namespaces = new Set<string>();
  const subjects = gvk.kind === 'RoleBinding' ? own(referrer.object, 'subjects') : undefined;
  for (const subject of Array.isArray(subjects) ? subjects : []) {
    if (!isObject(subject) || own(subject, 'kind') !== 'ServiceAccount') continue;
    const namespace = own(subject, 'namespace');
    if (namespace === '' || namespace === null)
      throw buildError(`${formatId(idOf(referrer))}: the namespace of a subject is empty`);
    if (typeof namespace === 'string') namespaces.add(namespace);
  }
  const home = effectiveNamespace(idOf(referrer));
  return (namespace) => (namespace === '' ? 'default' : namespace) === home || namespaces.has(namespace);
}

/** Only service accounts may be meant in other namespaces. */
function isNear(referrer: Resource, resource: Resource): boolean {
  return (
    isClusterScoped(gvkOfResource(referrer)) ||
    effectiveNamespace(idOf(referrer)) === effectiveNamespace(idOf(resource))
  );
}

/** A roleRef names the kind beside the name. */
function fitsRoleRef(referrer: Resource, resource: Resource): boolean {
  const { kind, group } = gvkOfResource(resource);
  if (kind !== 'Role' && kind !== 'ClusterRole') return true;
  const roleRef = own(referrer.object, 'roleRef');
  if (!isObject(roleRef)) return true;
  const apiGroup = own(roleRef, 'apiGroup');
  return own(roleRef, 'kind') === kind && (typeof apiGroup !== 'string' || apiGroup === group);
}

/** An object without prefix or suffix may belong to all. */
function mayShareAffixes(a: Resource, b: Resource): boolean {
  const may = (one: readonly string[], other: readonly string[]): boolean =>
    one.length === 0 || other.length === 0 || sameEnd(one, other);
  return may(a.prefixes, b.prefixes) && may(a.suffixes, b.suffixes);
}

function sharesAffixes(a: Resource, b: Resource): boolean {
  return sameEnd(a.prefixes, b.prefixes) && sameEnd(a.suffixes, b.suffixes);
}

/** Went both through the same levels, as far as the shorter history tells? None at all is like none only. */
function sameEnd(a: readonly string[], b: readonly string[]): boolean {
  const length = Math.min(a.length, b.length);
  if (length === 0) return a.length === b.length;
  return a.slice(-length).join('\0') === b.slice(-length).join('\0');
}
