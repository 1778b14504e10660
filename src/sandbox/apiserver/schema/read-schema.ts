import type { FieldError, FieldPath } from '../../../machinery/field-errors.ts';
import { forbidden, invalidValue, typeInvalid } from '../../../machinery/field-errors.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, setOwn } from '../../../machinery/json.ts';
import type { Schema, ValidationRule } from '../../../machinery/schema.ts';

const types = {
  string: [
    'type',
    'format',
    'title',
    'description',
    'pattern',
    'x-kubernetes-list-type',
    'x-kubernetes-map-type',
  ],
  boolean: [
    'nullable',
    'exclusiveMinimum',
    'exclusiveMaximum',
    'uniqueItems',
    'x-kubernetes-preserve-unknown-fields',
    'x-kubernetes-embedded-resource',
    'x-kubernetes-int-or-string',
  ],
  number: ['minimum', 'maximum', 'multipleOf'],
  integer: ['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'],
  strings: ['required', 'x-kubernetes-list-map-keys'],
  json: ['default'],
  list: ['enum'],
  schema: ['items', 'not'],
  schemas: ['allOf', 'anyOf', 'oneOf'],
  map: ['properties'],
  unsupported: ['id', '$ref', 'additionalItems', 'patternProperties', 'definitions', 'dependencies'],
} as const;

type ValueType = keyof typeof types;

const typeOfKeyword = new Map<string, ValueType>(
  Object.entries(types).flatMap(([type, keywords]) =>
    keywords.map((keyword): [string, ValueType] => [keyword, type as ValueType]),
  ),
);

/** A schema, and what the API server minds before it looks at the meaning. */
export interface ReadSchema {
  readonly schema: Schema;
  readonly problems: readonly FieldError[];
}

/**
 * Reads the `openAPIV3Schema` of a CRD. Total: what cannot be read is left out of the schema and becomes a problem.
 * Keywords that say nothing (`nullable: false`, empty maps, unknown keywords) are left out in silence: after reading,
 * a keyword that is there counts.
 */
export function readSchema(value: Json, path: FieldPath): ReadSchema {
  const problems: FieldError[] = [];
  return { schema: new Reader(problems).schema(value, path), problems };
}

class Reader {
  readonly #problems: FieldError[];

  constructor(problems: FieldError[]) {
    this.#problems = problems;
  }

  schema(value: Json, path: FieldPath): Schema {
    const schema: JsonObject = {};
    if (!isObject(value)) {
      this.#refuse(value, path, 'a schema');
      return schema;
    }
    for (const [keyword, given] of Object.entries(value)) {
      if (given === null) continue;
      const read = this.#keyword(keyword, given, path.child(keyword));
      if (read === undefined || isNothing(keyword, read)) continue;
      setOwn(schema, keyword, read);
    }
    return schema;
  }

  #keyword(keyword: string, value: Json, path: FieldPath): Json | undefined {
    if (keyword === 'additionalProperties') {
      return typeof value === 'boolean' ? value : (this.schema(value, path) as JsonObject);
    }
    if (keyword === 'x-kubernetes-validations') return this.#rules(value, path);
    const type = typeOfKeyword.get(keyword);
    if (type === undefined) return undefined;
    if (keyword === 'x-kubernetes-preserve-unknown-fields' && value === false) {
      this.#problems.push(invalidValue(path, value, 'must be true or undefined'));
    }
    if (keyword === 'items' && Array.isArray(value)) {
      this.#problems.push(forbidden(path, 'items must be a schema object and not an array'));
      return undefined;
    }
    return this.#value(type, value, path, keyword);
  }

  #value(type: ValueType, value: Json, path: FieldPath, keyword: string): Json | undefined {
    switch (type) {
      case 'string':
      case 'boolean':
      case 'number':
        return typeof value === type ? value : this.#refuse(value, path, type);
      case 'integer':
        return Number.isSafeInteger(value) ? value : this.#refuse(value, path, type);
      case 'strings':
        return isTexts(value) ? value : this.#refuse(value, path, 'list of strings');
      case 'list':
        return Array.isArray(value) ? value : this.#refuse(value, path, type);
      case 'schema':
        return this.schema(value, path) as JsonObject;
      case 'schemas':
        if (!Array.isArray(value)) return this.#refuse(value, path, 'list of schemas');
        return value.map((item, i) => this.schema(item, path.index(i)) as JsonObject);
      case 'map':
        return this.#map(value, path);
      case 'unsupported':
        return this.#unsupported(keyword, value, path);
      default:
        return value;
    }
  }

  #map(value: Json, path: FieldPath): Json | undefined {
    if (!isObject(value)) return this.#refuse(value, path, 'map of schemas');
    const map: JsonObject = {};
    for (const [name, item] of Object.entries(value)) {
      setOwn(map, name, this.schema(item, path.key(name)) as JsonObject);
    }
    return map;
  }

  #rules(value: Json, path: FieldPath): Json | undefined {
    if (!Array.isArray(value)) return this.#refuse(value, path, 'list of rules');
    return value.map((item, i) => this.#rule(item, path.index(i)));
  }

  #rule(value: Json, path: FieldPath): JsonObject {
    const rule: { -readonly [K in keyof ValidationRule]: ValidationRule[K] } = { rule: '' };
    if (!isObject(value)) {
      this.#refuse(value, path, 'a rule');
      return { ...rule };
    }
    for (const key of ['rule', 'message', 'messageExpression', 'reason', 'fieldPath'] as const) {
      const text = value[key];
      if (typeof text === 'string') rule[key] = text;
      else if (text !== undefined && text !== null) this.#refuse(text, path.child(key), 'string');
    }
    const optional = value['optionalOldSelf'];
    if (typeof optional === 'boolean') rule.optionalOldSelf = optional;
    return { ...rule };
  }

  #unsupported(keyword: string, value: Json, path: FieldPath): undefined {
    if (!isEmpty(value)) this.#problems.push(forbidden(path, `${keyword} is not supported`));
    return undefined;
  }

  #refuse(value: Json, path: FieldPath, wanted: string): undefined {
    this.#problems.push(typeInvalid(path, value, `must be ${wanted}`));
    return undefined;
  }
}

function isTexts(value: Json): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** Whether a keyword with this value says no more than without it. */
function isNothing(keyword: string, value: Json): boolean {
  if (keyword === 'additionalProperties' || keyword === 'default') return false;
  if (keyword === 'items' || keyword === 'not') return false;
  return value === false || isEmpty(value);
}

function isEmpty(value: Json): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === '' || (isObject(value) && Object.keys(value).length === 0);
}
