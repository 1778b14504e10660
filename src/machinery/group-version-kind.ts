import { InvalidInputError } from '../base/errors.ts';
import { validatePathSegmentName } from './names.ts';

/** A version of an API group. The core group is the empty one. */
export interface GroupVersion {
  readonly group: string;
  readonly version: string;
}

export interface GroupVersionKind extends GroupVersion {
  readonly kind: string;
}

export interface GroupVersionResource extends GroupVersion {
  /** The plural as in URLs: `deployments`. */
  readonly resource: string;
}

/**
 * Parses `apps/v1`, or `v1` for the core group.
 * @throws InvalidInputError
 */
export function parseApiVersion(text: string): GroupVersion {
  const [first = '', second, ...more] = text.split('/');
  if (first === '' || second === '' || more.length > 0) {
    throw new InvalidInputError(`unexpected GroupVersion string: ${text}`, 'InvalidApiVersion');
  }
  return second === undefined ? { group: '', version: first } : { group: first, version: second };
}

/** The group of an `apiVersion`, be it well-formed or not. */
export function groupOf(apiVersion: string): string {
  return apiVersion.slice(0, Math.max(0, apiVersion.indexOf('/')));
}

/** The inverse of {@link parseApiVersion}. */
export function apiVersionOf({ group, version }: GroupVersion): string {
  return group === '' ? version : `${group}/${version}`;
}

/** @throws InvalidInputError when its `apiVersion` is none */
export function gvkOf(object: { readonly apiVersion: string; readonly kind: string }): GroupVersionKind {
  return { ...parseApiVersion(object.apiVersion), kind: object.kind };
}

/** `apps/v1, Kind=Deployment`; for the core group `/v1, Kind=Pod`. */
export function formatGvk({ group, version, kind }: GroupVersionKind): string {
  return `${group}/${version}, Kind=${kind}`;
}

/** `apps/v1, Resource=deployments` */
export function formatGvr({ group, version, resource }: GroupVersionResource): string {
  return `${group}/${version}, Resource=${resource}`;
}

/** `Deployment.apps`; for the core group `Pod`. */
export function formatGroupKind({ group, kind }: { readonly group: string; readonly kind: string }): string {
  return group === '' ? kind : `${kind}.${group}`;
}

/** `deployments.apps`; for the core group `pods`. */
export function formatGroupResource(of: { readonly group: string; readonly resource: string }): string {
  return of.group === '' ? of.resource : `${of.resource}.${of.group}`;
}

const stabilities = ['alpha', 'beta', 'stable'] as const;

/**
 * Orders versions of a group by priority, the preferred one first: `v10 v2 v1 v11beta2 v3beta1 v12alpha1 foo1
 * foo10`. Names that do not follow the scheme come last, in the order of the alphabet.
 */
export function compareVersions(a: string, b: string): number {
  const x = parseVersion(a);
  const y = parseVersion(b);
  if (x === undefined && y === undefined) return a < b ? -1 : Number(a > b);
  if (x === undefined) return 1;
  if (y === undefined) return -1;
  return y.stability - x.stability || compareNumbers(y.major, x.major) || compareNumbers(y.minor, x.minor);
}

function parseVersion(text: string): { stability: number; major: bigint; minor: bigint } | undefined {
  const match = /^v(\d{1,18})(?:(alpha|beta)(\d{1,18}))?$/.exec(text);
  if (match === null) return undefined;
  const [, major = '0', stability = 'stable', minor = '0'] = match;
  return {
    stability: stabilities.findIndex((name) => name === stability),
    major: BigInt(major),
    minor: BigInt(minor),
  };
}

function compareNumbers(a: bigint, b: bigint): number {
  return a < b ? -1 : Number(a > b);
}

/** Where a request goes. */
export interface ResourcePath {
  readonly gvr: GroupVersionResource;
  readonly namespaced: boolean;
  /** Left out of the path for kinds that are not in namespaces. Absent = all namespaces (lists only). */
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  /** `status`, `scale`, …; needs a name. */
  readonly subresource?: string | undefined;
}

/**
 * The path of a URL: `/apis/apps/v1/namespaces/x/deployments/y/scale`. No part can lead to another path.
 * @throws InvalidInputError for a part that cannot stand in a path
 */
export function resourcePath(path: ResourcePath): string {
  const { gvr, namespaced, namespace, name, subresource } = path;
  if (namespaced && namespace === undefined && name !== undefined) {
    throw invalidPath('an empty namespace may not be set when a resource name is provided');
  }
  if (subresource !== undefined && name === undefined) {
    throw invalidPath(`subresource ${JSON.stringify(subresource)} needs the name of a resource`);
  }
  const segments = gvr.group === '' ? ['api'] : ['apis', segment('group', gvr.group)];
  segments.push(segment('version', gvr.version));
  if (namespaced && namespace !== undefined) segments.push('namespaces', segment('namespace', namespace));
  segments.push(segment('resource', gvr.resource));
  if (name !== undefined) segments.push(segment('resource name', name));
  if (subresource !== undefined) segments.push(segment('subresource', subresource));
  return `/${segments.join('/')}`;
}

function segment(what: string, text: string): string {
  const errors = text === '' ? ['may not be empty'] : validatePathSegmentName(text);
  if (!text.isWellFormed()) errors.push('must be well-formed Unicode');
  if (errors.length > 0) {
    throw invalidPath(`invalid ${what} ${JSON.stringify(text)}: [${errors.join(', ')}]`);
  }
  // RFC 3986 lets these stand as they are, and names like system:node are read by people in logs.
  return encodeURIComponent(text).replace(/%(?:3A|40)/g, decodeURIComponent);
}

