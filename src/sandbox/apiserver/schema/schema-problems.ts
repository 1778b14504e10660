import type { FieldError, FieldPath } from '../../../machinery/field-errors.ts';
import { forbidden, invalidValue, requiredValue, unsupportedValue } from '../../../machinery/field-errors.ts';
import type { Schema } from '../../../machinery/schema.ts';
import { listTypeRuleProblems } from './list-type-rules.ts';

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const metaFields = new Set(['metadata', 'kind', 'apiVersion']);

/** What a schema may do at its place. */
interface Place {
  readonly isRoot: boolean;
  /** Inside `metadata`, `kind` or `apiVersion` of a resource. */
  readonly insideMeta: boolean;
  /** Why there may be no defaults. */
  readonly noDefaults: string | undefined;
}

/**
 * What is wrong with a schema (as `readSchema` gives it) beside its structure and its rules.
 *
 * Source: apiextensions-apiserver pkg/apis/apiextensions/validation, ValidateCustomResourceDefinitionOpenAPISchema.
 */
export function schemaProblems(schema: Schema, path: FieldPath): FieldError[] {
  const problems: FieldError[] = [];
  walk(schema, path, { isRoot: true, insideMeta: false, noDefaults: undefined }, problems);
  return problems;
}

function walk(schema: Schema, path: FieldPath, place: Place, problems: FieldError[]): void {
  problems.push(...keywordProblems(schema, path, place));
  children(schema, path, place, problems);
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType !== undefined) {
    const { type = '' } = schema;
    const message = 'must be object if x-kubernetes-map-type is specified';
    const at = path.child('type');
    if (type === '') problems.push(requiredValue(at, message));
    else if (type !== 'object') problems.push(invalidValue(at, type, message));
    if (mapType !== 'atomic' && mapType !== 'granular') {
      problems.push(unsupportedValue(path.child('x-kubernetes-map-type'), mapType, ['atomic', 'granular']));
    }
  }
  problems.push(...listTypeRuleProblems(schema, path));
}

function keywordProblems(schema: Schema, path: FieldPath, place: Place): FieldError[] {
  const problems: FieldError[] = [];
  const { type } = schema;
  if (type !== undefined && !types.includes(type)) {
    problems.push(unsupportedValue(path.child('type'), type, types));
  }
  if (schema.default !== undefined && place.noDefaults !== undefined) {
    problems.push(forbidden(path.child('default'), `must not be set ${place.noDefaults}`));
  }
  if (type === 'null') {
    const message = 'type cannot be set to null, use nullable as an alternative';
    problems.push(forbidden(path.child('type'), message));
  }
  if (place.insideMeta && schema['x-kubernetes-embedded-resource'] === true) {
    const message = 'must not be used inside of resource meta';
    problems.push(forbidden(path.child('x-kubernetes-embedded-resource'), message));
  }
  if (schema.uniqueItems === true) {
    const message = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    problems.push(forbidden(path.child('uniqueItems'), message));
  }
  const { additionalProperties } = schema;
  if (
    additionalProperties !== undefined &&
    additionalProperties !== true &&
    schema.properties !== undefined
  ) {
    const message = 'additionalProperties and properties are mutual exclusive';
    problems.push(forbidden(path.child('additionalProperties'), message));
  }
  return problems;
}

function children(schema: Schema, path: FieldPath, place: Place, problems: FieldError[]): void {
  const below: Place = { ...place, isRoot: false };
  const { additionalProperties } = schema;
  if (typeof additionalProperties === 'object') {
    const noDefaults = place.insideMeta
      ? 'inside additionalProperties applying to object metadata'
      : place.noDefaults;
    walk(additionalProperties, path.child('additionalProperties'), { ...below, noDefaults }, problems);
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const isMeta =
      metaFields.has(name) && (place.isRoot || schema['x-kubernetes-embedded-resource'] === true);
    const noDefaults = isMeta && place.isRoot ? `in top-level ${name}` : place.noDefaults;
    const at = path.child('properties').key(name);
    walk(property, at, { ...below, insideMeta: place.insideMeta || isMeta, noDefaults }, problems);
  }
  if (schema.not !== undefined) walk(schema.not, path.child('not'), below, problems);
  for (const keyword of ['allOf', 'oneOf', 'anyOf'] as const) {
    for (const [i, branch] of (schema[keyword] ?? []).entries()) {
      walk(branch, path.child(keyword).index(i), below, problems);
    }
  }
  if (schema.items !== undefined) walk(schema.items, path.child('items'), below, problems);
}
