import { FetchError } from '../base/fetch.ts';
import { isObject, own } from '../machinery/json.ts';
import type { KubeList, KubeObject, ListMeta, WatchEvent } from '../machinery/object.ts';
import { ApiError, errorOfStatus } from './api-error.ts';

// What every answer must have before it is called an object: enough to find it, file it and name it. Whether the
// rest fits its kind is for whoever knows the kind. Values are checked, never changed: they may be shared.

function isKubeObject(value: unknown): value is KubeObject & Record<string, unknown> {
  return (
    isObject(value) &&
    typeof own(value, 'apiVersion') === 'string' &&
    typeof own(value, 'kind') === 'string' &&
    isObject(own(value, 'metadata'))
  );
}

function malformed(request: string, expected: string): FetchError {
  return new FetchError('MalformedBody', `${request}: the answer is not ${expected}`);
}

/** @throws FetchError `MalformedBody` */
export function parseObject(value: unknown, request: string): KubeObject {
  if (!isKubeObject(value)) throw malformed(request, 'a Kubernetes object');
  return value;
}

/**
 * A list whose items all say what they are: a server leaves `apiVersion` and `kind` out of the items of a list.
 *
 * @throws FetchError `MalformedBody`
 */
export function parseList<T extends KubeObject>(value: unknown, request: string): KubeList<T> {
  const raw = isObject(value) ? value : {};
  const apiVersion = own(raw, 'apiVersion');
  const kind = own(raw, 'kind');
  // Null, where Go has an empty list.
  const items = own(raw, 'items') === null ? [] : own(raw, 'items');
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || !Array.isArray(items)) {
    throw malformed(request, 'a list');
  }
  const itemKind = kind.replace(/List$/, '');
  return {
    apiVersion,
    kind,
    metadata: parseListMeta(own(raw, 'metadata')),
    items: items.map((item: unknown) => {
      const typed =
        isObject(item) && !Object.hasOwn(item, 'kind') ? { apiVersion, kind: itemKind, ...item } : item;
      if (!isKubeObject(typed)) throw malformed(request, 'a list of Kubernetes objects');
      return typed as KubeObject as T;
    }),
  };
}

function parseListMeta(value: unknown): ListMeta {
  const meta: ListMeta = {};
  if (!isObject(value)) return meta;
  const version = own(value, 'resourceVersion');
  const next = own(value, 'continue');
  const remaining = own(value, 'remainingItemCount');
  if (typeof version === 'string') meta.resourceVersion = version;
  if (typeof next === 'string' && next !== '') meta.continue = next;
  if (typeof remaining === 'number') meta.remainingItemCount = remaining;
  return meta;
}

/**
 * One event of a watch.
 *
 * @throws ApiError for an ERROR event
 * @throws FetchError `MalformedBody`
 */
export function parseWatchEvent<T extends KubeObject>(value: unknown, request: string): WatchEvent<T> {
  const type = isObject(value) ? own(value, 'type') : undefined;
  const object = isObject(value) ? own(value, 'object') : undefined;
  switch (type) {
    case 'ERROR':
      throw (
        errorOfStatus(object) ??
        new ApiError(`${request}: the watch failed without saying why`, { status: 500 })
      );
    case 'BOOKMARK':
      return { type, object: parseObject(object, request) };
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type, object: parseObject(object, request) as T };
    default:
      throw malformed(request, 'a watch event');
  }
}
