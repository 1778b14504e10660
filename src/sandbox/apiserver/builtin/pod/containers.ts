// Containers of pods. Source: pkg/apis/core/validation of Kubernetes 1.36.
import type { FieldError, FieldPath } from '../../../../machinery/field-errors.ts';
import {
  duplicateValue,
  forbidden,
  invalidValue,
  requiredValue,
  unsupportedValue,
} from '../../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../../machinery/json.ts';
import { own } from '../../../../machinery/json.ts';
import { validatePortName, validatePortNumber } from '../../../../machinery/names.ts';
import { countAt, isSet, numberAt, objectAt, objectsAt, optionalObject, textAt } from '../fields.ts';
import { invalid, label, oneOf, protocols, required, requiredOneOf } from '../rules.ts';
import { validateResources } from '../resources.ts';
import { validateEnvironment } from './environment.ts';
import { probeNames, validateLifecycle, validateProbes } from './probes.ts';
import type { Volumes } from './volumes.ts';
import { validateMounts } from './volumes.ts';

/** What containers need to know of their pod. */
export interface PodParts {
  readonly volumes: Volumes;
  readonly gracePeriod: number;
}

export function validateContainers(spec: JsonObject, pod: PodParts, path: FieldPath): FieldError[] {
  const containers = objectsAt(spec, 'containers');
  if (containers.length === 0) return [requiredValue(path)];
  const names = new Set<string>();
  const errors = containers.flatMap((container, i) => {
    const at = path.index(i);
    const errors = validateContainer(container, pod, at);
    const name = textAt(container, 'name');
    if (names.has(name)) errors.push(duplicateValue(at.child('name'), name));
    names.add(name);
    return [
      ...errors,
      ...validateLifecycle(container, pod.gracePeriod, at),
      ...validateProbes(container, pod.gracePeriod, at),
      ...validateRestartPolicy(container, at),
    ];
  });
  return [...errors, ...validateHostPorts(containers, path)];
}

export function validateInitContainers(spec: JsonObject, pod: PodParts, path: FieldPath): FieldError[] {
  const names = new Set(objectsAt(spec, 'containers').map((container) => textAt(container, 'name')));
  return objectsAt(spec, 'initContainers').flatMap((container, i) => {
    const at = path.index(i);
    const errors = [...validateContainer(container, pod, at), ...validateRestartPolicy(container, at)];
    const name = textAt(container, 'name');
    if (names.has(name)) errors.push(duplicateValue(at.child('name'), name));
    if (name !== '') names.add(name);
    errors.push(...validateHostPorts([container], path));
    if (own(container, 'restartPolicy') === 'Always') {
      return [
        ...errors,
        ...validateLifecycle(container, pod.gracePeriod, at),
        ...validateProbes(container, pod.gracePeriod, at),
      ];
    }
    const tooLate = ['lifecycle', ...probeNames].filter((field) => isSet(container, field));
    const message = 'may not be set for init containers without restartPolicy=Always';
    return [...errors, ...tooLate.map((field) => forbidden(at.child(field), message))];
  });
}

function validateContainer(container: JsonObject, pod: PodParts, path: FieldPath): FieldError[] {
  const missing = required(container, 'name', path);
  return [
    ...(missing.length > 0 ? missing : label(container, 'name', path)),
    ...required(container, 'image', path),
    ...requiredOneOf(container, 'terminationMessagePolicy', ['File', 'FallbackToLogsOnError'], path),
    ...validatePorts(container, path.child('ports')),
    ...validateEnvironment(container, path),
    ...validateMounts(container, pod.volumes, path),
    ...requiredOneOf(container, 'imagePullPolicy', ['Always', 'IfNotPresent', 'Never'], path),
    ...validateResources(objectAt(container, 'resources'), path.child('resources')),
    ...validateSecurityContext(container, path.child('securityContext')),
  ];
}

function validateRestartPolicy(container: JsonObject, path: FieldPath): FieldError[] {
  const hasRules = objectsAt(container, 'restartPolicyRules').length > 0;
  if (!isSet(container, 'restartPolicy')) {
    const message = 'must specify restartPolicy when restart rules are used';
    return hasRules ? [requiredValue(path.child('restartPolicy'), message)] : [];
  }
  return oneOf(container, 'restartPolicy', ['Always', 'Never', 'OnFailure'], path);
}

