// What may change of a Pod. Source: pkg/apis/core/validation of Kubernetes 1.36.
import type { FieldError } from '../../../../machinery/field-errors.ts';
import { FieldPath, forbidden, invalidValue, requiredValue } from '../../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../../machinery/json.ts';
import { jsonEqual, own } from '../../../../machinery/json.ts';
import { validateDns1123Subdomain } from '../../../../machinery/names.ts';
import { countAt, numberAt, objectAt, objectsAt, textAt } from '../fields.ts';
import { validateIp } from '../ip.ts';
import { immutable, invalid, qualifiedName } from '../rules.ts';

const specPath = new FieldPath('spec');
const statusPath = new FieldPath('status');
const updatable = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

export function validatePodUpdate(pod: JsonObject, old: JsonObject): FieldError[] {
  const spec = objectAt(pod, 'spec');
  const oldSpec = objectAt(old, 'spec');
  for (const list of ['containers', 'initContainers']) {
    if (objectsAt(spec, list).length !== objectsAt(oldSpec, list).length) {
      return [forbidden(specPath.child(list), 'pod updates may not add or remove containers')];
    }
  }
  const errors = ['containers', 'initContainers'].flatMap((list) => validateImages(spec, list));
  errors.push(
    ...validateDeadline(spec, oldSpec),
    ...validateTolerations(spec, oldSpec),
    ...validateGates(spec, oldSpec),
  );
  if (!jsonEqual(withoutUpdatable(spec, oldSpec), withoutUpdatable(oldSpec, oldSpec))) {
    const message = `pod updates may not change fields other than ${updatable}\n${changedFields(spec, oldSpec)}`;
    errors.push(forbidden(specPath, message));
  }
  return errors;
}

function validateImages(spec: JsonObject, list: string): FieldError[] {
  return objectsAt(spec, list).flatMap((container, i) => {
    const image = textAt(container, 'image');
    const at = specPath.child(list).index(i).child('image');
    if (image === '') return [requiredValue(at)];
    return image === image.trim()
      ? []
      : [invalidValue(at, image, 'must not have leading or trailing whitespace')];
  });
}

function validateDeadline(spec: JsonObject, old: JsonObject): FieldError[] {
  const at = specPath.child('activeDeadlineSeconds');
  const now = numberAt(spec, 'activeDeadlineSeconds');
  const before = numberAt(old, 'activeDeadlineSeconds');
  if (before === undefined) return [];
  if (now === undefined)
    return [invalidValue(at, null, 'must not update from a positive integer to nil value')];
  return before < now ? [invalidValue(at, now, 'must be less than or equal to previous value')] : [];
}

function validateTolerations(spec: JsonObject, old: JsonObject): FieldError[] {
  const lasting = objectsAt(spec, 'tolerations').map((toleration) => ({
    ...toleration,
    tolerationSeconds: 0,
  }));
  const isKept = (toleration: JsonObject): boolean =>
    lasting.some((other) => jsonEqual(other, { ...toleration, tolerationSeconds: 0 }));
  if (objectsAt(old, 'tolerations').every(isKept)) return [];
  const message = 'existing toleration can not be modified except its tolerationSeconds';
  return [forbidden(specPath.child('tolerations'), message)];
}

function validateGates(spec: JsonObject, old: JsonObject): FieldError[] {
  const before = objectsAt(old, 'schedulingGates').map((gate) => textAt(gate, 'name'));
  const at = specPath.child('schedulingGates');
  return objectsAt(spec, 'schedulingGates').flatMap((gate, i) =>
    before.includes(textAt(gate, 'name'))
      ? []
      : [forbidden(at.index(i), 'only deletion is allowed, but found new scheduling gate')],
  );
}

/** A spec in which what may change is as in `old`. */
function withoutUpdatable(spec: JsonObject, old: JsonObject): JsonObject {
  const copy: JsonObject = { ...spec };
  for (const list of ['containers', 'initContainers']) {
    if (own(spec, list) === undefined) continue;
    copy[list] = objectsAt(spec, list).map((container) => ({ ...container, image: '' }));
  }
  for (const field of ['activeDeadlineSeconds', 'tolerations', 'schedulingGates']) delete copy[field];
  const wasNegative = countAt(old, 'terminationGracePeriodSeconds') < 0;
  const isForced = numberAt(spec, 'terminationGracePeriodSeconds') === 1;
  if (wasNegative && (isForced || spec === old)) delete copy['terminationGracePeriodSeconds'];
  return copy;
}

/** What differs, as a hint for people. Upstream prints a diff of Go values here. */
function changedFields(spec: JsonObject, old: JsonObject): string {
  const fields = [...new Set([...Object.keys(old), ...Object.keys(spec)])];
  return fields
    .filter((field) => !jsonEqual(own(spec, field) ?? null, own(old, field) ?? null))
    .map(
      (field) =>
        `  ${field}: ${JSON.stringify(own(old, field) ?? null)} -> ${JSON.stringify(own(spec, field) ?? null)}`,
    )
    .join('\n');
}

const systemConditions = ['PodScheduled', 'Ready', 'Initialized'];

export function validatePodStatus(pod: JsonObject, old: JsonObject): FieldError[] {
  const status = objectAt(pod, 'status');
  const oldStatus = objectAt(old, 'status');
  const nominated = textAt(status, 'nominatedNodeName');
  return [
    ...objectsAt(status, 'conditions').flatMap((condition, i) =>
      systemConditions.includes(textAt(condition, 'type'))
        ? []
        : qualifiedName(textAt(condition, 'type'), statusPath.child('conditions').index(i).child('Type')),
    ),
    ...(nominated === '' || nominated === textAt(oldStatus, 'nominatedNodeName')
      ? []
      : invalid(statusPath.child('nominatedNodeName'), nominated, validateDns1123Subdomain(nominated))),
    ...immutable(own(status, 'qosClass'), own(oldStatus, 'qosClass'), statusPath.child('qosClass')),
    ...validateTransitions(old, status, oldStatus),
    ...['podIPs', 'hostIPs'].flatMap((field) =>
      objectsAt(status, field).flatMap((entry, i) =>
        validateIp(textAt(entry, 'ip'), statusPath.child(field).index(i)),
      ),
    ),
  ];
}

/** A container that has ended does not run again where the pod's policy says so. */
function validateTransitions(pod: JsonObject, status: JsonObject, old: JsonObject): FieldError[] {
  const policy = textAt(objectAt(pod, 'spec'), 'restartPolicy');
  if (policy === 'Always') return [];
  const now = objectsAt(status, 'containerStatuses');
  return objectsAt(old, 'containerStatuses').flatMap((before) => {
    const terminated = own(objectAt(before, 'state'), 'terminated');
    const i = now.findIndex((container) => textAt(container, 'name') === textAt(before, 'name'));
    const state = objectAt(now[i] ?? {}, 'state');
    if (terminated === undefined || i === -1 || own(state, 'terminated') !== undefined) return [];
    const failed = countAt(objectAt(before, 'state', 'terminated'), 'exitCode') !== 0;
    if (policy === 'OnFailure' && failed) return [];
    const at = statusPath.child('containerStatuses').index(i).child('state');
    return [forbidden(at, 'may not be transitioned to non-terminated state')];
  });
}
