import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, jsonClone, own, setOwn } from '../../../machinery/json.ts';
import { invalidStatus, invalidValue } from '../../../machinery/field-errors.ts';
import { fromObject } from '../../../machinery/label-selector.ts';
import { apiVersionOf } from '../../../machinery/group-version-kind.ts';
import type { Answer, ApiRequest, ApiServer } from '../api-server.ts';
import { bodyFormat } from '../body.ts';
import { decodeBody } from '../decode.ts';
import { metadataOf, nameOf, namespaceOf, resourceVersionOf, textOf, uidOf } from '../object-metadata.ts';
import { builtInSchema } from '../openapi/built-in-schemas.ts';
import { RequestError, badRequestError, notFoundError } from '../request-error.ts';
import { parseWriteOptions } from '../request-options.ts';
import type { ResourceDefinition, ScaleMapping } from '../resource-definition.ts';
import { served } from '../served-version.ts';
import { readObject } from './create.ts';
import { applyPatch, patchTypeOf, readPatch } from './patch.ts';
import { replace } from './update.ts';
import { beginWrite, matchName } from './write.ts';

const scaleSchema = builtInSchema('io.k8s.api.autoscaling.v1.Scale');

/** What decoding a Scale needs to know about it. */
function scaleKind(definition: ResourceDefinition): ResourceDefinition {
  const { namespaced } = definition.kind;
  return {
    ...definition,
    kind: { group: 'autoscaling', version: 'v1', kind: 'Scale', resource: 'scales', namespaced },
    schema: scaleSchema,
    custom: false,
  };
}

/** GET of `/scale`. */
export function getScale(server: ApiServer, request: ApiRequest): Answer {
  const stored = find(server, request);
  return { status: 200, value: scaleOf(request.definition, served(request.definition, stored)) };
}

/** PUT of `/scale`. */
export async function updateScale(server: ApiServer, request: ApiRequest): Promise<Answer> {
  const { http, query, definition, warnings, info } = request;
  const body = await readObject(server, request, bodyFormat(http.headers['content-type']));
  const options = parseWriteOptions(query, 'UpdateOptions', http.headers['user-agent'] ?? '');
  const scale = decodeBody(scaleKind(definition), body, options.fieldValidation, warnings);
  matchName(scale, info.name ?? '');
  return store(server, request, find(server, request), scale, options);
}

/** PATCH of `/scale`. */
export async function patchScale(server: ApiServer, request: ApiRequest): Promise<Answer> {
  const { http, query, definition, warnings, info } = request;
  const type = patchTypeOf({ ...definition, custom: false }, http.headers['content-type']);
  const body = await readPatch(request, type);
  const isApply = type === 'apply';
  const userAgent = http.headers['user-agent'] ?? '';
  const options = parseWriteOptions(query, 'PatchOptions', userAgent, isApply);
  const stored = find(server, request);
  const old = scaleOf(definition, served(definition, stored));
  // Of an applied Scale only the number counts, and it is taken over without asking.
  const value = applyPatch({ schema: scaleSchema }, old, isApply ? 'merge' : type, body.value);
  const decoded = { value, strictProblems: body.strictProblems };
  const scale = decodeBody(scaleKind(definition), decoded, options.fieldValidation, warnings);
  matchName(scale, info.name ?? '');
  return store(server, request, stored, scale, options);
}

function find(server: ApiServer, { definition, info }: ApiRequest): JsonObject {
  const stored = server.storage.get(definition.storageKey, info.namespace, info.name ?? '');
  if (stored === undefined) throw notFoundError(definition.kind, info.name ?? '');
  return stored;
}

function store(
  server: ApiServer,
  request: ApiRequest,
  stored: JsonObject,
  scale: JsonObject,
  options: ReturnType<typeof parseWriteOptions>,
): Answer {
  const { definition } = request;
  const mapping = mappingOf(definition);
  const replicas = numberAt(scale, '.spec.replicas') ?? 0;
  if (replicas < 0) {
    const error = invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0');
    throw new RequestError(invalidStatus({ group: 'autoscaling', kind: 'Scale' }, nameOf(scale), [error]));
  }
  const object = jsonClone(served(definition, stored));
  setAt(object, mapping.specReplicasPath, replicas);
  const metadata = metadataOf(object);
  // Who gave no version or uid takes what is there.
  metadata['resourceVersion'] = resourceVersionOf(scale) || resourceVersionOf(object);
  metadata['uid'] = uidOf(scale) || uidOf(object);
  const written = replace(beginWrite(server, request, options), stored, object, 'scale');
  return { status: 200, value: scaleOf(definition, written) };
}

function mappingOf(definition: ResourceDefinition): ScaleMapping {
  if (definition.scale === undefined) throw badRequestError('the kind has no scale');
  return definition.scale;
}

/** The `autoscaling/v1` Scale of an object. */
function scaleOf(definition: ResourceDefinition, object: JsonObject): JsonObject {
  const mapping = mappingOf(definition);
  const metadata: JsonObject = { name: nameOf(object) };
  const namespace = namespaceOf(object);
  if (namespace !== undefined) metadata['namespace'] = namespace;
  for (const field of ['uid', 'resourceVersion', 'creationTimestamp']) {
    metadata[field] = textOf(metadataOf(object), field);
  }
  const replicas = numberAt(object, mapping.specReplicasPath) ?? 0;
  const selector =
    mapping.labelSelectorPath === undefined ? '' : selectorText(valueAt(object, mapping.labelSelectorPath));
  return {
    kind: 'Scale',
    apiVersion: apiVersionOf({ group: 'autoscaling', version: 'v1' }),
    metadata,
    spec: replicas === 0 ? {} : { replicas },
    status: {
      replicas: numberAt(object, mapping.statusReplicasPath) ?? 0,
      ...(selector === '' ? {} : { selector }),
    },
  };
}

/** Custom resources keep the text of a selector; built-in kinds the selector itself. */
function selectorText(value: Json | undefined): string {
  if (typeof value === 'string') return value;
  return isObject(value) ? fromObject(value).toString() : '';
}

function stepsOf(path: string): string[] {
  return path.split('.').filter((step) => step !== '');
}

function valueAt(object: JsonObject, path: string): Json | undefined {
  let value: Json | undefined = object;
  for (const step of stepsOf(path)) value = isObject(value) ? own(value, step) : undefined;
  return value;
}

function numberAt(object: JsonObject, path: string): number | undefined {
  const value = valueAt(object, path);
  return typeof value === 'number' ? value : undefined;
}

function setAt(object: JsonObject, path: string, value: Json): void {
  const steps = stepsOf(path);
  const last = steps.pop() ?? '';
  let parent = object;
  for (const step of steps) {
    const child = own(parent, step);
    const next: JsonObject = isObject(child) ? child : {};
    if (next !== child) setOwn(parent, step, next);
    parent = next;
  }
  setOwn(parent, last, value);
}
