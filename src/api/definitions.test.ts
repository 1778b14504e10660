import { describe, expect, test } from 'vitest';
import { isObject, type Json, type JsonObject, own } from '../machinery/json.ts';
import { customResourceDefinitions } from './custom-resource-definitions.ts';

/** A schema below the root of a kind, and where. */
interface Place {
  readonly path: string;
  readonly schema: JsonObject;
  /** How often it can stand in one object; infinite below a list or map without a limit. */
  readonly count: number;
}

function placesOf(schema: Json | undefined, path = '', count = 1): Place[] {
  if (!isObject(schema)) return [];
  const limit = Number(schema['maxItems'] ?? schema['maxProperties'] ?? Infinity);
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  return [
    { path, schema, count },
    ...Object.entries(properties).flatMap(([name, inner]) => placesOf(inner, `${path}.${name}`, count)),
    ...placesOf(own(schema, 'items'), `${path}[]`, count * limit),
    ...placesOf(own(schema, 'additionalProperties'), `${path}{}`, count * limit),
  ];
}

interface Definition {
  readonly spec: {
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: JsonObject } }[];
  };
}

const kinds = Object.entries(customResourceDefinitions).map(([file, definition]): [string, Place[]] => {
  const { versions } = (definition as unknown as Definition).spec;
  return [file, versions.flatMap(({ schema }) => placesOf(schema.openAPIV3Schema))];
});

describe.each(kinds)('%s', (_file, places) => {
  test('tells kubectl explain what each field is for', () => {
    const fields = places.filter(
      ({ path }) => /\.\w+$/.test(path) && !/^\.(apiVersion|kind|metadata)$/.test(path),
    );

    expect(fields.length).toBeGreaterThan(5);
    expect(fields.flatMap(({ path, schema }) => (schema['description'] === undefined ? [path] : []))).toEqual(
      [],
    );
  });

  test('has no rule that an API server would find too expensive', () => {
    const rules = places.flatMap(({ path, schema, count }) => {
      const all = (schema['x-kubernetes-validations'] ?? []) as unknown as readonly {
        readonly rule: string;
      }[];
      return all.map(({ rule }) => ({ path, rule, count }));
    });

    // It allows 10,000,000 units for one rule at all of its places; k8s.io/apiextensions-apiserver 0.36.2 counts
    // 2,600,000 for our dearest one. So rules stand below bounded lists only, and those that walk lists at few places.
    const limit = (rule: string): number => (/self\.\w+\.(all|exists|filter)/.test(rule) ? 100 : 100_000);
    expect(rules.filter(({ rule, count }) => count > limit(rule))).toEqual([]);
  });
});
