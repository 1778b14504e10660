// Source: validateService of pkg/apis/core/validation, Kubernetes 1.36.
import type { FieldError } from '../../../../machinery/field-errors.ts';
import {
  FieldPath,
  duplicateValue,
  forbidden,
  invalidValue,
  requiredValue,
  unsupportedValue,
} from '../../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../../machinery/json.ts';
import { own } from '../../../../machinery/json.ts';
import { validateLabels } from '../../../../machinery/label-selector.ts';
import {
  validateDns1123Label,
  validateDns1123Subdomain,
  validatePortNumber,
} from '../../../../machinery/names.ts';
import {
  countAt,
  isSet,
  labelsAt,
  listAt,
  numberAt,
  objectAt,
  objectsAt,
  textAt,
  textsAt,
} from '../fields.ts';
import { familyOf, validateCidr, validateEndpointIp, validateIp } from '../ip.ts';
import { invalid, oneOf, portNumberOrName, protocols, qualifiedName, requiredOneOf } from '../rules.ts';
import { isHeadless, needsHealthCheck, needsNodePort } from './allocation.ts';

const path = new FieldPath('spec');
const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const clusterTypes = ['ClusterIP', 'LoadBalancer', 'NodePort'];

export function validateService(service: JsonObject): FieldError[] {
  const spec = objectAt(service, 'spec');
  const type = textAt(spec, 'type');
  const ports = objectsAt(spec, 'ports');
  const needsPorts = !isHeadless(spec) && type !== 'ExternalName';
  return [
    ...(ports.length === 0 && needsPorts ? [requiredValue(path.child('ports'))] : []),
    ...validateType(spec, type),
    ...validatePorts(ports),
    ...validateLabels(labelsAt(spec, 'selector'), path.child('selector')),
    ...validateAffinity(spec),
    ...(type === 'ExternalName' ? [] : validateAddresses(spec)),
    ...validateExternalIps(spec),
    ...requiredOneOf(spec, 'type', types, path),
    ...validateNodePorts(ports, type),
    ...validateRepeats(ports),
    ...validateLoadBalancer(spec, type),
    ...validateTraffic(spec, type),
  ];
}

function validateType(spec: JsonObject, type: string): FieldError[] {
  if (isHeadless(spec) && needsNodePort(spec)) {
    return [
      invalidValue(
        path.child('clusterIPs').index(0),
        'None',
        `may not be set to 'None' for ${type} services`,
      ),
    ];
  }
  if (type !== 'ExternalName') return [];
  const message = 'may not be set for ExternalName services';
  const set = ['clusterIPs', 'ipFamilies', 'ipFamilyPolicy'].filter((field) => isSet(spec, field));
  const name = textAt(spec, 'externalName').replace(/\.$/, '');
  const at = path.child('externalName');
  return [
    ...set.map((field) => forbidden(path.child(field), message)),
    ...(name === '' ? [requiredValue(at)] : invalid(at, name, validateDns1123Subdomain(name))),
  ];
}

function validatePorts(ports: readonly JsonObject[]): FieldError[] {
  const names = new Set<string>();
  return ports.flatMap((port, i) => {
    const at = path.child('ports').index(i);
    const name = textAt(port, 'name');
    const errors: FieldError[] = [];
    if (name === '' && ports.length > 1) errors.push(requiredValue(at.child('name')));
    if (name !== '') {
      errors.push(...invalid(at.child('name'), name, validateDns1123Label(name)));
      if (names.has(name)) errors.push(duplicateValue(at.child('name'), name));
      names.add(name);
    }
    const number = countAt(port, 'port');
    errors.push(...invalid(at.child('port'), number, validatePortNumber(number)));
    errors.push(...requiredOneOf(port, 'protocol', protocols, at));
    errors.push(...portNumberOrName(own(port, 'targetPort'), at.child('targetPort')));
    const appProtocol = own(port, 'appProtocol');
    if (typeof appProtocol === 'string') errors.push(...qualifiedName(appProtocol, at.child('appProtocol')));
    return errors;
  });
}

function validateAffinity(spec: JsonObject): FieldError[] {
  const errors = requiredOneOf(spec, 'sessionAffinity', ['ClientIP', 'None'], path);
  const at = path.child('sessionAffinityConfig');
  const affinity = textAt(spec, 'sessionAffinity');
  if (affinity === 'None' && isSet(spec, 'sessionAffinityConfig')) {
    errors.push(forbidden(at, 'must not be set when session affinity is None'));
  }
  if (affinity !== 'ClientIP') return errors;
  const seconds = numberAt(objectAt(spec, 'sessionAffinityConfig', 'clientIP'), 'timeoutSeconds');
  if (seconds === undefined) {
    return [...errors, requiredValue(at, 'when session affinity type is ClientIP')];
  }
  if (seconds > 0 && seconds <= 86_400) return errors;
  const message = 'must be greater than 0 and less than 86400';
  return [...errors, invalidValue(at.child('clientIP', 'timeoutSeconds'), seconds, message)];
}

