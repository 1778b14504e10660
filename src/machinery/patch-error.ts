import { statusReason } from '../base/error-codes.ts';
import { InvalidInputError } from '../base/errors.ts';
import type { Json } from './json.ts';

const reasons = {
  400: 'BadRequest',
  413: 'RequestEntityTooLarge',
  422: 'Invalid',
  500: 'InternalError',
} as const;

/**
 * A patch that cannot be applied. `status` is the HTTP status of an API server's answer and `code` the reason
 * in it. The messages are those of the server's libraries; a real server replaces the message of a failed JSON
 * patch (422) by "the server rejected our request due to an error in our request".
 */
export class PatchError extends InvalidInputError {
  readonly status: keyof typeof reasons;

  constructor(status: keyof typeof reasons, message: string) {
    super(message, statusReason(reasons[status]));
    this.status = status;
  }
}

/** Objects of Kubernetes nest some tens of levels; more would only exhaust the stack. */
const maxDepth = 500;

/** Refuses a document that nests too deeply for recursive code. */
export function boundDepth(value: Json, allowed = maxDepth): void {
  if (typeof value !== 'object' || value === null) return;
  if (allowed === 0) throw new PatchError(400, `exceeded max depth: ${maxDepth}`);
  for (const child of Array.isArray(value) ? value : Object.values(value)) boundDepth(child, allowed - 1);
}
