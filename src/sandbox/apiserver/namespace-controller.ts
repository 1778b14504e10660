import type { Json, JsonObject } from '../../machinery/json.ts';
import { isObject, jsonEqual, own } from '../../machinery/json.ts';
import { formatTime } from '../../base/time.ts';
import type { ApiServer } from './api-server.ts';
import { BackgroundQueue } from './background-queue.ts';
import { namespacesKey } from './namespace-lifecycle.ts';
import { finalizersOf, isTerminating, nameOf, namespaceOf, textOf } from './object-metadata.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import type { Change } from './storage-change.ts';
import { removeStored } from './verbs/delete.ts';
import { replaceStored } from './verbs/write.ts';

const kubernetesFinalizer = 'kubernetes';

/** What is still in a namespace that should be empty. */
interface Remains {
  /** `configmaps. has 1 resource instances` */
  readonly resources: readonly string[];
  /** `example.com/hold in 1 resource instances` */
  readonly finalizers: readonly string[];
}

/**
 * Empties namespaces that are being deleted, says in their conditions what they wait for, and lets them go.
 * Source: pkg/controller/namespace/deletion of Kubernetes.
 */
export class NamespaceController {
  readonly #server: ApiServer;
  readonly #queue: BackgroundQueue;
  readonly #stop: () => void;

  constructor(server: ApiServer) {
    this.#server = server;
    this.#queue = new BackgroundQueue(server.clock, server.log, (name) => this.#process(name));
    this.#stop = server.storage.onChange((change) => this.#observe(change));
  }

  close(): void {
    this.#stop();
    this.#queue.close();
  }

  #observe({ storageKey, type, object }: Change): void {
    if (storageKey === namespacesKey) {
      if (type !== 'DELETED' && isTerminating(object)) this.#queue.add(nameOf(object));
      return;
    }
    const name = namespaceOf(object);
    if (name === undefined) return;
    const namespace = this.#server.storage.get(namespacesKey, undefined, name);
    // Whatever happens in it may be what it waits for, or something that slipped in.
    if (namespace !== undefined && isTerminating(namespace)) this.#queue.add(name);
  }

  #process(name: string): void {
    const { storage, registry } = this.#server;
    const definition = registry.ofStorageKey(namespacesKey);
    const namespace = storage.get(namespacesKey, undefined, name);
    if (definition === undefined || namespace === undefined || !isTerminating(namespace)) return;
    const spec = objectOf(namespace, 'spec');
    const finalizers = listOf(spec, 'finalizers');
    if (!finalizers.includes(kubernetesFinalizer)) return;
    const remains = this.#empty(name);
    const updated = this.#report(definition, namespace, remains);
    if (remains.resources.length > 0) return;
    const left = finalizers.filter((finalizer) => finalizer !== kubernetesFinalizer);
    const { finalizers: _finalizers, ...rest } = objectOf(updated, 'spec');
    const next = { ...updated, spec: left.length === 0 ? rest : { ...rest, finalizers: left } };
    replaceStored(this.#server, definition, updated, next);
  }

  /** Deletes all that can be deleted, Pods first: others may depend on what they need to stop. */
  #empty(name: string): Remains {
    const { storage } = this.#server;
    const resources: string[] = [];
    const finalizers = new Map<string, number>();
    for (const definition of this.#namespacedKinds()) {
      for (const stored of storage.list(definition.storageKey, name)) {
        if (isTerminating(stored)) continue;
        removeStored(this.#server, definition, stored, { dryRun: false, propagationPolicy: 'Background' });
      }
      const left = storage.list(definition.storageKey, name);
      if (left.length === 0) continue;
      const { resource, group } = definition.kind;
      resources.push(`${resource}.${group} has ${left.length} resource instances`);
      for (const finalizer of left.flatMap(finalizersOf)) {
        finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
      }
      // While there are Pods, the rest waits.
      if (definition.storageKey === 'pods') break;
    }
    const held = [...finalizers].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`);
    return { resources: resources.sort(), finalizers: held.sort() };
  }

  #namespacedKinds(): ResourceDefinition[] {
    const { registry } = this.#server;
    const keys = new Set<string>(['pods']);
    for (const { kind, storageKey } of registry) if (kind.namespaced) keys.add(storageKey);
    return [...keys].flatMap((key) => registry.ofStorageKey(key) ?? []);
  }

  #report(definition: ResourceDefinition, namespace: JsonObject, remains: Remains): JsonObject {
    const status = objectOf(namespace, 'status');
    const conditions = conditionsOf(status, remains, formatTime(this.#server.clock.now()));
    const next = { ...namespace, status: { ...status, phase: 'Terminating', conditions } };
    if (jsonEqual(next, namespace)) return namespace;
    return replaceStored(this.#server, definition, namespace, next) ?? namespace;
  }
}

interface Condition {
  readonly type: string;
  readonly isTrue: boolean;
  readonly reason: string;
  readonly message: string;
}

function conditionsOf(status: JsonObject, { resources, finalizers }: Remains, now: string): Json[] {
  const wanted: Condition[] = [
    {
      type: 'NamespaceDeletionDiscoveryFailure',
      isTrue: false,
      reason: 'ResourcesDiscovered',
      message: 'All resources successfully discovered',
    },
    {
      type: 'NamespaceDeletionGroupVersionParsingFailure',
      isTrue: false,
      reason: 'ParsedGroupVersions',
      message: 'All legacy kube types successfully parsed',
    },
    {
      type: 'NamespaceDeletionContentFailure',
      isTrue: false,
      reason: 'ContentDeleted',
      message: 'All content successfully deleted, may be waiting on finalization',
    },
    {
      type: 'NamespaceContentRemaining',
      isTrue: resources.length > 0,
      reason: resources.length > 0 ? 'SomeResourcesRemain' : 'ContentRemoved',
      message:
        resources.length > 0
          ? `Some resources are remaining: ${resources.join(', ')}`
          : 'All content successfully removed',
    },
    {
      type: 'NamespaceFinalizersRemaining',
      isTrue: finalizers.length > 0,
      reason: finalizers.length > 0 ? 'SomeFinalizersRemain' : 'ContentHasNoFinalizers',
      message:
        finalizers.length > 0
          ? `Some content in the namespace has finalizers remaining: ${finalizers.join(', ')}`
          : 'All content-preserving finalizers finished',
    },
  ];
  const before = listOf(status, 'conditions').filter(isObject);
  const types = wanted.map(({ type }) => type);
  return [
    ...before.filter((condition) => !types.includes(textOf(condition, 'type'))),
    ...wanted.map((condition) => toJson(condition, before, now)),
  ];
}

function toJson({ type, isTrue, reason, message }: Condition, before: JsonObject[], now: string): JsonObject {
  const status = isTrue ? 'True' : 'False';
  const old = before.find((condition) => condition['type'] === type);
  const since = old !== undefined && old['status'] === status ? textOf(old, 'lastTransitionTime') : now;
  return { type, status, lastTransitionTime: since, reason, message };
}

function objectOf(object: JsonObject, field: string): JsonObject {
  const value = own(object, field);
  return isObject(value) ? value : {};
}

function listOf(object: JsonObject, field: string): Json[] {
  const value = own(object, field);
  return Array.isArray(value) ? value : [];
}
