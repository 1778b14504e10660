import type { ErrorCode, StatusReason } from './error-codes.ts';

/**
 * What a caller should do after an error. Every error of the product carries one of these, so that a
 * controller never has to guess from a message.
 *
 * - `retry`: passing trouble (network, conflict, overload): the same call may work; back off first.
 * - `wait`: something else must happen first, and its event will wake us: do not poll.
 * - `stalled`: it will fail the same way until a person changes the input: report it and stop trying.
 * - `terminal`: this operation is over for good (cancelled, fenced, lost): give up without reporting.
 */
export type NextStep = 'retry' | 'wait' | 'stalled' | 'terminal';

export interface TypedErrorOptions {
  /** Stable name of the situation, `UpperCamelCase`: usable as a Kubernetes condition reason. */
  readonly code: ErrorCode | StatusReason;
  readonly next: NextStep;
  /** Earliest time for another try, in milliseconds from now, where the other side named one. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** Base of all errors that a caller may want to tell apart. */
export class TypedError extends Error {
  readonly code: string;
  readonly next: NextStep;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: TypedErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = options.code;
    this.next = options.next;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Input that cannot be parsed or breaks a rule; the same input fails again. */
export class InvalidInputError extends TypedError {
  constructor(message: string, code: ErrorCode | StatusReason = 'InvalidInput', cause?: unknown) {
    super(message, { code, next: 'stalled', cause });
  }
}

/** The caller's signal was aborted before the operation finished. */
export class CancelledError extends TypedError {
  constructor(message = 'cancelled', cause?: unknown) {
    super(message, { code: 'Cancelled', next: 'terminal', cause });
  }
}

/** The deadline of a wait passed. What was waited for may still happen later. */
export class DeadlineError extends TypedError {
  constructor(message: string) {
    super(message, { code: 'DeadlineExceeded', next: 'retry' });
  }
}

/** The text of anything that was thrown; never throws itself. */
export function errorMessage(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  try {
    return String(thrown);
  } catch {
    return 'unprintable error';
  }
}

/** What to do next after `thrown`; an error that is not ours counts as passing trouble. */
export function nextStep(thrown: unknown): NextStep {
  return thrown instanceof TypedError ? thrown.next : 'retry';
}
