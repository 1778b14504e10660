import { createHash } from 'node:crypto';

/** Lower-case hexadecimal SHA-256. Synchronous: it must finish within the turn that asked for it. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** The 32-bit FNV-1a hash of the UTF-8 bytes, as Kubernetes uses for pod template hashes. */
export function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/**
 * JSON text that is the same for equal values, whatever the order of their members. As
 * `JSON.stringify` does, `undefined` members are left out.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
