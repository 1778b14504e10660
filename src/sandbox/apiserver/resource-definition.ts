import type { Random } from '../../base/random.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import type { FieldError } from '../../machinery/field-errors.ts';
import type { Json, JsonObject } from '../../machinery/json.ts';
import type { Schema } from '../../machinery/schema.ts';

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

/** Who asks. */
export interface UserInfo {
  readonly name: string;
  readonly uid?: string | undefined;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** What a strategy may need beside the objects. */
export interface WriteContext {
  /** RFC 3339, whole seconds. */
  readonly now: string;
  readonly random: Random;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** Any other stored object, for rules that look beside their own (service account of a pod, IP in use, ...). */
  readonly read: (storageKey: string, namespace: string | undefined, name: string) => JsonObject | undefined;
  /** All stored objects of a kind, in all namespaces. */
  readonly list: (storageKey: string) => readonly JsonObject[];
}

/** One column of a Table. */
export interface TableColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description: string;
  /** 0 is always shown, more only in wide output. */
  readonly priority: number;
}

/** Where the scale subresource finds its parts: JSON paths such as `.spec.replicas`. */
export interface ScaleMapping {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  readonly labelSelectorPath?: string | undefined;
}

/**
 * All that differs between kinds, for one kind at one version. Built-in kinds and custom resources are the same to
 * the rest of the server: a built-in kind is a file that makes one of these, a CRD is turned into one per version.
 *
 * The server does what is common: metadata (names, uid, generation, times, deletion), managed fields, patches,
 * storage, conflicts, watch, tables of the default columns.
 *
 * Functions that change an object get a private copy and change it in place; they must be idempotent.
 */
export interface ResourceDefinition {
  readonly kind: ResourceKind;
  readonly listKind: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly Verb[];
  /** `deployments.apps`, `configmaps`: the same for every version of a kind, and for aliases (events). */
  readonly storageKey: string;
  /** The version in which objects are stored; conversion only rewrites `apiVersion`. */
  readonly storageVersion: string;
  /** Whole object, `metadata` included. Unknown fields are pruned by it, managed fields and patches merge by it. */
  readonly schema: Schema;
  /**
   * Custom resources are free-form JSON that the schema validates (422); they take no strategic merge patch, and items
   * of lists carry their kind. Built-in kinds are decoded into fixed types first: a value of another type is a 400,
   * null and empty maps and lists mean absent.
   */
  readonly custom: boolean;
  /** A PUT without `resourceVersion` overwrites whatever is there; otherwise it is refused. */
  readonly unconditionalUpdate: boolean;
  /** A PUT of an object that does not exist creates it. */
  readonly createOnUpdate: boolean;
  /**
   * Between this version and the stored one, where more differs than `apiVersion` (events). Pure; `apiVersion` is set by
   * the caller.
   */
  readonly conversion?:
    | {
        readonly fromStored: (object: JsonObject) => JsonObject;
        readonly toStored: (object: JsonObject) => JsonObject;
      }
    | undefined;
  readonly status: boolean;
  readonly scale?: ScaleMapping | undefined;
  /**
   * `spec`: `metadata.generation` starts at 1 and rises when anything but metadata and status changes;
   * `specAndAnnotations`: with the annotations as well (Deployments). `none`: the kind has no generation.
   */
  readonly generation: 'spec' | 'specAndAnnotations' | 'none';
  /** Problems of `metadata.name`; for `generateName` the prefix is checked with a suffix added. */
  readonly validateName: (name: string) => readonly string[];
  /** Fills in defaults. Runs on every write, on reads of objects stored before a schema change, and on dry runs. */
  readonly setDefaults: (object: JsonObject) => void;
  /** Clears what clients may not set and allocates what the server gives. Status is already removed where `status`. */
  readonly prepareForCreate?: ((object: JsonObject, context: WriteContext) => void) | undefined;
  /** Carries over what an update may not change. Status is already the old one where `status`. */
  readonly prepareForUpdate?:
    | ((object: JsonObject, old: JsonObject, context: WriteContext) => void)
    | undefined;
  /** As prepareForUpdate, for writes through `/status`; everything but status and metadata is already the old one. */
  readonly prepareForStatusUpdate?:
    | ((object: JsonObject, old: JsonObject, context: WriteContext) => void)
    | undefined;
  /** Problems of a whole object; `old` on updates. Metadata is already checked. */
  readonly validate: (
    object: JsonObject,
    old: JsonObject | undefined,
    subresource: 'status' | undefined,
    context: WriteContext,
  ) => readonly FieldError[];
  /** `Warning` headers for a write. */
  readonly warnings?: ((object: JsonObject, old: JsonObject | undefined) => readonly string[]) | undefined;
  /** A `Warning` header for every request to a version that is deprecated. */
  readonly deprecationWarning?: string | undefined;
  /** Field selectors beside metadata.name and metadata.namespace, with the object's values. */
  readonly selectableFields?:
    | {
        readonly names: readonly string[];
        readonly of: (object: JsonObject) => Readonly<Record<string, string>>;
      }
    | undefined;
  /** Columns after Name; without any, a Table has Name and Age (Created At for custom resources). */
  readonly columns?: readonly TableColumn[] | undefined;
  /** Cells of one row, in the order of Name + `columns`. @param nowMs for ages, wall time in milliseconds */
  readonly cells?: ((object: JsonObject, nowMs: number) => Json[]) | undefined;
  /** Seconds that a deleted object stays with a deletionTimestamp (pods); undefined: it goes at once. */
  readonly gracePeriodSeconds?: ((object: JsonObject, asked: number | undefined) => number) | undefined;
  /** Whether something beside `metadata.finalizers` keeps a deleted object (a namespace: `spec.finalizers`). */
  readonly isHeld?: ((object: JsonObject) => boolean) | undefined;
  /** Changes an object that a DELETE marks and that stays for now (a namespace: its phase). @param now RFC 3339 */
  readonly prepareForDelete?: ((object: JsonObject, now: string) => void) | undefined;
  /** What a DELETE answers with: the object (pods, services, ...) or a Status. */
  readonly deleteAnswer: 'object' | 'status';
  /** Default of `propagationPolicy`; `background` unless the kind is older than that rule. */
  readonly defaultPropagation?: 'Background' | 'Orphan' | undefined;
}
