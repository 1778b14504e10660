import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { TypedError } from '../base/errors.ts';
import { FetchError, parseJsonBody } from '../base/fetch.ts';
import {
  type ApiResource,
  apiVersionOf,
  type DiscoveredResources,
  formatGvk,
  ResourceMapping,
} from '../machinery/group-version-kind.ts';
import { isNotFound } from './api-error.ts';
import type { RestClient } from './rest-client.ts';

// Two protocols: the aggregated one tells all in two requests (v2 since Kubernetes 1.30, v2beta1 since 1.27); the
// old one needs a request for each version of each group. The server picks by the Accept header.
const accept = [
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList',
  'application/json',
].join(',');

const names = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? []);

const groupList = z.object({
  kind: z.literal('APIGroupDiscoveryList'),
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string().default('') }).prefault({}),
      versions: z.array(
        z.object({
          version: z.string().min(1),
          freshness: z.string().optional(),
          resources: z
            .array(
              z.object({
                resource: z.string().min(1),
                responseKind: z.object({ kind: z.string() }).nullish(),
                scope: z.string(),
                singularResource: z.string().default(''),
                verbs: names,
                shortNames: names,
                categories: names,
                subresources: z
                  .array(z.object({ subresource: z.string(), verbs: names }))
                  .nullish()
                  .transform((list) => list ?? []),
              }),
            )
            .nullish()
            .transform((list) => list ?? []),
        }),
      ),
    }),
  ),
});

const coreVersions = z.object({ kind: z.literal('APIVersions'), versions: z.array(z.string()) });

const oldGroupList = z.object({
  kind: z.literal('APIGroupList'),
  groups: z.array(
    z.object({
      versions: z.array(z.object({ groupVersion: z.string() })),
      preferredVersion: z.object({ groupVersion: z.string() }).optional(),
    }),
  ),
});

const resourceList = z.object({
  groupVersion: z.string(),
  resources: z.array(
    z.object({
      name: z.string().min(1),
      singularName: z.string().default(''),
      namespaced: z.boolean(),
      kind: z.string(),
      verbs: names,
      shortNames: names,
      categories: names,
    }),
  ),
});

const root = z.union([groupList, coreVersions, oldGroupList]);

/** What a server serves, and what it could not tell. */
export interface Discovered {
  readonly mapping: ResourceMapping;
  /** `apiVersion`s whose resources are unknown now: their extension server does not answer. */
  readonly failed: readonly string[];
}

/**
 * Asks a server what it serves.
 *
 * @throws ApiError, FetchError when it does not tell; a single group version that fails is left out
 */
export async function discover(client: Pick<RestClient, 'raw'>): Promise<Discovered> {
  const roots = await Promise.all([discoverRoot(client, '/api'), discoverRoot(client, '/apis')]);
  return {
    mapping: ResourceMapping.fromDiscovery(roots.flatMap(({ lists }) => lists)),
    failed: roots.flatMap(({ failed }) => failed),
  };
}

interface RootLists {
  readonly lists: readonly DiscoveredResources[];
  readonly failed: readonly string[];
}

async function discoverRoot(client: Pick<RestClient, 'raw'>, path: string): Promise<RootLists> {
  let answer: z.infer<typeof root>;
  try {
    answer = await ask(client, path, root);
  } catch (error) {
    // An extension server on its own has no core group.
    if (isNotFound(error)) return { lists: [], failed: [] };
    throw error;
  }
  if (answer.kind === 'APIGroupDiscoveryList') return fromAggregated(answer);
  const versions = answer.kind === 'APIVersions' ? answer.versions : answer.groups.flatMap(preferredFirst);
  return discoverVersions(client, path, versions);
}

function preferredFirst(group: z.infer<typeof oldGroupList>['groups'][number]): string[] {
  const versions = group.versions.map(({ groupVersion }) => groupVersion);
  const preferred = group.preferredVersion?.groupVersion;
  return [...new Set(preferred === undefined ? versions : [preferred, ...versions])];
}

async function discoverVersions(
  client: Pick<RestClient, 'raw'>,
  path: string,
  versions: readonly string[],
): Promise<RootLists> {
  const answers = await Promise.allSettled(
    versions.map((version) => ask(client, `${path}/${version}`, resourceList)),
  );
  return {
    lists: answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : [])),
    failed: versions.filter((_, i) => answers[i]?.status === 'rejected'),
  };
}

