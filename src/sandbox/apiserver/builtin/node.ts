import { FieldPath, forbidden } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { jsonClone, own } from '../../../machinery/json.ts';
import { defineBuiltIn } from './define.ts';
import { isSet, labelsAt, nameOf, objectAt, objectsAt, optionalObject, textAt } from './fields.ts';
import { validateTaints } from './pod/scheduling.ts';
import { age, ageColumn, column, none, wideColumn } from './table.ts';

const path = new FieldPath('spec');
const rolePrefix = 'node-role.kubernetes.io/';

export const node = defineBuiltIn({
  kind: { group: '', version: 'v1', resource: 'nodes', kind: 'Node', namespaced: false },
  schema: 'io.k8s.api.core.v1.Node',
  shortNames: ['no'],
  status: true,
  setDefaults: (object) => {
    const status = objectAt(object, 'status');
    const capacity = optionalObject(status, 'capacity');
    if (capacity !== undefined && !isSet(status, 'allocatable')) status['allocatable'] = jsonClone(capacity);
  },
  validate: (object, old, subresource) => {
    if (subresource === 'status') return [];
    const spec = objectAt(object, 'spec');
    const errors = validateTaints(spec, path.child('taints'));
    const before = old === undefined ? undefined : own(objectAt(old, 'spec'), 'providerID');
    if (before !== undefined && before !== own(spec, 'providerID')) {
      const message = 'node updates may not change providerID except from "" to valid';
      errors.push(forbidden(path.child('providerID'), message));
    }
    return errors;
  },
  selectableFields: {
    names: ['spec.unschedulable'],
    of: (object) => ({
      'spec.unschedulable': String(own(objectAt(object, 'spec'), 'unschedulable') === true),
    }),
  },
  columns: [
    column('Status', 'The status of the node'),
    column('Roles', 'The roles of the node'),
    ageColumn,
    column('Version', 'The version of the kubelet'),
    wideColumn('Internal-IP', 'The address of the node inside the cluster'),
    wideColumn('External-IP', 'The address of the node outside the cluster'),
    wideColumn('OS-Image', 'The operating system'),
    wideColumn('Kernel-Version', 'The version of the kernel'),
    wideColumn('Container-Runtime', 'What runs the containers'),
  ],
  cells: (object, nowMs) => {
    const info = objectAt(object, 'status', 'nodeInfo');
    const architecture = textAt(info, 'architecture');
    const kernel = textAt(info, 'kernelVersion') || '<unknown>';
    return [
      nameOf(object),
      statusText(object),
      roles(object),
      age(object, nowMs),
      textAt(info, 'kubeletVersion'),
      address(object, 'InternalIP'),
      address(object, 'ExternalIP'),
      textAt(info, 'osImage') || '<unknown>',
      architecture === '' ? kernel : `${kernel} (${architecture})`,
      textAt(info, 'containerRuntimeVersion') || '<unknown>',
    ];
  },
});

function statusText(object: JsonObject): string {
  const conditions = objectsAt(objectAt(object, 'status'), 'conditions');
  const ready = conditions.find((condition) => textAt(condition, 'type') === 'Ready');
  const text = ready === undefined ? 'Unknown' : textAt(ready, 'status') === 'True' ? 'Ready' : 'NotReady';
  return own(objectAt(object, 'spec'), 'unschedulable') === true ? `${text},SchedulingDisabled` : text;
}

function roles(object: JsonObject): string {
  const found = new Set<string>();
  for (const [key, value] of Object.entries(labelsAt(objectAt(object, 'metadata'), 'labels'))) {
    if (key.startsWith(rolePrefix)) found.add(key.slice(rolePrefix.length));
    else if (key === 'kubernetes.io/role') found.add(value);
  }
  found.delete('');
  return [...found].toSorted().join(',') || none;
}

function address(object: JsonObject, type: string): string {
  const addresses = objectsAt(objectAt(object, 'status'), 'addresses');
  const found = addresses.find((entry) => textAt(entry, 'type') === type);
  return found === undefined ? none : textAt(found, 'address');
}
