import type { Random } from '../../base/random.ts';
import { InvalidInputError } from '../../base/errors.ts';
import type { Canary } from '../../api/canary.ts';
import { own, type JsonObject } from '../../machinery/json.ts';
import { ownerReferenceOf } from '../../machinery/owner-references.ts';
import type { OwnerReference } from '../../machinery/object.ts';
import { fullName, objectAt, pick, textAt } from './fields.ts';

export interface TargetOptions {
  /** Labels that tell the pods of a target, by preference. Default: app, name, app.kubernetes.io/name. */
  readonly selectorLabels?: readonly string[] | undefined;
  /** Prefixes of labels that primaries take over; `*` for all. Default: none. */
  readonly includeLabelPrefix?: readonly string[] | undefined;
  /** Default: true. */
  readonly enableConfigTracking?: boolean | undefined;
  /** For the `flagger-id` that starts new pods. */
  readonly random: Random;
}

export const defaultSelectorLabels: readonly string[] = ['app', 'name', 'app.kubernetes.io/name'];

/** The label that tells the pods of a target, and its value. */
export interface SelectorLabel {
  readonly label: string;
  readonly value: string;
}

/** @throws InvalidInputError when the selector has none of the labels */
export function selectorLabelOf(
  workload: JsonObject,
  labels: readonly string[] = defaultSelectorLabels,
): SelectorLabel {
  const matchLabels = objectAt(workload, 'spec', 'selector', 'matchLabels');
  for (const label of labels) {
    const value = own(matchLabels, label);
    if (typeof value === 'string') return { label, value };
  }
  const kind = (textAt(workload, 'kind') ?? '').toLowerCase();
  throw new InvalidInputError(
    `${kind} ${fullName(workload)} spec.selector.matchLabels must contain one of [${labels.join(' ')}]`,
  );
}

export function includedLabels(labels: JsonObject, prefixes: readonly string[] = []): JsonObject {
  const isIncluded = (key: string): boolean =>
    prefixes.some((prefix) => prefix === '*' || (prefix !== '' && key.startsWith(prefix)));
  return pick(labels, (key) => isIncluded(key) && !isToolkit(key));
}

/** Flux would take what carries its labels for its own, and prune it. */
export function isToolkit(key: string): boolean {
  return key.includes('toolkit.fluxcd.io');
}

export function controllerReference(canary: Canary): OwnerReference {
  return {
    ...ownerReferenceOf({ ...canary, apiVersion: 'flagger.app/v1beta1', kind: 'Canary' }),
    controller: true,
    blockOwnerDeletion: true,
  };
}
