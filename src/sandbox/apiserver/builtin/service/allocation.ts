// What the API server gives to Services: cluster IPs, families and node ports. Source: pkg/registry/core/service/storage
// of Kubernetes 1.36, for a cluster that only has IPv4.
import type { FieldError } from '../../../../machinery/field-errors.ts';
import { FieldPath, invalidValue } from '../../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../../machinery/json.ts';
import { jsonClone, jsonEqual, own, setOwn } from '../../../../machinery/json.ts';
import { failure } from '../../request-error.ts';
import type { WriteContext } from '../../resource-definition.ts';
import {
  countAt,
  ensureObject,
  isSet,
  listAt,
  nameOf,
  namespaceOf,
  objectAt,
  objectsAt,
  setDefault,
  textAt,
  textsAt,
} from '../fields.ts';
import { familyOf } from '../ip.ts';

const addressPrefix = '10.96.';
const addressRange = '10.96.0.0/16';
const firstNodePort = 30_000;
const lastNodePort = 32_767;
const path = new FieldPath('spec');

export function isHeadless(spec: JsonObject): boolean {
  return textsAt(spec, 'clusterIPs')[0] === 'None';
}

export function needsNodePort(spec: JsonObject): boolean {
  return ['NodePort', 'LoadBalancer'].includes(textAt(spec, 'type'));
}

export function needsHealthCheck(spec: JsonObject): boolean {
  return textAt(spec, 'type') === 'LoadBalancer' && textAt(spec, 'externalTrafficPolicy') === 'Local';
}

/** Fills in what a new or changed Service lacks. */
export function allocate(service: JsonObject, context: WriteContext): void {
  const spec = ensureObject(service, 'spec');
  if (textAt(spec, 'type') === 'ExternalName') return;
  if (listAt(spec, 'clusterIPs').length === 0 && textAt(spec, 'clusterIP') !== '') {
    spec['clusterIPs'] = [textAt(spec, 'clusterIP')];
  }
  setFamilies(spec);
  if (listAt(spec, 'clusterIPs').length === 0) {
    const address = freeAddress(service, context);
    spec['clusterIP'] = address;
    spec['clusterIPs'] = [address];
  }
  allocateNodePorts(service, spec, context);
}

function setFamilies(spec: JsonObject): void {
  const isSelectorless = isHeadless(spec) && Object.keys(objectAt(spec, 'selector')).length === 0;
  setDefault(spec, 'ipFamilyPolicy', isSelectorless ? 'RequireDualStack' : 'SingleStack');
  if (listAt(spec, 'ipFamilies').length === 0) {
    const addresses = textsAt(spec, 'clusterIPs').filter((address) => address !== 'None');
    spec['ipFamilies'] = addresses.length === 0 ? ['IPv4'] : addresses.map(familyOf);
  }
  const [only, second] = textsAt(spec, 'ipFamilies');
  if (isSelectorless && second === undefined && textAt(spec, 'ipFamilyPolicy') !== 'SingleStack') {
    spec['ipFamilies'] = [only ?? 'IPv4', only === 'IPv6' ? 'IPv4' : 'IPv6'];
  }
}

/** Addresses of all other Services. */
function usedAddresses(service: JsonObject, context: WriteContext): Set<string> {
  return new Set(others(service, context).flatMap((spec) => textsAt(spec, 'clusterIPs')));
}

function usedNodePorts(service: JsonObject, context: WriteContext): Set<number> {
  return new Set(
    others(service, context).flatMap((spec) => [
      countAt(spec, 'healthCheckNodePort'),
      ...objectsAt(spec, 'ports').map((port) => countAt(port, 'nodePort')),
    ]),
  );
}

function others(service: JsonObject, context: WriteContext): JsonObject[] {
  return context
    .list('services')
    .filter((other) => nameOf(other) !== nameOf(service) || namespaceOf(other) !== namespaceOf(service))
    .map((other) => objectAt(other, 'spec'));
}

