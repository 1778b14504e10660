import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { InvalidInputError } from '../../base/errors.ts';
import type { Json, JsonObject } from '../json.ts';
import { isObject, jsonEqual } from '../json.ts';
import type { Schema } from '../schema.ts';
import { linkSchemas } from '../schema.ts';
import { ApplyConflictError } from './conflict.ts';
import { fieldPath } from './field-path.ts';
import { FieldSet } from './field-set.ts';
import { applyConfiguration, trackUpdate, withoutTimeOnlyChange } from './managed-fields.ts';

/**
 * Replays conversations recorded from a real API server against the merge alone. Around it stands the least of
 * a server: identity, defaults of keys, and what Go's `omitempty` leaves out.
 */

interface Step {
  name: string;
  request: {
    method: string;
    path: string;
    query?: Record<string, string>;
    headers?: Record<string, string>;
    body?: JsonObject;
    rawBody?: string;
  };
  expect: { status: number | number[]; mode: string; body?: JsonObject; checks?: Check[] };
  capture?: Record<string, string>;
}
interface Check {
  path: string;
  op: string;
  value?: string | number;
}

const casesDir = new URL('../../../test/conformance/cases/', import.meta.url);
const openapi = JSON.parse(
  readFileSync(new URL('testdata/openapi.generated.json', import.meta.url), 'utf8'),
) as { components: { schemas: Record<string, Schema> } };
const builtIn = linkSchemas(openapi.components.schemas);
const schemas: Record<string, Schema | undefined> = {
  configmaps: builtIn['io.k8s.api.core.v1.ConfigMap'],
  services: builtIn['io.k8s.api.core.v1.Service'],
  deployments: builtIn['io.k8s.api.apps.v1.Deployment'],
};

/** What another part of the server decides, by case. */
const notOfTheMerge: Record<string, string[]> = {
  'apply-requirements': [
    'no manager',
    'no kind',
    'another name',
    'another kind',
    'no name in the body',
  ].concat('a stale resourceVersion in the body'),
  'apply-managedfields-update': ['a manager name that is too long'],
  'apply-custom-resource-lists': ['a create with the same key twice is refused too'],
  'patch-custom-resource': ['json', 'strategic', 'the result is validated'],
  'patch-merge-noop': ['strategic, same value'],
};

const driven: Record<string, number> = {
  'apply-conflict': 7,
  'apply-create-update-noop': 4,
  'apply-custom-resource-lists': 6,
  'apply-empty-configuration': 4,
  'apply-list-map': 4,
  'apply-managedfields-update': 7,
  'apply-requirements': 3,
  'apply-sets-and-atomics': 7,
  'apply-shared-ownership': 5,
  'apply-status': 4,
  'apply-then-update': 4,
  'patch-custom-resource': 2,
  'patch-merge-noop': 4,
};

/** The server around the merge, for one conversation. */
class Server {
  readonly #objects = new Map<string, JsonObject>();
  readonly #schemas = { ...schemas };
  #version = 100;

  answer(request: Step['request']): { status: number; body: JsonObject | undefined } {
    const [, collection = '', name, subresource] =
      /^(.*?\/namespaces\/[^/]+\/[^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(request.path) ?? [];
    const body =
      request.rawBody === undefined ? (request.body ?? {}) : (parse(request.rawBody) as JsonObject);
    const key = `${collection}/${name ?? (at(body, 'metadata.name') as string)}`;
    const before = this.#objects.get(key);
    if (request.method === 'GET') return { status: 200, body: before };
    try {
      const after = this.#write(request, body, before, collection.split('/').at(-1) ?? '', subresource);
      this.#objects.set(key, after);
      return { status: before === undefined ? 201 : 200, body: after };
    } catch (error) {
      return refusal(error);
    }
  }

  define(crd: JsonObject): void {
    const spec = crd['spec'] as unknown as {
      names: { plural: string };
      versions: { schema: { openAPIV3Schema: Schema } }[];
    };
    (this.#schemas as Record<string, Schema>)[spec.names.plural] = spec.versions[0]!.schema.openAPIV3Schema;
  }

  #write(
    { method, query = {}, headers = {} }: Step['request'],
    body: JsonObject,
    before: JsonObject | undefined,
    plural: string,
    subresource: string | undefined,
  ): JsonObject {
    const schema = this.#schemas[plural];
    const common = {
      schema,
      subresource,
      manager: query['fieldManager'] ?? 'conformance',
      // One second for all, as recorded: entries of one second are sorted by manager.
      now: '2026-01-01T00:00:01Z',
      resetFields: FieldSet.of(
        ...(subresource === 'status' ? [fieldPath('spec'), fieldPath('metadata')] : [fieldPath('status')]),
      ),
    };
    const isApply = headers['content-type'] === 'application/apply-patch+yaml';
    let after: JsonObject;
    if (isApply) {
      after = applyConfiguration({
        ...common,
        live: before,
        applied: body,
        force: query['force'] === 'true',
      }).object;
      after = this.#reset(before, finish(after, schema), subresource);
    } else {
      const wanted = method === 'PATCH' ? (mergePatch(before ?? {}, body) as JsonObject) : body;
      const complete = this.#identify(before, this.#reset(before, finish(wanted, schema), subresource));
      after = trackUpdate({ ...common, before, after: complete });
    }
    after = this.#identify(before, after);
    if (before !== undefined) after = withoutTimeOnlyChange(before, after);
    if (before !== undefined && jsonEqual(before, after)) return before;
    (after['metadata'] as JsonObject)['resourceVersion'] = String(++this.#version);
    return after;
  }

  #reset(before: JsonObject | undefined, after: JsonObject, subresource: string | undefined): JsonObject {
    const { status: _, ...rest } = after;
    if (subresource === 'status') {
      const { managedFields } = after['metadata'] as JsonObject;
      return {
        ...before,
        status: after['status']!,
        metadata: { ...(before!['metadata'] as JsonObject), managedFields: managedFields! },
      };
    }
    return before?.['status'] === undefined ? rest : { ...rest, status: before['status'] };
  }

  #identify(before: JsonObject | undefined, after: JsonObject): JsonObject {
    const kept = before === undefined ? {} : (before['metadata'] as JsonObject);
    return {
      ...after,
      metadata: {
        ...(after['metadata'] as JsonObject),
        namespace: 'ns',
        uid: kept['uid'] ?? `uid-${this.#version}`,
        resourceVersion: kept['resourceVersion'] ?? '0',
        creationTimestamp: kept['creationTimestamp'] ?? '2026-01-01T00:00:00Z',
      },
    };
  }
}

/** Defaults of list map keys, and no empty maps and lists: they do not survive Go's `omitempty`. */
function finish(object: JsonObject, schema: Schema | undefined): JsonObject {
  const out: JsonObject = {};
  for (const [name, value] of Object.entries(object)) {
    if (value === null) continue;
    const below = schema?.properties?.[name];
    if (name === 'managedFields') out[name] = value;
    else if (Array.isArray(value)) {
      if (value.length > 0)
        out[name] = value.map((item) => (isObject(item) ? finish(item, below?.items) : item));
    } else if (isObject(value)) {
      const next = finish(value, below);
      if (Object.keys(next).length > 0) out[name] = next;
    } else out[name] = value;
  }
  for (const [name, below] of Object.entries(schema?.properties ?? {})) {
    if (typeof below.default === 'string' && below.default !== '') out[name] ??= below.default;
  }
  return out;
}

function mergePatch(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const out: JsonObject = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete out[name];
    else out[name] = mergePatch(out[name] ?? null, value);
  }
  return out;
}

