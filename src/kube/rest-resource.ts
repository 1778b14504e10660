import { InvalidInputError } from '../base/errors.ts';
import { FetchError } from '../base/fetch.ts';
import { formatGroupResource, resourcePath } from '../machinery/group-version-kind.ts';
import type { KubeList, KubeObject, WatchEvent } from '../machinery/object.ts';
import { parseList, parseObject, parseWatchEvent } from './answers.ts';
import { isExpired } from './api-error.ts';
import type {
  ApplyOptions,
  DeleteOptions,
  GetOptions,
  ListOptions,
  ObjectKey,
  PatchType,
  ResourceClient,
  ResourceKind,
  Selection,
  WatchOptions,
  WriteOptions,
} from './resource-client.ts';
import { labelOf, type Query, type RestRequest, type RestTransport } from './rest-transport.ts';

const patchTypes: { readonly [type in PatchType]: string } = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
};
/** JSON is YAML, and the only form that every server takes under this name. */
const applyType = 'application/apply-patch+yaml';

/** Plain JSON as the second choice: an extension server may not know how to leave the rest out. */
const metadataOf = (kind: string): string =>
  `application/json;as=${kind};g=meta.k8s.io;v=v1,application/json`;
const acceptObject = metadataOf('PartialObjectMetadata');
const acceptList = metadataOf('PartialObjectMetadataList');

/** As client-go's pager. */
const defaultPageSize = 500;

/** How much longer than agreed a watch may take before the client ends it. */
const watchGraceMs = 10_000;

/** The requests of one kind over HTTP. */
export class RestResource<T extends KubeObject> implements ResourceClient<T> {
  readonly kind: ResourceKind;
  readonly #transport: RestTransport;
  readonly #fieldManager: string | undefined;

  constructor(kind: ResourceKind, transport: RestTransport, fieldManager: string | undefined) {
    this.kind = kind;
    this.#transport = transport;
    this.#fieldManager = fieldManager;
  }

