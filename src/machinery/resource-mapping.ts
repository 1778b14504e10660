import { parseApiVersion } from './group-version-kind.ts';
import type { GroupVersionResource } from './group-version-kind.ts';

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
  byKind(of: { readonly group: string; readonly kind: string; readonly version?: string }):
    | ApiResource
    | undefined {
    return this.#byKind.get(of.kind)?.find((resource) => isIn(resource, of.group, of.version));
  }

  /** Without `version`: in the preferred one. */
  byResource(of: { readonly group: string; readonly resource: string; readonly version?: string }):
    | ApiResource
    | undefined {
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
