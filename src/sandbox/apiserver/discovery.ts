import { createHash } from 'node:crypto';
import type { FetchResponse } from '../../base/fetch.ts';
import { jsonResponse, memoryResponse } from '../../base/fetch.ts';
import type { HttpRequest } from '../../base/network.ts';
import type { JsonObject } from '../../machinery/json.ts';
import { apiVersionOf } from '../../machinery/group-version-kind.ts';
import type { ApiGroup, ApiVersion } from './group-order.ts';
import { groupsOf } from './group-order.ts';
import { negotiate } from './negotiation.ts';
import type { Registry } from './registry.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import type { Subresource } from './subresources.ts';
import { subresourcesOf } from './subresources.ts';

/** One document of discovery, kept until the kinds change. */
interface Document {
  readonly body: JsonObject;
  readonly etag: string;
}

/** `/api`, `/api/VERSION`, `/apis`, `/apis/GROUP`, `/apis/GROUP/VERSION`. */
const documentPath = /^(\/api(?:\/[^/?]+)?|\/apis(?:\/[^/?]+){0,2})\/?(?:\?|$)/;
const aggregatedType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/**
 * Which groups, versions and kinds there are: the documents at `/api` and `/apis`, one by one or, for clients that
 * ask for it, all in one (aggregated discovery, `apidiscovery.k8s.io/v2`).
 */
export class Discovery {
  readonly #registry: Registry;
  readonly #documents = new Map<string, Document | undefined>();

  constructor(registry: Registry) {
    this.#registry = registry;
    registry.onChange(() => this.#documents.clear());
  }

  /**
   * @returns undefined when the path is no document of discovery, or names nothing that is served
   * @throws RequestError 406
   */
  answer(request: HttpRequest): FetchResponse | undefined {
    if (request.method !== 'GET' && request.method !== 'HEAD') return undefined;
    const path = documentPath.exec(request.url)?.[1];
    if (path === undefined) return undefined;
    const accept = request.headers['accept'];
    if ((path === '/api' || path === '/apis') && wantsAggregated(accept)) {
      return this.#answerAggregated(path === '/api', request.headers['if-none-match']);
    }
    const document = this.#document(path, () => legacyDocument(groupsOf(this.#registry), path));
    if (document === undefined) return undefined;
    negotiate(accept);
    return path === '/api'
      ? jsonResponse(200, { ...document.body, ...serverAddress(request) })
      : jsonResponse(200, document.body);
  }

  #answerAggregated(isCore: boolean, ifNoneMatch: string | undefined): FetchResponse | undefined {
    const document = this.#document(`aggregated ${isCore}`, () => aggregatedDocument(this.#registry, isCore));
    if (document === undefined) return undefined;
    const headers = {
      'content-type': aggregatedType,
      vary: 'Accept',
      'cache-control': 'public',
      etag: document.etag,
    };
    if (ifNoneMatch === document.etag) return memoryResponse(304, headers, []);
    return jsonResponse(200, document.body, headers);
  }

  #document(key: string, make: () => JsonObject | undefined): Document | undefined {
    const known = this.#documents.get(key);
    if (known !== undefined) return known;
    const body = make();
    if (body === undefined) return undefined;
    const hash = createHash('sha512').update(JSON.stringify(body)).digest('hex').toUpperCase();
    const document = { body, etag: `"${hash}"` };
    this.#documents.set(key, document);
    return document;
  }
}

/** Whether a clause of the `Accept` header asks for aggregated discovery; the order of the clauses does not count. */
function wantsAggregated(accept: string | undefined): boolean {
  return (accept ?? '').split(',').some((clause) => {
    const [mediaType = '', ...parameters] = clause.split(';').map((part) => part.trim());
    const wanted = ['g=apidiscovery.k8s.io', 'v=v2', 'as=APIGroupDiscoveryList'];
    return (
      ['application/json', 'application/*', '*/*'].includes(mediaType) &&
      wanted.every((parameter) => parameters.includes(parameter))
    );
  });
}

/** Where this server is: the way that the client came. */
function serverAddress(request: HttpRequest): JsonObject {
  const address = request.headers['host'] ?? '';
  return { serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }] };
}

