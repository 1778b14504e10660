import { canonicalJson, fnv1a32 } from '../../base/hash.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { PodTemplate } from './kinds.ts';

export const hashLabel = 'pod-template-hash';

/** Source: SafeEncodeString of k8s.io/apimachinery/pkg/util/rand: no vowels, so no words. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/**
 * A short name for the content of a template. Another one for each count of collisions.
 * Looks as upstream's does; its value differs, since upstream hashes Go's view of the template.
 */
export function templateHash(template: unknown, collisionCount: number | undefined): string {
  const hash = fnv1a32(`${canonicalJson(template)}${collisionCount ?? ''}`);
  return Array.from(String(hash), (digit) => alphabet[digit.charCodeAt(0) % alphabet.length]).join('');
}

/** Whether two templates make the same pods, apart from the label that tells their ReplicaSets apart. */
export function sameTemplate(a: PodTemplate, b: PodTemplate): boolean {
  return jsonEqual(withoutHash(a), withoutHash(b));
}

function withoutHash({ metadata = {}, ...template }: PodTemplate): object {
  const { labels = {}, ...rest } = metadata;
  const { [hashLabel]: _, ...others } = labels;
  return { ...template, metadata: { ...rest, labels: others } };
}
