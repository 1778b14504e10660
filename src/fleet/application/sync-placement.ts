import type { Rollout } from '../../api/application.ts';
import { parseDuration } from '../../base/duration.ts';
import { errorMessage, nextStep, TypedError } from '../../base/errors.ts';
import { entryOf, type InventoryEntry, refOfObject } from '../../gitops/sync/inventory.ts';
import type { HeirOf, SyncChange, SyncFailure, SyncOutcome } from '../../gitops/sync/sync.ts';
import { policyLabels } from '../../gitops/sync/ownership.ts';
import { ApiError } from '../../kube/api-error.ts';
import type { EventType } from '../../kube/event-correlator.ts';
import type { Unstructured } from '../../machinery/object.ts';
import type { InstalledRollout } from './member-engine.ts';
import type { Reachable } from './member-engines.ts';
import type { Placement, Readiness, RemoveTask, SyncTask } from './placement.ts';
import { reportPhase } from './placement-events.ts';
import { type PolicyBuilds, PolicyBuildError } from './policy-builds.ts';
import { isSameRollout, plannedRollout } from './member-rollout.ts';
import type { RolloutPlace } from './render-rollout.ts';

/** One run at one place. */
export interface PlacementRun {
  readonly placement: Placement;
  readonly reachable: Reachable;
  readonly builds: PolicyBuilds;
  /** All placements of the Application. */
  readonly siblings: readonly Placement[];
  /** Of test loaders. */
  readonly image: string;
  readonly heirOf: HeirOf;
  /** Resolves when what is known of the placement outlives this process. */
  readonly persist: () => Promise<void>;
  readonly report: (type: EventType, reason: string, message: string) => void;
  readonly signal: AbortSignal;
}

/** What a run has come to. */
export interface RunOutcome {
  readonly ready: Readiness;
  readonly changes: readonly SyncChange[];
}

/** The reason when objects are applied, but their rollout is not there. */
export const rolloutFailed = 'RolloutInstallFailed';
/** The same, because nobody there runs rollouts. */
export const engineMissing = 'RolloutEngineMissing';

const unsupportedHelm = 'helm is not supported yet: nothing is installed. Use kustomization';
const shortestTimeoutMs = 30_000;
const removalTimeoutMs = 120_000;

/**
 * Brings one cluster in line with one policy: takes a rollout away that is no longer wanted, before anything that it
 * holds can go; applies and prunes; installs the rollout. What is about to be made is remembered first.
 */
export async function syncPlacement(run: PlacementRun, task: SyncTask): Promise<RunOutcome> {
  const { placement, builds } = run;
  const { kustomization, rollout } = task.spec;
  const { artifact, generation } = task;
  if (kustomization === undefined) return failed('Unsupported', unsupportedHelm, true);
  const { revision } = artifact;
  placement.learn({ generation, attemptedRevision: revision });
  let objects: readonly Unstructured[];
  try {
    objects = builds.build(placement.owner.policy, kustomization, artifact);
  } catch (error) {
    if (!(error instanceof PolicyBuildError)) throw error;
    return failed(error.reason, error.message, true);
  }
  const { rollout: installed, entries } = placement.known;
  const isHeld =
    installed !== undefined &&
    isPruned(installed, entries, objects, kustomization.prune) &&
    run.heirOf(workloadId(installed)) === undefined;
  const isUnwanted =
    installed !== undefined &&
    (rollout === undefined || isHeld || !isSameRollout(installed, plannedRollout(rollout)));
  // What the agent waits for may be what is about to be applied: a version that starts, or that the workload goes.
  const isGiven = !isUnwanted || (await givesBack(run, installed));
  if (rollout !== undefined && isGiven) await prepareRollout(run, rollout);
  const outcome = await applyObjects(run, kustomization, revision, objects);
  placement.learn({ entries: outcome.inventory });
  const { changes, failure } = outcome;
  if (failure !== undefined) return { ready: readinessOf(failure), changes };
  if (!isGiven) {
    await removeRollout(run, installed);
    if (rollout !== undefined) await prepareRollout(run, rollout);
  }
  if (rollout !== undefined) {
    const trouble = await installRollout(run, rollout);
    if (trouble !== undefined) return { ready: trouble, changes };
  }
  placement.learn({ appliedRevision: revision });
  const message = `Applied revision: ${revision}`;
  return { ready: { status: 'True', reason: 'ReconciliationSucceeded', message, outlook: 'done' }, changes };
}

