import { stringify } from 'yaml';
import { errorMessage } from '../../base/errors.ts';
import type { FetchResponse } from '../../base/fetch.ts';
import { jsonResponse, memoryResponse } from '../../base/fetch.ts';
import type { HttpHandler, HttpRequest } from '../../base/network.ts';
import type { JsonObject } from '../../machinery/json.ts';
import { isObject } from '../../machinery/json.ts';
import type { Answer, ApiRequest, ApiServer } from './api-server.ts';
import type { Representation } from './negotiation.ts';
import { negotiate } from './negotiation.ts';
import { checkRepresentation, represent } from './representation.ts';
import { mediaTypeOf } from './body.ts';
import { RequestError, failure } from './request-error.ts';
import type { RequestInfo } from './request-info.ts';
import { parseRequestInfo } from './request-info.ts';
import type { ResourceDefinition, UserInfo } from './resource-definition.ts';
import { create } from './verbs/create.ts';
import { remove } from './verbs/delete.ts';
import { finalizeNamespace } from './verbs/finalize-namespace.ts';
import { get, list, removeCollection } from './verbs/list.ts';
import { patch } from './verbs/patch.ts';
import { getScale, patchScale, updateScale } from './verbs/scale.ts';
import { update } from './verbs/update.ts';
import { watch } from './verbs/watch.ts';

/** What somebody wants to do. */
export interface Access {
  readonly user: UserInfo;
  readonly http: HttpRequest;
  /** Path without query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Undefined for paths that are no API resources. */
  readonly info: RequestInfo | undefined;
}

/**
 * Answers paths that are no plain resources (discovery, health, logs, tokens, ...). It is asked before the resources
 * are; undefined leaves the request to others. It may throw a RequestError.
 */
export type Route = (access: Access) => FetchResponse | undefined | Promise<FetchResponse | undefined>;

export interface HandlerOptions extends ApiServer {
  /** Who asks. @throws RequestError 401; default: an administrator */
  readonly authenticate?: ((request: HttpRequest) => UserInfo | Promise<UserInfo>) | undefined;
  /** @throws RequestError 403; default: everything is allowed */
  readonly authorize?: ((access: Access) => void | Promise<void>) | undefined;
  readonly extraRoutes?: readonly Route[] | undefined;
}

const administrator: UserInfo = {
  name: 'kubernetes-admin',
  groups: ['system:masters', 'system:authenticated'],
};

/** The API server as a handler of HTTP requests. It never throws: whatever goes wrong becomes a Status. */
export function createHandler(options: HandlerOptions): HttpHandler {
  return async (http) => {
    let representation: Representation | undefined;
    const warnings: string[] = [];
    try {
      const [path, search] = splitUrl(http.url);
      const query = new URLSearchParams(search);
      const info = parseRequestInfo(http.method, path, query);
      const user = (await options.authenticate?.(http)) ?? administrator;
      const access: Access = { user, http, path, query, info };
      await options.authorize?.(access);
      for (const route of options.extraRoutes ?? []) {
        const response = await route(access);
        if (response !== undefined) return response;
      }
      const definition = info && options.registry.get(info.group, info.version, info.resource);
      if (info === undefined || definition === undefined) return pageNotFound();
      if (definition.deprecationWarning !== undefined) warnings.push(definition.deprecationWarning);
      if (wouldCreate(options, info, definition, http)) {
        await options.authorize?.({ ...access, info: { ...info, verb: 'create' } });
      }
      representation = negotiate(http.headers['accept']);
      const request: ApiRequest = { http, info, query, definition, user, representation, warnings };
      const action = actionOf(info, definition);
      if (action === undefined) return pageNotFound();
      checkRepresentation(options, request);
      return await respond(options, request, action);
    } catch (error) {
      const { status } = toRequestError(error, options, http);
      return answer(status.code ?? 500, { ...status } as unknown as JsonObject, representation, []);
    }
  };
}

/** Whether a PUT or an apply makes the object, which takes the right to create it as well. */
function wouldCreate(
  { storage }: ApiServer,
  { verb, namespace, name = '', subresource }: RequestInfo,
  definition: ResourceDefinition,
  http: HttpRequest,
): boolean {
  const may =
    verb === 'update'
      ? definition.createOnUpdate
      : verb === 'patch' && mediaTypeOf(http.headers['content-type']) === 'application/apply-patch+yaml';
  return may && subresource === '' && storage.get(definition.storageKey, namespace, name) === undefined;
}

/** A Status with the headers that belong to it. */
export function statusResponse(error: RequestError): FetchResponse {
  const { status } = error;
  return answer(status.code ?? 500, { ...status } as unknown as JsonObject, undefined, []);
}

/** What the client gets for a path that nobody serves; plain text, as from the real server. */
export function pageNotFound(): FetchResponse {
  const text = '404 page not found\n';
  return textResponse(404, 'text/plain; charset=utf-8', text, {});
}

/** Path and query of a URL; a question mark in the query is part of it. */
export function splitUrl(url: string): [path: string, query: string] {
  const at = url.indexOf('?');
  return at < 0 ? [url, ''] : [url.slice(0, at), url.slice(at + 1)];
}

/** Characters of a URL in the log. */
const maxLoggedUrl = 500;

