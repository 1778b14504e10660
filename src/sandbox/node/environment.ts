// Source: makeEnvironmentVariables of pkg/kubelet/kubelet_pods.go and pkg/kubelet/envvars of Kubernetes 1.36.
import { ConfigError } from './config-error.ts';
import { fieldValue, type PodPlace, resourceValue } from './downward.ts';
import { expand } from './expand.ts';
import type { ConfigMap, Container, EnvVar, KeySelector, Pod, Secret, Service } from './kinds.ts';

/** Objects of the pod's namespace that its containers may refer to, and the services of all namespaces. */
export interface ClusterObjects {
  configMap(name: string): ConfigMap | undefined;
  secret(name: string): Secret | undefined;
  services(): readonly Service[];
}

type Env = ReadonlyMap<string, string>;

/**
 * The environment of a container, services included.
 * @throws ConfigError when it refers to what is not there
 */
export function buildEnvironment(
  pod: Pod,
  container: Container,
  place: PodPlace,
  objects: ClusterObjects,
): Readonly<Record<string, string>> {
  const services = serviceVariables(pod, objects.services());
  const env = new Map<string, string>();
  for (const source of container.envFrom ?? []) {
    const found = source.configMapRef
      ? wholeConfigMap(source.configMapRef, objects)
      : wholeSecret(source.secretRef ?? {}, objects);
    for (const [key, value] of found) env.set(`${source.prefix ?? ''}${key}`, value);
  }
  const lookup = (name: string): string | undefined => env.get(name) ?? services.get(name);
  for (const variable of container.env ?? []) {
    const value = valueOf(variable, pod, container, place, objects);
    if (value !== undefined)
      env.set(variable.name, variable.valueFrom === undefined ? expand(value, lookup) : value);
  }
  return Object.fromEntries([...services, ...env]);
}

/** @returns undefined for an optional value that is not there */
function valueOf(
  { value = '', valueFrom }: EnvVar,
  pod: Pod,
  container: Container,
  place: PodPlace,
  objects: ClusterObjects,
): string | undefined {
  if (value !== '' || valueFrom === undefined) return value;
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  if (fieldRef !== undefined) return fieldValue(fieldRef, pod, place);
  if (resourceFieldRef !== undefined) return resourceValue(resourceFieldRef, container, place);
  if (configMapKeyRef !== undefined) {
    return keyOf(configMapKeyRef, 'ConfigMap', pod, wholeConfigMap(configMapKeyRef, objects));
  }
  if (secretKeyRef !== undefined)
    return keyOf(secretKeyRef, 'Secret', pod, wholeSecret(secretKeyRef, objects));
  return '';
}

function keyOf({ key, name, optional }: KeySelector, kind: string, pod: Pod, data: Env): string | undefined {
  const value = data.get(key);
  if (value !== undefined || optional === true) return value;
  throw new ConfigError(`couldn't find key ${key} in ${kind} ${pod.metadata.namespace}/${name}`);
}

interface Reference {
  readonly name?: string;
  readonly optional?: boolean;
}

function wholeConfigMap({ name = '', optional }: Reference, objects: ClusterObjects): Env {
  const found = objects.configMap(name);
  if (found === undefined && optional !== true) throw new ConfigError(`configmap "${name}" not found`);
  return new Map(Object.entries(found?.data ?? {}));
}

function wholeSecret({ name = '', optional }: Reference, objects: ClusterObjects): Env {
  const found = objects.secret(name);
  if (found === undefined && optional !== true) throw new ConfigError(`secret "${name}" not found`);
  const entries = Object.entries(found?.data ?? {});
  return new Map(entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]));
}

/** `NAME_SERVICE_HOST` and its kin: of the API server always, of the pod's own namespace unless it declines. */
function serviceVariables(pod: Pod, services: readonly Service[]): Env {
  const isApiServer = ({ metadata }: Service): boolean =>
    metadata.namespace === 'default' && metadata.name === 'kubernetes';
  const nearby = services.filter(
    (service) =>
      service.metadata.namespace === pod.metadata.namespace && pod.spec.enableServiceLinks !== false,
  );
  const seen = [
    ...services.filter((service) => isApiServer(service) && !nearby.includes(service)),
    ...nearby,
  ];
  return new Map(seen.flatMap(linkVariables));
}

function linkVariables({ metadata, spec }: Service): [string, string][] {
  const { clusterIP = '', ports = [] } = spec;
  const [first] = ports;
  if (clusterIP === '' || clusterIP === 'None' || first === undefined) return [];
  const prefix = variableName(metadata.name ?? '');
  const url = (port: { port: number; protocol?: string }): string =>
    `${(port.protocol ?? 'TCP').toLowerCase()}://${clusterIP}:${port.port}`;
  const variables: [string, string][] = [
    [`${prefix}_SERVICE_HOST`, clusterIP],
    [`${prefix}_SERVICE_PORT`, String(first.port)],
    [`${prefix}_PORT`, url(first)],
  ];
  for (const port of ports) {
    const protocol = port.protocol ?? 'TCP';
    const link = `${prefix}_PORT_${port.port}_${protocol.toUpperCase()}`;
    if (port.name) variables.push([`${prefix}_SERVICE_PORT_${variableName(port.name)}`, String(port.port)]);
    variables.push(
      [link, url(port)],
      [`${link}_PROTO`, protocol.toLowerCase()],
      [`${link}_PORT`, String(port.port)],
      [`${link}_ADDR`, clusterIP],
    );
  }
  return variables;
}

function variableName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}
