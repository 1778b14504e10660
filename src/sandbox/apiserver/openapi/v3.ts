import type { Json, JsonObject } from '../../../machinery/json.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { serverVersion } from '../server-info.ts';
import { modelsOf, refPrefix } from './models.ts';
import type { Operation } from './operations.ts';
import { parameterTypes, pathParameters, pathsOf } from './operations.ts';

/** The OpenAPI v3 document of one group at one version. */
export function openApiV3(definitions: readonly ResourceDefinition[]): JsonObject {
  const items = definitions.flatMap((definition) => pathsOf(definition));
  const wanted = items.flatMap(({ operations }) =>
    operations.flatMap(({ body, answer }) => [body, answer].filter((name) => name !== undefined)),
  );
  const paths = items.map(({ path, operations }): [string, JsonObject] => [
    path,
    {
      ...Object.fromEntries(operations.map((operation) => [operation.method, operationDocument(operation)])),
      parameters: [
        ...pathParameters(path).map((name) => parameter(name, 'path')),
        parameter('pretty', 'query'),
      ],
    },
  ]);
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: serverVersion.gitVersion },
    paths: Object.fromEntries(paths),
    components: {
      schemas: Object.fromEntries(modelsOf(definitions, wanted)),
      securitySchemes: { BearerToken: { type: 'apiKey', name: 'authorization', in: 'header' } },
    },
  };
}

function parameter(name: string, place: 'path' | 'query'): JsonObject {
  const { type = 'string', description = '' } = parameterTypes[name] ?? {};
  return {
    name,
    in: place,
    description,
    ...(place === 'path' ? { required: true } : {}),
    schema: { type, uniqueItems: true },
  };
}

function operationDocument(operation: Operation): JsonObject {
  const { id, description, tag, action, kind, parameters, body, consumes, answer } = operation;
  const answers =
    answer === undefined
      ? { 'text/plain': { schema: { type: 'string' } } }
      : content(answer, ['application/json', 'application/yaml']);
  return {
    operationId: id,
    description,
    tags: [tag],
    parameters: parameters.map((name) => parameter(name, 'query')),
    ...(body === undefined ? {} : { requestBody: requestBody(operation, body, consumes) }),
    responses: {
      '200': { description: 'OK', content: answers },
      '401': { description: 'Unauthorized' },
    },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { ...kind },
  };
}

function requestBody({ method }: Operation, body: string, consumes: readonly string[]): JsonObject {
  if (method === 'patch') return { content: content(body, consumes), required: true };
  return { content: content(body, ['*/*']), ...(method === 'delete' ? {} : { required: true }) };
}

function content(model: string, mediaTypes: readonly string[]): JsonObject {
  const schema: Json = { $ref: refPrefix + model };
  return Object.fromEntries(mediaTypes.map((mediaType) => [mediaType, { schema }]));
}
