import { nextStep, TypedError } from '../../base/errors.ts';
import { ApiError } from '../../kube/api-error.ts';

/**
 * For a status that the API server refuses, and will refuse again: somebody must do something. It is tried again all the same,
 * since what they do may be no event for the Application.
 *
 * @returns undefined where it is passing trouble, or the Application is gone
 */
export function statusNotWritten(error: unknown): TypedError | undefined {
  if (!(error instanceof ApiError) || error.code === 'NotFound') return undefined;
  // Source: the limits of API server, etcd and etcd's client; two of them come as an internal error.
  const isTooLarge = /too large|larger than max/i.test(error.message);
  if (!isTooLarge && nextStep(error) !== 'stalled') return undefined;
  const next = isTooLarge
    ? 'split the Application: give each one fewer clusters, or fewer objects'
    : 'look at the rights of the manager on the host';
  const message =
    `the status cannot be written: ${error.message}. Nothing new is applied to any cluster until it can be: what ` +
    `serves there serves on. Next: ${next}`;
  return new TypedError(message, { code: 'StatusNotWritten', next: 'retry', cause: error });
}
