import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, setOwn } from '../../../machinery/json.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { serverVersion } from '../server-info.ts';
import { modelsOf, refPrefix } from './models.ts';
import type { Operation } from './operations.ts';
import { parameterTypes, pathParameters, pathsOf } from './operations.ts';

const prefix = '#/definitions/';

/** The OpenAPI v2 ("Swagger") document of everything. */
export function openApiV2(definitions: readonly ResourceDefinition[]): JsonObject {
  const items = definitions.flatMap((definition) => pathsOf(definition));
  const wanted = items.flatMap(({ operations }) =>
    operations.flatMap(({ body, answer }) => [body, answer].filter((name) => name !== undefined)),
  );
  const paths = items.map(({ path, operations }): [string, JsonObject] => [
    path,
    {
      ...Object.fromEntries(operations.map((operation) => [operation.method, operationDocument(operation)])),
      parameters: pathParameters(path).map((name) => parameter(name, 'path')),
    },
  ]);
  const models = modelsOf(definitions, wanted);
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: serverVersion.gitVersion },
    paths: Object.fromEntries(paths),
    definitions: Object.fromEntries([...models].map(([name, model]) => [name, schemaV2(model)])),
    securityDefinitions: { BearerToken: { type: 'apiKey', name: 'authorization', in: 'header' } },
    security: [{ BearerToken: [] }],
  };
}

function parameter(name: string, place: 'path' | 'query'): JsonObject {
  const { type = 'string', description = '' } = parameterTypes[name] ?? {};
  return {
    name,
    in: place,
    description,
    type,
    uniqueItems: true,
    ...(place === 'path' ? { required: true } : {}),
  };
}

function operationDocument(operation: Operation): JsonObject {
  const { id, description, tag, action, kind, parameters, body, consumes, answer } = operation;
  const bodyParameters =
    body === undefined
      ? []
      : [{ name: 'body', in: 'body', required: action !== 'delete', schema: { $ref: prefix + body } }];
  return {
    operationId: id,
    description,
    tags: [tag],
    consumes: [...consumes],
    produces: ['application/json', 'application/yaml'],
    schemes: ['https'],
    parameters: [...bodyParameters, ...parameters.map((name) => parameter(name, 'query'))],
    responses: {
      '200': {
        description: 'OK',
        schema: answer === undefined ? { type: 'string' } : { $ref: prefix + answer },
      },
      '401': { description: 'Unauthorized' },
    },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { ...kind },
  };
}

/** What version 2 does not have, or what its readers cannot take. */
const dropped = ['default', 'nullable', 'oneOf', 'anyOf', 'allOf', 'not'];

/**
 * A schema as OpenAPI v2 can say it: it knows less, and where it cannot tell, it says nothing.
 *
 * Source: ToStructuralOpenAPIV2 of apiextensions-apiserver, and the rules of kube-openapi's v2 parser.
 */
export function schemaV2(schema: JsonObject): JsonObject {
  const result: JsonObject = {};
  const ref = referenceOf(schema);
  if (ref !== undefined) {
    const { description } = schema;
    return {
      $ref: prefix + ref,
      ...(description === undefined ? {} : { description }),
      ...extensionsOf(schema),
    };
  }
  for (const [key, value] of Object.entries(schema)) {
    if (dropped.includes(key)) continue;
    setOwn(result, key, partV2(key, value));
  }
  // A value that is one of several types: of built-in types, text can say each.
  if (Array.isArray(schema['oneOf']) && schema['type'] === undefined) result['type'] = 'string';
  // A kubectl that reads this takes a schema without type for "anything".
  const isFree = schema['x-kubernetes-preserve-unknown-fields'] === true || schema['nullable'] === true;
  const isUntyped = isFree || schema['x-kubernetes-int-or-string'] === true;
  if (isFree) {
    delete result['properties'];
    delete result['items'];
  }
  if (isUntyped || (result['type'] === 'array' && result['items'] === undefined)) delete result['type'];
  return result;
}

function partV2(key: string, value: Json): Json {
  if (key === 'properties' && isObject(value)) {
    const properties: JsonObject = {};
    for (const [name, property] of Object.entries(value)) {
      setOwn(properties, name, isObject(property) ? schemaV2(property) : property);
    }
    return properties;
  }
  return (key === 'items' || key === 'additionalProperties') && isObject(value) ? schemaV2(value) : value;
}

/** What a schema refers to, also where v3 wraps the reference to add words to it. */
function referenceOf(schema: JsonObject): string | undefined {
  const [only, ...more] = Array.isArray(schema['allOf']) ? schema['allOf'] : [];
  const inner = isObject(only) && more.length === 0 ? only['$ref'] : undefined;
  const ref = schema['$ref'] ?? inner;
  return typeof ref === 'string' ? ref.slice(refPrefix.length) : undefined;
}

function extensionsOf(schema: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key.startsWith('x-')));
}
