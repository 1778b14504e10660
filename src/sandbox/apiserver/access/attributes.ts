import type { Access } from '../handler.ts';

/** What somebody wants to do with an API resource. */
export interface ResourceAttributes {
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  /** Empty for the object itself. */
  readonly subresource: string;
  /** Undefined for all namespaces, and for kinds without. */
  readonly namespace: string | undefined;
  /** Undefined for all names. */
  readonly name: string | undefined;
}

/** What somebody wants to do with a path that is no resource. */
export interface PathAttributes {
  readonly verb: string;
  readonly path: string;
}

export type Attributes = ResourceAttributes | PathAttributes;

/** What a request wants. */
export function attributesOf({ http, info, path, query }: Access): Attributes {
  if (info === undefined) return { verb: http.method.toLowerCase(), path };
  const { group, version, resource, subresource, name, verb } = info;
  const isMany = verb === 'list' || verb === 'watch' || verb === 'deletecollection';
  return {
    verb: verb ?? http.method.toLowerCase(),
    group,
    version,
    resource,
    subresource,
    // A namespace lies in itself: whoever may read everything in it may read it.
    namespace: info.namespace ?? (group === '' && resource === 'namespaces' ? name : undefined),
    name: name ?? (isMany ? selectedName(query.get('fieldSelector')) : undefined),
  };
}

/** A list of one name is a request for that name. */
function selectedName(fieldSelector: string | null): string | undefined {
  return /^metadata\.name==?([^,=!]+)$/.exec(fieldSelector ?? '')?.[1];
}
