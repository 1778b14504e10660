import type { JsonObject } from '../../../machinery/json.ts';
import { own } from '../../../machinery/json.ts';
import { validateDns1123Label } from '../../../machinery/names.ts';
import { defineBuiltIn } from './define.ts';
import {
  countAt,
  ensureObject,
  labelsAt,
  listAt,
  nameOf,
  numberAt,
  objectAt,
  objectsAt,
  setDefault,
  setDefaultOfZero,
  textAt,
  textsAt,
} from './fields.ts';
import { allocate, carryOver, needsNodePort, validateAllocation } from './service/allocation.ts';
import { validateService, validateServiceUpdate } from './service/validation.ts';
import { age, ageColumn, column, formatLabels, none, wideColumn } from './table.ts';

const threeHours = 10_800;

export const service = defineBuiltIn({
  kind: { group: '', version: 'v1', resource: 'services', kind: 'Service', namespaced: true },
  schema: 'io.k8s.api.core.v1.Service',
  shortNames: ['svc'],
  categories: ['all'],
  status: true,
  createOnUpdate: true,
  validateName: validateDns1123Label,
  setDefaults,
  prepareForCreate: allocate,
  prepareForUpdate: (object, old, context) => {
    carryOver(object, old);
    allocate(object, context);
  },
  validate: (object, old, subresource, context) => {
    if (subresource === 'status') return [];
    const errors = [
      ...(old === undefined ? [] : validateServiceUpdate(object, old)),
      ...validateService(object),
    ];
    return errors.length > 0 ? errors : validateAllocation(object, old, context);
  },
  selectableFields: {
    names: ['spec.clusterIP', 'spec.type'],
    of: (object) => {
      const spec = objectAt(object, 'spec');
      return { 'spec.clusterIP': textAt(spec, 'clusterIP'), 'spec.type': textAt(spec, 'type') };
    },
  },
  deleteAnswer: 'object',
  columns: [
    column('Type', 'How the service is exposed'),
    column('Cluster-IP', 'The address of the service inside the cluster'),
    column('External-IP', 'The addresses of the service outside the cluster'),
    column('Port(s)', 'The ports that the service exposes'),
    ageColumn,
    wideColumn('Selector', 'The pods to which the service sends'),
  ],
  cells: (object, nowMs) => {
    const spec = objectAt(object, 'spec');
    return [
      nameOf(object),
      textAt(spec, 'type'),
      textsAt(spec, 'clusterIPs')[0] ?? none,
      externalAddresses(object),
      portsText(spec),
      age(object, nowMs),
      formatLabels(labelsAt(spec, 'selector')),
    ];
  },
});

function setDefaults(object: JsonObject): void {
  const spec = ensureObject(object, 'spec');
  setDefaultOfZero(spec, 'sessionAffinity', 'None');
  if (own(spec, 'sessionAffinity') === 'None') delete spec['sessionAffinityConfig'];
  if (own(spec, 'sessionAffinity') === 'ClientIP') {
    const clientIp = ensureObject(spec, 'sessionAffinityConfig', 'clientIP');
    if (numberAt(clientIp, 'timeoutSeconds') === undefined) clientIp['timeoutSeconds'] = threeHours;
  }
  setDefaultOfZero(spec, 'type', 'ClusterIP');
  const type = textAt(spec, 'type');
  for (const port of objectsAt(spec, 'ports')) {
    setDefaultOfZero(port, 'protocol', 'TCP');
    setDefaultOfZero(port, 'targetPort', countAt(port, 'port'));
  }
  if (needsNodePort(spec) || (type === 'ClusterIP' && listAt(spec, 'externalIPs').length > 0)) {
    setDefaultOfZero(spec, 'externalTrafficPolicy', 'Cluster');
  }
  if (type === 'ClusterIP' || needsNodePort(spec)) setDefault(spec, 'internalTrafficPolicy', 'Cluster');
  if (type !== 'LoadBalancer') return;
  setDefault(spec, 'allocateLoadBalancerNodePorts', true);
  for (const ingress of objectsAt(objectAt(object, 'status', 'loadBalancer'), 'ingress')) {
    if (textAt(ingress, 'ip') !== '') setDefault(ingress, 'ipMode', 'VIP');
  }
}

function externalAddresses(object: JsonObject): string {
  const spec = objectAt(object, 'spec');
  const external = textsAt(spec, 'externalIPs');
  switch (textAt(spec, 'type')) {
    case 'ClusterIP':
    case 'NodePort':
      return external.join(',') || none;
    case 'LoadBalancer': {
      const all = [...loadBalancerAddresses(object), ...external];
      return all.length === 0 ? '<pending>' : all.join(',');
    }
    case 'ExternalName':
      return textAt(spec, 'externalName');
    default:
      return '<unknown>';
  }
}

/** Of a Service or an Ingress: in order, each once. */
export function loadBalancerAddresses(object: JsonObject): string[] {
  const ingress = objectsAt(objectAt(object, 'status', 'loadBalancer'), 'ingress');
  const addresses = ingress.map((entry) => textAt(entry, 'ip') || textAt(entry, 'hostname'));
  return [...new Set(addresses.filter((address) => address !== ''))].toSorted();
}

function portsText(spec: JsonObject): string {
  const ports = objectsAt(spec, 'ports').map((port) => {
    const nodePort = countAt(port, 'nodePort');
    const node = nodePort > 0 ? `:${nodePort}` : '';
    return `${countAt(port, 'port')}${node}/${textAt(port, 'protocol')}`;
  });
  return ports.join(',') || none;
}