function fromAggregated({ items }: z.infer<typeof groupList>): RootLists {
  const lists: DiscoveredResources[] = [];
  const failed: string[] = [];
  for (const { metadata, versions } of items) {
    for (const { version, freshness, resources } of versions) {
      const groupVersion = apiVersionOf({ group: metadata.name, version });
      if (freshness === 'Stale' && resources.length === 0) failed.push(groupVersion);
      lists.push({
        groupVersion,
        resources: resources.flatMap((resource) => {
          const kind = resource.responseKind?.kind ?? '';
          const namespaced = resource.scope === 'Namespaced';
          const { resource: name, singularResource: singularName, verbs, shortNames, categories } = resource;
          const subresources = resource.subresources.map((sub) => ({
            name: `${name}/${sub.subresource}`,
            namespaced,
            kind,
            verbs: sub.verbs,
          }));
          return [{ name, singularName, namespaced, kind, verbs, shortNames, categories }, ...subresources];
        }),
      });
    }
  }
  return { lists, failed };
}

async function ask<S extends z.ZodType>(
  client: Pick<RestClient, 'raw'>,
  path: string,
  schema: S,
): Promise<z.infer<S>> {
  const { text } = await client.raw('GET', path, { accept });
  const answer = schema.safeParse(parseJsonBody(text));
  if (!answer.success) throw new FetchError('MalformedBody', `GET ${path}: the answer is no API discovery`);
  return answer.data;
}

/** Looks kinds up at one server, and remembers what it said. */
export interface Discovery {
  /** What the server serves; up to `ttlMs` old. */
  mapping(): Promise<ResourceMapping>;
  /**
   * The resource of a kind. Asks again for a kind that is not known yet (a CRD just made), but not more often than
   * every `unknownKindMs`.
   *
   * @param of without `version`: in the preferred one
   * @throws TypedError `UnknownKind` (`retry`: a CRD may bring it)
   */
  resourceOf(of: { group: string; kind: string; version?: string }): Promise<ApiResource>;
  /** Forgets all: the next lookup asks. */
  invalidate(): void;
}

export interface DiscoveryOptions {
  readonly client: Pick<RestClient, 'raw'>;
  readonly clock: Clock;
  /** Default: 10 minutes. */
  readonly ttlMs?: number | undefined;
  /** Default: 10 seconds. */
  readonly unknownKindMs?: number | undefined;
}

export function createDiscovery(options: DiscoveryOptions): Discovery {
  const { client, clock, ttlMs = 600_000, unknownKindMs = 10_000 } = options;
  let known: (Discovered & { at: number }) | undefined;
  let asking: Promise<Discovered> | undefined;

  const refresh = (): Promise<Discovered> => {
    const mine: Promise<Discovered> = discover(client)
      .then((discovered) => {
        // Else it was invalidated meanwhile, and this answer may be older than that.
        if (asking === mine) known = { ...discovered, at: clock.monotonic() };
        return discovered;
      })
      .finally(() => {
        if (asking === mine) asking = undefined;
      });
    return mine;
  };
  /** What is known, if it is not older than `maxAgeMs`; else what the server says now. */
  const discovered = async (maxAgeMs: number): Promise<Discovered> => {
    if (known !== undefined && clock.monotonic() - known.at < maxAgeMs) return known;
    asking ??= refresh();
    return asking;
  };

  return {
    mapping: async () => (await discovered(ttlMs)).mapping,
    async resourceOf(of) {
      const found =
        (await discovered(ttlMs)).mapping.byKind(of) ?? (await discovered(unknownKindMs)).mapping.byKind(of);
      if (found !== undefined) return found;
      const apiVersion = of.version ?? '*';
      const failed = known?.failed ?? [];
      const blind =
        failed.length === 0 ? '' : `; unknown now, as their servers do not answer: ${failed.join(', ')}`;
      throw new TypedError(
        `the cluster does not serve ${formatGvk({ ...of, version: apiVersion })}; is its CRD installed?${blind}`,
        { code: 'UnknownKind', next: 'retry' },
      );
    },
    invalidate() {
      known = undefined;
      asking = undefined;
    },
  };
}
