import protobuf from 'protobufjs/light.js';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject } from '../../../machinery/json.ts';

type Writer = protobuf.Writer;

/**
 * An OpenAPI v2 document in the form that clients of Kubernetes ask for.
 *
 * Source of the field numbers: openapiv2/OpenAPIv2.proto of github.com/google/gnostic-models.
 */
export function encodeOpenApiV2(document: JsonObject): Uint8Array {
  const writer = protobuf.Writer.create();
  text(writer, 1, document['swagger']);
  message(writer, 2, document['info'], (to, info) => {
    text(to, 1, info['title']);
    text(to, 2, info['version']);
  });
  message(writer, 8, document['paths'], (to, paths) => named(to, 2, paths, writePath));
  message(writer, 9, document['definitions'], (to, models) => named(to, 1, models, writeSchema));
  for (const requirement of objects(document['security'])) {
    message(writer, 12, requirement, (to, schemes) => named(to, 1, schemes, () => {}));
  }
  message(writer, 13, document['securityDefinitions'], (to, schemes) =>
    named(to, 1, schemes, (item, scheme) =>
      message(item, 2, scheme, (key, apiKey) => {
        ['type', 'name', 'in'].forEach((field, i) => text(key, i + 1, apiKey[field]));
      }),
    ),
  );
  return writer.finish();
}

function tag(writer: Writer, field: number, wireType: 0 | 1 | 2): Writer {
  return writer.uint32((field << 3) | wireType);
}

function text(writer: Writer, field: number, value: Json | undefined): void {
  if (typeof value === 'string' && value !== '') tag(writer, field, 2).string(value);
}

function texts(writer: Writer, field: number, value: Json | undefined): void {
  if (!Array.isArray(value)) return;
  for (const item of value) if (typeof item === 'string') tag(writer, field, 2).string(item);
}

function flag(writer: Writer, field: number, value: Json | undefined): void {
  if (value === true) tag(writer, field, 0).bool(true);
}

function integer(writer: Writer, field: number, value: Json | undefined): void {
  if (typeof value === 'number' && value !== 0) tag(writer, field, 0).int64(Math.trunc(value));
}

function double(writer: Writer, field: number, value: Json | undefined): void {
  if (typeof value === 'number' && value !== 0) tag(writer, field, 1).double(value);
}

function message(
  writer: Writer,
  field: number,
  value: Json | undefined,
  write: (writer: Writer, value: JsonObject) => void,
): void {
  if (value === undefined) return;
  tag(writer, field, 2).fork();
  if (isObject(value)) write(writer, value);
  writer.ldelim();
}

/** A map, as a list of names with their values. */
function named(
  writer: Writer,
  field: number,
  map: JsonObject,
  write: (writer: Writer, value: JsonObject) => void,
): void {
  for (const [name, value] of Object.entries(map)) {
    message(writer, field, {}, (entry) => {
      text(entry, 1, name);
      message(entry, 2, value, write);
    });
  }
}

/** Free values are text inside: JSON is YAML. */
function any(writer: Writer, field: number, value: Json | undefined): void {
  if (value === undefined) return;
  message(writer, field, {}, (to) => text(to, 2, JSON.stringify(value)));
}

function extensions(writer: Writer, field: number, of: JsonObject): void {
  for (const [name, value] of Object.entries(of)) {
    if (!name.startsWith('x-')) continue;
    message(writer, field, {}, (entry) => {
      text(entry, 1, name);
      any(entry, 2, value);
    });
  }
}

function objects(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

const methodFields = { get: 2, put: 3, post: 4, delete: 5, patch: 8 };

function writePath(writer: Writer, item: JsonObject): void {
  for (const [method, field] of Object.entries(methodFields)) {
    message(writer, field, item[method], writeOperation);
  }
  for (const parameter of objects(item['parameters'])) message(writer, 9, parameter, writeParameterItem);
}

function writeOperation(writer: Writer, operation: JsonObject): void {
  texts(writer, 1, operation['tags']);
  text(writer, 3, operation['description']);
  text(writer, 5, operation['operationId']);
  texts(writer, 6, operation['produces']);
  texts(writer, 7, operation['consumes']);
  for (const parameter of objects(operation['parameters'])) message(writer, 8, parameter, writeParameterItem);
  message(writer, 9, operation['responses'], (to, responses) =>
    named(to, 1, responses, (value, response) =>
      message(value, 1, response, (answer) => {
        text(answer, 1, response['description']);
        message(answer, 2, response['schema'], (item, schema) => message(item, 1, schema, writeSchema));
      }),
    ),
  );
  texts(writer, 10, operation['schemes']);
  extensions(writer, 13, operation);
}

function writeParameterItem(writer: Writer, parameter: JsonObject): void {
  message(writer, 1, parameter, (either) => {
    if (parameter['in'] === 'body') message(either, 1, parameter, writeBodyParameter);
    else message(either, 2, parameter, writeOtherParameter);
  });
}

function writeBodyParameter(writer: Writer, parameter: JsonObject): void {
  text(writer, 2, parameter['name']);
  text(writer, 3, parameter['in']);
  flag(writer, 4, parameter['required']);
  message(writer, 5, parameter['schema'], writeSchema);
}

function writeOtherParameter(writer: Writer, parameter: JsonObject): void {
  const isQuery = parameter['in'] === 'query';
  message(writer, isQuery ? 3 : 4, parameter, (to) => {
    flag(to, 1, parameter['required']);
    text(to, 2, parameter['in']);
    text(to, 3, parameter['description']);
    text(to, 4, parameter['name']);
    // Only queries have "allow empty value", which moves the rest.
    text(to, isQuery ? 6 : 5, parameter['type']);
    flag(to, isQuery ? 20 : 19, parameter['uniqueItems']);
  });
}

function writeSchema(writer: Writer, schema: JsonObject): void {
  text(writer, 1, schema['$ref']);
  ['format', 'title', 'description'].forEach((key, i) => text(writer, i + 2, schema[key]));
  any(writer, 5, schema['default']);
  double(writer, 6, schema['multipleOf']);
  double(writer, 7, schema['maximum']);
  flag(writer, 8, schema['exclusiveMaximum']);
  double(writer, 9, schema['minimum']);
  flag(writer, 10, schema['exclusiveMinimum']);
  integer(writer, 11, schema['maxLength']);
  integer(writer, 12, schema['minLength']);
  text(writer, 13, schema['pattern']);
  integer(writer, 14, schema['maxItems']);
  integer(writer, 15, schema['minItems']);
  flag(writer, 16, schema['uniqueItems']);
  integer(writer, 17, schema['maxProperties']);
  integer(writer, 18, schema['minProperties']);
  texts(writer, 19, schema['required']);
  if (Array.isArray(schema['enum'])) for (const value of schema['enum']) any(writer, 20, value);
  const values = schema['additionalProperties'];
  if (isObject(values)) message(writer, 21, {}, (to) => message(to, 1, values, writeSchema));
  else if (values === true) message(writer, 21, {}, (to) => flag(to, 2, true));
  if (schema['type'] !== undefined) message(writer, 22, {}, (to) => text(to, 1, schema['type']));
  const { items } = schema;
  if (items !== undefined) message(writer, 23, {}, (to) => message(to, 1, items, writeSchema));
  message(writer, 25, schema['properties'], (to, properties) => named(to, 1, properties, writeSchema));
  extensions(writer, 31, schema);
}
