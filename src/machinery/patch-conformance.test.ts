import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isObject, jsonEqual, own, type Json, type JsonObject } from './json.ts';
import { jsonPatch } from './json-patch.ts';
import { mergePatch } from './merge-patch.ts';
import { PatchError } from './patch-error.ts';
import { linkSchemas, type Schema } from './schema.ts';
import { strategicMergePatch } from './strategic-merge-patch.ts';

interface Step {
  name: string;
  request: { method: string; path: string; headers?: Record<string, string>; body?: Json };
  expect: {
    status: number;
    mode: string;
    body?: JsonObject;
    arrays?: Record<string, string>;
    checks?: { path: string; op: string; value?: Json }[];
  };
}

const cases = new URL('../../test/conformance/cases/', import.meta.url);
const document = JSON.parse(readFileSync(new URL('testdata/strategic.json', import.meta.url), 'utf8')) as {
  components: { schemas: Record<string, Schema> };
};
const schemas = linkSchemas(document.components.schemas);
const schemaNames: Record<string, string> = {
  deployments: 'io.k8s.api.apps.v1.Deployment',
  configmaps: 'io.k8s.api.core.v1.ConfigMap',
  services: 'io.k8s.api.core.v1.Service',
};

/** Steps that other parts of a server decide: defaults, validation, the media types of custom resources. */
const decidedElsewhere = new Set([
  'null of a field with a default brings the default back',
  'the result is validated',
  'strategic',
]);

function apply(step: Step, object: Json): Json | PatchError {
  try {
    return patch(step, object);
  } catch (thrown) {
    if (thrown instanceof PatchError) return thrown;
    throw thrown;
  }
}

function patch(step: Step, object: Json): Json {
  const body = step.request.body ?? null;
  switch (step.request.headers?.['content-type']) {
    case 'application/json-patch+json':
      return jsonPatch(object, body);
    case 'application/merge-patch+json':
      return mergePatch(object, body);
    default: {
      const resource = step.request.path.split('/').at(-2) ?? '';
      return strategicMergePatch(
        object as JsonObject,
        body as JsonObject,
        schemas[schemaNames[resource] ?? ''],
      );
    }
  }
}

/** What of an expectation follows from the patch alone: no defaults, no bookkeeping of the server. */
function decided(expected: Json): Json {
  if (Array.isArray(expected)) return expected.map(decided);
  if (!isObject(expected)) return expected;
  const left = Object.entries(expected).filter(
    ([key, value]) =>
      !['generation', 'resourceVersion', 'protocol'].includes(key) &&
      !(key === 'targetPort' && value === expected['port']),
  );
  return Object.fromEntries(left.map(([key, value]) => [key, decided(value)]));
}

function contains(
  actual: Json | undefined,
  expected: Json,
  arrays: Record<string, string>,
  path = '',
): boolean {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return false;
    const how = arrays[path.replaceAll(/\[\d+\]/g, '[*]')];
    if (how !== undefined) {
      return expected.every((want) => actual.some((item) => contains(item, want, arrays, `${path}[*]`)));
    }
    return (
      actual.length === expected.length &&
      expected.every((want, i) => contains(actual[i], want, arrays, `${path}[${i}]`))
    );
  }
  if (!isObject(expected)) return jsonEqual(actual, expected);
  return (
    isObject(actual) &&
    Object.entries(expected).every(([key, want]) =>
      contains(own(actual, key), want, arrays, path === '' ? key : `${path}.${key}`),
    )
  );
}

function valueAt(object: Json, path: string): Json | undefined {
  let at: Json | undefined = object;
  for (const token of path.split('.')) {
    const [, field = '', key, value] = /^([^[]*)(?:\[(.*)=(.*)\])?$/.exec(token) ?? [];
    at = isObject(at) ? own(at, field) : undefined;
    if (key !== undefined && Array.isArray(at)) at = at.find((item) => isObject(item) && item[key] === value);
  }
  return at;
}

function driveCase(steps: Step[]): number {
  const objects = new Map<string, Json>();
  let driven = 0;
  for (const step of steps) {
    const { method, path, body } = step.request;
    if (method === 'POST' && isObject(body)) {
      const { name } = body['metadata'] as { name: string };
      objects.set(`${path}/${name}`, body);
      continue;
    }
    const object = objects.get(path);
    if (method !== 'PATCH' || body === undefined || object === undefined || decidedElsewhere.has(step.name))
      continue;
    driven++;
    const patched = apply(step, object);
    if (step.expect.status >= 400) {
      const { status, body: answer } = step.expect;
      const { status: got, code } = patched as PatchError;
      expect({ step: step.name, status: got, code }).toEqual({
        step: step.name,
        status,
        code: answer?.['reason'],
      });
      continue;
    }
    if (patched instanceof PatchError) throw patched;
    const expected = decided(step.expect.body ?? {});
    expect(
      contains(patched, expected, step.expect.arrays ?? {}),
      `${step.name}: ${JSON.stringify(patched)} should contain ${JSON.stringify(expected)}`,
    ).toBe(true);
    for (const check of step.expect.checks ?? []) {
      const found = valueAt(patched, check.path);
      if (check.op === 'absent') expect(found, `${step.name}: ${check.path}`).toBeUndefined();
      if (check.op === 'length') expect(Object.keys(found as JsonObject)).toHaveLength(check.value as number);
    }
    objects.set(path, patched);
  }
  return driven;
}

test('every recorded patch that the patch alone decides gives what the API server gave', () => {
  let driven = 0;
  for (const file of readdirSync(cases).filter((name) => name.startsWith('patch-'))) {
    const { steps } = JSON.parse(readFileSync(new URL(file, cases), 'utf8')) as { steps: Step[] };
    driven += driveCase(steps);
  }
  expect(driven).toBeGreaterThanOrEqual(45);
});
