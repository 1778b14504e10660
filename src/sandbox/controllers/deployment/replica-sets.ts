import { parseTime } from '../../../base/time.ts';
import { ownerReferenceOf } from '../../../machinery/owner-references.ts';
import type { Deployment, ReplicaSet } from '../kinds.ts';
import { hashLabel, sameTemplate, templateHash } from '../template-hash.ts';
import type { Limits } from './sizes.ts';

export const annotations = {
  revision: 'deployment.kubernetes.io/revision',
  history: 'deployment.kubernetes.io/revision-history',
  desired: 'deployment.kubernetes.io/desired-replicas',
  max: 'deployment.kubernetes.io/max-replicas',
} as const;

const notCopied: ReadonlySet<string> = new Set([
  ...Object.values(annotations),
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
]);
const maxHistoryLength = 2000;

type Annotations = Readonly<Record<string, string>>;

/** From the oldest to the youngest. */
function byAge(sets: readonly ReplicaSet[]): ReplicaSet[] {
  const createdAt = (set: ReplicaSet): number => parseTime(set.metadata.creationTimestamp ?? '');
  return sets.toSorted(
    (a, b) => createdAt(a) - createdAt(b) || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1),
  );
}

/** The set that has the Deployment's template, the oldest if there are more, and all others by age. */
export function split(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
): { readonly newest: ReplicaSet | undefined; readonly old: ReplicaSet[] } {
  const ordered = byAge(sets);
  const newest = ordered.find((set) => sameTemplate(set.spec.template, deployment.spec.template));
  return { newest, old: ordered.filter((set) => set !== newest) };
}

export function revisionOf(set: ReplicaSet): number {
  const text = set.metadata.annotations?.[annotations.revision] ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : 0;
}

/** A number out of an annotation that the Deployment's controller wrote. */
export function countIn(set: ReplicaSet, annotation: string): number | undefined {
  const text = set.metadata.annotations?.[annotation] ?? '';
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

export function sizeAnnotations({ replicas, maxSurge }: Limits): Annotations {
  return { [annotations.desired]: String(replicas), [annotations.max]: String(replicas + maxSurge) };
}

/**
 * The annotations of the newest set: those of the Deployment beside its own, and a revision above all others. One that
 * returns to an older revision keeps in mind which it has been.
 */
export function newestAnnotations(
  deployment: Deployment,
  current: Annotations,
  old: readonly ReplicaSet[],
): Annotations {
  const next: Record<string, string> = { ...current };
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!notCopied.has(key)) next[key] = value;
  }
  const before = current[annotations.revision];
  if (before !== undefined && !/^\d{1,15}$/.test(before)) return next;
  const revision = Math.max(0, ...old.map(revisionOf)) + 1;
  if (Number(before ?? 0) >= revision) return next;
  next[annotations.revision] = String(revision);
  if (before !== undefined)
    next[annotations.history] = appendHistory(current[annotations.history] ?? '', before);
  return next;
}

function appendHistory(history: string, revision: string): string {
  const revisions = history === '' ? [] : history.split(',');
  const joined = (): string => [...revisions, revision].join(',');
  while (revisions.length > 0 && joined().length > maxHistoryLength) revisions.shift();
  return joined();
}

/** The ReplicaSet for the Deployment's template as it is now. */
export function newReplicaSet(
  deployment: Deployment,
  replicas: number,
  old: readonly ReplicaSet[],
  limits: Limits,
): ReplicaSet {
  const { template, selector, minReadySeconds } = deployment.spec;
  const hash = templateHash(template, deployment.status?.collisionCount);
  const labels = { ...template.metadata?.labels, [hashLabel]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: nameWith(deployment.metadata.name ?? '', hash),
      namespace: deployment.metadata.namespace ?? '',
      labels,
      annotations: { ...newestAnnotations(deployment, {}, old), ...sizeAnnotations(limits) },
      ownerReferences: [{ ...ownerReferenceOf(deployment), controller: true, blockOwnerDeletion: true }],
    },
    spec: {
      replicas,
      ...(minReadySeconds !== undefined && { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [hashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

/** Leaves room for the suffix of the pods' names. Source: generateReplicaSetName of pkg/controller/deployment. */
function nameWith(name: string, hash: string): string {
  return `${name.slice(0, 253 - hash.length - 1)}-${hash}`;
}
