import type { FieldError, FieldPath } from '../../../machinery/field-errors.ts';
import { forbidden, invalidValue, requiredValue, unsupportedValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { own } from '../../../machinery/json.ts';
import { validatePortNumber } from '../../../machinery/names.ts';
import { defineBuiltIn } from './define.ts';
import {
  ensureObject,
  isSet,
  listAt,
  nameOf,
  numberAt,
  objectAt,
  objectsAt,
  optionalObject,
  setDefaultOfZero,
  textAt,
  textsAt,
} from './fields.ts';
import { validateCidr } from './ip.ts';
import { invalid, oneOf, portNumberOrName, selectorErrors } from './rules.ts';
import { age, ageColumn, column, formatLabelSelector } from './table.ts';
import { specPath } from './workload.ts';

const directions = [
  ['ingress', 'from'],
  ['egress', 'to'],
] as const;

export const networkPolicy = defineBuiltIn({
  kind: {
    group: 'networking.k8s.io',
    version: 'v1',
    resource: 'networkpolicies',
    kind: 'NetworkPolicy',
    namespaced: true,
  },
  schema: 'io.k8s.api.networking.v1.NetworkPolicy',
  shortNames: ['netpol'],
  generation: 'spec',
  setDefaults: (object) => {
    const spec = ensureObject(object, 'spec');
    for (const [direction] of directions) {
      for (const rule of objectsAt(spec, direction)) {
        for (const port of objectsAt(rule, 'ports')) setDefaultOfZero(port, 'protocol', 'TCP');
      }
    }
    if (listAt(spec, 'policyTypes').length > 0) return;
    spec['policyTypes'] = listAt(spec, 'egress').length === 0 ? ['Ingress'] : ['Ingress', 'Egress'];
  },
  validate: (object) => validateSpec(objectAt(object, 'spec')),
  columns: [column('Pod-Selector', 'The pods that the policy is about'), ageColumn],
  cells: (object, nowMs) => [
    nameOf(object),
    formatLabelSelector(optionalObject(object, 'spec', 'podSelector')),
    age(object, nowMs),
  ],
});

function validateSpec(spec: JsonObject): FieldError[] {
  const errors = selectorErrors(spec, 'podSelector', specPath);
  for (const [direction, peers] of directions) {
    for (const [i, rule] of objectsAt(spec, direction).entries()) {
      const at = specPath.child(direction).index(i);
      errors.push(
        ...objectsAt(rule, 'ports').flatMap((port, j) => validatePort(port, at.child('ports').index(j))),
        ...objectsAt(rule, peers).flatMap((peer, j) => validatePeer(peer, at.child(peers).index(j))),
      );
    }
  }
  const types = textsAt(spec, 'policyTypes');
  const at = specPath.child('policyTypes');
  if (types.length > 2)
    return [...errors, invalidValue(at, types, 'may not specify more than two policyTypes')];
  const known = ['Ingress', 'Egress'];
  return [
    ...errors,
    ...types.flatMap((type, i) => (known.includes(type) ? [] : [unsupportedValue(at.index(i), type, known)])),
  ];
}

function validatePort(port: JsonObject, path: FieldPath): FieldError[] {
  const number = own(port, 'port');
  const end = numberAt(port, 'endPort');
  const endAt = path.child('endPort');
  const errors = oneOf(port, 'protocol', ['TCP', 'UDP', 'SCTP'], path);
  if (number === undefined) {
    const message = 'may not be specified when `port` is not specified';
    return end === undefined ? errors : [...errors, invalidValue(endAt, end, message)];
  }
  if (end !== undefined && typeof number !== 'number') {
    errors.push(invalidValue(endAt, end, 'may not be specified when `port` is non-numeric'));
  }
  errors.push(...portNumberOrName(number, path.child('port')));
  if (end === undefined || typeof number !== 'number') return errors;
  if (end < number) errors.push(invalidValue(endAt, number, 'must be greater than or equal to `port`'));
  return [...errors, ...invalid(endAt, end, validatePortNumber(end))];
}

function validatePeer(peer: JsonObject, path: FieldPath): FieldError[] {
  const set = ['podSelector', 'namespaceSelector', 'ipBlock'].filter((field) => isSet(peer, field));
  const errors = [
    ...selectorErrors(peer, 'podSelector', path),
    ...selectorErrors(peer, 'namespaceSelector', path),
  ];
  const block = optionalObject(peer, 'ipBlock');
  if (block !== undefined) errors.push(...validateBlock(block, path.child('ipBlock')));
  if (set.length === 0) errors.push(requiredValue(path, 'must specify a peer'));
  if (block !== undefined && set.length > 1) {
    errors.push(forbidden(path, 'may not specify both ipBlock and another peer'));
  }
  return errors;
}

function validateBlock(block: JsonObject, path: FieldPath): FieldError[] {
  const cidr = textAt(block, 'cidr');
  if (cidr === '') return [requiredValue(path.child('cidr'))];
  return [
    ...validateCidr(cidr, path.child('cidr')),
    ...textsAt(block, 'except').flatMap((except, i) => validateCidr(except, path.child('except').index(i))),
  ];
}