function validateAddresses(spec: JsonObject): FieldError[] {
  const addresses = textsAt(spec, 'clusterIPs');
  const families = textsAt(spec, 'ipFamilies');
  const at = path.child('clusterIPs');
  const errors = validateFirstAddress(spec, addresses);
  errors.push(...validateFamilies(spec, families));
  const problems = addresses.flatMap((address, i) =>
    i === 0 && address === 'None' ? [] : validateIp(address, at.index(i)),
  );
  if (addresses[0] === 'None' && addresses.length > 1) {
    problems.push(invalidValue(at, addresses, "'None' must be the first and only value"));
  }
  if (addresses.length > 2) problems.push(invalidValue(at, addresses, 'may only hold up to 2 values'));
  errors.push(...problems);
  if (problems.length > 0) return errors;
  if (new Set(addresses.map(familyOf)).size < addresses.length) {
    errors.push(invalidValue(at, addresses, 'may specify no more than one IP for each IP family'));
  }
  if (isHeadless(spec)) return errors;
  for (const [i, address] of addresses.entries()) {
    const family = families[i];
    if (family === undefined || family === familyOf(address)) continue;
    const message = `expected an ${family} value as indicated by \`ipFamilies[${i}]\``;
    errors.push(invalidValue(at.index(i), address, message));
  }
  return errors;
}

function validateFirstAddress(spec: JsonObject, addresses: readonly string[]): FieldError[] {
  const single = textAt(spec, 'clusterIP');
  const at = path.child('clusterIPs');
  if (single === '') {
    const message = 'must be empty when `clusterIP` is not specified';
    return addresses.length === 0 ? [] : [invalidValue(at, addresses, message)];
  }
  if (addresses.length === 0) return [requiredValue(at)];
  return addresses[0] === single ? [] : [invalidValue(at, addresses, 'first value must match `clusterIP`')];
}

function validateFamilies(spec: JsonObject, families: readonly string[]): FieldError[] {
  const at = path.child('ipFamilies');
  const policyAt = path.child('ipFamilyPolicy');
  const policy = textAt(spec, 'ipFamilyPolicy');
  const errors = families.flatMap((family, i) => {
    const known = ['IPv4', 'IPv6'];
    const isRepeated = families.indexOf(family) < i;
    return [
      ...(known.includes(family) ? [] : [unsupportedValue(at.index(i), family, known)]),
      ...(isRepeated ? [duplicateValue(at.index(i), family)] : []),
    ];
  });
  errors.push(...oneOf(spec, 'ipFamilyPolicy', ['PreferDualStack', 'RequireDualStack', 'SingleStack'], path));
  const isSelectorless = isHeadless(spec) && Object.keys(objectAt(spec, 'selector')).length === 0;
  if (policy === 'SingleStack' && families.length > 1) {
    const message = "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified";
    errors.push(invalidValue(policyAt, policy, message));
  }
  if (isSelectorless) return errors;
  if (policy === 'RequireDualStack') {
    errors.push(invalidValue(policyAt, policy, 'this cluster is not configured for dual-stack services'));
  }
  if (families.includes('IPv6')) {
    errors.push(invalidValue(at.index(families.indexOf('IPv6')), 'IPv6', 'not configured on this cluster'));
  }
  return errors;
}

function validateExternalIps(spec: JsonObject): FieldError[] {
  return textsAt(spec, 'externalIPs').flatMap((address, i) => {
    const at = path.child('externalIPs').index(i);
    const errors = validateIp(address, at);
    return errors.length > 0 ? errors : validateEndpointIp(address, at);
  });
}

function validateNodePorts(ports: readonly JsonObject[], type: string): FieldError[] {
  const seen = new Set<string>();
  return ports.flatMap((port, i) => {
    const number = countAt(port, 'nodePort');
    if (number === 0) return [];
    const at = path.child('ports').index(i).child('nodePort');
    const key = `${textAt(port, 'protocol')}/${number}`;
    const errors: FieldError[] = [];
    if (type === 'ClusterIP') errors.push(forbidden(at, "may not be used when `type` is 'ClusterIP'"));
    if (seen.has(key)) errors.push(duplicateValue(at, number));
    seen.add(key);
    return errors;
  });
}

