import type { FieldError } from '../../../machinery/field-errors.ts';
import { FieldPath, requiredValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { jsonEqual, own } from '../../../machinery/json.ts';
import {
  validateDns1123Label,
  validateDns1123Subdomain,
  validatePortNumber,
} from '../../../machinery/names.ts';
import { defineBuiltIn } from './define.ts';
import { countAt, listAt, nameOf, objectsAt, setDefaultOfZero, textAt } from './fields.ts';
import { validateEndpointIp, validateIp } from './ip.ts';
import { invalid, protocols, qualifiedName, requiredOneOf } from './rules.ts';
import { age, ageColumn, column, firstThree, none } from './table.ts';

export const endpoints = defineBuiltIn({
  kind: { group: '', version: 'v1', resource: 'endpoints', kind: 'Endpoints', namespaced: true },
  schema: 'io.k8s.api.core.v1.Endpoints',
  shortNames: ['ep'],
  createOnUpdate: true,
  setDefaults: (object) => {
    for (const subset of objectsAt(object, 'subsets')) {
      for (const port of objectsAt(subset, 'ports')) setDefaultOfZero(port, 'protocol', 'TCP');
    }
  },
  warnings: () => ['v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice'],
  validate: (object, old) => {
    // Once stored, wrong addresses may stay.
    if (old !== undefined && jsonEqual(own(object, 'subsets'), own(old, 'subsets'))) return [];
    return objectsAt(object, 'subsets').flatMap((subset, i) =>
      validateSubset(subset, new FieldPath('subsets').index(i)),
    );
  },
  columns: [column('Endpoints', 'The addresses with their ports'), ageColumn],
  cells: (object, nowMs) => [nameOf(object), firstThree(addresses(object), none), age(object, nowMs)],
});

function addresses(object: JsonObject): string[] {
  return objectsAt(object, 'subsets').flatMap((subset) => {
    const ips = objectsAt(subset, 'addresses').map((address) => textAt(address, 'ip'));
    const ports = objectsAt(subset, 'ports').map((port) => countAt(port, 'port'));
    if (ports.length === 0) return ips;
    return ports.flatMap((port) => ips.map((ip) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)));
  });
}

function validateSubset(subset: JsonObject, path: FieldPath): FieldError[] {
  const lists = ['addresses', 'notReadyAddresses'];
  const errors: FieldError[] = [];
  if (lists.every((list) => listAt(subset, list).length === 0)) {
    errors.push(requiredValue(path, 'must specify `addresses` or `notReadyAddresses`'));
  }
  for (const list of lists) {
    for (const [i, address] of objectsAt(subset, list).entries()) {
      errors.push(...validateAddress(address, path.child(list).index(i)));
    }
  }
  const ports = objectsAt(subset, 'ports');
  for (const [i, port] of ports.entries()) {
    errors.push(...validatePort(port, ports.length > 1, path.child('ports').index(i)));
  }
  return errors;
}

function validateAddress(address: JsonObject, path: FieldPath): FieldError[] {
  const ip = textAt(address, 'ip');
  const hostname = textAt(address, 'hostname');
  const node = own(address, 'nodeName');
  return [
    ...validateIp(ip, path.child('ip')),
    ...(hostname === '' ? [] : invalid(path.child('hostname'), hostname, validateDns1123Label(hostname))),
    ...(typeof node === 'string'
      ? invalid(path.child('nodeName'), node, validateDns1123Subdomain(node))
      : []),
    ...validateEndpointIp(ip, path.child('ip')),
  ];
}

function validatePort(port: JsonObject, needsName: boolean, path: FieldPath): FieldError[] {
  const name = textAt(port, 'name');
  const number = countAt(port, 'port');
  const appProtocol = own(port, 'appProtocol');
  const errors = name === '' && needsName ? [requiredValue(path.child('name'))] : [];
  if (name !== '') errors.push(...invalid(path.child('name'), name, validateDns1123Label(name)));
  errors.push(...invalid(path.child('port'), number, validatePortNumber(number)));
  errors.push(...requiredOneOf(port, 'protocol', protocols, path));
  if (typeof appProtocol === 'string') errors.push(...qualifiedName(appProtocol, path.child('appProtocol')));
  return errors;
}