function validatePorts(container: JsonObject, path: FieldPath): FieldError[] {
  const names = new Set<string>();
  return objectsAt(container, 'ports').flatMap((port, i) => {
    const at = path.index(i);
    const name = textAt(port, 'name');
    const errors: FieldError[] = [];
    if (name !== '') {
      const problems = validatePortName(name);
      errors.push(...invalid(at.child('name'), name, problems));
      if (problems.length === 0 && names.has(name)) errors.push(duplicateValue(at.child('name'), name));
      names.add(name);
    }
    const number = countAt(port, 'containerPort');
    const numberAtField = at.child('containerPort');
    if (number === 0) errors.push(requiredValue(numberAtField));
    else errors.push(...invalid(numberAtField, number, validatePortNumber(number)));
    const host = countAt(port, 'hostPort');
    if (host !== 0) errors.push(...invalid(at.child('hostPort'), host, validatePortNumber(host)));
    return [...errors, ...requiredOneOf(port, 'protocol', protocols, at)];
  });
}

function validateHostPorts(containers: readonly JsonObject[], path: FieldPath): FieldError[] {
  const seen = new Set<string>();
  return containers.flatMap((container, i) =>
    objectsAt(container, 'ports').flatMap((port, j) => {
      const number = countAt(port, 'hostPort');
      if (number === 0) return [];
      const key = `${textAt(port, 'protocol')}/${textAt(port, 'hostIP')}/${number}`;
      if (seen.has(key))
        return [duplicateValue(path.index(i).child('ports').index(j).child('hostPort'), key)];
      seen.add(key);
      return [];
    }),
  );
}

/** Users and groups of a container or a pod. */
export function validateIds(context: JsonObject, fields: readonly string[], path: FieldPath): FieldError[] {
  return fields.flatMap((field) => {
    const id = numberAt(context, field);
    if (id === undefined || (id >= 0 && id <= 2 ** 31 - 1)) return [];
    return [invalidValue(path.child(field), id, 'must be between 0 and 2147483647, inclusive')];
  });
}

export function validateSeccomp(context: JsonObject, path: FieldPath): FieldError[] {
  const profile = optionalObject(context, 'seccompProfile');
  if (profile === undefined) return [];
  const type = textAt(profile, 'type');
  const at = path.child('seccompProfile');
  const types = ['Localhost', 'RuntimeDefault', 'Unconfined'];
  if (type === 'Localhost') {
    const message = 'must be set when seccomp type is Localhost';
    return isSet(profile, 'localhostProfile') ? [] : [requiredValue(at.child('localhostProfile'), message)];
  }
  if (isSet(profile, 'localhostProfile')) {
    const message = 'can only be set when seccomp type is Localhost';
    return [invalidValue(at.child('localhostProfile'), textAt(profile, 'localhostProfile'), message)];
  }
  if (type === '') return [requiredValue(at.child('type'), 'type is required when seccompProfile is set')];
  return types.includes(type) ? [] : [unsupportedValue(at.child('type'), type, types)];
}

function validateSecurityContext(container: JsonObject, path: FieldPath): FieldError[] {
  const context = optionalObject(container, 'securityContext');
  if (context === undefined) return [];
  const errors = [
    ...validateIds(context, ['runAsUser', 'runAsGroup'], path),
    ...oneOf(context, 'procMount', ['Default', 'Unmasked'], path),
    ...validateSeccomp(context, path),
  ];
  if (own(context, 'allowPrivilegeEscalation') !== false) return errors;
  if (own(context, 'privileged') === true) {
    const message = 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true';
    return [...errors, invalidValue(path, context, message)];
  }
  const added = own(objectAt(context, 'capabilities'), 'add');
  if (!Array.isArray(added) || !added.includes('CAP_SYS_ADMIN')) return errors;
  const message = 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN';
  return [...errors, invalidValue(path, context, message)];
}
