import {
  clusterDomain,
  type Endpoint,
  serviceHost,
  type ServiceRecord,
  type ServiceTable,
} from './service-table.ts';

/** Addresses of names outside the cluster; none when a name is unknown. */
export type ExternalNames = (name: string) => readonly string[];

/** `options ndots:5` of a pod's resolv.conf: a name with fewer dots is tried with the search path first. */
const ndots = 5;
/** An ExternalName may point at another one; so far and no further. */
const maxAliases = 8;

/**
 * Addresses of a name as a pod of `namespace` sees it, as CoreDNS answers with its usual Corefile; none when it is
 * unknown. A service has its cluster address, a headless one those of its ready endpoints.
 */
export function resolveName(
  table: ServiceTable,
  external: ExternalNames,
  name: string,
  namespace: string,
): readonly string[] {
  for (const candidate of candidates(name.toLowerCase(), namespace)) {
    const found = resolveAbsolute(table, external, candidate, maxAliases);
    if (found.length > 0) return found;
  }
  return [];
}

function candidates(name: string, namespace: string): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const searched = [`${namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain].map(
    (suffix) => `${name}.${suffix}`,
  );
  const dots = name.split('.').length - 1;
  return dots < ndots ? [...searched, name] : [name, ...searched];
}

function resolveAbsolute(
  table: ServiceTable,
  external: ExternalNames,
  name: string,
  aliases: number,
): readonly string[] {
  if (!name.endsWith(`.${clusterDomain}`)) return external(name);
  const labels = name.slice(0, -clusterDomain.length - 1).split('.');
  const kind = labels.pop();
  const namespace = labels.pop();
  if (namespace === undefined) return [];
  if (kind === 'pod') return labels.length === 1 ? podAddress(labels[0] ?? '') : [];
  if (kind !== 'svc' || labels.length === 0 || labels.length > 2) return [];
  const service = table.byHost.get(serviceHost(namespace, labels.at(-1) ?? ''));
  if (service === undefined) return [];
  if (labels.length === 2) return endpointAddresses(service, (endpoint) => answersTo(endpoint, labels[0]));
  if (service.externalName !== undefined) {
    const alias = service.externalName.toLowerCase().replace(/\.$/, '');
    return aliases === 0 ? [] : resolveAbsolute(table, external, alias, aliases - 1);
  }
  return service.headless ? endpointAddresses(service, () => true) : service.addresses.slice(0, 1);
}

function endpointAddresses(service: ServiceRecord, wanted: (endpoint: Endpoint) => boolean): string[] {
  const found = service.ports.flatMap(({ ready }) => ready.filter(wanted).map(({ address }) => address));
  return [...new Set(found)];
}

/** Endpoints without a hostname are named after their address. */
function answersTo(endpoint: Endpoint, label: string | undefined): boolean {
  return (endpoint.hostname ?? endpoint.address.replaceAll('.', '-')) === label;
}

/** `10-244-0-7.webapp.pod.cluster.local` is that address, whether or not a pod has it. */
function podAddress(label: string): string[] {
  return /^\d{1,3}(-\d{1,3}){3}$/.test(label) ? [label.replaceAll('-', '.')] : [];
}
