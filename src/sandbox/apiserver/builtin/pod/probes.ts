// Probes and lifecycle hooks of containers. Source: pkg/apis/core/validation of Kubernetes 1.36.
import type { FieldError, FieldPath } from '../../../../machinery/field-errors.ts';
import {
  forbidden,
  invalidValue,
  requiredValue,
  unsupportedValue,
} from '../../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../../machinery/json.ts';
import { own } from '../../../../machinery/json.ts';
import { validateHttpHeaderName, validatePortNumber } from '../../../../machinery/names.ts';
import { countAt, isSet, listAt, numberAt, objectAt, objectsAt, optionalObject, textAt } from '../fields.ts';
import { allNonNegative, invalid, portNumberOrName, required } from '../rules.ts';

/** In the order in which upstream looks at them. */
const handlers = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'];
const counters = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
];
export const probeNames = ['livenessProbe', 'readinessProbe', 'startupProbe'];

export function validateProbes(container: JsonObject, gracePeriod: number, path: FieldPath): FieldError[] {
  return probeNames.flatMap((name) => {
    const probe = optionalObject(container, name);
    if (probe === undefined) return [];
    const at = path.child(name);
    const errors = validateProbe(probe, gracePeriod, at);
    const seconds = numberAt(probe, 'terminationGracePeriodSeconds');
    if (name === 'readinessProbe') {
      const message = 'must not be set for readinessProbes';
      return seconds === undefined
        ? errors
        : [...errors, invalidValue(at.child('terminationGracePeriodSeconds'), seconds, message)];
    }
    const threshold = countAt(probe, 'successThreshold');
    return threshold === 1
      ? errors
      : [...errors, invalidValue(at.child('successThreshold'), threshold, 'must be 1')];
  });
}

function validateProbe(probe: JsonObject, gracePeriod: number, path: FieldPath): FieldError[] {
  const seconds = numberAt(probe, 'terminationGracePeriodSeconds');
  const errors = [...validateHandler(probe, gracePeriod, path), ...allNonNegative(probe, counters, path)];
  if (seconds !== undefined && seconds <= 0) {
    errors.push(invalidValue(path.child('terminationGracePeriodSeconds'), seconds, 'must be greater than 0'));
  }
  return errors;
}

export function validateLifecycle(container: JsonObject, gracePeriod: number, path: FieldPath): FieldError[] {
  const lifecycle = optionalObject(container, 'lifecycle');
  if (lifecycle === undefined) return [];
  return ['postStart', 'preStop']
    .filter((hook) => isSet(lifecycle, hook))
    .flatMap((hook) =>
      validateHandler(objectAt(lifecycle, hook), gracePeriod, path.child('lifecycle', hook)),
    );
}

function validateHandler(handler: JsonObject, gracePeriod: number, path: FieldPath): FieldError[] {
  const set = handlers.filter((name) => isSet(handler, name));
  if (set.length === 0) return [requiredValue(path, 'must specify a handler type')];
  return set.flatMap((name, i) => {
    const at = path.child(name);
    if (i > 0) return [forbidden(at, 'may not specify more than 1 handler type')];
    return validateAction(name, objectAt(handler, name), gracePeriod, at);
  });
}

function validateAction(
  name: string,
  action: JsonObject,
  gracePeriod: number,
  path: FieldPath,
): FieldError[] {
  switch (name) {
    case 'exec':
      return listAt(action, 'command').length === 0 ? [requiredValue(path.child('command'))] : [];
    case 'httpGet':
      return validateHttpGet(action, path);
    case 'grpc': {
      const port = countAt(action, 'port');
      return invalid(path.child('port'), port, validatePortNumber(port));
    }
    case 'sleep':
      return validateSleep(action, gracePeriod, path);
    default:
      return portNumberOrName(own(action, 'port'), path.child('port'));
  }
}

function validateHttpGet(action: JsonObject, path: FieldPath): FieldError[] {
  const scheme = textAt(action, 'scheme');
  const schemes = ['HTTP', 'HTTPS'];
  return [
    ...required(action, 'path', path),
    ...portNumberOrName(own(action, 'port'), path.child('port')),
    ...(schemes.includes(scheme) ? [] : [unsupportedValue(path.child('scheme'), scheme, schemes)]),
    ...objectsAt(action, 'httpHeaders').flatMap((header) => {
      const name = textAt(header, 'name');
      return invalid(path.child('httpHeaders'), name, validateHttpHeaderName(name));
    }),
  ];
}

function validateSleep(action: JsonObject, gracePeriod: number, path: FieldPath): FieldError[] {
  const seconds = countAt(action, 'seconds');
  if (seconds >= 0 && seconds <= gracePeriod) return [];
  const message = `must be non-negative and less than terminationGracePeriodSeconds (${gracePeriod})`;
  return [invalidValue(path, seconds, message)];
}
