import { isObject, own } from '../../machinery/json.ts';
import { asJson, type Unstructured } from '../../machinery/object.ts';

/*
 * Jobs that the cluster deletes when they have finished: `ttlSecondsAfterFinished`. One that is gone has done its work.
 * Source: the health checks of Flux (github.com/fluxcd/pkg/ssa).
 */

export function isShortLived(object: Unstructured): boolean {
  const { spec } = asJson(object);
  return isJob(object) && isObject(spec) && typeof own(spec, 'ttlSecondsAfterFinished') === 'number';
}

/** Whether it was not deleted by somebody else. @param last as it was before it went */
export function hasFinished(last: Unstructured): boolean {
  const { status } = asJson(last);
  const conditions = isObject(status) ? own(status, 'conditions') : undefined;
  return (
    isShortLived(last) &&
    Array.isArray(conditions) &&
    conditions.some(
      (condition) =>
        isObject(condition) &&
        (condition['type'] === 'Complete' || condition['type'] === 'Failed') &&
        condition['status'] === 'True',
    )
  );
}

function isJob({ apiVersion, kind }: Unstructured): boolean {
  return kind === 'Job' && apiVersion.startsWith('batch/');
}
