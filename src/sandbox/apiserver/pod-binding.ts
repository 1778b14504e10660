import { jsonResponse } from '../../base/fetch.ts';
import { formatTime } from '../../base/time.ts';
import type { JsonObject } from '../../machinery/json.ts';
import { own } from '../../machinery/json.ts';
import { objectAt } from './access/fields.ts';
import { readPosted } from './access/request-body.ts';
import type { ApiServer } from './api-server.ts';
import { defineBuiltIn } from './builtin/define.ts';
import { objectsAt } from './builtin/fields.ts';
import { methodNotAllowed } from './handler.ts';
import type { Route } from './handler.ts';
import { isTerminating, metadataOf, nameOf, resourceVersionOf, textOf, uidOf } from './object-metadata.ts';
import { badRequestError, conflictError, notFoundError } from './request-error.ts';
import { parseWriteOptions } from './request-options.ts';

const bindingDefinition = defineBuiltIn({
  kind: { group: '', version: 'v1', resource: 'bindings', kind: 'Binding', namespaced: true },
  schema: 'io.k8s.api.core.v1.Binding',
  verbs: ['create'],
});
const conflicting = { group: '', resource: 'pods/binding' };

/**
 * `POST pods/NAME/binding`: how a scheduler puts a pod on a node, once and for all.
 * Source: BindingREST of pkg/registry/core/pod/storage of Kubernetes 1.36.
 */
export function podBindingRoute(server: ApiServer): Route {
  return async (access) => {
    const { info } = access;
    if (info?.group !== '' || info.resource !== 'pods' || info.subresource !== 'binding') return undefined;
    const { namespace, name } = info;
    if (namespace === undefined || name === undefined || info.rest.length > 0) return undefined;
    if (info.verb !== 'create') throw methodNotAllowed();
    const binding = await readPosted(server, access, info, bindingDefinition);
    if (nameOf(binding) !== name) throw badRequestError('name in URL does not match name in Binding object');
    const node = textOf(objectAt(binding, 'target'), 'name');
    if (node === '') throw badRequestError('target.name: Required value');
    const pod = server.storage.get('pods', namespace, name);
    if (pod === undefined) throw notFoundError({ group: '', resource: 'pods' }, name);
    refuse(binding, pod);
    const { dryRun } = parseWriteOptions(access.query, 'CreateOptions', '');
    if (!dryRun) server.storage.update('pods', assigned(pod, binding, formatTime(server.clock.now())), pod);
    return jsonResponse(201, {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      code: 201,
    });
  };
}

/** @throws RequestError 409 for a pod that cannot be put on a node (any more) */
function refuse(binding: JsonObject, pod: JsonObject): void {
  const name = nameOf(pod);
  const version = resourceVersionOf(binding);
  if (version !== '' && version !== resourceVersionOf(pod)) {
    const failed = `Precondition failed: ResourceVersion in precondition: ${version}, ResourceVersion in object meta: ${resourceVersionOf(pod)}`;
    throw conflictError(conflicting, name, failed);
  }
  const asked = uidOf(binding);
  if (asked !== '' && asked !== uidOf(pod)) {
    const failed = `Precondition failed: UID in precondition: ${asked}, UID in object meta: ${uidOf(pod)}`;
    throw conflictError(conflicting, name, failed);
  }
  const spec = objectAt(pod, 'spec');
  const node = textOf(spec, 'nodeName');
  if (isTerminating(pod)) {
    throw conflictError(conflicting, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  }
  if (node !== '') {
    throw conflictError(conflicting, name, `pod ${name} is already assigned to node "${node}"`);
  }
  if (objectsAt(spec, 'schedulingGates').length > 0) {
    throw conflictError(conflicting, name, `pod ${name} has non-empty .spec.schedulingGates`);
  }
}

/** The pod on its node, with the labels and annotations of the binding. */
function assigned(pod: JsonObject, binding: JsonObject, lastTransitionTime: string): JsonObject {
  const nodeName = textOf(objectAt(binding, 'target'), 'name');
  const { nominatedNodeName: _, ...status } = objectAt(pod, 'status');
  const conditions = objectsAt(status, 'conditions');
  const scheduled: JsonObject = {
    type: 'PodScheduled',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime,
  };
  const generation = own(metadataOf(pod), 'generation');
  if (typeof generation === 'number') scheduled['observedGeneration'] = generation;
  const others = conditions.filter((condition) => textOf(condition, 'type') !== 'PodScheduled');
  return {
    ...pod,
    metadata: {
      ...metadataOf(pod),
      ...merged(pod, binding, 'labels'),
      ...merged(pod, binding, 'annotations'),
    },
    spec: { ...objectAt(pod, 'spec'), nodeName },
    status: { ...status, conditions: [...others, scheduled] },
  };
}

function merged(pod: JsonObject, binding: JsonObject, field: 'labels' | 'annotations'): JsonObject {
  const given = objectAt(metadataOf(binding), field);
  if (Object.keys(given).length === 0) return {};
  return { [field]: { ...objectAt(metadataOf(pod), field), ...given } };
}
