import type { Json } from '../json.ts';
import { isObject, jsonEqual, own } from '../json.ts';
import type { Schema } from '../schema.ts';

/** Finds items of a list by the keys of another item. */
export class KeyedItems {
  readonly #items = new Map<string, Json>();
  readonly #keys: readonly string[];

  /** @param items those of a list whose `schema` says that it has keys; of other lists none is found */
  constructor(schema: Schema, items: Json | undefined) {
    this.#keys =
      schema['x-kubernetes-list-type'] === 'map' ? (schema['x-kubernetes-list-map-keys'] ?? []) : [];
    if (this.#keys.length === 0 || !Array.isArray(items)) return;
    for (const item of items) {
      const key = this.#keyOf(item);
      if (key !== undefined && !this.#items.has(key)) this.#items.set(key, item);
    }
  }

  get(item: Json): Json | undefined {
    const key = this.#keyOf(item);
    return key === undefined ? undefined : this.#items.get(key);
  }

  #keyOf(item: Json): string | undefined {
    if (!isObject(item) || this.#keys.length === 0) return undefined;
    const values = this.#keys.map((key) => own(item, key));
    const scalars = values.every((value) => value !== undefined && typeof value !== 'object');
    return scalars ? JSON.stringify(values) : undefined;
  }
}

/**
 * A value and the old one that it came from. Errors of values that did not change do not count.
 *
 * Source: k8s.io/apiserver/pkg/cel/common/equality.go.
 */
export class Correlation {
  readonly #value: Json;
  readonly #old: Json;
  readonly #schema: Schema;
  readonly #children = new Map<string | number, Correlation | undefined>();
  #keyed: KeyedItems | undefined;
  #unchanged: boolean | undefined;

  constructor(value: Json, old: Json, schema: Schema) {
    this.#value = value;
    this.#old = old;
    this.#schema = schema;
  }

  /** The field of an object; undefined if it has no old value. */
  key(name: string): Correlation | undefined {
    return this.#child(name, () => {
      if (!isObject(this.#value) || !isObject(this.#old)) return undefined;
      const { properties = {}, additionalProperties } = this.#schema;
      const schema = own(properties, name) ?? additionalProperties;
      return typeof schema === 'object'
        ? correlate(own(this.#value, name), own(this.#old, name), schema)
        : undefined;
    });
  }

  /** The item of a list with keys; undefined if there is no old item with its keys, and for other lists. */
  index(index: number): Correlation | undefined {
    return this.#child(index, () => {
      const { items } = this.#schema;
      if (!Array.isArray(this.#value) || items === undefined) return undefined;
      const item = this.#value[index];
      if (item === undefined) return undefined;
      this.#keyed ??= new KeyedItems(this.#schema, this.#old);
      return correlate(item, this.#keyed.get(item), items);
    });
  }

  #child(at: string | number, make: () => Correlation | undefined): Correlation | undefined {
    if (this.#children.has(at)) return this.#children.get(at);
    const made = make();
    this.#children.set(at, made);
    return made;
  }

  get unchanged(): boolean {
    this.#unchanged ??= this.#compare();
    return this.#unchanged;
  }

  #compare(): boolean {
    const value = this.#value;
    const old = this.#old;
    if (Array.isArray(value)) {
      if (!Array.isArray(old) || old.length !== value.length) return false;
      if (this.#schema['x-kubernetes-list-type'] !== 'map') return jsonEqual(value, old);
      return value.every((_, index) => this.index(index)?.unchanged === true);
    }
    if (!isObject(value)) return value === old;
    if (!isObject(old)) return false;
    const names = Object.keys(value);
    if (names.length !== Object.keys(old).length) return false;
    return names.every((name) => this.key(name)?.unchanged === true);
  }
}

function correlate(value: Json | undefined, old: Json | undefined, schema: Schema): Correlation | undefined {
  return value === undefined || old === undefined ? undefined : new Correlation(value, old, schema);
}
