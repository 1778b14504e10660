import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isObject, type JsonObject } from '../machinery/json.ts';
import type { Unstructured } from '../machinery/object.ts';
import { needsApply } from './apply-if-changed.ts';

const asObject = (json: JsonObject): Unstructured => json as unknown as Unstructured;

function read(url: string): unknown {
  return JSON.parse(
    readFileSync(new URL(url, import.meta.url), 'utf8').replaceAll('<time>', time),
  ) as unknown;
}
const time = '2026-01-01T00:00:00Z';

function withoutTimes(object: JsonObject): JsonObject {
  return JSON.parse(
    JSON.stringify(object, (key, value: unknown) => (key === 'time' ? undefined : value)),
  ) as JsonObject;
}

interface Conversation {
  steps: {
    op: 'apply' | 'update';
    manager: string;
    object: JsonObject;
    want: { object?: JsonObject };
  }[];
}

test('what the field manager of Kubernetes answered: where no apply is needed, it changed nothing', () => {
  const { conversations } = read('../machinery/managed-fields/testdata/recorded.generated.json') as {
    conversations: Conversation[];
  };
  let skipped = 0;
  for (const { steps } of conversations) {
    let live: JsonObject | undefined;
    for (const { op, manager, object, want } of steps) {
      if (op === 'apply' && live !== undefined && !needsApply(asObject(live), asObject(object), manager)) {
        skipped += 1;
        expect(withoutTimes(want.object ?? {})).toEqual(withoutTimes(live));
      }
      live = want.object ?? live;
    }
  }
  expect(skipped).toBeGreaterThan(0);
});

interface Case {
  steps: {
    name: string;
    request: {
      method: string;
      path: string;
      query?: { fieldManager?: string };
      headers?: Record<string, string>;
      body?: JsonObject;
    };
    expect: { status: number; mode?: string; body?: JsonObject };
  }[];
}

test('what a real API server answered: after an apply none is needed, until something differs', () => {
  const folder = '../../test/conformance/cases';
  const needed: Record<string, string> = {};
  for (const file of readdirSync(new URL(folder, import.meta.url))) {
    if (!file.startsWith('apply-')) continue;
    let live: JsonObject | undefined;
    for (const { name, request, expect: answer } of (read(`${folder}/${file}`) as Case).steps) {
      const { method, query, headers, body } = request;
      // What was not recorded whole cannot be compared.
      if (answer.mode !== 'exact' || answer.status >= 300 || answer.body === undefined) {
        live = undefined;
        continue;
      }
      if (method === 'PATCH' && headers?.['content-type']?.includes('apply') === true && isObject(body)) {
        const ask = (object: JsonObject): boolean =>
          needsApply(asObject(object), asObject(body), query?.fieldManager ?? '');
        needed[`${file}: ${name}`] = `${live === undefined ? 'new' : ask(live)} → ${ask(answer.body)}`;
      }
      live = answer.body;
    }
  }
  expect(needed).toEqual({
    'apply-conflict.json: bob forces': 'new → false',
    'apply-create-update-noop.json: create': 'new → false',
    'apply-create-update-noop.json: the same again': 'false → false',
    'apply-create-update-noop.json: change one, leave one out, add one': 'true → false',
    'apply-create-update-noop.json: leave the whole map out': 'true → false',
    // Who owns nothing has no entry: whether there is one to remove cannot be told.
    'apply-empty-configuration.json: bob applies an empty map': 'new → true',
    'apply-empty-configuration.json: bob applies nothing': 'true → true',
    'apply-shared-ownership.json: bob': 'new → false',
    'apply-shared-ownership.json: bob applies nothing: his entry goes': 'new → true',
    'apply-then-update.json: forced: the updated entry shrinks': 'new → false',
  });
});
