import { apiVersionOf } from '../../machinery/group-version-kind.ts';
import type { JsonObject } from '../../machinery/json.ts';
import type { ListMeta } from '../../machinery/object.ts';
import type { ApiRequest, ApiServer, TransformInput } from './api-server.ts';
import { badRequestError, failure } from './request-error.ts';
import type { ResourceDefinition } from './resource-definition.ts';

/** An object in the shape that the client wants. @param object as served */
export function represent(
  server: ApiServer,
  request: ApiRequest,
  object: JsonObject,
  withColumns = true,
): JsonObject {
  const { as } = request.representation;
  if (as === undefined || server.transform === undefined) return object;
  return server.transform(inputOf(server, request, as, [object], undefined, withColumns));
}

/** A list in the shape that the client wants. @param items as served */
export function representList(
  server: ApiServer,
  request: ApiRequest,
  items: readonly JsonObject[],
  metadata: ListMeta,
): JsonObject {
  const { as } = request.representation;
  if (as === undefined || server.transform === undefined)
    return listObject(request.definition, items, metadata);
  return server.transform(inputOf(server, request, as, items, metadata, true));
}

function inputOf(
  server: ApiServer,
  { definition, query, representation }: ApiRequest,
  as: TransformInput['as'],
  items: readonly JsonObject[],
  list: ListMeta | undefined,
  withColumns: boolean,
): TransformInput {
  const { version } = representation;
  const includeObject = query.get('includeObject') ?? '';
  return { definition, as, version, items, list, includeObject, withColumns, nowMs: server.clock.now() };
}

/** Refuses a shape that cannot be made, before anything else happens. @throws RequestError 400, 406 */
export function checkRepresentation(server: ApiServer, { representation, query }: ApiRequest): void {
  if (representation.as === undefined) return;
  if (server.transform === undefined) {
    const message = 'only the following media types are accepted: application/json, application/yaml';
    throw failure(406, 'NotAcceptable', message);
  }
  const includeObject = query.get('includeObject') ?? '';
  if (['', 'None', 'Metadata', 'Object'].includes(includeObject)) return;
  throw badRequestError(
    `includeObject: Invalid value: "${includeObject}": must be 'Metadata', 'Object', 'None', or empty`,
  );
}

/** The list as an object of its own. Items of built-in kinds do not repeat their kind. */
function listObject(
  definition: ResourceDefinition,
  items: readonly JsonObject[],
  metadata: ListMeta,
): JsonObject {
  return {
    kind: definition.listKind,
    apiVersion: apiVersionOf(definition.kind),
    metadata: { ...metadata },
    items: definition.custom ? [...items] : items.map(withoutKind),
  };
}

const bare = new WeakMap<JsonObject, JsonObject>();

function withoutKind(object: JsonObject): JsonObject {
  let copy = bare.get(object);
  if (copy === undefined) {
    const { kind: _kind, apiVersion: _apiVersion, ...rest } = object;
    copy = rest;
    bare.set(object, copy);
  }
  return copy;
}
