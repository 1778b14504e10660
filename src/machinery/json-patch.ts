import { goText } from './go-text.ts';
import { isObject, jsonClone, jsonEqual, own, setOwn, type Json, type JsonObject } from './json.ts';
import { boundDepth, PatchError } from './patch-error.ts';

const maxOperations = 10_000;
/** Bytes that the `copy` operations of one patch may add, as JSON. */
const maxCopiedBytes = 3 * 1024 * 1024;

/** The reasons of the Go library; they end the message after a colon, as Go wraps errors. */
const missing = 'missing value';
const invalidIndex = 'invalid index referenced';

type Container = JsonObject | Json[];

interface Place {
  readonly container: Container;
  /** A member's name, or the text of an index. */
  readonly key: string;
}

interface State {
  root: Json;
  copiedBytes: number;
}

/**
 * Applies a JSON patch (RFC 6902) the way an API server does. It departs from the RFC, and tests of controllers
 * see it: `replace` of a missing member adds it, `copy` of a missing member and `add` without a value add null,
 * `test` of a missing member for null succeeds, negative indices count from the end, and whatever stands before
 * the first slash of a path is ignored. (Packages that follow the RFC cannot give these answers or messages.)
 *
 * Source: k8s.io/apiserver 0.36 endpoints/handlers/patch.go, and gopkg.in/evanphx/json-patch.v4 4.13.
 *
 * @param patch the parsed document: a list of operations
 * @returns a new value that shares nothing with `target`, which stays as it is
 * @throws {PatchError} 400 for what is no JSON patch, 413 for too many operations, 422 for an operation that
 *   does not apply
 */
export function jsonPatch(target: Json, patch: Json): Json {
  boundDepth(target);
  boundDepth(patch);
  const operations = parseOperations(patch);
  const state: State = { root: jsonClone(target), copiedBytes: 0 };
  for (const operation of operations) apply(state, operation);
  boundDepth(state.root);
  return state.root;
}

function parseOperations(patch: Json): JsonObject[] {
  if (!Array.isArray(patch)) {
    throw new PatchError(400, 'error decoding patch: a JSON patch is a list of operations');
  }
  if (patch.length > maxOperations) {
    throw new PatchError(
      413,
      `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`,
    );
  }
  return patch.map((operation, index) => {
    if (!isObject(operation)) throw new PatchError(400, `error decoding patch: [${index}] is not an object`);
    for (const field of ['op', 'path', 'from']) {
      if (typeof (own(operation, field) ?? '') !== 'string') {
        throw new PatchError(400, `error decoding patch: [${index}].${field} is not a string`);
      }
    }
    return operation;
  });
}

function apply(state: State, operation: JsonObject): void {
  const op = own(operation, 'op') ?? 'unknown';
  switch (op) {
    case 'add': {
      const path = pointer(operation, 'path', op, missing);
      const place = find(state.root, path, `${op} operation does not apply: doc is missing path: "${path}"`);
      within(`error in add for path: '${path}'`, () =>
        add(place, jsonClone(own(operation, 'value') ?? null)),
      );
      return;
    }
    case 'remove': {
      const path = pointer(operation, 'path', op, missing);
      const place = find(state.root, path, `${op} operation does not apply: doc is missing path: "${path}"`);
      within(`error in remove for path: '${path}'`, () => remove(place));
      return;
    }
    case 'replace':
      replace(state, operation);
      return;
    case 'move':
      move(state, operation);
      return;
    case 'copy':
      copy(state, operation);
      return;
    case 'test':
      test(state, operation);
      return;
    default:
      throw invalid(`Unexpected kind: ${goText(op)}`);
  }
}

function replace(state: State, operation: JsonObject): void {
  const path = pointer(operation, 'path', 'replace');
  const value = jsonClone(own(operation, 'value') ?? null);
  if (path === '') {
    if (typeof value !== 'object' || value === null) {
      throw invalid('replace operation value must be object or array');
    }
    state.root = value;
    return;
  }
  const { container, key } = find(
    state.root,
    path,
    `replace operation does not apply: doc is missing path: ${path}`,
  );
  if (!Array.isArray(container)) {
    setOwn(container, key, value);
    return;
  }
  let index: number;
  try {
    index = position(key, container.length, container.length - 1);
  } catch {
    throw invalid(`replace operation does not apply: doc is missing key: ${path}: ${missing}`);
  }
  container[index] = value;
}

function move(state: State, operation: JsonObject): void {
  const from = pointer(operation, 'from', 'move');
  const source = find(state.root, from, `move operation does not apply: doc is missing from path: ${from}`);
  const value = within(`error in move for path: '${source.key}'`, () => {
    const found = get(source);
    remove(source);
    return found ?? null;
  });
  const path = pointer(operation, 'path', 'move');
  const place = find(
    state.root,
    path,
    `move operation does not apply: doc is missing destination path: ${path}`,
  );
  within(`error in move for path: '${path}'`, () => add(place, value));
}

