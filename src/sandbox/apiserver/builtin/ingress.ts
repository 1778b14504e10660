import { isIP } from 'node:net';
import type { FieldError, FieldPath } from '../../../machinery/field-errors.ts';
import { invalidValue, requiredValue, unsupportedValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { own } from '../../../machinery/json.ts';
import {
  validateDns1123Label,
  validateDns1123Subdomain,
  validatePathSegmentName,
  validatePortName,
  validatePortNumber,
  validateWildcardDns1123Subdomain,
} from '../../../machinery/names.ts';
import { defineBuiltIn } from './define.ts';
import { countAt, isSet, labelsAt, listAt, nameOf, objectAt, objectsAt, textAt, textsAt } from './fields.ts';
import { invalid } from './rules.ts';
import { loadBalancerAddresses } from './service.ts';
import { age, ageColumn, column, none } from './table.ts';
import { specPath } from './workload.ts';

const classAnnotation = 'kubernetes.io/ingress.class';
const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'];

export const ingress = defineBuiltIn({
  kind: {
    group: 'networking.k8s.io',
    version: 'v1',
    resource: 'ingresses',
    kind: 'Ingress',
    namespaced: true,
  },
  schema: 'io.k8s.api.networking.v1.Ingress',
  shortNames: ['ing'],
  status: true,
  generation: 'spec',
  validate: (object, old, subresource) => {
    if (subresource === 'status') return [];
    const errors = validateSpec(objectAt(object, 'spec'));
    return old === undefined ? [...errors, ...validateClassAnnotation(object)] : errors;
  },
  columns: [
    column('Class', 'The name of the IngressClass resource that should be used for additional configuration'),
    column('Hosts', 'Hosts that incoming requests are matched against before the ingress rule'),
    column('Address', 'Address is a list containing ingress points for the load-balancer'),
    column('Ports', 'Ports of TLS configurations that open'),
    ageColumn,
  ],
  cells: (object, nowMs) => {
    const spec = objectAt(object, 'spec');
    return [
      nameOf(object),
      isSet(spec, 'ingressClassName') ? textAt(spec, 'ingressClassName') : none,
      hostsText(spec),
      loadBalancerAddresses(object).join(','),
      listAt(spec, 'tls').length === 0 ? '80' : '80, 443',
      age(object, nowMs),
    ];
  },
});

function hostsText(spec: JsonObject): string {
  const rules = objectsAt(spec, 'rules');
  const hosts = rules.map((rule) => textAt(rule, 'host')).filter((host) => host !== '');
  if (hosts.length === 0) return '*';
  const shown = hosts.slice(0, 3).join(',');
  return hosts.length > 3 ? `${shown} + ${rules.length - 3} more...` : shown;
}

function validateClassAnnotation(object: JsonObject): FieldError[] {
  const annotation = own(labelsAt(objectAt(object, 'metadata'), 'annotations'), classAnnotation);
  const name = own(objectAt(object, 'spec'), 'ingressClassName');
  if (annotation === undefined || typeof name !== 'string' || annotation === name) return [];
  const message = 'must match `ingressClassName` when both are specified';
  return [invalidValue(`annotations.${classAnnotation}`, annotation, message)];
}

function validateSpec(spec: JsonObject): FieldError[] {
  const rules = objectsAt(spec, 'rules');
  const errors: FieldError[] = [];
  if (rules.length === 0 && !isSet(spec, 'defaultBackend')) {
    errors.push(invalidValue(specPath, null, 'either `defaultBackend` or `rules` must be specified'));
  }
  if (isSet(spec, 'defaultBackend')) {
    errors.push(...validateBackend(objectAt(spec, 'defaultBackend'), specPath.child('defaultBackend')));
  }
  for (const [i, rule] of rules.entries())
    errors.push(...validateRule(rule, specPath.child('rules').index(i)));
  for (const [i, tls] of objectsAt(spec, 'tls').entries()) {
    errors.push(...validateTls(tls, specPath.child('tls').index(i)));
  }
  const name = own(spec, 'ingressClassName');
  if (typeof name !== 'string') return errors;
  return [...errors, ...invalid(specPath.child('ingressClassName'), name, validateDns1123Subdomain(name))];
}

function validateHost(host: string, path: FieldPath): FieldError[] {
  const problems = host.includes('*')
    ? validateWildcardDns1123Subdomain(host)
    : validateDns1123Subdomain(host);
  return invalid(path, host, problems);
}

function validateTls(tls: JsonObject, path: FieldPath): FieldError[] {
  const secret = textAt(tls, 'secretName');
  return [
    ...textsAt(tls, 'hosts').flatMap((host, i) => validateHost(host, path.child('hosts').index(i))),
    ...(secret === '' ? [] : invalid(path.child('secretName'), secret, validateDns1123Subdomain(secret))),
  ];
}

function validateRule(rule: JsonObject, path: FieldPath): FieldError[] {
  const host = textAt(rule, 'host');
  const errors: FieldError[] = [];
  if (isIP(host) !== 0) {
    errors.push(invalidValue(path.child('host'), host, 'must be a DNS name, not an IP address'));
  }
  if (host !== '') errors.push(...validateHost(host, path.child('host')));
  if (!isSet(rule, 'http')) return errors;
  const paths = objectsAt(objectAt(rule, 'http'), 'paths');
  const at = path.child('http', 'paths');
  if (paths.length === 0) errors.push(requiredValue(at));
  return [...errors, ...paths.flatMap((entry, i) => validatePath(entry, at.index(i)))];
}

function validatePath(entry: JsonObject, path: FieldPath): FieldError[] {
  const type = own(entry, 'pathType');
  if (typeof type !== 'string') return [requiredValue(path.child('pathType'), 'pathType must be specified')];
  const errors = pathTypes.includes(type)
    ? validatePathText(textAt(entry, 'path'), type, path.child('path'))
    : [unsupportedValue(path.child('pathType'), type, pathTypes)];
  return [...errors, ...validateBackend(objectAt(entry, 'backend'), path.child('backend'))];
}

function validatePathText(text: string, type: string, path: FieldPath): FieldError[] {
  const isFree = type === 'ImplementationSpecific';
  const errors: FieldError[] = [];
  if (!text.startsWith('/') && (text !== '' || !isFree)) {
    errors.push(invalidValue(path, text, 'must be an absolute path'));
  }
  if (isFree) return errors;
  for (const sequence of ['//', '/./', '/../', '%2f', '%2F']) {
    if (text.includes(sequence)) errors.push(invalidValue(path, text, `must not contain '${sequence}'`));
  }
  for (const suffix of ['/..', '/.']) {
    if (text.endsWith(suffix)) errors.push(invalidValue(path, text, `cannot end with '${suffix}'`));
  }
  return errors;
}

function validateBackend(backend: JsonObject, path: FieldPath): FieldError[] {
  const hasResource = isSet(backend, 'resource');
  const hasService = isSet(backend, 'service');
  if (hasResource && hasService) {
    return [invalidValue(path, '', 'cannot set both resource and service backends')];
  }
  if (hasService) return validateServiceBackend(objectAt(backend, 'service'), path);
  if (!hasResource) return [invalidValue(path, '', 'resource or service backend is required')];
  const resource = objectAt(backend, 'resource');
  return ['kind', 'name'].flatMap((field) => {
    const value = textAt(resource, field);
    const at = path.child('resource', field);
    return value === '' ? [requiredValue(at)] : invalid(at, value, validatePathSegmentName(value));
  });
}

function validateServiceBackend(service: JsonObject, path: FieldPath): FieldError[] {
  const name = textAt(service, 'name');
  const nameAt = path.child('service', 'name');
  const portName = textAt(objectAt(service, 'port'), 'name');
  const number = countAt(objectAt(service, 'port'), 'number');
  const errors = name === '' ? [requiredValue(nameAt)] : invalid(nameAt, name, validateDns1123Label(name));
  const port = path.child('service', 'port');
  if (portName !== '' && number !== 0) {
    return [...errors, invalidValue(path, '', 'cannot set both port name & port number')];
  }
  if (portName !== '')
    return [...errors, ...invalid(port.child('name'), portName, validatePortName(portName))];
  if (number !== 0) return [...errors, ...invalid(port.child('number'), number, validatePortNumber(number))];
  return [...errors, requiredValue(path, 'port name or number is required')];
}