function applyObjects(
  { placement, reachable, heirOf, persist, signal }: PlacementRun,
  kustomization: NonNullable<SyncTask['spec']['kustomization']>,
  revision: string,
  objects: readonly Unstructured[],
): Promise<SyncOutcome> {
  return reachable.sync.apply(
    {
      owner: placement.owner,
      revision,
      objects,
      ...(kustomization.commonMetadata === undefined ? {} : { commonMetadata: kustomization.commonMetadata }),
      prune: kustomization.prune,
      force: kustomization.force,
      timeoutMs: timeoutOf(kustomization),
      heirOf,
      inventory: placement.known.entries,
      remember: async (inventory) => {
        placement.learn({ entries: inventory });
        await persist();
      },
    },
    signal,
  );
}

/** Takes all away that is on the cluster: the rollout first, so that the workload serves again. */
export async function removePlacement(run: PlacementRun, task: RemoveTask): Promise<RunOutcome | 'gone'> {
  const { placement, reachable, heirOf, signal } = run;
  const { rollout, ready } = placement.known;
  // Nobody may think that it is still as it was applied.
  if (ready?.reason !== 'RemovalFailed') placement.learn({ ready: removing('Removing', 'being removed') });
  const options = { prune: task.prune, timeoutMs: removalTimeoutMs, heirOf };
  // One that another policy has taken over stays: it has the labels of that one now.
  if (rollout !== undefined && !(await givesBack(run, rollout))) {
    // It does not get ready. Where it is about to go, there is nothing to give back, and nothing to wait for.
    const workload = placement.known.entries.filter(({ id }) => id === workloadId(rollout));
    if (task.prune) await reachable.sync.remove(placement.owner, workload, options, signal);
    await removeRollout(run, rollout);
  }
  const { entries } = placement.known;
  const outcome =
    entries.length === 0 || !task.prune
      ? undefined
      : await reachable.sync.remove(placement.owner, entries, options, signal);
  const left = outcome?.inventory ?? [];
  placement.learn({ entries: left });
  if (outcome?.failure === undefined && left.length === 0) return 'gone';
  const message = outcome?.failure?.message ?? `still there: ${left.map(({ id }) => id).join(', ')}`;
  return { ready: removing('RemovalFailed', message), changes: outcome?.changes ?? [] };
}

export function removing(reason: 'Removing' | 'RemovalFailed', message: string): Readiness {
  return { status: 'False', reason, message, outlook: 'retrying' };
}

export function failed(reason: string, message: string, isStalled = false): RunOutcome {
  const outlook = isStalled ? 'stalled' : 'retrying';
  return { ready: { status: 'False', reason, message, outlook }, changes: [] };
}

function readinessOf({ reason, message, isStalled }: SyncFailure): Readiness {
  return failed(reason, message, isStalled).ready;
}

/** How long one apply may take, in milliseconds. */
function timeoutOf({
  timeout,
  interval,
}: {
  readonly timeout?: string | undefined;
  readonly interval: string;
}): number {
  const ms = timeout === undefined ? parseDuration(interval) - 30_000 : parseDuration(timeout);
  return Math.max(shortestTimeoutMs, ms);
}

