import type { JsonObject } from '../../../machinery/json.ts';
import type { ApiServer } from '../api-server.ts';
import { bodyFormat } from '../body.ts';
import { decodeBody } from '../decode.ts';
import type { Access } from '../handler.ts';
import { negotiate } from '../negotiation.ts';
import type { RequestInfo } from '../request-info.ts';
import { parseWriteOptions } from '../request-options.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { readObject } from '../verbs/create.ts';

/**
 * The object in the body of a POST, for kinds that are not stored.
 * @throws RequestError 400, 406, 413, 415, 422
 */
export async function readPosted(
  server: ApiServer,
  { http, query, user }: Access,
  info: RequestInfo,
  definition: ResourceDefinition,
): Promise<JsonObject> {
  const representation = negotiate(http.headers['accept']);
  const request = { http, info, query, definition, user, representation, warnings: [] };
  const body = await readObject(server, request, bodyFormat(http.headers['content-type']));
  const { fieldValidation } = parseWriteOptions(query, 'CreateOptions', http.headers['user-agent'] ?? '');
  return decodeBody(definition, body, fieldValidation, []);
}
