import { type NextStep, TypedError } from '../../base/errors.ts';

/** Why a source has no (new) artifact: the reason of Flux's `FetchFailed` condition. */
export type FetchFailedReason =
  | 'AuthenticationFailed'
  | 'EmptyGitRepository'
  | 'GitOperationFailed'
  | 'InvalidProviderConfiguration'
  | 'URLInvalid';

/** A source cannot be fetched. Its message never holds a credential. */
export class SourceError extends TypedError {
  readonly reason: FetchFailedReason;

  constructor(reason: FetchFailedReason, message: string, next: NextStep = 'retry', cause?: unknown) {
    super(message, { code: reason, next, cause });
    this.reason = reason;
  }
}

/** The error of a git operation as Flux words it. */
export function checkoutError(why: string, next: NextStep = 'retry', cause?: unknown): SourceError {
  return new SourceError(
    'GitOperationFailed',
    `failed to checkout and determine revision: ${why}`,
    next,
    cause,
  );
}

/** What is wrong with a commit itself, and stays wrong: it waits for another one. */
export function commitError(why: string): SourceError {
  return checkoutError(why, 'wait');
}
