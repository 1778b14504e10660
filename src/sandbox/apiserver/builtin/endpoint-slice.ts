import type { FieldError } from '../../../machinery/field-errors.ts';
import {
  FieldPath,
  duplicateValue,
  invalidValue,
  requiredValue,
  tooMany,
} from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { own } from '../../../machinery/json.ts';
import {
  validateDns1123Label,
  validateDns1123Subdomain,
  validateLabelValue,
} from '../../../machinery/names.ts';
import { defineBuiltIn } from './define.ts';
import {
  isSet,
  listAt,
  nameOf,
  numberAt,
  objectAt,
  objectsAt,
  setDefault,
  textAt,
  textsAt,
} from './fields.ts';
import { familyOf, validateEndpointIp, validateIp } from './ip.ts';
import { immutable, invalid, protocols, qualifiedName, requiredOneOf } from './rules.ts';
import { age, ageColumn, column, firstThree } from './table.ts';

const root = new FieldPath();
const endpointsPath = new FieldPath('endpoints');
const maxEndpoints = 1000;
const maxPorts = 20_000;
const maxAddresses = 100;

export const endpointSlice = defineBuiltIn({
  kind: {
    group: 'discovery.k8s.io',
    version: 'v1',
    resource: 'endpointslices',
    kind: 'EndpointSlice',
    namespaced: true,
  },
  schema: 'io.k8s.api.discovery.v1.EndpointSlice',
  generation: 'spec',
  setDefaults: (object) => {
    for (const port of objectsAt(object, 'ports')) {
      setDefault(port, 'name', '');
      setDefault(port, 'protocol', 'TCP');
    }
  },
  validate: (object, old) => {
    const type = own(object, 'addressType');
    return [
      ...requiredOneOf(object, 'addressType', ['FQDN', 'IPv4', 'IPv6'], root),
      ...validatePorts(object),
      ...validateEndpoints(object),
      ...(old === undefined ? [] : immutable(type, own(old, 'addressType'), root.child('addressType'))),
    ];
  },
  columns: [
    column('AddressType', 'The type of all addresses of the slice'),
    column('Ports', 'The ports that each endpoint exposes'),
    column('Endpoints', 'The addresses'),
    ageColumn,
  ],
  cells: (object, nowMs) => {
    const ports = objectsAt(object, 'ports').map((port) =>
      String(numberAt(port, 'port') ?? (isSet(port, 'name') ? textAt(port, 'name') : '*')),
    );
    const addresses = objectsAt(object, 'endpoints').flatMap((endpoint) => textsAt(endpoint, 'addresses'));
    return [
      nameOf(object),
      textAt(object, 'addressType'),
      firstThree(ports, '<unset>'),
      firstThree(addresses, '<unset>'),
      age(object, nowMs),
    ];
  },
});

function validatePorts(object: JsonObject): FieldError[] {
  const path = new FieldPath('ports');
  const ports = objectsAt(object, 'ports');
  if (ports.length > maxPorts) return [tooMany(path, ports.length, maxPorts)];
  const names = new Set<string>();
  return ports.flatMap((port, i) => {
    const at = path.index(i);
    const name = textAt(port, 'name');
    const appProtocol = own(port, 'appProtocol');
    const errors = name === '' ? [] : invalid(at.child('name'), name, validateDns1123Label(name));
    if (names.has(name)) errors.push(duplicateValue(at.child('name'), name));
    names.add(name);
    errors.push(...requiredOneOf(port, 'protocol', protocols, at));
    if (typeof appProtocol === 'string') errors.push(...qualifiedName(appProtocol, at.child('appProtocol')));
    return errors;
  });
}

function validateEndpoints(object: JsonObject): FieldError[] {
  const endpoints = objectsAt(object, 'endpoints');
  if (endpoints.length > maxEndpoints) return [tooMany(endpointsPath, endpoints.length, maxEndpoints)];
  return endpoints.flatMap((endpoint, i) => {
    const at = endpointsPath.index(i);
    const count = listAt(endpoint, 'addresses').length;
    const errors: FieldError[] = [];
    if (count === 0) errors.push(requiredValue(at.child('addresses'), 'must contain at least 1 address'));
    if (count > maxAddresses) errors.push(tooMany(at.child('addresses'), count, maxAddresses));
    errors.push(...validateAddresses(endpoint, textAt(object, 'addressType'), at.child('addresses')));
    const node = own(endpoint, 'nodeName');
    if (typeof node === 'string')
      errors.push(...invalid(at.child('nodeName'), node, validateDns1123Subdomain(node)));
    const host = own(endpoint, 'hostname');
    if (typeof host === 'string')
      errors.push(...invalid(at.child('hostname'), host, validateDns1123Label(host)));
    return [...errors, ...validateHints(objectAt(endpoint, 'hints'), at.child('hints'))];
  });
}

function validateAddresses(endpoint: JsonObject, type: string, path: FieldPath): FieldError[] {
  return textsAt(endpoint, 'addresses').flatMap((address, i) => {
    const at = path.index(i);
    if (type === 'FQDN') return invalid(at, address, validateDns1123Subdomain(address));
    if (type !== 'IPv4' && type !== 'IPv6') return [];
    const errors = validateIp(address, at);
    if (errors.length > 0) return errors;
    if (familyOf(address) !== type) errors.push(invalidValue(path, address, `must be an ${type} address`));
    return [...errors, ...validateEndpointIp(address, at)];
  });
}

function validateHints(hints: JsonObject, path: FieldPath): FieldError[] {
  const zones = objectsAt(hints, 'forZones').map((zone) => textAt(zone, 'name'));
  const at = path.child('forZones');
  if (zones.length > 8) return [tooMany(at, zones.length, 8)];
  return zones.flatMap((zone, i) => {
    const zoneAt = at.index(i).child('name');
    const repeated = zones.indexOf(zone) < i ? [duplicateValue(zoneAt, zone)] : [];
    return [...repeated, ...invalid(zoneAt, zone, validateLabelValue(zone))];
  });
}
