import type { FieldError, FieldPath } from '../../../machinery/field-errors.ts';
import {
  fieldErrorMessage,
  forbidden,
  invalidValue,
  requiredValue,
} from '../../../machinery/field-errors.ts';
import { jsonEqual, own } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';
import { compilePattern } from './patterns.ts';

type Level = 'root' | 'item' | 'field';

const typeRequired: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

const intOrString = [{ type: 'integer' }, { type: 'string' }];

/** Keywords that describe the structure: not allowed below a logical junctor, with what their message says. */
const structureOnly: readonly (readonly [keyof Schema, string])[] = [
  ['type', 'must be empty to be structural'],
  ['additionalProperties', 'must be undefined to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
];

/**
 * What keeps a schema (as `readSchema` gives it) from being structural, in the order of the messages.
 *
 * Source: apiextensions-apiserver pkg/apiserver/schema, validation.go and complete.go.
 */
export function structuralProblems(schema: Schema, path: FieldPath): FieldError[] {
  const checker = new Checker();
  checker.structure(schema, 'root', path);
  checker.completeness(schema, schema, path, path);
  return checker.problems
    .map((error) => ({ error, message: fieldErrorMessage(error) }))
    .sort((a, b) => (a.message < b.message ? -1 : Number(a.message > b.message)))
    .map(({ error }) => error);
}

class Checker {
  readonly problems: FieldError[] = [];

  structure(schema: Schema, level: Level, path: FieldPath): void {
    if (schema.type === 'array' && schema.items === undefined) {
      this.problems.push(requiredValue(path.child('items'), 'must be specified'));
    }
    if (schema.items !== undefined) this.structure(schema.items, 'item', path.child('items'));
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      this.structure(property, 'field', path.child('properties').key(name));
    }
    const { additionalProperties } = schema;
    if (additionalProperties !== undefined) {
      const at = path.child('additionalProperties');
      if (level === 'root') this.problems.push(forbidden(at, 'must not be used at the root'));
      if (typeof additionalProperties === 'object') this.structure(additionalProperties, 'field', at);
    }
    this.#extensions(schema, path);
    this.#junctors(schema, isIntOrString(schema.anyOf), isIntOrString(schema.allOf?.[0]?.anyOf), path);
    this.#type(schema, level, path);
    this.#metadata(schema, level, path);
  }

  #extensions(schema: Schema, path: FieldPath): void {
    if (schema['x-kubernetes-int-or-string'] !== true) return;
    for (const keyword of [
      'x-kubernetes-preserve-unknown-fields',
      'x-kubernetes-embedded-resource',
    ] as const) {
      if (schema[keyword] !== true) continue;
      const message = 'must be false if x-kubernetes-int-or-string is true';
      this.problems.push(invalidValue(path.child(keyword), true, message));
    }
  }

  #type(schema: Schema, level: Level, path: FieldPath): void {
    const { type = '' } = schema;
    const at = path.child('type');
    const isEmbedded = schema['x-kubernetes-embedded-resource'] === true;
    if (isEmbedded && type !== 'object') {
      const message = 'must be object if x-kubernetes-embedded-resource is true';
      this.problems.push(type === '' ? requiredValue(at, message) : invalidValue(at, type, message));
    } else if (
      type === '' &&
      schema['x-kubernetes-int-or-string'] !== true &&
      schema['x-kubernetes-preserve-unknown-fields'] !== true
    ) {
      this.problems.push(requiredValue(at, typeRequired[level]));
    }
    if (isEmbedded && schema.additionalProperties !== undefined) {
      const message = 'must not be used if x-kubernetes-embedded-resource is set';
      this.problems.push(forbidden(path.child('additionalProperties'), message));
    }
    if (level === 'root' && type !== '' && type !== 'object') {
      this.problems.push(invalidValue(at, type, 'must be object at the root'));
    }
  }

  /** Only the names of `metadata` may be restricted, everything else is the server's. */
  #metadata(schema: Schema, level: Level, path: FieldPath): void {
    const { properties = {} } = schema;
    const isEmbedded = schema['x-kubernetes-embedded-resource'] === true;
    const isResource = level === 'root' || isEmbedded;
    const typeOf = (name: string, wanted: string): void => {
      const property = own(properties, name);
      if (property === undefined || !isResource || property.type === wanted) return;
      const at = path.child('properties').key(name).child('type');
      this.problems.push(invalidValue(at, property.type ?? '', `must be ${wanted}`));
    };
    typeOf('kind', 'string');
    typeOf('apiVersion', 'string');
    typeOf('metadata', 'object');
    const metadata = own(properties, 'metadata');
    if (metadata !== undefined && level === 'root' && restrictsMoreThanNames(metadata)) {
      const message =
        'must not specify anything other than name and generateName, but metadata is implicitly specified';
      this.problems.push(forbidden(path.child('properties').key('metadata'), message));
    }
    if (
      isEmbedded &&
      schema['x-kubernetes-preserve-unknown-fields'] !== true &&
      Object.keys(properties).length === 0
    ) {
      const message =
        'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
      this.problems.push(requiredValue(path.child('properties'), message));
    }
  }

  #junctors(schema: Schema, skipAnyOf: boolean, skipFirstAllOf: boolean, path: FieldPath): void {
    if (!skipAnyOf) {
      for (const [i, branch] of (schema.anyOf ?? []).entries()) {
        this.#nested(branch, false, path.child('anyOf').index(i));
      }
    }
    for (const [i, branch] of (schema.allOf ?? []).entries()) {
      this.#nested(branch, skipFirstAllOf && i === 0, path.child('allOf').index(i));
    }
    for (const [i, branch] of (schema.oneOf ?? []).entries()) {
      this.#nested(branch, false, path.child('oneOf').index(i));
    }
    if (schema.not !== undefined) this.#nested(schema.not, false, path.child('not'));
    if (schema.pattern === undefined) return;
    const pattern = compilePattern(schema.pattern);
    if (typeof pattern !== 'string') return;
    const message = `must be a valid regular expression, but isn't: ${pattern}`;
    this.problems.push(invalidValue(path.child('pattern'), schema.pattern, message));
  }

  /** What stands below a junctor may only restrict values whose structure is specified elsewhere. */
  #nested(schema: Schema, skipAnyOf: boolean, path: FieldPath): void {
    this.#junctors(schema, skipAnyOf, false, path);
    if (schema.items !== undefined) this.#nested(schema.items, false, path.child('items'));
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      this.#nested(property, false, path.child('properties').key(name));
    }
    for (const [keyword, message] of structureOnly) {
      if (schema[keyword] !== undefined) this.problems.push(forbidden(path.child(keyword), message));
    }
    if (schema.properties !== undefined && Object.hasOwn(schema.properties, 'metadata')) {
      const at = path.child('properties').key('metadata');
      this.problems.push(forbidden(at, 'must not be specified in a nested context'));
    }
  }

  /** Every field that a junctor of `rules` mentions must be specified in `structure`. */
  completeness(
    rules: Schema,
    structure: Schema | undefined,
    structurePath: FieldPath,
    path: FieldPath,
  ): void {
    if (rules.not !== undefined) this.#complete(rules.not, structure, structurePath, path.child('not'));
    for (const keyword of ['allOf', 'anyOf', 'oneOf'] as const) {
      for (const [i, branch] of (rules[keyword] ?? []).entries()) {
        this.#complete(branch, structure, structurePath, path.child(keyword).index(i));
      }
    }
  }

  #complete(rules: Schema, structure: Schema | undefined, structurePath: FieldPath, path: FieldPath): void {
    if (structure === undefined) {
      this.problems.push(requiredValue(structurePath, `because it is defined in ${path.toString()}`));
      return;
    }
    this.completeness(rules, structure, structurePath, path);
    if (rules.items !== undefined) {
      this.#complete(rules.items, structure.items, structurePath.child('items'), path.child('items'));
    }
    for (const [name, property] of Object.entries(rules.properties ?? {})) {
      const counterpart = own(structure.properties ?? {}, name);
      const at = structurePath.child('properties').key(name);
      this.#complete(property, counterpart, at, path.child('properties').key(name));
    }
  }
}

/** The junctor that says what `x-kubernetes-int-or-string` says: the one place where types may stand below one. */
function isIntOrString(anyOf: readonly Schema[] | undefined): boolean {
  return jsonEqual(anyOf, intOrString);
}

function restrictsMoreThanNames(metadata: Schema): boolean {
  const { type: _type, default: _default, properties = {}, ...rest } = metadata;
  const names = Object.keys(properties);
  return Object.keys(rest).length > 0 || names.some((name) => name !== 'name' && name !== 'generateName');
}
