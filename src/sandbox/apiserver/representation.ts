import type { JsonObject } from '../../machinery/json.ts';
import type { Representation } from './negotiation.ts';
import { metadataOf } from './object-metadata.ts';
import { badRequestError, failure } from './request-error.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import type { IncludeObject } from './table.ts';
import { itemsOf, partialObject, tableOfList, tableOfObject } from './table.ts';

/** The same object in another shape. */
export type Transform = (object: JsonObject) => JsonObject;

const includes: readonly IncludeObject[] = ['None', 'Metadata', 'Object'];

/**
 * One object as the client wants it. A Status stays what it is.
 *
 * @param nowMs wall time in milliseconds, for ages
 * @throws RequestError 400, 406
 */
export function transformObject(
  representation: Representation,
  query: URLSearchParams,
  definition: ResourceDefinition,
  object: JsonObject,
  nowMs: number,
): JsonObject {
  const { as, version } = representation;
  if (as === undefined || object['kind'] === 'Status') return object;
  if (as === 'PartialObjectMetadata') return partialObject(object, version);
  if (as === 'Table') {
    const include = parseIncludeObject(query);
    return tableOfObject(definition, object, { version, include, columns: true, nowMs });
  }
  const asked = 'you requested PartialObjectMetadataList, but the requested object is not a list';
  throw failure(406, 'NotAcceptable', `${asked} (${definition.kind.kind})`);
}

/**
 * A list as the client wants it.
 *
 * @throws RequestError 400, 406
 */
export function transformList(
  representation: Representation,
  query: URLSearchParams,
  definition: ResourceDefinition,
  list: JsonObject,
  nowMs: number,
): JsonObject {
  const { as, version } = representation;
  if (as === undefined) return list;
  if (as === 'Table') {
    const include = parseIncludeObject(query);
    return tableOfList(definition, list, { version, include, columns: true, nowMs });
  }
  if (as === 'PartialObjectMetadata') {
    const asked = 'you requested PartialObjectMetadata, but the requested object is a list';
    throw failure(406, 'NotAcceptable', `${asked} (${definition.listKind})`);
  }
  return {
    kind: 'PartialObjectMetadataList',
    apiVersion: `meta.k8s.io/${version}`,
    metadata: metadataOf(list),
    items: itemsOf(list).map((item) => partialObject(item, version)),
  };
}

/**
 * How one watch shows its objects, bookmarks included: the first Table has the columns, so it is one transform per
 * watch. For plain objects it is the identity, and partial objects are shared, so that their text can be too.
 *
 * @param now wall time in milliseconds
 * @throws RequestError 400
 */
export function watchTransform(
  representation: Representation,
  query: URLSearchParams,
  definition: ResourceDefinition,
  now: () => number,
): Transform {
  const { as, version } = representation;
  // There are no lists in a watch.
  if (as === undefined || as === 'PartialObjectMetadataList') return (object) => object;
  if (as === 'PartialObjectMetadata') return (object) => partialObject(object, version);
  const include = parseIncludeObject(query);
  let columns = true;
  return (object) => {
    const table = tableOfObject(definition, object, { version, include, columns, nowMs: now() });
    columns = false;
    return table;
  };
}

function parseIncludeObject(query: URLSearchParams): IncludeObject {
  const asked = query.get('includeObject') ?? '';
  const include = includes.find((name) => name === asked);
  if (include !== undefined) return include;
  if (asked === '') return 'Metadata';
  const problem = `Invalid value: ${JSON.stringify(asked)}: must be 'Metadata', 'Object', 'None', or empty`;
  throw badRequestError(`Unable to convert to Table as requested: includeObject: ${problem}`);
}
