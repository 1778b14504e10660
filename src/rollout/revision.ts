import { canonicalJson, sha256 } from '../base/hash.ts';
import type { Json } from '../machinery/json.ts';

/**
 * Names what a promotion would copy. The configs are part of it, so that going back to promoted configs is a
 * manual rollback as much as going back to a promoted template.
 *
 * @param template the pod template, or the whole `spec` of a Service
 * @param configs checksums by `configmap/NAME` or `secret/NAME`
 */
export function revisionOf(template: Json, configs: Readonly<Record<string, string>> = {}): string {
  return sha256(canonicalJson({ template, configs })).slice(0, 16);
}

/** Whether a stored revision is one of ours. Flagger's are shorter, and cannot be computed outside Go. */
export function isOwnRevision(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}

/** Stands for a revision that another engine named: equal to none. */
export const unknownRevision = '0'.repeat(16);
