import type { FieldError, FieldPath } from '../../../machinery/field-errors.ts';
import {
  duplicateValue,
  forbidden,
  invalidValue,
  requiredValue,
  tooMany,
} from '../../../machinery/field-errors.ts';
import { compileRules } from '../../../machinery/cel/rules.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { optionalObject, textAt } from '../builtin/fields.ts';
import { defaultsProblems } from '../schema/defaults-problems.ts';
import { findField } from '../schema/field-path.ts';
import { readSchema } from '../schema/read-schema.ts';
import { hasRules } from '../schema/rules.ts';
import { schemaProblems } from '../schema/schema-problems.ts';
import { structuralProblems } from '../schema/structural.ts';
import type { CustomResourceVersion, PrinterColumn } from './definition-spec.ts';

const columnTypes = 'boolean,date,integer,number,string';
const columnFormats = 'byte,date,date-time,double,float,int32,int64,password';
const maxSelectableFields = 8;

/** Keywords that the root of a schema may have where `/status` is a resource of its own: Go's names, for the message. */
const rootKeywords: Readonly<Record<string, string>> = {
  description: 'Description',
  type: 'Type',
  format: 'Format',
  title: 'Title',
  maximum: 'Maximum',
  exclusiveMaximum: 'ExclusiveMaximum',
  minimum: 'Minimum',
  exclusiveMinimum: 'ExclusiveMinimum',
  maxLength: 'MaxLength',
  minLength: 'MinLength',
  pattern: 'Pattern',
  maxItems: 'MaxItems',
  minItems: 'MinItems',
  uniqueItems: 'UniqueItems',
  multipleOf: 'MultipleOf',
  required: 'Required',
  items: 'Items',
  properties: 'Properties',
  externalDocs: 'ExternalDocs',
  example: 'Example',
  'x-kubernetes-preserve-unknown-fields': 'XPreserveUnknownFields',
  'x-kubernetes-validations': 'XValidations',
};

/**
 * What is wrong with an `openAPIV3Schema`.
 *
 * @param hasStatus whether `/status` is a resource of its own: its schema is then cut out of this one
 */
export function validationProblems(value: JsonObject, hasStatus: boolean, path: FieldPath): FieldError[] {
  const problems: FieldError[] = [];
  const at = path.child('openAPIV3Schema');
  const { schema, problems: unread } = readSchema(value, at);
  if (hasStatus) problems.push(...rootProblems(schema as JsonObject, at));
  if (schema.nullable === true) {
    problems.push(forbidden(at.child('nullable'), 'nullable cannot be true at the root'));
  }
  let mayCompile = false;
  if (unread.length === 0) {
    const structural = structuralProblems(schema, at);
    if (structural.length > 0) problems.push(...structural);
    else {
      const defaults = defaultsProblems(schema, at);
      problems.push(...defaults);
      mayCompile = defaults.length === 0;
    }
  }
  const keywords = schemaProblems(schema, at);
  problems.push(...unread, ...keywords);
  if (mayCompile && keywords.length === 0 && hasRules(schema)) {
    problems.push(...compileRules(schema, at).errors);
  }
  return problems;
}

function rootProblems(schema: JsonObject, at: FieldPath): FieldError[] {
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === 'type' && value !== 'object') {
      const message =
        'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
      return [invalidValue(at.child('type'), value, message)];
    }
    if (Object.hasOwn(rootKeywords, keyword)) continue;
    const allowed = Object.values(rootKeywords).join(' ');
    const message = `only [${allowed}] fields are allowed at the root of the schema if the status subresource is enabled`;
    return [invalidValue(at, schema, message)];
  }
  return [];
}