function toRequestError(error: unknown, { log }: ApiServer, http: HttpRequest): RequestError {
  if (error instanceof RequestError) return error;
  const url = http.url.slice(0, maxLoggedUrl);
  log.error('a request failed for an unexpected reason', { method: http.method, url, error });
  const message = `Internal error occurred: ${errorMessage(error)}`;
  return failure(500, 'InternalError', message, { causes: [{ message: errorMessage(error) }] });
}

type Action = (server: ApiServer, request: ApiRequest) => Answer | Promise<Answer> | FetchResponse;

const main: Readonly<Record<string, Action>> = {
  create,
  delete: remove,
  deletecollection: removeCollection,
  get,
  list,
  patch,
  update,
  watch,
};
const status: Readonly<Record<string, Action>> = { get, patch, update };
const scale: Readonly<Record<string, Action>> = { get: getScale, patch: patchScale, update: updateScale };

/**
 * What to do for the request.
 * @returns undefined for a path that the kind does not have
 * @throws RequestError 405 for a method that the path does not have
 */
function actionOf(info: RequestInfo, definition: ResourceDefinition): Action | undefined {
  const { verb, namespace, name, subresource, rest } = info;
  const { namespaced } = definition.kind;
  if (rest.length > 0) return undefined;
  if (namespaced ? name !== undefined && namespace === undefined : namespace !== undefined) return undefined;
  if (subresource !== '') return subresourceAction(info, definition);
  const isCreate = verb === 'create';
  const fits = isCreate
    ? name === undefined
    : verb !== 'update' && verb !== 'patch'
      ? true
      : name !== undefined;
  const acrossNamespaces = namespaced && namespace === undefined && verb !== 'list' && verb !== 'watch';
  if (verb === undefined || !fits || acrossNamespaces || !definition.verbs.includes(verb)) {
    throw methodNotAllowed();
  }
  return main[verb];
}

function subresourceAction(info: RequestInfo, definition: ResourceDefinition): Action | undefined {
  const { subresource, verb = '' } = info;
  if (definition.storageKey === 'namespaces' && subresource === 'finalize') {
    if (verb !== 'update') throw methodNotAllowed();
    return finalizeNamespace;
  }
  const served = subresource === 'status' && definition.status;
  const scaled = subresource === 'scale' && definition.scale !== undefined;
  const actions = served ? status : scaled ? scale : undefined;
  if (actions === undefined) return undefined;
  const action = Object.hasOwn(actions, verb) ? actions[verb] : undefined;
  if (action === undefined) throw methodNotAllowed();
  return action;
}

export function methodNotAllowed(): RequestError {
  return failure(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  );
}

async function respond(server: ApiServer, request: ApiRequest, action: Action): Promise<FetchResponse> {
  const result = await action(server, request);
  if ('headers' in result) return result;
  return answer(result.status, shape(server, request, result), request.representation, request.warnings);
}

/** Written objects come as they are served; reads have already been shaped. */
function shape(server: ApiServer, request: ApiRequest, { value }: Answer): JsonObject {
  const { verb } = request.info;
  const isWritten = verb === 'create' || verb === 'update' || verb === 'patch' || verb === 'delete';
  const isOwnKind = value['kind'] === request.definition.kind.kind;
  return isWritten && isOwnKind ? represent(server, request, value) : value;
}

function answer(
  code: number,
  value: JsonObject,
  representation: Representation | undefined,
  warnings: readonly string[],
): FetchResponse {
  const headers: Record<string, string> = {};
  if (warnings.length > 0) headers['warning'] = warningHeader(warnings);
  const details = value['kind'] === 'Status' ? value['details'] : undefined;
  const retryAfter = isObject(details) ? details['retryAfterSeconds'] : undefined;
  if (typeof retryAfter === 'number') headers['retry-after'] = String(retryAfter);
  if (representation?.mediaType !== 'application/yaml') return jsonResponse(code, value, headers);
  return textResponse(code, 'application/yaml', yamlText(value), headers);
}

/** Characters of JSON that are still turned into block style, at about a second for a megabyte. */
const maxBlockStyle = 128 * 1024;

/** JSON is YAML: a large answer stays what it is, for nobody else is served while it is printed. */
function yamlText(value: JsonObject): string {
  const json = JSON.stringify(value);
  return json.length > maxBlockStyle ? `${json}\n` : stringify(value, { version: '1.1' });
}

function textResponse(
  code: number,
  contentType: string,
  text: string,
  headers: Readonly<Record<string, string>>,
): FetchResponse {
  const response = memoryResponse(code, { 'content-type': contentType, ...headers }, [text]);
  return {
    ...response,
    text: async () => text,
    async *body() {
      yield Buffer.from(text);
    },
  };
}

/** All warnings of an answer together are cut at this many characters. */
const maxWarningLength = 4096;

/** Source: RFC 7234 §5.5; the agent is unknown, as with the real server. */
function warningHeader(warnings: readonly string[]): string {
  const header: string[] = [];
  let length = 0;
  for (const warning of new Set(warnings)) {
    const clean = warning.replace(/\p{Cc}+/gu, ' ').replace(/["\\]/g, String.raw`\$&`);
    const value = `299 - "${clean}"`;
    length += value.length;
    if (length > maxWarningLength) break;
    header.push(value);
  }
  return header.join(', ');
}
