import { statusReason } from '../../base/error-codes.ts';
import { TypedError } from '../../base/errors.ts';
import type { Status, StatusCause } from '../../machinery/object.ts';

/** A request that the server refuses; it becomes a Status answer with this code. */
export class RequestError extends TypedError {
  readonly status: Status;

  constructor(status: Status) {
    super(status.message ?? status.reason ?? `HTTP ${status.code}`, {
      code: statusReason(status.reason === undefined || status.reason === '' ? 'Unknown' : status.reason),
      next: 'stalled',
    });
    this.status = status;
  }
}

/** A `Status` that says no. */
export function failure(
  code: number,
  reason: string,
  message: string,
  details?: NonNullable<Status['details']>,
): RequestError {
  return new RequestError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    ...(reason === '' ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
    code,
  });
}

interface Named {
  readonly group: string;
  readonly resource: string;
}

function resourceDetails(of: Named, name: string, causes?: StatusCause[]): NonNullable<Status['details']> {
  return {
    ...(name === '' ? {} : { name }),
    ...(of.group === '' ? {} : { group: of.group }),
    kind: of.resource,
    ...(causes === undefined ? {} : { causes }),
  };
}

function qualified(of: Named): string {
  return of.group === '' ? of.resource : `${of.resource}.${of.group}`;
}

export function notFoundError(of: Named, name: string): RequestError {
  return failure(404, 'NotFound', `${qualified(of)} "${name}" not found`, resourceDetails(of, name));
}

export function alreadyExistsError(of: Named, name: string): RequestError {
  return failure(
    409,
    'AlreadyExists',
    `${qualified(of)} "${name}" already exists`,
    resourceDetails(of, name),
  );
}

export function conflictError(of: Named, name: string, why: string): RequestError {
  const message = `Operation cannot be fulfilled on ${qualified(of)} "${name}": ${why}`;
  return failure(409, 'Conflict', message, resourceDetails(of, name));
}

export function badRequestError(message: string): RequestError {
  return failure(400, 'BadRequest', message);
}

export function forbiddenError(of: Named, name: string, why: string): RequestError {
  const subject = name === '' ? qualified(of) : `${qualified(of)} "${name}"`;
  return failure(403, 'Forbidden', `${subject} is forbidden: ${why}`, resourceDetails(of, name));
}

/** The `resourceVersion` asked for has left the watch log. */
export function expiredError(message: string): RequestError {
  return failure(410, 'Expired', message);
}