/** A random one, and from there the next that is free; `.0.0`, `.0.1` (the API server) and `.255.255` are not given. */
function freeAddress(service: JsonObject, context: WriteContext): string {
  const used = usedAddresses(service, context);
  const count = 65_533;
  const start = context.random.int(count);
  for (let i = 0; i < count; i += 1) {
    const number = 2 + ((start + i) % count);
    const address = `${addressPrefix}${number >> 8}.${number & 255}`;
    if (!used.has(address)) return address;
  }
  throw noneLeft('serviceIP');
}

function freeNodePort(used: Set<number>, context: WriteContext): number {
  const count = lastNodePort - firstNodePort + 1;
  const start = context.random.int(count);
  for (let i = 0; i < count; i += 1) {
    const port = firstNodePort + ((start + i) % count);
    if (used.has(port)) continue;
    used.add(port);
    return port;
  }
  throw noneLeft('nodePort');
}

/** Source: alloc.go of pkg/registry/core/service/storage of Kubernetes 1.36. */
function noneLeft(what: 'serviceIP' | 'nodePort'): Error {
  const message = `failed to allocate a ${what}: range is full`;
  return failure(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] });
}

function allocateNodePorts(service: JsonObject, spec: JsonObject, context: WriteContext): void {
  const allocates =
    textAt(spec, 'type') === 'NodePort' ||
    (textAt(spec, 'type') === 'LoadBalancer' && own(spec, 'allocateLoadBalancerNodePorts') !== false);
  const ports = objectsAt(spec, 'ports');
  const lacking = allocates ? ports.filter((port) => countAt(port, 'nodePort') === 0) : [];
  const lacksHealthCheck = needsHealthCheck(spec) && countAt(spec, 'healthCheckNodePort') === 0;
  if (lacking.length === 0 && !lacksHealthCheck) return;
  const used = usedNodePorts(service, context);
  // The same port for another protocol shares the node port.
  const shared = new Map<number, number>();
  for (const port of ports) {
    const number = countAt(port, 'nodePort');
    used.add(number);
    if (number !== 0 && !shared.has(countAt(port, 'port'))) shared.set(countAt(port, 'port'), number);
  }
  for (const port of lacking) {
    const number = shared.get(countAt(port, 'port')) ?? freeNodePort(used, context);
    shared.set(countAt(port, 'port'), number);
    port['nodePort'] = number;
  }
  if (lacksHealthCheck) spec['healthCheckNodePort'] = freeNodePort(used, context);
}

/** What a Service asks for itself must be free. */
export function validateAllocation(
  service: JsonObject,
  old: JsonObject | undefined,
  context: WriteContext,
): FieldError[] {
  const spec = objectAt(service, 'spec');
  const before = old === undefined ? {} : objectAt(old, 'spec');
  return [
    ...validateAddresses(service, spec, before, context),
    ...validateNodePorts(service, spec, before, context),
  ];
}

function validateAddresses(
  service: JsonObject,
  spec: JsonObject,
  before: JsonObject,
  context: WriteContext,
): FieldError[] {
  const addresses = textsAt(spec, 'clusterIPs');
  const asked = addresses.filter(
    (address) => address !== 'None' && !textsAt(before, 'clusterIPs').includes(address),
  );
  if (asked.length === 0) return [];
  const used = usedAddresses(service, context);
  for (const address of asked) {
    const why = addressProblem(address, used);
    if (why === undefined) continue;
    return [invalidValue(path.child('clusterIPs'), addresses, `failed to allocate IP ${address}: ${why}`)];
  }
  return [];
}

function addressProblem(address: string, used: ReadonlySet<string>): string | undefined {
  const isInRange =
    address.startsWith(addressPrefix) && address !== '10.96.0.0' && address !== '10.96.255.255';
  if (!isInRange) {
    return `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${addressRange}`;
  }
  return used.has(address) ? 'provided IP is already allocated' : undefined;
}

