import { formatTime } from '../../../base/time.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { jsonClone, jsonEqual } from '../../../machinery/json.ts';
import type { ApiServer } from '../api-server.ts';
import { BackgroundQueue } from '../background-queue.ts';
import { objectAt } from '../builtin/fields.ts';
import { finalizersOf, isTerminating, nameOf, ownMetadata } from '../object-metadata.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import type { Change } from '../storage-change.ts';
import { removeStored } from '../verbs/delete.ts';
import { replaceStored } from '../verbs/write.ts';
import { cleanupFinalizer, customResourceDefinitions } from './custom-resource-definition.ts';
import { customResourceDefinition } from './custom-resource.ts';
import type { DefinitionCondition } from './definition-conditions.ts';
import {
  acceptNames,
  established,
  isConditionTrue,
  judgeSpec,
  setCondition,
} from './definition-conditions.ts';
import { namesOf, specOf } from './definition-spec.ts';

const { storageKey: crdKey } = customResourceDefinitions;

/** What the registry has of a CRD. */
interface Served {
  readonly spec: JsonObject;
  readonly acceptedNames: JsonObject;
  readonly isTerminating: boolean;
  readonly definitions: readonly ResourceDefinition[];
}

/**
 * Makes the server serve what its CustomResourceDefinitions define: gives names, sets conditions, keeps the registry in
 * step, and deletes the objects of CRDs that are deleted. Works right behind every write of a CRD.
 */
export class CustomResources {
  readonly #server: ApiServer;
  readonly #served = new Map<string, Served>();
  readonly #queue: BackgroundQueue;
  readonly #stop: () => void;

  constructor(server: ApiServer) {
    this.#server = server;
    this.#queue = new BackgroundQueue(server.clock, server.log, (name) => this.#reconcile(name));
    this.#stop = server.storage.onChange((change) => this.#observe(change));
    for (const crd of server.storage.list(crdKey, undefined)) this.#queue.add(nameOf(crd));
  }

  close(): void {
    this.#stop();
    this.#queue.close();
  }

  #observe({ storageKey, type, object }: Change): void {
    if (storageKey === crdKey) this.#queue.add(nameOf(object));
    // A CRD that is being deleted waits for its last object; its name is the storage key.
    else if (type === 'DELETED' && this.#served.get(storageKey)?.isTerminating === true) {
      this.#queue.add(storageKey);
    }
  }

  #reconcile(name: string): void {
    const crd = this.#server.storage.get(crdKey, undefined, name);
    if (crd === undefined) {
      this.#forget(name);
      // Its names are free now.
      for (const other of this.#othersOf(name)) this.#queue.add(nameOf(other));
      return;
    }
    if (isTerminating(crd) && finalizersOf(crd).includes(cleanupFinalizer)) {
      this.#terminate(name, crd);
      return;
    }
    const now = this.#now();
    const judged = jsonClone(crd);
    judgeSpec(judged, now);
    acceptNames(judged, this.#othersOf(name), now);
    if (!jsonEqual(judged, crd)) {
      this.#write(judged, crd);
      for (const other of this.#othersOf(name)) this.#queue.add(nameOf(other));
    } else if (isConditionTrue(crd, 'NamesAccepted') && !isConditionTrue(crd, 'Established')) {
      setCondition(judged, established, now);
      this.#write(judged, crd);
    } else {
      this.#serve(name, crd);
    }
  }

  /** Brings the registry in step with an established CRD. */
  #serve(name: string, crd: JsonObject): readonly ResourceDefinition[] {
    if (!isConditionTrue(crd, 'Established') || this.#isBuiltIn(name)) return [];
    const before = this.#served.get(name);
    const spec = objectAt(crd, 'spec');
    const acceptedNames = objectAt(crd, 'status', 'acceptedNames');
    if (
      before !== undefined &&
      before.isTerminating === isTerminating(crd) &&
      jsonEqual(before.spec, spec) &&
      jsonEqual(before.acceptedNames, acceptedNames)
    ) {
      return before.definitions;
    }
    const parsed = specOf(crd);
    const options = { names: namesOf(acceptedNames), isTerminating: isTerminating(crd) };
    const definitions = parsed.versions
      .filter(({ served }) => served)
      .map((version) => customResourceDefinition(parsed, version, options));
    this.#served.set(name, { spec, acceptedNames, isTerminating: options.isTerminating, definitions });
    for (const definition of definitions) this.#server.registry.add(definition);
    for (const definition of before?.definitions ?? []) this.#server.registry.remove(definition);
    return definitions;
  }

  /** A CRD cannot take the place of a kind that is built in. */
  #isBuiltIn(name: string): boolean {
    return this.#server.registry.ofStorageKey(name)?.custom === false;
  }

  #terminate(name: string, crd: JsonObject): void {
    if (!isConditionTrue(crd, 'Established') || this.#isBuiltIn(name)) {
      this.#release(crd, {
        type: 'Terminating',
        status: 'False',
        reason: 'NeverEstablished',
        message: 'resource was never established',
      });
      return;
    }
    const marked = jsonClone(crd);
    const message = 'CustomResource deletion is in progress';
    const reason = 'InstanceDeletionInProgress';
    setCondition(marked, { type: 'Terminating', status: 'True', reason, message }, this.#now());
    const current = jsonEqual(marked, crd) ? crd : this.#write(marked, crd);
    this.#deleteObjects(name, this.#serve(name, current)[0]);
    if (this.#server.storage.count(name) > 0) return;
    this.#release(current, {
      type: 'Terminating',
      status: 'False',
      reason: 'InstanceDeletionCompleted',
      message: 'removed all instances',
    });
  }

  #deleteObjects(storageKey: string, definition: ResourceDefinition | undefined): void {
    const { storage } = this.#server;
    for (const object of storage.list(storageKey, undefined)) {
      // Without a served version nothing can be done through the usual path.
      if (definition === undefined) storage.delete(storageKey, object);
      else if (!isTerminating(object)) removeStored(this.#server, definition, object, { dryRun: false });
    }
  }

  /** Lets a CRD go. */
  #release(crd: JsonObject, condition: DefinitionCondition): void {
    const next = jsonClone(crd);
    setCondition(next, condition, this.#now());
    const finalizers = finalizersOf(next).filter((finalizer) => finalizer !== cleanupFinalizer);
    const metadata = ownMetadata(next);
    if (finalizers.length > 0) metadata['finalizers'] = finalizers;
    else delete metadata['finalizers'];
    this.#forget(nameOf(crd));
    replaceStored(this.#server, customResourceDefinitions, crd, next);
  }

  #forget(name: string): void {
    const served = this.#served.get(name);
    if (served === undefined) return;
    this.#served.delete(name);
    for (const definition of served.definitions) this.#server.registry.remove(definition);
    this.#server.storage.deleteCollection(name);
  }

  #othersOf(name: string): JsonObject[] {
    const group = name.slice(name.indexOf('.') + 1);
    return this.#server.storage
      .list(crdKey, undefined)
      .filter((crd) => nameOf(crd) !== name && specOf(crd).group === group);
  }

  #write(next: JsonObject, crd: JsonObject): JsonObject {
    return this.#server.storage.update(crdKey, next, crd);
  }

  #now(): string {
    return formatTime(this.#server.clock.now());
  }
}