export function subresourcesProblems(subresources: JsonObject, path: FieldPath): FieldError[] {
  const scale = optionalObject(subresources, 'scale');
  if (scale === undefined) return [];
  const problems: FieldError[] = [];
  const check = (name: string, roots: readonly string[], wanted: string, required: boolean): void => {
    const at = path.child(`scale.${name}`);
    const value = textAt(scale, name);
    if (value === '') {
      if (required) problems.push(requiredValue(at));
    } else if (!value.startsWith('.')) {
      problems.push(invalidValue(at, value, 'must be a simple json path starting with .'));
    } else if (!roots.some((root) => value.startsWith(root))) {
      problems.push(invalidValue(at, value, `should be a json path under ${wanted}`));
    }
  };
  check('specReplicasPath', ['.spec.'], '.spec', true);
  check('statusReplicasPath', ['.status.'], '.status', true);
  check('labelSelectorPath', ['.spec.', '.status.'], 'either .spec or .status', false);
  return problems;
}

export function columnProblems(column: PrinterColumn, path: FieldPath): FieldError[] {
  const problems: FieldError[] = [];
  if (column.name === '') problems.push(requiredValue(path.child('name')));
  const types = `must be one of ${columnTypes}`;
  if (column.type === '') problems.push(requiredValue(path.child('type'), types));
  else if (!columnTypes.split(',').includes(column.type)) {
    problems.push(invalidValue(path.child('type'), column.type, types));
  }
  if (column.format !== '' && !columnFormats.split(',').includes(column.format)) {
    problems.push(invalidValue(path.child('format'), column.format, `must be one of ${columnFormats}`));
  }
  const at = path.child('JSONPath');
  if (column.jsonPath === '') problems.push(requiredValue(at));
  else if (!column.jsonPath.startsWith('.')) {
    problems.push(invalidValue(at, column.jsonPath, 'must be a simple json path starting with .'));
  }
  return problems;
}

export function selectableFieldsProblems(
  { selectableFields, schema: value }: CustomResourceVersion,
  path: FieldPath,
): FieldError[] {
  if (selectableFields.length === 0) return [];
  if (value === undefined) {
    return [invalidValue(path, '', 'may only be set when validations.schema is included')];
  }
  const { schema } = readSchema(value, path);
  const problems: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, jsonPath] of selectableFields.entries()) {
    const at = path.index(i).child('jsonPath');
    if (jsonPath === '') {
      problems.push(requiredValue(at));
      continue;
    }
    const field = jsonPath.includes('[') ? 'array notation is not allowed' : findField(schema, jsonPath);
    if (typeof field === 'string') {
      problems.push(invalidValue(at, jsonPath, `is an invalid path: ${field}`));
      continue;
    }
    if (field.names[0] === 'metadata') {
      problems.push(invalidValue(at, jsonPath, 'must not point to fields in metadata'));
    }
    if (!['string', 'boolean', 'integer'].includes(field.schema.type ?? '')) {
      const message =
        'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.';
      problems.push(invalidValue(at, jsonPath, message));
    }
    const name = field.names.join('.');
    if (seen.has(name)) problems.push(duplicateValue(at, jsonPath));
    seen.add(name);
  }
  if (seen.size > maxSelectableFields) problems.push(tooMany(path, seen.size, maxSelectableFields));
  return problems;
}

export function deprecationProblems(version: CustomResourceVersion, path: FieldPath): FieldError[] {
  const { deprecated, deprecationWarning: warning } = version;
  if (warning === undefined) return [];
  const at = path.child('deprecationWarning');
  const invalid = (message: string): FieldError => invalidValue(at, warning, message);
  if (!deprecated) return [invalid('can only be set for deprecated versions')];
  const problems: FieldError[] = [];
  if (Buffer.byteLength(warning) > 256) problems.push(invalid('must be <= 256 characters long'));
  if (warning === '') problems.push(invalid('must not be an empty string'));
  const odd = warning.search(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u);
  if (odd !== -1) {
    const index = Buffer.byteLength(warning.slice(0, odd));
    const message = `must only contain printable UTF-8 characters; non-printable character found at index ${index}`;
    problems.push(invalid(message));
  }
  return problems;
}