function invalidPath(message: string): InvalidInputError {
  return new InvalidInputError(message, 'InvalidPath');
}

/** A resource that an API server serves. */
export interface ApiResource extends GroupVersionResource {
  readonly kind: string;
  readonly namespaced: boolean;
  /** `deployment` */
  readonly singular: string;
  /** `['deploy']` */
  readonly shortNames: readonly string[];
  /** `['all']` */
  readonly categories: readonly string[];
  /** `['get', 'list', …]` */
  readonly verbs: readonly string[];
  /** `['scale', 'status']` */
  readonly subresources: readonly string[];
}

/** `v1.APIResourceList`: how discovery tells what a group version serves. */
export interface DiscoveredResources {
  readonly groupVersion: string;
  readonly resources: readonly {
    /** `deployments`, or `deployments/scale` */
    readonly name: string;
    readonly singularName?: string;
    readonly namespaced: boolean;
    readonly kind: string;
    readonly verbs: readonly string[];
    readonly shortNames?: readonly string[];
    readonly categories?: readonly string[];
  }[];
}

type Index = ReadonlyMap<string, readonly ApiResource[]>;

/** What an API server serves: from kinds to resources and back. Immutable. */
export class ResourceMapping {
  /** In order of preference. */
  readonly resources: readonly ApiResource[];
  readonly #byKind: Index;
  readonly #byResource: Index;
  readonly #byName: Index;
  readonly #byShortName: Index;
  readonly #byCategory: Index;

  /** @param resources in order of preference: where several would do, a lookup answers with the first */
  constructor(resources: readonly ApiResource[]) {
    this.resources = resources;
    this.#byKind = indexBy(resources, ({ kind }) => [kind]);
    this.#byResource = indexBy(resources, ({ resource }) => [resource]);
    this.#byName = indexBy(resources, ({ resource, singular }) => [resource, singular]);
    this.#byShortName = indexBy(resources, ({ shortNames }) => shortNames);
    this.#byCategory = indexBy(resources, ({ categories }) => categories);
  }

  /**
   * @param lists in order of preference: groups as the server lists them, the preferred version of each first
   * @throws InvalidInputError when a `groupVersion` is none
   */
  static fromDiscovery(lists: readonly DiscoveredResources[]): ResourceMapping {
    return new ResourceMapping(lists.flatMap(resourcesOf));
  }

  /** Without `version`: in the preferred one. */
  byKind(of: {
    readonly group: string;
    readonly kind: string;
    readonly version?: string;
  }): ApiResource | undefined {
    return this.#byKind.get(of.kind)?.find((resource) => isIn(resource, of.group, of.version));
  }

  /** Without `version`: in the preferred one. */
  byResource(of: {
    readonly group: string;
    readonly resource: string;
    readonly version?: string;
  }): ApiResource | undefined {
    return this.#byResource.get(of.resource)?.find((resource) => isIn(resource, of.group, of.version));
  }

  /**
   * What a user means by `deployments`, `deployment`, `deploy`, `Deployment`, `deploy.apps` or
   * `deployments.v1.apps`. As kubectl: names go before short names, an exact group before one that only starts so.
   */
  byArgument(argument: string): ApiResource | undefined {
    const [name = '', version, ...group] = argument.toLowerCase().split('.');
    if (version === undefined) return this.#find(name);
    const versioned = group.length > 0 ? this.#find(name, group.join('.'), version) : undefined;
    return versioned ?? this.#find(name, [version, ...group].join('.'));
  }

  /** All resources of a category, such as `all`. */
  byCategory(category: string): readonly ApiResource[] {
    return this.#byCategory.get(category) ?? [];
  }

  #find(name: string, group?: string, version?: string): ApiResource | undefined {
    const candidates = [this.#byName.get(name) ?? [], this.#byShortName.get(name) ?? []];
    for (const named of candidates) {
      const found =
        named.find((resource) => isIn(resource, group, version)) ??
        named.find(
          (resource) => resource.group.startsWith(group ?? '') && isIn(resource, undefined, version),
        );
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function isIn(resource: ApiResource, group: string | undefined, version: string | undefined): boolean {
  return (
    (group === undefined || resource.group === group) &&
    (version === undefined || resource.version === version)
  );
}

function indexBy(
  resources: readonly ApiResource[],
  keysOf: (resource: ApiResource) => readonly string[],
): Index {
  const index = new Map<string, ApiResource[]>();
  for (const resource of resources) {
    for (const key of new Set(keysOf(resource))) {
      const entries = index.get(key);
      if (entries === undefined) index.set(key, [resource]);
      else entries.push(resource);
    }
  }
  return index;
}

function resourcesOf({ groupVersion, resources }: DiscoveredResources): ApiResource[] {
  const gv = parseApiVersion(groupVersion);
  const subresources = new Map<string, string[]>();
  for (const { name } of resources) {
    const slash = name.indexOf('/');
    if (slash === -1) continue;
    const parent = name.slice(0, slash);
    subresources.set(parent, [...(subresources.get(parent) ?? []), name.slice(slash + 1)]);
  }
  return resources
    .filter(({ name }) => !name.includes('/'))
    .map((entry) => ({
      ...gv,
      resource: entry.name,
      kind: entry.kind,
      namespaced: entry.namespaced,
      // Old servers leave it out.
      singular: entry.singularName || entry.kind.toLowerCase(),
      shortNames: entry.shortNames ?? [],
      categories: entry.categories ?? [],
      verbs: entry.verbs,
      subresources: subresources.get(entry.name) ?? [],
    }));
}
