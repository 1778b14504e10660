import { apiVersionOf } from '../../machinery/group-version-kind.ts';
import type { JsonObject } from '../../machinery/json.ts';
import type { ListMeta } from '../../machinery/object.ts';
import type { ApiRequest, ApiServer } from './api-server.ts';
import { badRequestError, failure } from './request-error.ts';
import type { ResourceDefinition } from './resource-definition.ts';

/** An object in the shape that the client wants. @param object as served */
export function represent(
  server: ApiServer,
  request: ApiRequest,
  object: JsonObject,
  withColumns = true,
): JsonObject {
  if (request.representation.as === undefined) return object;
  return transform(server, request, [object], undefined, withColumns);
}

/** A list in the shape that the client wants. @param items as served */
export function representList(
  server: ApiServer,
  request: ApiRequest,
  items: readonly JsonObject[],
  metadata: ListMeta,
): JsonObject {
  if (request.representation.as !== undefined) return transform(server, request, items, metadata, true);
  return listObject(request.definition, items, metadata);
}

function transform(
  server: ApiServer,
  request: ApiRequest,
  items: readonly JsonObject[],
  list: ListMeta | undefined,
  withColumns: boolean,
): JsonObject {
  const { as, version } = request.representation;
  if (as === undefined || server.transform === undefined) {
    const message = 'only the following media types are accepted: application/json, application/yaml';
    throw failure(406, 'NotAcceptable', message);
  }
  const includeObject = request.query.get('includeObject') ?? '';
  if (!['', 'None', 'Metadata', 'Object'].includes(includeObject)) {
    throw badRequestError(
      `includeObject: Invalid value: "${includeObject}": must be 'Metadata', 'Object', 'None', or empty`,
    );
  }
  const { definition } = request;
  const nowMs = server.clock.now();
  return server.transform({ definition, as, version, items, list, includeObject, withColumns, nowMs });
}

/** The list as an object of its own. Items of built-in kinds do not repeat their kind. */
export function listObject(
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
