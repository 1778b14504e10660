import { createHash } from 'node:crypto';
import type { FetchResponse } from '../../../base/fetch.ts';
import { jsonResponse } from '../../../base/fetch.ts';
import type { HttpRequest } from '../../../base/network.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { bytesResponse } from '../bytes-response.ts';
import { groupsOf } from '../group-order.ts';
import type { Registry } from '../registry.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { groupVersionPath } from './models.ts';
import { encodeOpenApiV2 } from './v2-protobuf.ts';
import { openApiV2 } from './v2.ts';
import { openApiV3 } from './v3.ts';

interface Document {
  readonly definitions: readonly ResourceDefinition[];
  readonly bytes: Uint8Array;
  readonly hash: string;
}

interface DocumentV2 {
  readonly document: JsonObject;
  readonly json: Uint8Array;
  /** Made when it is first asked for. */
  protobuf?: Uint8Array;
  readonly hash: string;
}

const v2Protobuf = 'application/com.github.proto-openapi.spec.v2';
/** The name in answers, after an old spelling that clients still ask for. */
const v2ProtobufAnswer = `${v2Protobuf}.v1.0+protobuf`;
const v2Types = ['application/json', `${v2Protobuf}@v1.0+protobuf`, v2ProtobufAnswer];

/**
 * The schemas of everything, for `kubectl explain`, for client-side apply, and for clients that ask who validates:
 * `/openapi/v3` with a document per group and version, and `/openapi/v2` with everything in one.
 *
 * Documents are made when they are first asked for, and again only when their own kinds have changed.
 */
export class OpenApi {
  readonly #registry: Registry;
  #v3 = new Map<string, Document>();
  #v2: DocumentV2 | undefined;

  constructor(registry: Registry) {
    this.#registry = registry;
    registry.onChange(() => {
      this.#v2 = undefined;
    });
  }

  /** @returns undefined for other paths */
  answer(request: HttpRequest): FetchResponse | undefined {
    if (request.method !== 'GET' && request.method !== 'HEAD') return undefined;
    const [path = '', query = ''] = request.url.split('?', 2);
    if (path === '/openapi/v2') return this.#answerV2(request);
    if (path === '/openapi/v3' || path === '/openapi/v3/') return jsonResponse(200, this.#index());
    if (!path.startsWith('/openapi/v3/')) return undefined;
    return this.#answerV3(request, path.slice('/openapi/v3/'.length), query);
  }

  #index(): JsonObject {
    const paths = this.#documents().map(([path, { hash }]) => [
      path,
      { serverRelativeURL: urlOf(path, hash) },
    ]);
    return { paths: Object.fromEntries(paths) as JsonObject };
  }

  /** The documents of all group versions; what is still right is kept. */
  #documents(): [string, Document][] {
    const current = new Map<string, Document>();
    for (const { name: group, versions } of groupsOf(this.#registry)) {
      for (const { version, definitions } of versions) {
        const path = groupVersionPath({ group, version });
        const known = this.#v3.get(path);
        const isRight =
          known?.definitions.length === definitions.length &&
          known.definitions.every((definition, i) => definition === definitions[i]);
        current.set(path, isRight ? known : documentOf(definitions));
      }
    }
    this.#v3 = current;
    return [...current];
  }

  #answerV3(request: HttpRequest, path: string, query: string): FetchResponse | undefined {
    const document = this.#documents().find(([name]) => name === path)?.[1];
    if (document === undefined) return undefined;
    if (chooseType(request, ['application/json']) === undefined)
      return bytesResponse(406, {}, new Uint8Array());
    const asked = new URLSearchParams(query).get('hash') ?? '';
    if (asked !== '' && asked !== document.hash) {
      return bytesResponse(301, { location: urlOf(path, document.hash), vary: 'Accept' }, new Uint8Array());
    }
    // Under its hash a document never changes.
    const immutable = asked === '' ? {} : { 'cache-control': 'public, immutable', expires: farFuture };
    return answerDocument(request, 'application/json', document.bytes, document.hash, immutable);
  }

  #answerV2(request: HttpRequest): FetchResponse {
    const type = chooseType(request, v2Types);
    if (type === undefined) return bytesResponse(406, {}, new Uint8Array());
    this.#v2 ??= documentV2(this.#registry);
    const made = this.#v2;
    if (type === 'application/json') return answerDocument(request, type, made.json, made.hash, {});
    made.protobuf ??= encodeOpenApiV2(made.document);
    return answerDocument(request, v2ProtobufAnswer, made.protobuf, made.hash, {});
  }
}

const farFuture = 'Fri, 31 Dec 9999 23:59:59 GMT';

function documentOf(definitions: readonly ResourceDefinition[]): Document {
  const bytes = Buffer.from(JSON.stringify(openApiV3(definitions)));
  return { definitions, bytes, hash: hashOf(bytes) };
}

function documentV2(registry: Registry): DocumentV2 {
  const document = openApiV2([...registry]);
  const json = Buffer.from(JSON.stringify(document));
  return { document, json, hash: hashOf(json) };
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha512').update(bytes).digest('hex').toUpperCase();
}

function urlOf(path: string, hash: string): string {
  return `/openapi/v3/${path}?hash=${hash}`;
}

function answerDocument(
  request: HttpRequest,
  type: string,
  bytes: Uint8Array,
  hash: string,
  more: Readonly<Record<string, string>>,
): FetchResponse {
  const etag = `"${hash}"`;
  const headers = { etag, vary: 'Accept', ...more };
  if (request.headers['if-none-match'] === etag) return bytesResponse(304, headers, new Uint8Array());
  return bytesResponse(200, { ...headers, 'content-type': type }, bytes);
}

/** The first of the client's types that is one of `offered`; parameters do not count. */
function chooseType(request: HttpRequest, offered: readonly string[]): string | undefined {
  const accept = request.headers['accept'] ?? '';
  if (accept === '') return offered[0];
  for (const clause of accept.split(',')) {
    const wanted = clause.split(';', 1)[0]?.trim() ?? '';
    const found = ['*/*', 'application/*'].includes(wanted)
      ? offered[0]
      : offered.find((type) => type === wanted);
    if (found !== undefined) return found;
  }
  return undefined;
}