function validateRepeats(ports: readonly JsonObject[]): FieldError[] {
  const seen = new Set<string>();
  return ports.flatMap((port, i) => {
    const key = `${textAt(port, 'protocol')}/${countAt(port, 'port')}`;
    if (seen.has(key)) {
      // The fields as Go's internal type has them: that is what upstream shows.
      const shown = {
        Name: '',
        Protocol: textAt(port, 'protocol'),
        AppProtocol: null,
        Port: countAt(port, 'port'),
        TargetPort: 0,
        NodePort: 0,
      };
      return [duplicateValue(path.child('ports').index(i), shown)];
    }
    seen.add(key);
    return [];
  });
}

function validateLoadBalancer(spec: JsonObject, type: string): FieldError[] {
  const onlyLoadBalancer = "may only be used when `type` is 'LoadBalancer'";
  const errors: FieldError[] = [];
  const ranges = path.child('LoadBalancerSourceRanges');
  if (listAt(spec, 'loadBalancerSourceRanges').length > 0 && type !== 'LoadBalancer') {
    errors.push(forbidden(ranges, onlyLoadBalancer));
  }
  for (const [i, range] of textsAt(spec, 'loadBalancerSourceRanges').entries()) {
    errors.push(...validateCidr(range.trim(), ranges.index(i)));
  }
  for (const field of ['allocateLoadBalancerNodePorts', 'loadBalancerClass']) {
    if (isSet(spec, field) && type !== 'LoadBalancer') {
      const message =
        field === 'loadBalancerClass' ? "may only be used when `type` is 'LoadBalancer'" : onlyLoadBalancer;
      errors.push(forbidden(path.child(field), message));
    }
  }
  return errors;
}

function isExternallyAccessible(spec: JsonObject, type: string): boolean {
  return needsNodePort(spec) || (type === 'ClusterIP' && listAt(spec, 'externalIPs').length > 0);
}

function validateTraffic(spec: JsonObject, type: string): FieldError[] {
  const external = textAt(spec, 'externalTrafficPolicy');
  const at = path.child('externalTrafficPolicy');
  const errors: FieldError[] = [];
  if (isExternallyAccessible(spec, type)) {
    errors.push(...requiredOneOf(spec, 'externalTrafficPolicy', ['Cluster', 'Local'], path));
  } else if (external !== '') {
    errors.push(invalidValue(at, external, 'may only be set for externally-accessible services'));
  }
  const health = countAt(spec, 'healthCheckNodePort');
  if (health !== 0 && !needsHealthCheck(spec)) {
    const message = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.push(invalidValue(path.child('healthCheckNodePort'), health, message));
  }
  if (clusterTypes.includes(type) && !isSet(spec, 'internalTrafficPolicy')) {
    errors.push(requiredValue(path.child('internalTrafficPolicy')));
  }
  return [
    ...errors,
    ...oneOf(spec, 'internalTrafficPolicy', ['Cluster', 'Local'], path),
    ...oneOf(spec, 'trafficDistribution', ['PreferClose', 'PreferSameZone', 'PreferSameNode'], path),
  ];
}

/** Addresses and their families are for ever, but for services that begin or cease to be names of others. */
export function validateServiceUpdate(service: JsonObject, old: JsonObject): FieldError[] {
  const spec = objectAt(service, 'spec');
  const before = objectAt(old, 'spec');
  if ([spec, before].some((one) => textAt(one, 'type') === 'ExternalName')) return [];
  if (isHeadless(spec) && isHeadless(before)) return [];
  const errors: FieldError[] = [];
  const now = textsAt(spec, 'clusterIPs');
  const earlier = textsAt(before, 'clusterIPs');
  const at = path.child('clusterIPs');
  if (now.length === 0 && earlier.length > 0) {
    errors.push(invalidValue(at.index(0), now, 'primary clusterIP can not be unset'));
  }
  const checked = now.length === earlier.length ? now.length : Math.min(1, now.length, earlier.length);
  for (let i = 0; i < checked; i += 1) {
    if (now[i] !== earlier[i]) errors.push(invalidValue(at.index(i), now, 'may not change once set'));
  }
  if (isHeadless(spec) !== isHeadless(before)) return errors;
  const families = textsAt(spec, 'ipFamilies');
  const [first] = textsAt(before, 'ipFamilies');
  if (first !== undefined && families[0] !== first) {
    errors.push(invalidValue(path.child('ipFamilies').index(0), families, 'may not change once set'));
  }
  return errors;
}