function copy(state: State, operation: JsonObject): void {
  const from = pointer(operation, 'from', 'copy');
  const source = find(state.root, from, `copy operation does not apply: doc is missing from path: ${from}`);
  const value = within(`error in copy for from: '${from}'`, () => get(source));
  const path = pointer(operation, 'path', 'copy', missing);
  const place = find(
    state.root,
    path,
    `copy operation does not apply: doc is missing destination path: ${path}`,
  );
  if (value !== undefined) {
    boundDepth(value);
    state.copiedBytes += Buffer.byteLength(JSON.stringify(value));
    if (state.copiedBytes > maxCopiedBytes) {
      throw invalid(
        `Unable to complete the copy, the accumulated size increase of copy is ${state.copiedBytes}, exceeding the limit ${maxCopiedBytes}`,
      );
    }
  }
  within('error while adding value during copy', () => add(place, jsonClone(value ?? null)));
}

function test(state: State, operation: JsonObject): void {
  const path = pointer(operation, 'path', 'test');
  const expected = own(operation, 'value') ?? null;
  let found: Json = state.root;
  if (path !== '') {
    const place = find(state.root, path, `test operation does not apply: is missing path: ${path}`);
    found = within(`error in test for path: '${path}'`, () => get(place)) ?? null;
  }
  boundDepth(found);
  if (!jsonEqual(found, expected)) throw invalid(`testing value ${path} failed: test failed`);
}

function pointer(operation: JsonObject, field: 'path' | 'from', op: string, reason?: string): string {
  const value = own(operation, field);
  if (typeof value === 'string') return value;
  const detail = field === 'path' ? 'operation missing path field' : 'operation, missing from field';
  throw invalid(`${op} operation failed to decode ${field}: ${reason ?? `${detail}: ${missing}`}`);
}

/** The container that a JSON pointer leads to, and the key in it; every step on the way has to exist. */
function find(root: Json, path: string, message: string): Place {
  const tokens = path
    .split('/')
    .slice(1)
    .map((token) => token.replace(/~[01]/g, (escape) => (escape === '~1' ? '/' : '~')));
  const key = tokens.pop();
  let container: Json | undefined = root;
  for (const token of tokens) container = enter(container, token);
  if (key === undefined || typeof container !== 'object' || container === null) {
    throw invalid(`${message}: ${missing}`);
  }
  return { container, key };
}

function enter(value: Json | undefined, key: string): Json | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  try {
    return get({ container: value, key });
  } catch {
    return undefined;
  }
}

function get({ container, key }: Place): Json | undefined {
  if (!Array.isArray(container)) return own(container, key);
  return container[position(key, container.length, container.length - 1)];
}

function add({ container, key }: Place, value: Json): void {
  if (!Array.isArray(container)) {
    setOwn(container, key, value);
  } else if (key === '-') {
    container.push(value);
  } else {
    const at = within(`value was not a proper array index: '${key}'`, () => parseIndex(key));
    container.splice(inBounds(at, container.length + 1, container.length), 0, value);
  }
}

function remove({ container, key }: Place): void {
  if (Array.isArray(container)) {
    container.splice(position(key, container.length, container.length - 1), 1);
  } else if (!Object.hasOwn(container, key)) {
    throw invalid(`Unable to remove nonexistent key: ${key}: ${missing}`);
  } else {
    delete container[key];
  }
}

function position(key: string, length: number, last: number): number {
  return inBounds(parseIndex(key), length, last);
}

/** @param length what negative indices count back from */
function inBounds(index: number, length: number, last: number): number {
  if (index > last || index < -length) {
    throw invalid(`Unable to access invalid index: ${index}: ${invalidIndex}`);
  }
  return index < 0 ? index + length : index;
}

function parseIndex(text: string): number {
  const quoted = `strconv.Atoi: parsing ${JSON.stringify(text)}`;
  if (!/^[+-]?\d+$/.test(text)) throw invalid(`${quoted}: invalid syntax`);
  const index = Number(text);
  if (Math.abs(index) >= 2 ** 63) throw invalid(`${quoted}: value out of range`);
  return index;
}

/** Runs a step; a failure of it gets `message` in front. */
function within<T>(message: string, step: () => T): T {
  try {
    return step();
  } catch (thrown) {
    if (thrown instanceof PatchError) throw new PatchError(thrown.status, `${message}: ${thrown.message}`);
    throw thrown;
  }
}

function invalid(message: string): PatchError {
  return new PatchError(422, message);
}
