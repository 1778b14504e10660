import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FieldPath, fieldErrorMessage } from '../../../machinery/field-errors.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { jsonClone } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';
import { applyDefaults, pruneNulls } from './defaulting.ts';
import { embeddedResourceProblems } from './embedded-resources.ts';
import { listTypeProblems } from './list-types.ts';
import { readSchema } from './read-schema.ts';
import { structuralProblems } from './structural.ts';
import { validateValue } from './validate.ts';

interface Recording {
  readonly op: 'validate' | 'structural' | 'default' | 'listtype' | 'embedded';
  readonly schema: Json;
  readonly value: JsonObject;
  readonly old?: JsonObject;
  readonly expect: Json;
}

/** What the code of k8s.io/apiextensions-apiserver 0.36.2 said about random schemas and values. */
const recordings = JSON.parse(
  readFileSync(new URL('testdata/recorded.generated.json', import.meta.url), 'utf8'),
) as Recording[];

function answer({ op, value, old }: Recording, schema: Schema): Json {
  switch (op) {
    case 'validate':
      return validateValue(schema, value, { old }).map(fieldErrorMessage).sort();
    case 'structural':
      return structuralProblems(schema, new FieldPath('root')).map(fieldErrorMessage).sort();
    case 'listtype':
      return listTypeProblems(schema, value).map(fieldErrorMessage).sort();
    case 'embedded':
      return embeddedResourceProblems(schema, value).map(fieldErrorMessage).sort();
    default: {
      const copy = jsonClone(value);
      pruneNulls(schema, copy);
      applyDefaults(schema, copy);
      return copy;
    }
  }
}

describe.each(['validate', 'structural', 'default', 'listtype', 'embedded'] as const)('%s', (op) => {
  const ofOp = recordings.filter((recording) => recording.op === op);

  test('is recorded', () => {
    expect(ofOp.length).toBeGreaterThanOrEqual(op === 'listtype' || op === 'embedded' ? 4 : 50);
  });

  test('answers as Kubernetes does', () => {
    for (const recording of ofOp) {
      const { schema } = readSchema(recording.schema, new FieldPath('root'));
      const expected = Array.isArray(recording.expect)
        ? recording.expect.map(String).sort()
        : recording.expect;
      expect({ ...recording, expect: answer(recording, schema) }).toEqual({ ...recording, expect: expected });
    }
  });
});