function validateNodePorts(
  service: JsonObject,
  spec: JsonObject,
  before: JsonObject,
  context: WriteContext,
): FieldError[] {
  const kept = new Set(objectsAt(before, 'ports').map((port) => countAt(port, 'nodePort')));
  const ports = objectsAt(spec, 'ports');
  const isAsked = (number: number): boolean => number !== 0 && !kept.has(number);
  if (!ports.some((port) => isAsked(countAt(port, 'nodePort')))) return [];
  const used = usedNodePorts(service, context);
  return ports.flatMap((port, i) => {
    const number = countAt(port, 'nodePort');
    if (!isAsked(number)) return [];
    const at = path.child('ports').index(i).child('nodePort');
    if (number < firstNodePort || number > lastNodePort) {
      const range = `${firstNodePort}-${lastNodePort}`;
      const message = `provided port is not in the valid range. The range of valid ports is ${range}`;
      return [invalidValue(at, number, message)];
    }
    return used.has(number) ? [invalidValue(at, number, 'provided port is already allocated')] : [];
  });
}

/** Carries over what the server gave, and drops what belonged to the former type, where the client left it alone. */
export function carryOver(service: JsonObject, old: JsonObject): void {
  const spec = ensureObject(service, 'spec');
  const before = objectAt(old, 'spec');
  normalizeAddresses(spec, before);
  if (textAt(before, 'type') !== 'ExternalName') {
    if (textAt(spec, 'type') === 'ExternalName') {
      dropIfSame(spec, before, ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']);
    } else {
      for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']) {
        const value = own(before, field);
        if (!isSet(spec, field) && value !== undefined) setOwn(spec, field, jsonClone(value));
      }
    }
  }
  carryNodePorts(spec, before);
  if (needsHealthCheck(before)) {
    if (needsHealthCheck(spec))
      setDefault(spec, 'healthCheckNodePort', countAt(before, 'healthCheckNodePort'));
    else dropIfSame(spec, before, ['healthCheckNodePort']);
  }
  if (textAt(before, 'type') === 'LoadBalancer' && textAt(spec, 'type') !== 'LoadBalancer') {
    dropIfSame(spec, before, ['allocateLoadBalancerNodePorts', 'loadBalancerClass']);
  }
  if (needsNodePort(before) && !needsNodePort(spec)) dropIfSame(spec, before, ['externalTrafficPolicy']);
  if (textAt(spec, 'type') !== 'LoadBalancer')
    service['status'] = { ...objectAt(service, 'status'), loadBalancer: {} };
}

/** Clients that only know `clusterIP` change it, and `clusterIPs` follows. */
function normalizeAddresses(spec: JsonObject, before: JsonObject): void {
  const now = textAt(spec, 'clusterIP');
  const same = jsonEqual(own(spec, 'clusterIPs') ?? [], own(before, 'clusterIPs') ?? []);
  if (now === textAt(before, 'clusterIP') || !same) return;
  if (now === '') delete spec['clusterIPs'];
  else spec['clusterIPs'] = [now];
}

function dropIfSame(spec: JsonObject, before: JsonObject, fields: readonly string[]): void {
  for (const field of fields) if (jsonEqual(own(spec, field), own(before, field))) delete spec[field];
}

function carryNodePorts(spec: JsonObject, before: JsonObject): void {
  if (!needsNodePort(before)) return;
  const earlier = objectsAt(before, 'ports');
  const earlierPorts = earlier.map((port) => countAt(port, 'nodePort'));
  const ports = objectsAt(spec, 'ports');
  if (!needsNodePort(spec)) {
    const isSubset = ports.every((port) => [0, ...earlierPorts].includes(countAt(port, 'nodePort')));
    if (isSubset) for (const port of ports) delete port['nodePort'];
    return;
  }
  const used = new Set(ports.map((port) => countAt(port, 'nodePort')));
  for (const port of ports) {
    if (countAt(port, 'nodePort') !== 0) continue;
    const match = earlier.find((other) => textAt(other, 'name') === textAt(port, 'name'));
    const number = match === undefined ? 0 : countAt(match, 'nodePort');
    if (number !== 0 && !used.has(number)) port['nodePort'] = number;
  }
}
