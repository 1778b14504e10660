import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../machinery/json.ts';
import { nameOf, namespaceOf } from './object-metadata.ts';
import type { Change } from './storage-change.ts';
import { CompactedError } from './storage-change.ts';
import { Storage } from './storage.ts';
import type { Watcher } from './storage-watcher.ts';

const key = 'things';

interface Step {
  readonly kind: 'put' | 'delete';
  readonly namespace: string;
  readonly name: string;
}

const steps = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom('put', 'put', 'delete'),
    namespace: fc.constantFrom('a', 'a-b', 'b'),
    name: fc.constantFrom('x', 'y', 'x.y', 'z'),
  }),
  { maxLength: 60 },
);

/** Does what the step says, as far as it is possible. */
function perform(storage: Storage, { kind, namespace, name }: Step, value: number): void {
  const before = storage.get(key, namespace, name);
  if (kind === 'delete') {
    if (before !== undefined) storage.delete(key, before);
    return;
  }
  const object: JsonObject = { metadata: { namespace, name }, value };
  if (before === undefined) storage.create(key, object);
  else storage.update(key, object, before);
}

function takeAll(watcher: Watcher): Change[] {
  const changes: Change[] = [];
  for (let change = watcher.take(); change !== undefined; change = watcher.take()) changes.push(change);
  return changes;
}

function replay(state: readonly JsonObject[], changes: readonly Change[]): JsonObject[] {
  const objects = new Map(state.map((object) => [`${namespaceOf(object)}/${nameOf(object)}`, object]));
  for (const { type, object } of changes) {
    const at = `${namespaceOf(object)}/${nameOf(object)}`;
    if (type === 'DELETED') objects.delete(at);
    else objects.set(at, object);
  }
  return [...objects].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
}

describe('a storage', () => {
  test('lists what was written last, in the order of namespace and name', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const storage = new Storage({ now: () => 0 });
        const model = new Map<string, number>();
        for (const [i, step] of script.entries()) {
          perform(storage, step, i);
          if (step.kind === 'put') model.set(`${step.namespace}/${step.name}`, i);
          else model.delete(`${step.namespace}/${step.name}`);
        }
        const expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
        expect(storage.list(key, undefined).map(({ value }) => value)).toEqual(expected);
        expect(storage.count(key)).toBe(model.size);
        expect(storage.list(key, 'a').every((object) => namespaceOf(object) === 'a')).toBe(true);
      }),
    );
  });

  test('a watch from any revision, replayed onto the list at that revision, gives the list of now', () => {
    fc.assert(
      fc.property(steps, fc.nat({ max: 60 }), fc.option(fc.constantFrom('a', 'b')), (script, at, chosen) => {
        const storage = new Storage({ now: () => 0 });
        const namespace = chosen ?? undefined;
        const start = storage.revision;
        let live: Watcher | undefined;
        for (const [i, step] of script.entries()) {
          if (i === at) live = storage.watch(key, { after: storage.revision, namespace });
          perform(storage, step, i);
        }
        const now = storage.list(key, namespace);
        for (let revision = start; revision <= storage.revision; revision += 1) {
          const changes = takeAll(storage.watch(key, { after: revision, namespace }));
          expect(replay(storage.list(key, namespace, revision), changes)).toEqual(now);
        }
        if (live !== undefined) {
          const changes = takeAll(live);
          const first = (changes[0]?.revision ?? storage.revision + 1) - 1;
          expect(replay(storage.list(key, namespace, first), changes)).toEqual(now);
        }
      }),
    );
  });

  test('every write has the next revision, and the object carries it', () => {
    const storage = new Storage({ now: () => 0 });
    const created = storage.create(key, { metadata: { name: 'a' } });
    const updated = storage.update(key, { metadata: { name: 'a' }, x: 1 }, created);
    const deleted = storage.delete(key, updated);
    const versions = [created, updated, deleted].map(
      ({ metadata }) => (metadata as JsonObject)['resourceVersion'],
    );
    expect(versions).toEqual(['101', '102', '103']);
  });

  test('a write over something that was not read is a defect', () => {
    const storage = new Storage({ now: () => 0 });
    const created = storage.create(key, { metadata: { name: 'a' } });
    storage.update(key, { metadata: { name: 'a' } }, created);
    expect(() => storage.update(key, { metadata: { name: 'a' } }, created)).toThrow('lost update');
  });

  test('what left the log, by count or by age, can be neither watched nor listed', () => {
    let now = 0;
    const storage = new Storage({ now: () => now, logCount: 2, logAgeMs: 1000 });
    const start = storage.revision;
    for (const name of ['a', 'b', 'c']) storage.create(key, { metadata: { name } });
    expect(() => storage.watch(key, { after: start })).toThrow(CompactedError);
    expect(() => storage.list(key, undefined, start)).toThrow(CompactedError);
    expect(takeAll(storage.watch(key, { after: start + 1 }))).toHaveLength(2);
    now = 5000;
    expect(() => storage.watch(key, { after: start + 1 })).toThrow(CompactedError);
    expect(takeAll(storage.watch(key, { after: storage.revision }))).toEqual([]);
  });

  test('a slow reader is cut off; others are not', () => {
    const storage = new Storage({ now: () => 0 });
    const slow = storage.watch(key, { after: storage.revision, capacity: 2 });
    const patient = storage.watch(key, { after: storage.revision });
    for (const name of ['a', 'b', 'c']) storage.create(key, { metadata: { name } });
    expect(slow.closed).toBe(true);
    expect(slow.take()).toBeUndefined();
    expect(takeAll(patient)).toHaveLength(3);
  });

  test('watchers of one object or one namespace hear of nothing else', () => {
    const storage = new Storage({ now: () => 0 });
    const one = storage.watch(key, { after: storage.revision, namespace: 'a', name: 'x' });
    const some = storage.watch(key, { after: storage.revision, namespace: 'a' });
    for (const [namespace, name] of [
      ['a', 'x'],
      ['a', 'y'],
      ['b', 'x'],
    ]) {
      storage.create(key, { metadata: { namespace: namespace ?? '', name: name ?? '' } });
    }
    expect(takeAll(one).map(({ object }) => nameOf(object))).toEqual(['x']);
    expect(takeAll(some).map(({ object }) => nameOf(object))).toEqual(['x', 'y']);
  });

  test('removing a kind ends its watches, and its past is gone', () => {
    const storage = new Storage({ now: () => 0 });
    const before = storage.revision;
    storage.create(key, { metadata: { name: 'a' } });
    const watcher = storage.watch(key, { after: storage.revision });
    storage.deleteCollection(key);
    expect(takeAll(watcher).map(({ type }) => type)).toEqual(['DELETED']);
    expect(watcher.closed).toBe(true);
    expect(storage.list(key, undefined)).toEqual([]);
    expect(() => storage.watch(key, { after: before })).toThrow(CompactedError);
  });
});