function legacyDocument(groups: readonly ApiGroup[], path: string): JsonObject | undefined {
  const [, root, first, second] = path.split('/');
  if (root === 'api') {
    const core = groups.find(({ name }) => name === '');
    if (core === undefined) return undefined;
    if (first !== undefined) return resourceList(core, first);
    return { kind: 'APIVersions', versions: core.versions.map(({ version }) => version) };
  }
  if (first === undefined) {
    const named = groups.filter(({ name }) => name !== '');
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: named.map((group) => groupDocument(group)) };
  }
  const group = groups.find(({ name }) => name === first && name !== '');
  if (group === undefined) return undefined;
  if (second !== undefined) return resourceList(group, second);
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(group) };
}

function groupDocument({ name, versions }: ApiGroup): JsonObject {
  const list = versions.map(({ version }) => ({
    groupVersion: apiVersionOf({ group: name, version }),
    version,
  }));
  return { name, versions: list, preferredVersion: list[0] ?? null };
}

function resourceList(group: ApiGroup, version: string): JsonObject | undefined {
  const found = group.versions.find((served) => served.version === version);
  if (found === undefined) return undefined;
  return {
    kind: 'APIResourceList',
    // The core list is older than this field.
    ...(group.name === '' ? {} : { apiVersion: 'v1' }),
    groupVersion: apiVersionOf({ group: group.name, version }),
    resources: found.definitions.flatMap((definition) => resourceEntries(definition)),
  };
}

/** A kind and its subresources, as an APIResourceList has them. */
function resourceEntries(definition: ResourceDefinition): JsonObject[] {
  const { kind, shortNames, categories, verbs } = definition;
  const entry: JsonObject = {
    name: kind.resource,
    singularName: definition.singular,
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs: [...verbs],
    ...(shortNames.length === 0 ? {} : { shortNames: [...shortNames] }),
    ...(categories.length === 0 ? {} : { categories: [...categories] }),
    ...(verbs.includes('get') ? { storageVersionHash: storageVersionHash(definition) } : {}),
  };
  const subresources = subresourcesOf(definition).map((subresource) => ({
    name: `${kind.resource}/${subresource.name}`,
    singularName: '',
    namespaced: kind.namespaced,
    ...foreignVersion(definition, subresource),
    kind: subresource.kind?.kind ?? kind.kind,
    verbs: [...subresource.verbs],
  }));
  return [entry, ...subresources];
}

/** Group and version of what a subresource takes, where they are not those of its kind. */
function foreignVersion({ kind }: ResourceDefinition, subresource: Subresource): JsonObject {
  const { group, version } = subresource.kind ?? kind;
  return group === kind.group && version === kind.version ? {} : { group, version };
}

/** Changes when the stored version of a kind does. Source: StorageVersionHash of the API server's discovery. */
export function storageVersionHash({ storageKey, storageVersion, kind }: ResourceDefinition): string {
  const dot = storageKey.indexOf('.');
  const group = dot < 0 ? '' : storageKey.slice(dot + 1);
  const hash = createHash('sha256').update(`${group}/${storageVersion}/${kind.kind}`).digest();
  return hash.subarray(0, 8).toString('base64');
}

function aggregatedDocument(registry: Registry, isCore: boolean): JsonObject {
  const groups = groupsOf(registry).filter(({ name }) => (name === '') === isCore);
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map(({ name, versions }) => ({
      metadata: name === '' ? {} : { name },
      versions: versions.map((version) => aggregatedVersion(version)),
    })),
  };
}

function aggregatedVersion({ version, definitions }: ApiVersion): JsonObject {
  return {
    version,
    resources: definitions.map((definition) => aggregatedResource(definition)),
    freshness: 'Current',
  };
}

function aggregatedResource(definition: ResourceDefinition): JsonObject {
  const { kind, shortNames, categories, verbs } = definition;
  // Empty means "the same as here", which is how built-in kinds say it.
  const own = definition.custom ? { group: kind.group, version: kind.version } : { group: '', version: '' };
  const subresources = subresourcesOf(definition).map((subresource) => ({
    subresource: subresource.name,
    responseKind: {
      ...own,
      ...foreignVersion(definition, subresource),
      kind: subresource.kind?.kind ?? kind.kind,
    },
    verbs: [...subresource.verbs],
  }));
  return {
    resource: kind.resource,
    responseKind: { ...own, kind: kind.kind },
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: definition.singular,
    verbs: [...verbs],
    ...(shortNames.length === 0 ? {} : { shortNames: [...shortNames] }),
    ...(categories.length === 0 ? {} : { categories: [...categories] }),
    ...(subresources.length === 0 ? {} : { subresources }),
  };
}
