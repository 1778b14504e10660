import type { FieldError } from '../../../machinery/field-errors.ts';
import { FieldPath, forbidden, invalidValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { validateDns1123Label } from '../../../machinery/names.ts';
import { defineBuiltIn } from './define.ts';
import { isSet, listAt, nameOf, objectAt, objectsAt, setDefaultOfZero, textAt } from './fields.ts';
import { admitPod, podGracePeriod, qosClass } from './pod/admission.ts';
import { podCells } from './pod/cells.ts';
import { setPodDefaults } from './pod/defaults.ts';
import { validatePodSpec } from './pod/spec.ts';
import { validatePodStatus, validatePodUpdate } from './pod/update.ts';
import { podSpecWarnings } from './pod/warnings.ts';
import { ageColumn, column, wideColumn } from './table.ts';

const path = new FieldPath('spec');

export const pod = defineBuiltIn({
  kind: { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true },
  schema: 'io.k8s.api.core.v1.Pod',
  shortNames: ['po'],
  categories: ['all'],
  status: true,
  generation: 'spec',
  setDefaults: setPodDefaults,
  prepareForCreate: (object, context) => {
    admitPod(object, context);
    object['status'] = { phase: 'Pending', qosClass: qosClass(object) };
  },
  prepareForStatusUpdate: (object, old) => {
    setDefaultOfZero(objectAt(object, 'status'), 'qosClass', textAt(objectAt(old, 'status'), 'qosClass'));
  },
  validate: (object, old, subresource) => {
    if (old !== undefined && subresource === 'status') return validatePodStatus(object, old);
    const errors = validatePod(object);
    return old === undefined
      ? [...errors, ...validateNew(object)]
      : [...errors, ...validatePodUpdate(object, old)];
  },
  warnings: (object, old) => {
    if (old !== undefined) return [];
    const warnings = podSpecWarnings(objectAt(object, 'spec'), path);
    const problems = validateDns1123Label(nameOf(object));
    if (problems.length === 0) return warnings;
    const message =
      "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended";
    return [`${message}: [${problems.join(' ')}]`, ...warnings];
  },
  selectableFields: {
    names: [
      'spec.nodeName',
      'spec.restartPolicy',
      'spec.schedulerName',
      'spec.serviceAccountName',
      'spec.hostNetwork',
      'status.phase',
      'status.podIP',
      'status.podIPs',
      'status.nominatedNodeName',
    ],
    of: selectable,
  },
  gracePeriodSeconds: podGracePeriod,
  deleteAnswer: 'object',
  columns: [
    column('Ready', 'The aggregate readiness state of this pod for accepting traffic.'),
    column('Status', 'The aggregate status of the containers in this pod.'),
    column(
      'Restarts',
      'The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.',
    ),
    ageColumn,
    wideColumn('IP', 'IP address of the pod. Empty if not yet allocated.'),
    wideColumn('Node', 'The node that the pod runs on'),
    wideColumn('Nominated Node', 'The node for which other pods are being removed'),
    wideColumn('Readiness Gates', 'Conditions that must be true for the pod to be ready'),
  ],
  cells: podCells,
});

function validatePod(object: JsonObject): FieldError[] {
  const spec = objectAt(object, 'spec');
  const errors = validatePodSpec(spec, path, true);
  for (const list of ['containers', 'initContainers']) {
    for (const [i, container] of objectsAt(spec, list).entries()) {
      const image = textAt(container, 'image');
      const at = path.child(list).index(i).child('image');
      if (image !== image.trim()) {
        errors.push(invalidValue(at, image, 'must not have leading or trailing whitespace'));
      }
    }
  }
  return errors;
}

function validateNew(object: JsonObject): FieldError[] {
  const spec = objectAt(object, 'spec');
  const errors: FieldError[] = [];
  if (listAt(spec, 'ephemeralContainers').length > 0) {
    errors.push(forbidden(path.child('ephemeralContainers'), 'cannot be set on create'));
  }
  if (textAt(spec, 'nodeName') !== '' && listAt(spec, 'schedulingGates').length > 0) {
    errors.push(
      forbidden(path.child('nodeName'), 'cannot be set until all schedulingGates have been cleared'),
    );
  }
  return errors;
}

function selectable(object: JsonObject): Record<string, string> {
  const spec = objectAt(object, 'spec');
  const status = objectAt(object, 'status');
  const ips = objectsAt(status, 'podIPs').map((entry) => textAt(entry, 'ip'));
  return {
    'spec.nodeName': textAt(spec, 'nodeName'),
    'spec.restartPolicy': textAt(spec, 'restartPolicy'),
    'spec.schedulerName': textAt(spec, 'schedulerName'),
    'spec.serviceAccountName': textAt(spec, 'serviceAccountName'),
    'spec.hostNetwork': String(isSet(spec, 'hostNetwork')),
    'status.phase': textAt(status, 'phase'),
    'status.podIP': ips[0] ?? textAt(status, 'podIP'),
    'status.podIPs': ips.join(','),
    'status.nominatedNodeName': textAt(status, 'nominatedNodeName'),
  };
}
