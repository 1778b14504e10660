import { serviceHost } from '../network/service-table.ts';

/** A name without a dot means the service of that name in the namespace of the object that it stands in. */
export function fullHost(host: string, namespace: string): string {
  const lower = host.toLowerCase();
  return lower.includes('.') || lower.startsWith('*') ? lower : serviceHost(namespace, lower);
}

export function isWildcard(host: string): boolean {
  return host.startsWith('*');
}

/** Whether `pattern` (`*`, `*.example.com` or a plain name) covers `host`, which may be a pattern itself. */
export function covers(pattern: string, host: string): boolean {
  if (pattern === host || pattern === '*') return true;
  return isWildcard(pattern) && host.length >= pattern.length && host.endsWith(pattern.slice(1));
}

/** The entry for a host: the exact one, else that of the longest pattern that covers it. */
export function mostSpecific<T>(entries: ReadonlyMap<string, T>, host: string): T | undefined {
  const exact = entries.get(host);
  if (exact !== undefined) return exact;
  for (let at = host.indexOf('.'); at >= 0; at = host.indexOf('.', at + 1)) {
    const found = entries.get(`*${host.slice(at)}`);
    if (found !== undefined) return found;
  }
  return entries.get('*');
}

/** The name in a Host header: without port and trailing dot, in lower case. */
export function hostName(authority: string): string {
  const lower = authority.toLowerCase();
  const withoutPort = lower.startsWith('[') ? lower.replace(/\]:\d+$/, ']') : lower.replace(/:\d+$/, '');
  return withoutPort.endsWith('.') ? withoutPort.slice(0, -1) : withoutPort;
}
