import { isObject, jsonClone, own, setOwn, type JsonObject } from '../../machinery/json.ts';
import { objectAt, objectsAt } from './fields.ts';

/**
 * A copy of the pod spec in which pods of the primary keep apart from each other, as those of the target do: their
 * anti-affinity and topology spread name the primary.
 */
export function withPrimaryAffinity(
  podSpec: JsonObject,
  target: string,
  labels: readonly string[],
): JsonObject {
  const copy = jsonClone(podSpec);
  const antiAffinity = objectAt(copy, 'affinity', 'podAntiAffinity');
  const preferred = objectsAt(antiAffinity, 'preferredDuringSchedulingIgnoredDuringExecution');
  const terms = [
    ...preferred.map((term) => objectAt(term, 'podAffinityTerm')),
    ...objectsAt(antiAffinity, 'requiredDuringSchedulingIgnoredDuringExecution'),
    ...objectsAt(copy, 'topologySpreadConstraints'),
  ];
  for (const term of terms) rename(objectAt(term, 'labelSelector'), target, labels);
  return copy;
}

function rename(selector: JsonObject, target: string, labels: readonly string[]): void {
  const matchLabels = own(selector, 'matchLabels');
  if (isObject(matchLabels)) {
    for (const label of labels) {
      if (own(matchLabels, label) === target) setOwn(matchLabels, label, `${target}-primary`);
    }
  }
  for (const expression of objectsAt(selector, 'matchExpressions')) {
    const { key, values } = expression;
    if (typeof key !== 'string' || !labels.includes(key) || !Array.isArray(values)) continue;
    const at = values.indexOf(target);
    if (at >= 0) values[at] = `${target}-primary`;
  }
}