function refusal(error: unknown): { status: number; body: JsonObject } {
  const status: JsonObject = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' };
  if (error instanceof ApplyConflictError) {
    const causes = error.conflicts.map(({ message, path }) => ({
      reason: 'FieldManagerConflict',
      message,
      field: path,
    }));
    const body = { ...status, message: error.message, reason: 'Conflict', details: { causes }, code: 409 };
    return { status: 409, body };
  }
  if (!(error instanceof InvalidInputError)) throw error;
  const code = error.code === 'BadRequest' ? 400 : 500;
  return { status: code, body: { ...status, message: error.message, reason: error.code, code } };
}

/** `actual` reduced to what `wanted` names; placeholders and what the server around decides are taken over. */
function comparable(actual: Json | undefined, wanted: Json, exact: boolean): Json | undefined {
  if (typeof wanted === 'string' && wanted.startsWith('<') && typeof actual === 'string') return wanted;
  if (Array.isArray(wanted) && Array.isArray(actual)) {
    return actual.map((item, i) => comparable(item, wanted[i] ?? null, exact) ?? null);
  }
  if (!isObject(wanted) || !isObject(actual)) return actual;
  const out: JsonObject = {};
  for (const name of exact ? Object.keys(actual) : Object.keys(wanted)) {
    if (actual[name] === undefined) continue;
    out[name] = comparable(actual[name], wanted[name] ?? null, exact || name === 'managedFields') ?? null;
  }
  return out;
}

function at(value: Json | undefined, path: string): Json | undefined {
  return path
    .split(/[.[\]]+/)
    .filter(Boolean)
    .reduce<Json | undefined>((v, key) => (v as JsonObject | undefined)?.[key], value);
}

function substitute<T>(value: T, variables: Record<string, string>): T {
  const text = JSON.stringify(value).replace(/\$\{(\w+)\}/g, (all, name: string) => variables[name] ?? all);
  return JSON.parse(text) as T;
}

function withoutGeneration(body: JsonObject): JsonObject {
  const { metadata } = body;
  if (!isObject(metadata)) return body;
  const { generation: _, ...rest } = metadata;
  return { ...body, metadata: rest };
}

test.each(Object.entries(driven))('%s: the merge answers as the real server', (name, count) => {
  const { steps } = JSON.parse(readFileSync(new URL(`${name}.json`, casesDir), 'utf8')) as { steps: Step[] };
  const server = new Server();
  const variables: Record<string, string> = { ns: 'ns', id: 'x' };
  let done = 0;
  for (const raw of steps) {
    if (raw.name === 'the resource is served') continue;
    if (notOfTheMerge[name]?.includes(raw.name) === true) continue;
    const step = substitute(raw, variables);
    if (!step.request.path.includes('/namespaces/')) {
      if (step.request.method === 'POST') server.define(step.request.body!);
      continue;
    }
    const { status, body } = server.answer(step.request);
    const isExpected = [step.expect.status].flat().includes(status);
    expect({ step: step.name, status, body, isExpected }).toMatchObject({ isExpected: true });
    if (step.expect.body !== undefined && step.expect.mode !== 'none') {
      const wanted = withoutGeneration(step.expect.body);
      const got = comparable(body, wanted, step.expect.mode === 'exact');
      expect({ step: step.name, body: got }).toEqual({ step: step.name, body: wanted });
    }
    for (const { path, op, value } of step.expect.checks ?? []) {
      const got = at(body, path);
      const holds =
        op === 'absent'
          ? got === undefined
          : op === 'length'
            ? Object.keys(got as JsonObject).length === value
            : op === 'gt' && Number(got) > Number(value);
      expect({ step: step.name, path, op, value, got, holds }).toMatchObject({ holds: true });
    }
    for (const [variable, path] of Object.entries(step.capture ?? {})) {
      variables[variable] = at(body, path) as string;
    }
    done++;
  }
  expect(done).toBe(count);
});