/** Brings the rollout in line, which is no request where it is. @returns why that cannot be done */
export async function installRollout(run: PlacementRun, rollout: Rollout): Promise<Readiness | undefined> {
  const { placement, reachable, signal } = run;
  const rollouts = reachable.rollouts();
  try {
    const installed = await rollouts.install(rollout, placeOf(run), signal);
    const canary = rollouts.canaryStatus(installed.namespace, installed.name);
    const { canary: before } = placement.known;
    placement.learn({ rollout: installed, ...(canary === undefined ? {} : { canary }) });
    reportPhase(placement, before, run.report);
    return undefined;
  } catch (error) {
    if (signal.aborted) throw error;
    const isMissing = error instanceof TypedError && error.code === engineMissing;
    const reason = isMissing ? engineMissing : rolloutFailed;
    return failed(reason, whyNotInstalled(error), nextStep(error) === 'stalled').ready;
  }
}

/** What the cluster has against an object tells nobody what to do about it; our own errors do. */
function whyNotInstalled(error: unknown): string {
  const message = errorMessage(error);
  if (!(error instanceof ApiError)) return message;
  return `${message}. Traffic is as before, and this is tried again. Next: fix the rollout of the policy, or what the cluster has against it`;
}

/** Before pods are made. What is wrong is said by the installation, which comes across it too: objects are applied. */
async function prepareRollout(run: PlacementRun, rollout: Rollout): Promise<void> {
  const { placement, reachable, persist, signal } = run;
  placement.learn({ rollout: plannedRollout(rollout) });
  await persist();
  try {
    await reachable.rollouts().prepare(rollout, placeOf(run), signal);
  } catch (error) {
    if (signal.aborted) throw error;
  }
}

/** Removes a rollout. @returns false: not yet, the agent waits until the workload can serve */
async function givesBack(run: PlacementRun, installed: InstalledRollout): Promise<boolean> {
  try {
    await removeRollout(run, installed);
    return true;
  } catch (error) {
    if (run.signal.aborted || !isWaitedFor(run, installed)) throw error;
    return false;
  }
}

async function removeRollout(run: PlacementRun, installed: InstalledRollout): Promise<void> {
  const isRemoved = await run.reachable.rollouts().remove(installed, placeOf(run), run.signal);
  run.placement.learn({ rollout: undefined, canary: undefined });
  if (!isRemoved) return;
  const { namespace, kind, name } = installed;
  const message = `${kind} ${namespace}/${name} on ${run.placement.cluster.name} serves by itself again`;
  run.report('Normal', 'RolloutRemoved', message);
}

function placeOf({ placement, image, siblings }: PlacementRun): RolloutPlace {
  const { owner, cluster } = placement;
  // Of policies that were renamed, say.
  const going = siblings.filter(
    (other) =>
      placement.task.kind === 'sync' && other.task.kind === 'remove' && isSameCluster(other, placement),
  );
  return {
    policyName: owner.policy,
    labels: policyLabels(owner),
    takesOver: going.map((other) => policyLabels(other.owner)),
    cluster: cluster.name,
    image,
  };
}

function isSameCluster({ cluster: one }: Placement, { cluster: other }: Placement): boolean {
  return one.kind === other.kind && one.name === other.name;
}

/** In an inventory. */
function workloadId({ namespace, kind, name }: InstalledRollout): string {
  return entryOf({ group: 'apps', version: 'v1', kind, namespace, name }).id;
}

/** Whether the agent is at work, and waits until the workload can serve. */
function isWaitedFor({ reachable }: PlacementRun, { namespace, name }: InstalledRollout): boolean {
  return reachable.rollouts().canaryStatus(namespace, name)?.phase === 'Terminating';
}

/** Whether the workload of a rollout is about to be pruned. */
function isPruned(
  installed: InstalledRollout,
  entries: readonly InventoryEntry[],
  objects: readonly Unstructured[],
  prune: boolean,
): boolean {
  const id = workloadId(installed);
  if (!prune || !entries.some((entry) => entry.id === id)) return false;
  const idOf = (object: Unstructured): string =>
    entryOf(refOfObject(object, object.metadata.namespace ?? 'default')).id;
  return !objects.some((object) => idOf(object) === id);
}
