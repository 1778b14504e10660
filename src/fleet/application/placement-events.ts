import { type CanaryStatus, rolloutHindrance } from '../../api/canary-status.ts';
import { formatRef } from '../../gitops/sync/inventory.ts';
import type { SyncChange } from '../../gitops/sync/sync.ts';
import type { EventType } from '../../kube/event-correlator.ts';
import { nextForPlacement } from './next-step.ts';
import type { Placement } from './placement.ts';

/** An event names so many objects, and counts the rest. */
const maxChanges = 10;

/** `; Deployment/webapp/backend configured, …` for what was changed; nothing for nothing. */
export function changesMessage(changes: readonly SyncChange[]): string {
  const made = changes.filter(({ action }) => action !== 'unchanged' && action !== 'skipped');
  if (made.length === 0) return '';
  const named = made.slice(0, maxChanges).map(({ ref, action }) => `${formatRef(ref)} ${action}`);
  const more = made.length > maxChanges ? ` and ${made.length - maxChanges} more` : '';
  return `; ${named.join(', ')}${more}`;
}

/** What the phases that people wait for mean to those who send requests. */
const meanings: Readonly<Record<string, string>> = {
  Initialized: 'all traffic goes to the primary; the next change of the workload is tested first',
  Waiting: 'the new version waits for approval; all traffic goes to the primary',
  Progressing: 'a new version is tested; the primary serves users as the strategy says',
  WaitingPromotion: 'the new version has passed and waits for approval',
  Promoting: 'the new version has passed and becomes the primary',
  Succeeded: 'all traffic goes to the new version',
  Failed: 'the new version was taken back; all traffic goes to the version before it',
};

/** Reports that the rollout of a placement has come to another phase than the one before, or to a standstill. */
export function reportPhase(
  placement: Placement,
  before: CanaryStatus | undefined,
  report: (type: EventType, reason: string, message: string) => void,
): void {
  const { rollout, canary } = placement.known;
  if (rollout === undefined) return;
  const { phase = '', failedChecks = 0, conditions = [] } = canary ?? {};
  const where = `${rollout.namespace}/${rollout.name} on ${placement.cluster.name}`;
  const stop = rolloutHindrance(canary);
  if (stop?.type === 'Stalled' && stop.message !== rolloutHindrance(before)?.message) {
    const stalled = 'RolloutStalled';
    report('Warning', stalled, `${where}: ${stop.message}${nextForPlacement(stalled, placement)}`);
  }
  const meaning = meanings[phase];
  if (meaning === undefined || before?.phase === phase) return;
  const checks = phase === 'Progressing' && failedChecks > 0 ? ` (${failedChecks} checks failed)` : '';
  const why = phase === 'Failed' ? (conditions[0]?.message ?? '').replace(/\.$/, '') : '';
  const reason = `Rollout${phase}`;
  const next = nextForPlacement(reason, placement);
  const message = `${where}: ${meaning}${checks}${why === '' ? '' : `. ${why}`}${next}`;
  report(phase === 'Failed' ? 'Warning' : 'Normal', reason, message);
}
