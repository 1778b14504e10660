import { describe, expect, test } from 'vitest';
import type { KubeObject, ObjectMeta } from './object.ts';
import {
  AlreadyOwnedError,
  addFinalizer,
  controllerOf,
  hasFinalizer,
  isControlledBy,
  ownerReferenceOf,
  removeFinalizer,
  setControllerReference,
} from './owner-references.ts';

const object = (kind: string, metadata: ObjectMeta): KubeObject => ({
  apiVersion: 'apps/v1',
  kind,
  metadata,
});
const owner = object('Deployment', { name: 'web', namespace: 'x', uid: 'u1' });
const pod = object('ReplicaSet', { name: 'web-1', namespace: 'x' });

describe('finalizers', () => {
  test('are added once and removed without a trace', () => {
    const held = addFinalizer(pod, 'example.com/f');
    expect(hasFinalizer(held, 'example.com/f')).toBe(true);
    expect(addFinalizer(held, 'example.com/f')).toBe(held);
    expect(removeFinalizer(held, 'example.com/f')).toEqual(pod);
    expect(removeFinalizer(pod, 'example.com/f')).toBe(pod);
  });

  test('of others stay', () => {
    const held = addFinalizer(addFinalizer(pod, 'a/1'), 'b/2');
    expect(removeFinalizer(held, 'a/1').metadata.finalizers).toEqual(['b/2']);
    expect(hasFinalizer(pod, 'a/1')).toBe(false);
  });
});

describe('the controller of an object', () => {
  const controlled = setControllerReference(pod, owner);

  test('is referred to by uid', () => {
    expect(controlled.metadata.ownerReferences).toEqual([
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        name: 'web',
        uid: 'u1',
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
    expect(pod.metadata.ownerReferences).toBeUndefined();
    expect(isControlledBy(controlled, owner)).toBe(true);
    expect(isControlledBy(controlled, object('Deployment', { name: 'web', uid: 'u2' }))).toBe(false);
    expect(isControlledBy(pod, object('Deployment', {}))).toBe(false);
    expect(controllerOf(pod)).toBeUndefined();
  });

  test('can be set again without a change', () => {
    expect(setControllerReference(controlled, owner)).toBe(controlled);
  });

  test('follows an owner that was created anew, and becomes one that only owned', () => {
    const again = object('Deployment', { name: 'web', namespace: 'x', uid: 'u2' });
    expect(controllerOf(setControllerReference(controlled, again))?.uid).toBe('u2');
    const owned = object('ReplicaSet', { ...pod.metadata, ownerReferences: [ownerReferenceOf(owner)] });
    expect(setControllerReference(owned, owner)).toEqual(controlled);
  });

  test('is not taken from another controller', () => {
    const other = object('StatefulSet', { name: 'db', namespace: 'x', uid: 'u3' });
    expect(() => setControllerReference(controlled, other)).toThrow(AlreadyOwnedError);
    expect(() => setControllerReference(controlled, other)).toThrow(
      'Object x/web-1 is already owned by another Deployment controller web',
    );
  });

  test('must be in the same namespace, or in none', () => {
    const elsewhere = object('Deployment', { name: 'web', namespace: 'y', uid: 'u1' });
    expect(() => setControllerReference(pod, elsewhere)).toThrow(
      "cross-namespace owner references are disallowed, owner's namespace y, obj's namespace x",
    );
    expect(() => setControllerReference(object('Node', { name: 'n' }), elsewhere)).toThrow(
      "cluster-scoped resource must not have a namespace-scoped owner, owner's namespace y",
    );
    const cluster = object('Fleet', { name: 'f', uid: 'u4' });
    expect(isControlledBy(setControllerReference(pod, cluster), cluster)).toBe(true);
  });

  test('must exist', () => {
    expect(() => ownerReferenceOf(pod)).toThrow(
      'ReplicaSet "web-1" cannot own anything before it is created',
    );
  });
});