  async get(key: ObjectKey, options: GetOptions = {}): Promise<T> {
    return this.#object({
      method: 'GET',
      path: this.#path(key.namespace, requiredName(key.name), options.subresource),
      query: { resourceVersion: options.resourceVersion },
      accept: options.metadataOnly === true ? acceptObject : undefined,
      signal: options.signal,
      timeoutMs: options.timeoutMs,
    });
  }

  async list(options: ListOptions = {}): Promise<KubeList<T>> {
    const request: RestRequest = {
      method: 'GET',
      path: this.#path(options.namespace),
      query: {
        ...selectionQuery(options),
        limit: options.limit,
        continue: options.continue,
        resourceVersion: options.resourceVersion,
        resourceVersionMatch: options.resourceVersionMatch,
      },
      accept: options.metadataOnly === true ? acceptList : undefined,
      signal: options.signal,
      timeoutMs: options.timeoutMs,
    };
    return this.#transport.send(request, async (response) =>
      parseList<T>(await response.json(), labelOf(request)),
    );
  }

  async listAll(options: ListOptions = {}): Promise<KubeList<T>> {
    const limit = options.limit ?? defaultPageSize;
    const first = await this.list({ ...options, limit });
    const items = [...first.items];
    let next = first.metadata.continue;
    while (next !== undefined) {
      let page: KubeList<T>;
      try {
        // The token stands for the version: a server refuses both together.
        page = await this.list({
          ...options,
          limit,
          continue: next,
          resourceVersion: undefined,
          resourceVersionMatch: undefined,
        });
      } catch (error) {
        // The version of the first page is gone: all at once then, as client-go does.
        if (isExpired(error)) return this.list({ ...options, limit: undefined, continue: undefined });
        throw error;
      }
      if (page.metadata.continue === next) {
        throw new FetchError('MalformedBody', `the list of ${formatGroupResource(this.kind)} never ends`);
      }
      for (const item of page.items) items.push(item);
      next = page.metadata.continue;
    }
    const { resourceVersion } = first.metadata;
    return { ...first, metadata: resourceVersion === undefined ? {} : { resourceVersion }, items };
  }

  watch(options: WatchOptions = {}): AsyncIterable<WatchEvent<T>> {
    const { timeoutSeconds } = options;
    const request: RestRequest = {
      method: 'GET',
      path: this.#path(options.namespace),
      query: {
        watch: true,
        allowWatchBookmarks: true,
        ...selectionQuery(options),
        resourceVersion: options.resourceVersion,
        timeoutSeconds,
      },
      accept: options.metadataOnly === true ? acceptObject : undefined,
      signal: options.signal,
    };
    const longestMs = timeoutSeconds === undefined ? undefined : timeoutSeconds * 1000 + watchGraceMs;
    return this.#transport.stream(
      request,
      (response) => {
        options.onOpen?.();
        return eventsOf<T>(response.jsonLines(), labelOf(request));
      },
      longestMs,
    );
  }

  async create(object: T, options: WriteOptions = {}): Promise<T> {
    const { namespace, name } = object.metadata;
    const { subresource } = options;
    return this.#write(options, {
      method: 'POST',
      path: this.#path(
        this.#namespaceOf(namespace),
        subresource === undefined ? undefined : requiredName(name),
        subresource,
      ),
      json: object,
    });
  }

  async update(object: T, options: WriteOptions = {}): Promise<T> {
    const path = this.#pathOf(object, options);
    return this.#write(options, { method: 'PUT', path, json: object });
  }

  async patch(key: ObjectKey, type: PatchType, patch: unknown, options: WriteOptions = {}): Promise<T> {
    return this.#write(options, {
      method: 'PATCH',
      path: this.#path(key.namespace, requiredName(key.name), options.subresource),
      contentType: patchTypes[type],
      json: patch,
    });
  }

  async apply(object: T, options: ApplyOptions = {}): Promise<T> {
    if ((options.fieldManager ?? this.#fieldManager) === undefined) {
      throw new InvalidInputError('server-side apply needs a field manager: it owns what is applied');
    }
    const request: RestRequest = {
      method: 'PATCH',
      path: this.#pathOf(object, options),
      contentType: applyType,
      json: object,
    };
    return this.#write(options, request, { force: options.force === true ? true : undefined });
  }

  async delete(key: ObjectKey, options: DeleteOptions = {}): Promise<KubeObject> {
    const request: RestRequest = {
      method: 'DELETE',
      path: this.#path(key.namespace, requiredName(key.name)),
      json: deleteBody(options),
      signal: options.signal,
      timeoutMs: options.timeoutMs,
    };
    return this.#transport.send(request, async (response) =>
      parseObject(await response.json(), labelOf(request)),
    );
  }

  async deleteCollection(options: ListOptions & DeleteOptions = {}): Promise<void> {
    const request: RestRequest = {
      method: 'DELETE',
      path: this.#path(this.#namespaceOf(options.namespace)),
      query: {
        ...selectionQuery(options),
        limit: options.limit,
        continue: options.continue,
        resourceVersion: options.resourceVersion,
        resourceVersionMatch: options.resourceVersionMatch,
      },
      json: deleteBody(options),
      signal: options.signal,
      timeoutMs: options.timeoutMs,
    };
    // The answer lists what was deleted, or is a Status; nobody asked.
    return this.#transport.send(request, async (response) => response.cancel());
  }

  #write(options: WriteOptions, request: RestRequest, query: Query = {}): Promise<T> {
    return this.#object({
      ...request,
      query: {
        fieldManager: options.fieldManager ?? this.#fieldManager,
        fieldValidation: options.fieldValidation,
        dryRun: options.dryRun === true ? 'All' : undefined,
        ...query,
      },
      signal: options.signal,
      timeoutMs: options.timeoutMs,
    });
  }

  #object(request: RestRequest): Promise<T> {
    // The kind was asked for by its URL; whoever knows it checks its fields.
    return this.#transport.send(
      request,
      async (response) => parseObject(await response.json(), labelOf(request)) as T,
    );
  }

  #pathOf(object: T, { subresource }: WriteOptions): string {
    const { namespace, name } = object.metadata;
    return this.#path(namespace, requiredName(name), subresource);
  }

  #path(namespace: string | undefined, name?: string, subresource?: string): string {
    const { namespaced } = this.kind;
    return resourcePath({ gvr: this.kind, namespaced, namespace, name, subresource });
  }

  /** Only lists and watches span namespaces. */
  #namespaceOf(namespace: string | undefined): string | undefined {
    if (this.kind.namespaced && (namespace === undefined || namespace === '')) {
      throw new InvalidInputError(`${formatGroupResource(this.kind)} live in namespaces: name one`);
    }
    return namespace;
  }
}

/** A path without the name would be the one of all objects. */
function requiredName(name: string | undefined): string {
  if (name === undefined || name === '') throw new InvalidInputError('the object has no name');
  return name;
}

function selectionQuery({ labelSelector, fieldSelector }: Selection): Query {
  // An empty selector selects all, as no selector does.
  return { labelSelector: labelSelector || undefined, fieldSelector: fieldSelector || undefined };
}

/** In the body, not the query: a server reads only one of them. */
function deleteBody(options: DeleteOptions): unknown {
  const { gracePeriodSeconds, propagationPolicy, preconditions, dryRun } = options;
  const body = {
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(preconditions === undefined ? {} : { preconditions: definedOf(preconditions) }),
    ...(dryRun === true ? { dryRun: ['All'] } : {}),
  };
  return Object.keys(body).length === 0 ? undefined : { apiVersion: 'v1', kind: 'DeleteOptions', ...body };
}

function definedOf(fields: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

async function* eventsOf<T extends KubeObject>(
  lines: AsyncIterable<unknown>,
  request: string,
): AsyncGenerator<WatchEvent<T>> {
  for await (const line of lines) yield parseWatchEvent<T>(line, request);
}
