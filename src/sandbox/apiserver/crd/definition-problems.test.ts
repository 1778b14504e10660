import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FieldError } from '../../../machinery/field-errors.ts';
import { fieldErrorMessage } from '../../../machinery/field-errors.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { decodeObject } from '../decode.ts';
import { validateMetadata } from '../metadata-validation.ts';
import { anySchema } from '../schema/schemas.test-double.ts';
import { customResourceDefinitions } from './custom-resource-definition.ts';
import { definitionProblems } from './definition-problems.ts';

interface Recording {
  readonly crd: JsonObject;
  readonly problems: readonly string[];
}

/** What the code of k8s.io/apiextensions-apiserver 0.36.2 said about new CustomResourceDefinitions. */
const recordings = JSON.parse(
  readFileSync(new URL('testdata/recorded.generated.json', import.meta.url), 'utf8'),
) as Recording[];

function create(crd: JsonObject): { readonly object: JsonObject; readonly problems: FieldError[] } {
  const { object } = decodeObject(customResourceDefinitions, crd);
  customResourceDefinitions.setDefaults(object);
  customResourceDefinitions.prepareForCreate?.(object, {} as never);
  return {
    object,
    problems: [
      ...validateMetadata(customResourceDefinitions, object),
      ...definitionProblems(object, undefined),
    ],
  };
}

function crdWith(openAPIV3Schema: Json): JsonObject {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  };
}

test('minds what Kubernetes minds, in its words', () => {
  expect(recordings.length).toBeGreaterThanOrEqual(100);
  for (const { crd, problems } of recordings) {
    const found = create(crd).problems.map(fieldErrorMessage).sort();
    expect({ crd, problems: found }).toEqual({ crd, problems: problems.toSorted() });
  }
});

test('accepts most of the recorded shapes of Istio and Flagger', () => {
  const accepted = recordings.filter(({ problems }) => problems.length === 0);

  expect(accepted.length).toBeGreaterThanOrEqual(20);
});

test('fills in names and how versions are converted', () => {
  const { object } = create(crdWith({ type: 'object' }));

  expect(object).toMatchObject({
    spec: {
      names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
      conversion: { strategy: 'None' },
    },
    status: { storedVersions: ['v1'] },
  });
});

test('lets nobody rename a kind, and keeps versions in which objects are stored', () => {
  const { object: old } = create(crdWith({ type: 'object' }));
  const renamed = structuredClone(old) as {
    spec: { names: { plural: string }; versions: { name: string }[] };
  };
  renamed.spec.names.plural = 'gadgets';
  renamed.spec.versions[0]!.name = 'v2';

  const problems = definitionProblems(renamed as unknown as JsonObject, old).map(fieldErrorMessage);

  expect(problems).toEqual([
    'spec.names.plural: Invalid value: "gadgets": field is immutable',
    'status.storedVersions: Invalid value: ["v1"]: must have the storage version v2',
    expect.stringMatching(/^status.storedVersions\[0\]: Invalid value: "v1": missing from spec.versions;/),
  ]);
});

test('no schema breaks it', () => {
  fc.assert(
    fc.property(anySchema, (schema) => {
      const crd = crdWith(schema);
      customResourceDefinitions.setDefaults(crd);
      expect(Array.isArray(definitionProblems(crd, undefined))).toBe(true);
    }),
  );
});

test('many defaults together cost no more time than one', { timeout: 20_000 }, () => {
  const values = Array.from({ length: 3_000 }, (_, i) => i);
  const list = { type: 'array', items: { type: 'integer', enum: values }, default: values.toReversed() };
  const properties = Object.fromEntries(values.slice(0, 100).map((i) => [`f${i}`, list]));

  const { problems } = create(
    crdWith({ type: 'object', properties: { spec: { type: 'object', properties } } }),
  );

  expect(problems.map(({ detail }) => detail)).toContainEqual(expect.stringContaining('takes too long'));
});
