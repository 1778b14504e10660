import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { seededRandom } from '../base/random.ts';
import { mergePatch } from '../machinery/merge-patch.ts';
import { asJson, type Unstructured } from '../machinery/object.ts';
import type { Json } from '../machinery/json.ts';
import { ApiError } from './api-error.ts';
import { ensureFinalizer, ObjectReplacedError, removeFinalizer } from './finalizers.ts';
import type { ResourceClient } from './resource-client.ts';

function refuse(): never {
  throw new Error('not a request for finalizers');
}

/** A server of one object. `interfere` runs before each patch, as other writers do. */
function world(interfere: (server: { put(change: object): void; remove(): void }) => void = () => {}) {
  const clock = new VirtualClock();
  const requests: string[] = [];
  let version = 0;
  let object: Unstructured | undefined;
  const put = (metadata: object): Unstructured => {
    version += 1;
    object = {
      apiVersion: 'v1',
      kind: 'Thing',
      metadata: { name: 'it', uid: 'u1', ...object?.metadata, ...metadata, resourceVersion: String(version) },
    };
    return object;
  };
  const remove = (): void => {
    object = undefined;
  };
  const current = (): Unstructured => {
    if (object === undefined) throw new ApiError('gone', { status: 404 });
    return object;
  };
  const client: ResourceClient = {
    kind: { group: '', version: 'v1', resource: 'things', kind: 'Thing', namespaced: false },
    get: async () => {
      requests.push('get');
      return current();
    },
    patch: async (_key, _type, patch) => {
      requests.push('patch');
      interfere({ put, remove });
      const { resourceVersion } = current().metadata;
      const patched = mergePatch(asJson(current()), patch as Json) as unknown as Unstructured;
      if (patched.metadata.resourceVersion !== resourceVersion) {
        throw new ApiError('changed meanwhile', { status: 409 });
      }
      return put(patched.metadata);
    },
    list: refuse,
    listAll: refuse,
    watch: refuse,
    create: refuse,
    update: refuse,
    apply: refuse,
    delete: refuse,
    deleteCollection: refuse,
  };
  return { clock, client, requests, put, current, options: { clock, random: seededRandom(1) } };
}

describe('a finalizer', () => {
  test('is put behind the others and taken out again, with one request each', async () => {
    const { client, requests, put, options } = world();
    const bare = put({ finalizers: ['a/b'] });
    const held = await ensureFinalizer(client, bare, 'me/x', options);
    expect(held.metadata.finalizers).toEqual(['a/b', 'me/x']);
    expect(await ensureFinalizer(client, held, 'me/x', options)).toBe(held);
    const freed = await removeFinalizer(client, held, 'me/x', options);
    expect(freed?.metadata.finalizers).toEqual(['a/b']);
    expect(await removeFinalizer(client, freed!, 'me/x', options)).toBe(freed);
    expect(requests).toEqual(['patch', 'patch']);
  });

  test('never takes out what another writer put in', async () => {
    let left = 2;
    const { clock, client, requests, put, options } = world((server) => {
      if (left > 0) server.put({ finalizers: [`other/${left}`, 'me/x'] });
      left -= 1;
    });
    const object = put({ finalizers: ['me/x'] });
    const freed = await clock.run(removeFinalizer(client, object, 'me/x', options));
    expect(freed?.metadata.finalizers).toEqual(['other/1']);
    expect(requests).toEqual(['patch', 'get', 'patch', 'get', 'patch']);
  });

  test('gives up after some conflicts', async () => {
    const { clock, client, requests, put, options } = world((server) => server.put({}));
    const object = put({});
    const work = ensureFinalizer(client, object, 'me/x', { ...options, tries: 3 });
    await expect(clock.run(work)).rejects.toMatchObject({ code: 'Conflict' });
    expect(requests.filter((verb) => verb === 'patch')).toHaveLength(3);
  });

  test('stops when it is told to', async () => {
    const { clock, client, put, options } = world((server) => server.put({}));
    const stop = new AbortController();
    const work = ensureFinalizer(client, put({}), 'me/x', { ...options, tries: 50, signal: stop.signal });
    work.catch(() => {});
    await clock.advance(5000);
    stop.abort();
    await expect(clock.run(work)).rejects.toMatchObject({ code: 'Cancelled' });
  });

  test('of an object that is gone needs no removal', async () => {
    const { clock, client, put, options } = world((server) => server.remove());
    const object = put({ finalizers: ['me/x'] });
    expect(await removeFinalizer(client, object, 'me/x', options)).toBeUndefined();
    const again = put({});
    const work = ensureFinalizer(client, again, 'me/x', options);
    await expect(clock.run(work)).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('is left alone on an object that took the name', async () => {
    const { clock, client, put, current, options } = world((server) =>
      server.put({ uid: 'u2', finalizers: ['me/x'] }),
    );
    const object = put({ finalizers: ['me/x'] });
    expect(await clock.run(removeFinalizer(client, object, 'me/x', options))).toBeUndefined();
    expect(current().metadata.finalizers).toEqual(['me/x']);
    const other = { ...object, metadata: { ...object.metadata, finalizers: [] } };
    await expect(clock.run(ensureFinalizer(client, other, 'me/x', options))).rejects.toThrow(
      ObjectReplacedError,
    );
  });
});
