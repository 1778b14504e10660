import { formatTime } from '../../base/time.ts';
import type { Condition, ConditionStatus } from '../../machinery/conditions.ts';
import type { SourceArtifact, SourceState } from './git-source.ts';

/** `status.sourceStatus.gitRepoStatus` of an Application: the status of Flux's GitRepository (v1beta2). */
export interface GitRepositoryStatus {
  readonly artifact?: {
    readonly digest: string;
    readonly lastUpdateTime: string;
    readonly path: string;
    readonly revision: string;
    readonly size: number;
    readonly url: string;
  };
  readonly conditions?: readonly Condition[];
  readonly observedGeneration: number;
  readonly url?: string;
}

/** What was written before; an artifact stays until there is a newer one. */
export interface PreviousStatus extends Pick<GitRepositoryStatus, 'conditions' | 'observedGeneration'> {
  readonly artifact?: { readonly revision: string };
}

/** The object that a status is for. */
export interface SourceOwner {
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
}

/** Where Flux would serve artifacts, had it made them. The dot keeps search domains out. */
const host = 'http://source-controller.fluxcd-system.svc.cluster.local.';
const maxMessageBytes = 32_768;

/** What the status was before it was tried for the first time. */
const never = -1;

/**
 * The status that Flux would have written.
 *
 * @param previous the status as it is; times of conditions that stay the same come from there
 * @param now milliseconds since the Unix epoch
 */
export function gitRepositoryStatus(
  state: SourceState,
  { namespace, name, generation }: SourceOwner,
  previous: PreviousStatus | undefined,
  now: number,
): GitRepositoryStatus {
  const { artifact, error, fetching } = state;
  const folder = `gitrepository/${namespace}/${name}`;
  const isSettled = error === undefined ? artifact !== undefined && !fetching : error.isStalled;
  const conditions = conditionsOf(state, (artifact ?? previous?.artifact)?.revision).map(
    (wanted): Condition => {
      const condition = { ...wanted, message: cut(wanted.message), observedGeneration: generation };
      const before = previous?.conditions?.find(({ type }) => type === condition.type);
      const isSame =
        before?.status === condition.status &&
        before.reason === condition.reason &&
        before.message === condition.message;
      return { ...condition, lastTransitionTime: isSame ? before.lastTransitionTime : formatTime(now) };
    },
  );
  return {
    ...(artifact === undefined ? {} : { artifact: artifactOf(artifact, folder) }),
    conditions,
    observedGeneration: isSettled ? generation : (previous?.observedGeneration ?? never),
    ...(artifact === undefined ? {} : { url: `${host}/${folder}/latest.tar.gz` }),
  };
}

function artifactOf(artifact: SourceArtifact, folder: string): NonNullable<GitRepositoryStatus['artifact']> {
  const { digest, lastUpdateTime, revision, size, commit } = artifact;
  const path = `${folder}/${commit}.tar.gz`;
  return { digest, lastUpdateTime, path, revision, size, url: `${host}/${path}` };
}

type Wanted = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

function condition(type: string, status: ConditionStatus, reason: string, message: string): Wanted {
  return { type, status, reason, message };
}

/** In Flux's order: Stalled, Reconciling, Ready, then by name. @param inUse the revision of the artifact */
function conditionsOf(
  { artifact, error, fetching, upcoming }: SourceState,
  inUse: string | undefined,
): Wanted[] {
  const stored =
    inUse === undefined
      ? []
      : [condition('ArtifactInStorage', 'True', 'Succeeded', `stored artifact for revision '${inUse}'`)];
  const outdated =
    upcoming === undefined || inUse === undefined
      ? []
      : [condition('ArtifactOutdated', 'True', 'NewRevision', `new upstream revision '${upcoming}'`)];
  if (error !== undefined) {
    const { reason, message } = error;
    return [
      error.isStalled
        ? condition('Stalled', 'True', reason, message)
        : condition('Reconciling', 'True', 'ProgressingWithRetry', progress(upcoming)),
      condition('Ready', 'False', reason, message),
      ...stored,
      ...outdated,
      condition('FetchFailed', 'True', reason, message),
    ];
  }
  // It rests, and has never been looked at.
  if (!fetching && artifact === undefined) return [];
  if (fetching || artifact === undefined) {
    const message = progress(upcoming);
    return [
      condition('Reconciling', 'True', 'Progressing', message),
      condition('Ready', 'Unknown', 'Progressing', message),
      ...stored,
      ...outdated,
    ];
  }
  return [
    condition('Ready', 'True', 'Succeeded', `stored artifact for revision '${artifact.revision}'`),
    ...stored,
  ];
}

function progress(upcoming: string | undefined): string {
  return upcoming === undefined
    ? 'reconciliation in progress'
    : `building artifact: new upstream revision '${upcoming}'`;
}

function cut(message: string): string {
  return Buffer.byteLength(message) <= maxMessageBytes
    ? message
    : Buffer.from(message)
        .subarray(0, maxMessageBytes)
        .toString('utf8')
        .replace(/\uFFFD$/, '');
}
