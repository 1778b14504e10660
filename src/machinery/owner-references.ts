import { InvalidInputError, TypedError } from '../base/errors.ts';
import { groupOf } from './group-version-kind.ts';
import type { KubeObject, OwnerReference } from './object.ts';

export function hasFinalizer(object: KubeObject, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) ?? false;
}

/** The object with the finalizer; the same object if it has it already. */
export function addFinalizer<T extends KubeObject>(object: T, finalizer: string): T {
  if (hasFinalizer(object, finalizer)) return object;
  const finalizers = [...(object.metadata.finalizers ?? []), finalizer];
  return { ...object, metadata: { ...object.metadata, finalizers } };
}

/** The object without the finalizer; the same object if it has none such. */
export function removeFinalizer<T extends KubeObject>(object: T, finalizer: string): T {
  if (!hasFinalizer(object, finalizer)) return object;
  const { finalizers = [], ...rest } = object.metadata;
  const left = finalizers.filter((name) => name !== finalizer);
  return { ...object, metadata: left.length === 0 ? rest : { ...rest, finalizers: left } };
}

/**
 * A reference to `owner`, which does not make it the controller.
 * @throws InvalidInputError when the owner was never on a server, and so has no uid
 */
export function ownerReferenceOf(owner: KubeObject): OwnerReference {
  const { name, uid } = owner.metadata;
  if (name === undefined || uid === undefined) {
    throw new InvalidInputError(
      `${owner.kind} ${JSON.stringify(name ?? '')} cannot own anything before it is created: it has no uid`,
      'OwnerNotCreated',
    );
  }
  return { apiVersion: owner.apiVersion, kind: owner.kind, name, uid };
}

/** The reference to the controller of `object`, if it has one. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

/** By uid: an owner that was deleted and created again under the same name is another one. */
export function isControlledBy(object: KubeObject, owner: KubeObject): boolean {
  const controller = controllerOf(object);
  return controller !== undefined && controller.uid === owner.metadata.uid;
}

/** Another controller manages the object; two would undo each other's work. */
export class AlreadyOwnedError extends TypedError {
  readonly owner: OwnerReference;

  constructor(object: KubeObject, owner: OwnerReference) {
    const { namespace = '', name = '' } = object.metadata;
    super(`Object ${namespace}/${name} is already owned by another ${owner.kind} controller ${owner.name}`, {
      code: 'AlreadyOwned',
      next: 'stalled',
    });
    this.owner = owner;
  }
}

/**
 * The object with `owner` as its controller: it is deleted with its owner, and its changes wake it. The same
 * object if nothing changes. As controller-runtime's function of this name.
 *
 * @throws AlreadyOwnedError when another object is its controller
 * @throws InvalidInputError when the owner is in another namespace, or was never on a server
 */
export function setControllerReference<T extends KubeObject>(object: T, owner: KubeObject): T {
  checkNamespaces(object, owner);
  const reference = { ...ownerReferenceOf(owner), controller: true, blockOwnerDeletion: true };
  const controller = controllerOf(object);
  if (controller !== undefined && !isSameOwner(controller, reference)) {
    throw new AlreadyOwnedError(object, controller);
  }
  const references = object.metadata.ownerReferences ?? [];
  const at = references.findIndex((existing) => isSameOwner(existing, reference));
  const existing = references[at];
  if (existing !== undefined && isEqual(existing, reference)) return object;
  const ownerReferences =
    existing === undefined ? [...references, reference] : references.with(at, reference);
  return { ...object, metadata: { ...object.metadata, ownerReferences } };
}

function checkNamespaces(object: KubeObject, owner: KubeObject): void {
  const from = owner.metadata.namespace ?? '';
  const to = object.metadata.namespace ?? '';
  if (from === '' || from === to) return;
  throw new InvalidInputError(
    to === ''
      ? `cluster-scoped resource must not have a namespace-scoped owner, owner's namespace ${from}`
      : `cross-namespace owner references are disallowed, owner's namespace ${from}, obj's namespace ${to}`,
    'InvalidOwner',
  );
}

/** The same group, kind and name: the version of the API and the uid may have moved on. */
function isSameOwner(a: OwnerReference, b: OwnerReference): boolean {
  return a.kind === b.kind && a.name === b.name && groupOf(a.apiVersion) === groupOf(b.apiVersion);
}

function isEqual(a: OwnerReference, b: OwnerReference): boolean {
  return (
    a.apiVersion === b.apiVersion &&
    a.uid === b.uid &&
    a.controller === b.controller &&
    a.blockOwnerDeletion === b.blockOwnerDeletion
  );
}
