import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, own } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';
import { builtInSchema } from '../openapi/built-in-schemas.ts';

/**
 * `structural`: the schema of a custom resource, where an object without properties has none.
 * `published`: the schema of a built-in type, where it may have any (a raw object, the fields of an owner).
 */
export type SchemaStyle = 'structural' | 'published';

/**
 * Removes the fields that the schema does not know, in place.
 *
 * @returns their paths (`spec.containers[0].imagee`), in the order in which they stand in the object
 */
export function pruneUnknown(schema: Schema, object: JsonObject, style: SchemaStyle): string[] {
  const unknown: string[] = [];
  const pruner = new Pruner(unknown, true, style);
  if (style === 'structural') pruner.embedded(schema, object, '');
  else pruner.object(schema, object, '');
  return unknown;
}

/** As {@link pruneUnknown}, without touching the object. */
export function unknownFields(schema: Schema, object: JsonObject, style: SchemaStyle): string[] {
  const unknown: string[] = [];
  const pruner = new Pruner(unknown, false, style);
  if (style === 'structural') pruner.embedded(schema, object, '');
  else pruner.object(schema, object, '');
  return unknown;
}

class Pruner {
  readonly #unknown: string[];
  readonly #remove: boolean;
  readonly #style: SchemaStyle;

  constructor(unknown: string[], remove: boolean, style: SchemaStyle) {
    this.#unknown = unknown;
    this.#remove = remove;
    this.#style = style;
  }

  object(schema: Schema, object: JsonObject, path: string): void {
    if (schema['x-kubernetes-embedded-resource'] === true) {
      this.embedded(schema, object, path);
      return;
    }
    for (const key of Object.keys(object)) this.#field(schema, object, key, path);
  }

  /** An object that has `apiVersion`, `kind` and `metadata` whatever its schema says. */
  embedded(schema: Schema, object: JsonObject, path: string): void {
    for (const key of Object.keys(object)) {
      if (key === 'apiVersion' || key === 'kind') continue;
      const value = own(object, key);
      if (key === 'metadata' && isObject(value)) {
        const metadata = builtInSchema('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');
        new Pruner(this.#unknown, this.#remove, 'published').object(metadata, value, join(path, key));
      } else {
        this.#field(schema, object, key, path);
      }
    }
  }

  #field(schema: Schema, object: JsonObject, key: string, path: string): void {
    const known = fieldSchema(schema, key, this.#style);
    if (known === 'any') return;
    if (known === undefined) {
      this.#unknown.push(join(path, key));
      if (this.#remove) delete object[key];
      return;
    }
    this.#value(known, own(object, key), join(path, key));
  }

  #value(schema: Schema, value: Json | undefined, path: string): void {
    if (Array.isArray(value)) {
      const { items } = schema;
      if (items === undefined) return;
      for (const [i, item] of value.entries()) this.#value(items, item, `${path}[${i}]`);
    } else if (isObject(value)) {
      this.object(schema, value, path);
    }
  }
}

/** The schema of a field; `any` where the field may be there but nothing is known about it. */
function fieldSchema(schema: Schema, key: string, style: SchemaStyle): Schema | 'any' | undefined {
  const property = schema.properties === undefined ? undefined : own(schema.properties, key);
  if (property !== undefined) return property;
  const { additionalProperties } = schema;
  if (typeof additionalProperties === 'object') return additionalProperties;
  if (additionalProperties === true) return 'any';
  if (schema['x-kubernetes-preserve-unknown-fields'] === true) return 'any';
  return style === 'published' && schema.properties === undefined ? 'any' : undefined;
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
