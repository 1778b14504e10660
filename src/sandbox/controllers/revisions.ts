import { isAlreadyExists } from '../../kube/api-error.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { ownerReferenceOf } from '../../machinery/owner-references.ts';
import { byController, type ControllerContext } from './context.ts';
import type { ControllerRevision, PodTemplate } from './kinds.ts';
import { templateHash } from './template-hash.ts';

/** The label of pods and revisions that says which revision they are of. */
export const revisionLabel = 'controller-revision-hash';

export interface TemplateOwner extends KubeObject {
  readonly spec: { readonly template: PodTemplate; readonly revisionHistoryLimit?: number };
  readonly status?: { readonly collisionCount?: number };
}

export interface History {
  /** The revision of the template as it is now. */
  readonly current: ControllerRevision;
  /** What its pods carry as {@link revisionLabel}. */
  readonly hash: string;
  /** The others, from the oldest to the youngest. */
  readonly old: readonly ControllerRevision[];
}

/**
 * The history of a workload's templates, with the present one as the youngest: created, or taken up again.
 *
 * Source: pkg/controller/history of Kubernetes 1.36.
 */
export async function syncHistory(
  { revisions }: ControllerContext,
  owner: TemplateOwner,
  signal: AbortSignal,
): Promise<History> {
  await revisions.caughtUp(signal);
  const known = revisions.store
    .byIndex(byController, owner.metadata.uid ?? '')
    .sort((a, b) => a.revision - b.revision);
  const data = { spec: { template: { ...owner.spec.template, $patch: 'replace' } } };
  const same = known.filter((revision) => jsonEqual(revision.data, data)).at(-1);
  const latest = known.at(-1)?.revision ?? 0;
  const isLatest = same !== undefined && same.revision === latest;
  const next = latest + 1;
  const current = isLatest
    ? same
    : same !== undefined
      ? await revisions.patch(same, { revision: next }, signal)
      : await createRevision(revisions, newRevision(owner, data, next), signal);
  const hash = current.metadata.labels?.[revisionLabel] ?? '';
  return { current, hash, old: known.filter((revision) => revision !== same) };
}

async function createRevision(
  revisions: ControllerContext['revisions'],
  wanted: ControllerRevision,
  signal: AbortSignal,
): Promise<ControllerRevision> {
  try {
    return await revisions.create(wanted, signal);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const { namespace, name = '' } = wanted.metadata;
    const found = await revisions.client.get({ namespace, name }, { signal });
    if (!jsonEqual(found.data, wanted.data)) throw error;
    return found;
  }
}

function newRevision(owner: TemplateOwner, data: object, revision: number): ControllerRevision {
  const { name = '', namespace = '', annotations } = owner.metadata;
  const hash = templateHash(owner.spec.template, owner.status?.collisionCount);
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      labels: { ...owner.spec.template.metadata?.labels, [revisionLabel]: hash },
      ...(annotations && { annotations }),
      ownerReferences: [{ ...ownerReferenceOf(owner), controller: true, blockOwnerDeletion: true }],
    },
    data,
    revision,
  };
}

/** Deletes the oldest revisions beyond the limit that no pod is of. */
export async function trimHistory(
  { revisions }: ControllerContext,
  owner: TemplateOwner,
  { old }: History,
  inUse: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  const { revisionHistoryLimit = 10 } = owner.spec;
  const unused = old.filter(({ metadata }) => !inUse.has(metadata.labels?.[revisionLabel] ?? ''));
  for (const revision of unused.slice(0, Math.max(0, unused.length - revisionHistoryLimit))) {
    await revisions.delete(revision, signal);
  }
}
