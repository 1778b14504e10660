import type { Application, SyncPolicy } from '../../api/application.ts';
import type {
  ApplicationPhase,
  ApplicationStatus,
  Artifact,
  GitRepositoryStatus,
} from '../../api/application-status.ts';
import { rolloutHindrance } from '../../api/canary-status.ts';
import type { SourceState } from '../../gitops/source/git-source.ts';
import { gitRepositoryStatus, type PreviousStatus } from '../../gitops/source/git-repository-status.ts';
import { formatRef } from '../../gitops/sync/inventory.ts';
import {
  type Condition,
  type ConditionStatus,
  removeCondition,
  setCondition,
} from '../../machinery/conditions.ts';
import { few } from '../few.ts';
import { abandonApplicationAnnotation } from './abandonment.ts';
import { nextForPlacement, nextForSource, noArtifact } from './next-step.ts';
import type { Placement, Readiness } from './placement.ts';
import { inventoryItemOf, syncStatusOf } from './placement-status.ts';

export const invalidSpec = 'InvalidSpec';

/** Something that keeps an Application as a whole from being delivered. */
export interface Trouble {
  readonly reason: string;
  readonly message: string;
  /** Nothing changes until a person changes something. */
  readonly isStalled: boolean;
}

export interface ApplicationView {
  readonly application: Application;
  readonly source: SourceState;
  /** By policy, then in the order of the fleet; last those that are to be removed. */
  readonly placements: readonly Placement[];
  readonly trouble: Trouble | undefined;
  /** The annotation that asked for the last poll. */
  readonly handledAt: string | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/** One reason for the Ready condition of an Application not to be True. */
interface Problem extends Readiness {
  /** Of the placement that has it. */
  readonly name?: string | undefined;
  /** What it means, and what to do. */
  readonly next?: string | undefined;
}

/** The whole status of an Application. */
export function applicationStatus(view: ApplicationView): ApplicationStatus {
  const { application, placements, now } = view;
  const { status: before = {} } = application;
  const problems = problemsOf(view);
  const wanted = placements.filter(({ task }) => task.kind !== 'remove');
  const done = wanted.filter((placement) => placementProblems(placement).length === 0);
  const syncStatus = placements.map((placement) => {
    const previous = before.syncStatus?.find(({ name }) => name === placement.name);
    return syncStatusOf(placement, previous, now);
  });
  const inventory = placements.flatMap((placement) => inventoryItemOf(placement) ?? []);
  return {
    ...before,
    phase: phaseOf(view, problems),
    ready: `${done.length}/${wanted.length}`,
    observedGeneration: application.metadata.generation,
    conditions: [...conditionsOf(view, problems)],
    sourceStatus: sourceStatusOf(view),
    syncStatus: syncStatus.length === 0 ? undefined : syncStatus,
    inventory: inventory.length === 0 ? undefined : inventory,
  };
}

/** Then nothing of the spec can be relied on. */
function isInvalid({ trouble }: ApplicationView): boolean {
  return trouble?.reason === invalidSpec;
}

function isDeleting({ metadata }: Application): boolean {
  return metadata.deletionTimestamp !== undefined;
}

function sourceStatusOf(view: ApplicationView): ApplicationStatus['sourceStatus'] {
  const { application, source, handledAt, now } = view;
  const { metadata, spec, status } = application;
  const previous = status?.sourceStatus?.gitRepoStatus;
  if (isDeleting(application) || isInvalid(view)) return status?.sourceStatus;
  if (spec.source.gitRepository === undefined) return {};
  const { namespace = '', name = '', generation = 0 } = metadata;
  const isStarting = source.artifact === undefined && source.error === undefined;
  const { suspend, ignore } = spec.source.gitRepository;
  // Until the first answer, what an earlier process has written holds; so it does for a source at rest.
  const isUnchanged = suspend === true || previous?.observedGeneration === generation;
  if (isStarting && previous?.artifact !== undefined && isUnchanged) return status?.sourceStatus;
  const made = gitRepositoryStatus(source, { namespace, name, generation }, asGiven(previous), now);
  const artifact = artifactOf(made.artifact, previous?.artifact);
  const url = made.url ?? previous?.url;
  return {
    gitRepoStatus: {
      ...made,
      conditions: [...(made.conditions ?? [])],
      ...(artifact === undefined ? {} : { artifact }),
      ...(url === undefined ? {} : { url }),
      ...observedIgnore(source, ignore, previous),
      // A source at rest follows no request.
      lastHandledReconcileAt: suspend === true ? previous?.lastHandledReconcileAt : handledAt,
    },
  };
}

/** What was left out of the artifact that is in the status. */
function observedIgnore(
  { artifact, fetching }: SourceState,
  ignore: string | undefined,
  previous: GitRepositoryStatus | undefined,
): Pick<GitRepositoryStatus, 'observedIgnore'> {
  const observed = artifact === undefined || fetching ? previous?.observedIgnore : ignore;
  return observed === undefined ? {} : { observedIgnore: observed };
}

/** One that was packed again, by another process, is the same. */
function artifactOf(made: Artifact | undefined, previous: Artifact | undefined): Artifact | undefined {
  if (made === undefined) return previous;
  const isSame = made.digest === previous?.digest && made.revision === previous?.revision;
  return isSame ? { ...made, lastUpdateTime: previous.lastUpdateTime } : made;
}

function asGiven(status: GitRepositoryStatus | undefined): PreviousStatus | undefined {
  if (status === undefined) return undefined;
  const { artifact, conditions = [], observedGeneration = -1 } = status;
  return { conditions, observedGeneration, ...(artifact && { artifact }) };
}

function problemsOf(view: ApplicationView): readonly Problem[] {
  const { application, source, placements, trouble } = view;
  if (isDeleting(application)) return [deletion(view)];
  const problems: Problem[] = [];
  if (trouble !== undefined)
    problems.push(problem('False', trouble, trouble.isStalled ? 'stalled' : 'retrying'));
  const { error, artifact } = source;
  if (error !== undefined) {
    const next = nextForSource(error, application, artifact?.revision);
    problems.push({ ...problem('False', error, error.isStalled ? 'stalled' : 'retrying'), next });
  }
  const isSaid = ({ message }: Problem): boolean => error !== undefined && message === noArtifact;
  problems.push(...placements.flatMap(placementProblems).filter((one) => !isSaid(one)));
  const isResting = application.spec.source.gitRepository?.suspend === true;
  const isAwaited =
    artifact === undefined &&
    placements.some(
      ({ known: { generation, appliedRevision } }) =>
        generation !== application.metadata.generation || (isResting && appliedRevision === undefined),
    );
  if (error === undefined && isAwaited) {
    const message = isResting
      ? 'the source is suspended: set spec.source.gitRepository.suspend to false to go on'
      : 'waiting for the source';
    problems.push(problem('Unknown', { reason: 'Progressing', message }, 'progressing'));
  }
  return problems;
}

function problem(
  status: ConditionStatus,
  { reason, message }: { readonly reason: string; readonly message: string },
  outlook: Readiness['outlook'],
): Problem {
  return { status, reason, message, outlook };
}

/** What several placements have in common is said once. */
function textsOf(problems: readonly Problem[]): readonly string[] {
  const names = new Map<string, string[]>();
  for (const { message, name, next = '' } of problems) {
    const text = message + next;
    const known = names.get(text) ?? [];
    names.set(text, name === undefined ? known : [...known, name]);
  }
  return [...names].map(([text, of]) => (of.length === 0 ? text : `${few(of, ', ')}: ${text}`));
}

function deletion({ application, placements }: ApplicationView): Problem {
  const left = placements.map(({ name, known }) => {
    const why = hindranceOf(known);
    return why === undefined ? name : `${name}: ${why}`;
  });
  const message =
    left.length === 0
      ? 'all is removed'
      : `to be removed: ${few(left)}${placements.some(isHindered) ? adviceFor(application) : ''}`;
  return problem('False', { reason: 'Terminating', message }, 'progressing');
}

/** Why a removal does not go on. */
function hindranceOf({ obstacle, ready }: Placement['known']): string | undefined {
  return obstacle?.message ?? (ready?.reason.startsWith('Remov') ? ready.message : undefined);
}

/** Whether a removal waits for what may never come. */
function isHindered({ task, known }: Placement): boolean {
  return task.kind === 'remove' && (known.obstacle !== undefined || known.ready?.reason === 'RemovalFailed');
}

function adviceFor({ metadata: { namespace, name } }: Application): string {
  const command = `kubectl -n ${namespace} annotate application ${name} ${abandonApplicationAnnotation}=true`;
  return `. To give up what is there: ${command}`;
}

/** Why a placement does not count as done. */
function placementProblems(placement: Placement): readonly Problem[] {
  const { name, known, cluster, task, spec } = placement;
  const state = known.obstacle ?? known.ready;
  if (task.kind === 'remove') {
    const why = hindranceOf(known);
    const message = why === undefined ? 'to be removed' : `to be removed: ${why}`;
    return [{ ...problem('Unknown', { reason: 'Removing', message }, 'progressing'), name }];
  }
  if (state === undefined) {
    if (isSuspended(spec)) {
      const message = 'the policy is suspended: set suspend to false to go on';
      return [{ ...problem('Unknown', { reason: 'Suspended', message }, 'done'), name }];
    }
    const message = 'not looked at yet';
    return [{ ...problem('Unknown', { reason: 'Progressing', message }, 'progressing'), name }];
  }
  if (state.status !== 'True') {
    // To wait is no failure.
    const status = state.reason === 'DependencyNotReady' ? 'Unknown' : state.status;
    return [{ ...state, status, name, next: nextForPlacement(state.reason, placement) }];
  }
  const failure = rolloutProblem(known, cluster.name);
  const rollout = failure && { ...failure, next: nextForPlacement(failure.reason, placement) };
  return [...(rollout === undefined ? [] : [rollout]), ...healthProblems(known, name)];
}

const settledPhases: ReadonlySet<string> = new Set(['Initialized', 'Succeeded']);

function rolloutProblem({ rollout, canary }: Placement['known'], cluster: string): Problem | undefined {
  if (rollout === undefined) return undefined;
  const { phase = '', conditions = [] } = canary ?? {};
  const where = `rollout of ${rollout.namespace}/${rollout.name} on ${cluster}`;
  const why = rolloutHindrance(canary);
  if (why?.type === 'Stalled') {
    return problem('False', { reason: 'RolloutStalled', message: `${where}: ${why.message}` }, 'stalled');
  }
  if (settledPhases.has(phase)) return undefined;
  if (phase === 'Failed') {
    const why = conditions[0]?.message ?? 'the new version was taken back';
    const message = `${where}: ${why} All traffic goes to the version before it`;
    return problem('False', { reason: 'RolloutFailed', message }, 'done');
  }
  const paused = why === undefined ? '' : `, paused: ${why.message}`;
  const isNew = phase === '' || phase === 'Initializing';
  const describe = `kubectl -n ${rollout.namespace} describe canary ${rollout.name}`;
  const look = isNew ? `. On ${cluster}, ${describe} tells what it waits for` : '';
  const message = `${where}: ${phase === '' ? 'the agent has not begun' : phase}${paused}${look}`;
  return problem('Unknown', { reason: 'RolloutProgressing', message }, 'progressing');
}

function healthProblems({ unhealthy }: Placement['known'], name: string): readonly Problem[] {
  return unhealthy.slice(0, 5).map(({ ref, status, message }) => {
    const text = `${name}: ${formatRef(ref)}: ${message}`;
    return status === 'Failed'
      ? problem('False', { reason: 'ObjectFailed', message: text }, 'retrying')
      : problem('Unknown', { reason: 'ObjectsInProgress', message: text }, 'progressing');
  });
}

function isSuspended(policy: SyncPolicy | undefined): boolean {
  return (policy?.kustomization ?? policy?.helm)?.suspend === true;
}

function phaseOf(view: ApplicationView, problems: readonly Problem[]): ApplicationPhase {
  const { application, placements, source, trouble } = view;
  if (isDeleting(application)) return 'Terminating';
  if (trouble !== undefined && !trouble.isStalled && !placements.some(({ known }) => known.appliedRevision)) {
    return 'Pending';
  }
  if (isInvalid(view)) return 'Failed';
  if (application.spec.syncPolicies.every(isSuspended) && trouble === undefined) return 'Suspended';
  if (problems.some(({ status }) => status === 'False')) return 'Failed';
  if (problems.length === 0) return 'Ready';
  const isPending = source.artifact === undefined && placements.every(({ known }) => !known.appliedRevision);
  return isPending ? 'Pending' : 'Progressing';
}

function readyOf(
  { application, source, placements }: ApplicationView,
  problems: readonly Problem[],
): Problem {
  // The worst gives the reason.
  const sorted = [
    ...problems.filter(({ status }) => status === 'False'),
    ...problems.filter(({ status }) => status !== 'False'),
  ];
  const [first] = sorted;
  if (first !== undefined) {
    const advice = !isDeleting(application) && placements.some(isHindered) ? adviceFor(application) : '';
    return { ...first, message: few(textsOf(sorted)) + advice };
  }
  const clusters = new Set(placements.map(({ cluster }) => cluster.name)).size;
  const revision = source.artifact?.revision ?? placements[0]?.known.appliedRevision ?? '';
  const message = `Applied revision: ${revision} (${clusters} ${clusters === 1 ? 'cluster' : 'clusters'})`;
  return problem('True', { reason: 'ReconciliationSucceeded', message }, 'done');
}

/** Ready, and with it what kstatus goes by: Reconciling while it goes on, Stalled when it does not. */
function conditionsOf(view: ApplicationView, problems: readonly Problem[]): readonly Condition[] {
  const { application, now } = view;
  const { status, reason, message } = readyOf(view, problems);
  const isGoingOn = problems.some(({ outlook }) => outlook === 'progressing' || outlook === 'retrying');
  const isStalled = !isGoingOn && problems.some(({ outlook }) => outlook === 'stalled');
  const { generation } = application.metadata;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  let conditions: readonly Condition[] = application.status?.conditions ?? [];
  conditions = setCondition(conditions, { type: 'Ready', status, reason, message, ...observed }, now);
  const flags: readonly (readonly [string, boolean])[] = [
    ['Reconciling', isGoingOn],
    ['Stalled', isStalled],
  ];
  for (const [type, isSet] of flags) {
    conditions = isSet
      ? setCondition(conditions, { type, status: 'True', reason, message, ...observed }, now)
      : removeCondition(conditions, type);
  }
  return conditions;
}
