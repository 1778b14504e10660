import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, own } from '../../../machinery/json.ts';
import type { ListMeta } from '../../../machinery/object.ts';
import type { Answer, ApiRequest, ApiServer } from '../api-server.ts';
import { nameOf, namespaceOf } from '../object-metadata.ts';
import { represent, representList } from '../representation.ts';
import { RequestError, badRequestError, expiredError, failure, notFoundError } from '../request-error.ts';
import { parseListOptions, parseResourceVersion } from '../request-options.ts';
import type { ListOptions } from '../request-options.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { isSelected } from '../selection.ts';
import { served } from '../served-version.ts';
import { CompactedError } from '../storage-change.ts';
import { parseDeleteOptions, removeStored } from './delete.ts';

/** GET of one object. */
export function get(server: ApiServer, request: ApiRequest): Answer {
  const { definition, info, query } = request;
  const { name = '', namespace } = info;
  checkNotTooLarge(server, parseResourceVersion(query.get('resourceVersion') ?? ''));
  const stored = server.storage.get(definition.storageKey, namespace, name);
  if (stored === undefined) throw notFoundError(definition.kind, name);
  return { status: 200, value: represent(server, request, served(definition, stored)) };
}

/** GET of a collection. */
export function list(server: ApiServer, request: ApiRequest): Answer {
  const { definition, query } = request;
  const page = select(server, request, parseListOptions(query, definition, false));
  return { status: 200, value: representList(server, request, page.items, page.metadata) };
}

/** DELETE of a collection. Answers with what was there. */
export async function removeCollection(server: ApiServer, request: ApiRequest): Promise<Answer> {
  const { definition, query, info } = request;
  const options = parseListOptions(query, definition, false);
  const deleteOptions = await parseDeleteOptions(server, request);
  const { items, metadata } = select(server, request, options);
  for (const item of items) {
    const namespace = namespaceOf(item) ?? info.namespace;
    const stored = server.storage.get(definition.storageKey, namespace, nameOf(item));
    if (stored !== undefined) removeStored(server, definition, stored, deleteOptions);
  }
  return { status: 200, value: representList(server, request, items, metadata) };
}

interface Page {
  /** As served. */
  readonly items: readonly JsonObject[];
  readonly metadata: ListMeta;
}

/** Where a list begins, and which state it shows. */
interface Start {
  readonly revision: number;
  /** The first key that belongs to the page; empty for the first page. */
  readonly key: string;
}

/** @throws RequestError 400, 410, 504 */
function select(server: ApiServer, { definition, info }: ApiRequest, options: ListOptions): Page {
  const start = startOf(server, options);
  const all = listAt(server, definition, info.namespace, start);
  const unselective = options.labels.isEmpty() && options.fields.isEmpty();
  const items: JsonObject[] = [];
  const first = start.key === '' ? 0 : firstFrom(all, start.key);
  for (let i = first; i < all.length; i += 1) {
    const stored = all[i];
    if (stored === undefined) break;
    if (options.limit > 0 && items.length === options.limit) {
      const last = all[i - 1];
      return {
        items,
        metadata: {
          resourceVersion: String(start.revision),
          continue: encodeContinue(start.revision, `${last === undefined ? '' : keyOf(last)}\0`),
          ...(unselective ? { remainingItemCount: all.length - i } : {}),
        },
      };
    }
    const object = served(definition, stored);
    if (unselective || isSelected(definition, options, object)) items.push(object);
  }
  return { items, metadata: { resourceVersion: String(start.revision) } };
}

function startOf(server: ApiServer, options: ListOptions): Start {
  const { storage } = server;
  const asked = parseResourceVersion(options.resourceVersion);
  if (options.continue !== '') {
    if (asked !== undefined && asked !== 0) {
      throw badRequestError('specifying resource version is not allowed when using continue');
    }
    return decodeContinue(options.continue, storage.revision);
  }
  checkNotTooLarge(server, asked);
  // A first page of an old state is exact even where the client did not say so.
  const exact =
    options.resourceVersionMatch === 'Exact' ||
    (options.resourceVersionMatch === '' && options.limit > 0 && asked !== undefined && asked > 0);
  return { revision: exact && asked !== undefined ? asked : storage.revision, key: '' };
}

function listAt(
  { storage }: ApiServer,
  definition: ResourceDefinition,
  namespace: string | undefined,
  { revision, key }: Start,
): JsonObject[] {
  try {
    return storage.list(definition.storageKey, namespace, revision);
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    throw key === ''
      ? expiredError('The resourceVersion for the provided list is too old.')
      : continueExpiredError(key);
  }
}

/**
 * The rest of a list whose state is gone. The client may go on with what is there now, if it does not mind.
 * Source: handleCompactedErrorForPaging of k8s.io/apiserver/pkg/storage/etcd3.
 */
function continueExpiredError(key: string): RequestError {
  const { status } = expiredError(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  );
  return new RequestError({ ...status, metadata: { continue: encodeContinue(-1, key) } });
}

/** A state that has not happened yet cannot be waited for here: all writes are visible at once. */
function checkNotTooLarge({ storage }: ApiServer, asked: number | undefined): void {
  if (asked === undefined || asked <= storage.revision) return;
  throw failure(504, 'Timeout', `Too large resource version: ${asked}, current: ${storage.revision}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

function keyOf(object: JsonObject): string {
  const namespace = namespaceOf(object);
  return namespace === undefined ? nameOf(object) : `${namespace}/${nameOf(object)}`;
}

function firstFrom(objects: readonly JsonObject[], key: string): number {
  let low = 0;
  let high = objects.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const object = objects[middle];
    if (object !== undefined && keyOf(object) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function encodeContinue(revision: number, start: string): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start })).toString('base64url');
}

/** @throws RequestError 400 */
function decodeContinue(token: string, current: number): Start {
  const invalid = (why: string): Error => badRequestError(`continue key is not valid: ${why}`);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
  } catch {
    throw invalid('it is no token of this server');
  }
  if (!isObject(value)) throw invalid('it is no token of this server');
  const revision: Json | undefined = own(value, 'rv');
  const start = own(value, 'start');
  if (own(value, 'v') !== 'meta.k8s.io/v1') throw invalid('server does not recognize this encoded version');
  if (typeof revision !== 'number' || !Number.isSafeInteger(revision) || revision === 0) {
    throw invalid('incorrect encoded start resourceVersion');
  }
  if (typeof start !== 'string' || start === '') throw invalid('encoded start key empty');
  if (revision > current) throw invalid('it is from the future');
  // -1: whatever is there now.
  return { revision: revision < 0 ? current : revision, key: start };
}
