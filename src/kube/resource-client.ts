import type { KubeList, KubeObject, Unstructured, WatchEvent } from '../machinery/object.ts';

/** Where a kind is served, and whether its objects live in namespaces. */
export interface ResourceKind {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** The plural as in URLs: `deployments`. */
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** What every request may carry. */
export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the whole request; default: the client's. A watch has none: see {@link WatchOptions}. */
  readonly timeoutMs?: number | undefined;
}

export interface GetOptions extends RequestOptions {
  /** As the server defines it: absent = newest, `0` = any. */
  readonly resourceVersion?: string | undefined;
  /** Ask for `metadata` alone (PartialObjectMetadata). */
  readonly metadataOnly?: boolean | undefined;
  /** `status`, `scale`, …: read that part alone. */
  readonly subresource?: string | undefined;
}

/** Which objects. */
export interface Selection {
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ListOptions extends Selection, RequestOptions {
  /** Absent = all namespaces (or a kind without namespaces). */
  readonly namespace?: string | undefined;
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan' | undefined;
  readonly metadataOnly?: boolean | undefined;
}

export interface WatchOptions extends Selection {
  readonly namespace?: string | undefined;
  /** Events after this version. */
  readonly resourceVersion?: string | undefined;
  /** The server ends the watch after so many seconds; the client gives up a little later, should it not. */
  readonly timeoutSeconds?: number | undefined;
  readonly metadataOnly?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called once when the server has accepted the watch: the first event may be minutes away. */
  readonly onOpen?: (() => void) | undefined;
}

export interface WriteOptions extends RequestOptions {
  /** Who owns the fields that this write sets; default: the client's. */
  readonly fieldManager?: string | undefined;
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore' | undefined;
  readonly dryRun?: boolean | undefined;
  /** `status`, `scale`, …: write that part alone. */
  readonly subresource?: string | undefined;
}

export interface ApplyOptions extends WriteOptions {
  /** Take fields over that other managers own, instead of failing with a conflict. */
  readonly force?: boolean | undefined;
}

export interface DeleteOptions extends RequestOptions {
  readonly gracePeriodSeconds?: number | undefined;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground' | undefined;
  /** Delete only the object that has these. */
  readonly preconditions?:
    | { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined }
    | undefined;
  readonly dryRun?: boolean | undefined;
}

/** The formats of PATCH beside server-side apply. */
export type PatchType = 'json' | 'merge' | 'strategic';

/** Names one object. `namespace` is left out for kinds without namespaces. */
export interface ObjectKey {
  readonly namespace?: string | undefined;
  readonly name: string;
}

/**
 * The requests of one kind. Every method rejects with an {@link ApiError} when the server says no, a FetchError
 * when there was no answer, a DeadlineError or CancelledError when time or the caller ran out.
 *
 * Objects that come back are read-only: they may be shared with a cache or with a server in the same process.
 * Copy (`structuredClone`, `jsonClone`) before changing one. A namespaced object names its namespace in its
 * metadata.
 */
export interface ResourceClient<T extends KubeObject = Unstructured> {
  readonly kind: ResourceKind;
  get(key: ObjectKey, options?: GetOptions): Promise<T>;
  /** One page: `metadata.continue` leads to the next. */
  list(options?: ListOptions): Promise<KubeList<T>>;
  /**
   * All pages, consistent with one version of the server.
   * @param options `limit` is the size of a page, default 500
   */
  listAll(options?: ListOptions): Promise<KubeList<T>>;
  /**
   * Events until the server or the caller ends the watch; bookmarks included. An `ERROR` event is thrown as an
   * ApiError.
   */
  watch(options?: WatchOptions): AsyncIterable<WatchEvent<T>>;
  create(object: T, options?: WriteOptions): Promise<T>;
  /** Replaces the object; with `metadata.resourceVersion`, only if it is still the newest. */
  update(object: T, options?: WriteOptions): Promise<T>;
  patch(key: ObjectKey, type: PatchType, patch: unknown, options?: WriteOptions): Promise<T>;
  /** Server-side apply. */
  apply(object: T, options?: ApplyOptions): Promise<T>;
  /** The server's answer: the object while finalizers hold it, or a Status. */
  delete(key: ObjectKey, options?: DeleteOptions): Promise<KubeObject>;
  deleteCollection(options?: ListOptions & DeleteOptions): Promise<void>;
}

/** A connection to one cluster as one user. */
export interface Client {
  resource<T extends KubeObject = Unstructured>(kind: ResourceKind): ResourceClient<T>;
}
