import type { JsonObject } from '../../../machinery/json.ts';
import { isObject, jsonEqual, own } from '../../../machinery/json.ts';
import type { Answer, ApiRequest, ApiServer } from '../api-server.ts';
import { bodyFormat } from '../body.ts';
import { decodeBody } from '../decode.ts';
import { conflictError, notFoundError } from '../request-error.ts';
import { resourceVersionOf } from '../object-metadata.ts';
import { parseWriteOptions } from '../request-options.ts';
import { readObject } from './create.ts';
import { matchName, replaceStored } from './write.ts';

/** PUT of `/finalize`: sets the finalizers of the spec, and nothing else. */
export async function finalizeNamespace(server: ApiServer, request: ApiRequest): Promise<Answer> {
  const { http, query, definition, warnings, info } = request;
  const { name = '' } = info;
  const body = await readObject(server, request, bodyFormat(http.headers['content-type']));
  const options = parseWriteOptions(query, 'UpdateOptions', http.headers['user-agent'] ?? '');
  const namespace = decodeBody(definition, body, options.fieldValidation, warnings);
  matchName(namespace, name);
  const stored = server.storage.get(definition.storageKey, undefined, name);
  if (stored === undefined) throw notFoundError(definition.kind, name);
  const version = resourceVersionOf(namespace);
  if (version !== '' && version !== resourceVersionOf(stored)) {
    const why = 'the object has been modified; please apply your changes to the latest version and try again';
    throw conflictError(definition.kind, name, why);
  }
  const next: JsonObject = { ...stored, spec: { ...specOf(stored), ...onlyFinalizers(specOf(namespace)) } };
  if (options.dryRun || jsonEqual(next, stored)) return { status: 200, value: next };
  return { status: 200, value: replaceStored(server, definition, stored, next) ?? next };
}

function specOf(namespace: JsonObject): JsonObject {
  const spec = own(namespace, 'spec');
  return isObject(spec) ? spec : {};
}

function onlyFinalizers(spec: JsonObject): JsonObject {
  return { finalizers: own(spec, 'finalizers') ?? [] };
}
