import type { CanaryStatus } from '../../api/canary-status.ts';
import { formatRef } from '../../gitops/sync/inventory.ts';
import type { SyncChange } from '../../gitops/sync/sync.ts';
import type { EventType } from '../../kube/event-correlator.ts';
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

interface RolloutEvent {
  readonly type: EventType;
  readonly reason: string;
  readonly message: string;
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

/** The event of a rollout that has come to another phase. */
export function rolloutEvent(
  { cluster, known }: Placement,
  before: CanaryStatus | undefined,
  { phase = '', failedChecks = 0, conditions = [] }: CanaryStatus,
): RolloutEvent | undefined {
  const meaning = meanings[phase];
  if (meaning === undefined || before?.phase === phase || known.rollout === undefined) return undefined;
  const { namespace, name } = known.rollout;
  const checks = phase === 'Progressing' && failedChecks > 0 ? ` (${failedChecks} checks failed)` : '';
  const why = phase === 'Failed' ? (conditions[0]?.message ?? '') : '';
  return {
    type: phase === 'Failed' ? 'Warning' : 'Normal',
    reason: `Rollout${phase}`,
    message: `${namespace}/${name} on ${cluster.name}: ${meaning}${checks}${why === '' ? '' : `. ${why}`}`,
  };
}
