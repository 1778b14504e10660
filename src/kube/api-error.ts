import { statusReason } from '../base/error-codes.ts';
import { type NextStep, TypedError } from '../base/errors.ts';
import type { FetchResponse } from '../base/fetch.ts';
import { isObject, own } from '../machinery/json.ts';
import type { StatusCause } from '../machinery/object.ts';

/** What an API server named in `Status.details`. */
export interface ApiErrorDetails {
  readonly group?: string | undefined;
  /** The resource or the kind, as the server sends it. */
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
  readonly uid?: string | undefined;
  readonly causes: readonly StatusCause[];
}

export interface ApiErrorOptions {
  /** HTTP status of the answer; in a watch, the `code` of its ERROR event. */
  readonly status: number;
  /** `Status.reason`; default: what the HTTP status means. */
  readonly reason?: string | undefined;
  readonly details?: ApiErrorDetails | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** The API server said no. `code` is the reason of its Status, as in `NotFound` or `Conflict`. */
export class ApiError extends TypedError {
  /** HTTP status. */
  readonly status: number;
  readonly details: ApiErrorDetails;

  constructor(message: string, { status, reason, details = { causes: [] }, retryAfterMs }: ApiErrorOptions) {
    const code =
      reason !== undefined && wellFormedReason.test(reason) && reason !== 'Unknown'
        ? reason
        : reasonOf(status);
    super(message, {
      code: statusReason(code),
      next: nextStepOf(code, status, details.causes),
      retryAfterMs: retryAfterMs === undefined ? undefined : Math.min(retryAfterMs, longestRetryAfterMs),
    });
    this.status = status;
    this.details = details;
  }
}

/** A server may ask for patience, but not put its clients out of service. */
const longestRetryAfterMs = 10 * 60_000;

const wellFormedReason = /^[A-Z][A-Za-z0-9]{0,63}$/;

/** Source: NewGenericServerResponse of k8s.io/apimachinery/pkg/api/errors. */
const reasonByStatus = new Map<number, string>([
  [400, 'BadRequest'],
  [401, 'Unauthorized'],
  [403, 'Forbidden'],
  [404, 'NotFound'],
  [405, 'MethodNotAllowed'],
  [406, 'NotAcceptable'],
  [408, 'Timeout'],
  [409, 'Conflict'],
  [410, 'Gone'],
  [413, 'RequestEntityTooLarge'],
  [415, 'UnsupportedMediaType'],
  [422, 'Invalid'],
  [429, 'TooManyRequests'],
  [503, 'ServiceUnavailable'],
  [504, 'Timeout'],
]);

function reasonOf(status: number): string {
  return reasonByStatus.get(status) ?? (status >= 500 ? 'InternalError' : 'UnexpectedAnswer');
}

const passingReasons = new Set([
  'Conflict',
  'Expired',
  'Gone',
  'TooManyRequests',
  'Timeout',
  'ServerTimeout',
  'InternalError',
  'ServiceUnavailable',
  // Credentials rotate: the next request may carry fresh ones.
  'Unauthorized',
]);

function nextStepOf(reason: string, status: number, causes: readonly StatusCause[]): NextStep {
  // The other manager keeps the fields until a person decides.
  if (hasCause(causes, 'FieldManagerConflict')) return 'stalled';
  // Forbidden only until the namespace is gone and made again.
  if (hasCause(causes, 'NamespaceTerminating')) return 'retry';
  return passingReasons.has(reason) || status >= 500 ? 'retry' : 'stalled';
}

function hasCause(causes: readonly StatusCause[], reason: string): boolean {
  return causes.some((cause) => cause.reason === reason);
}

function hasReason(thrown: unknown, ...reasons: readonly string[]): thrown is ApiError {
  return thrown instanceof ApiError && reasons.includes(thrown.code);
}

export const isNotFound = (thrown: unknown): thrown is ApiError => hasReason(thrown, 'NotFound');
export const isAlreadyExists = (thrown: unknown): thrown is ApiError => hasReason(thrown, 'AlreadyExists');
/** Somebody else wrote first, or (see {@link isApplyConflict}) owns the fields. */
export const isConflict = (thrown: unknown): thrown is ApiError => hasReason(thrown, 'Conflict');
/** A server-side apply without `force` met fields of another manager; `details.causes` names them. */
export const isApplyConflict = (thrown: unknown): thrown is ApiError =>
  isConflict(thrown) && hasCause(thrown.details.causes, 'FieldManagerConflict');
/** The resource version or the continue token is too old: list again. */
export const isExpired = (thrown: unknown): thrown is ApiError => hasReason(thrown, 'Expired', 'Gone');
export const isInvalid = (thrown: unknown): thrown is ApiError => hasReason(thrown, 'Invalid');
export const isForbidden = (thrown: unknown): thrown is ApiError => hasReason(thrown, 'Forbidden');
export const isUnauthorized = (thrown: unknown): thrown is ApiError => hasReason(thrown, 'Unauthorized');
export const isTooManyRequests = (thrown: unknown): thrown is ApiError =>
  hasReason(thrown, 'TooManyRequests');
/** The namespace is being deleted: nothing can be created in it. */
export const isNamespaceTerminating = (thrown: unknown): thrown is ApiError =>
  thrown instanceof ApiError && hasCause(thrown.details.causes, 'NamespaceTerminating');

const longestMessage = 8 * 1024;
const longestExcerpt = 200;

/**
 * The error in a Status (of an answer, or of a watch's ERROR event); undefined when `value` is no Status.
 *
 * @param status HTTP status, where the Status itself has no `code`
 */
export function errorOfStatus(value: unknown, status = 500, retryAfterMs?: number): ApiError | undefined {
  if (!isObject(value) || own(value, 'kind') !== 'Status') return undefined;
  const details = own(value, 'details');
  const code = own(value, 'code');
  const seconds = isObject(details) ? own(details, 'retryAfterSeconds') : undefined;
  const http = typeof code === 'number' && Number.isInteger(code) && code >= 400 ? code : status;
  const reason = stringOf(own(value, 'reason'));
  return new ApiError(
    (stringOf(own(value, 'message')) ?? `the server answered ${http} ${reason ?? ''}`.trim()).slice(
      0,
      longestMessage,
    ),
    {
      status: http,
      reason,
      details: parseDetails(details),
      retryAfterMs: retryAfterMs ?? (typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : undefined),
    },
  );
}

function parseDetails(value: unknown): ApiErrorDetails {
  if (!isObject(value)) return { causes: [] };
  const causes = own(value, 'causes');
  return {
    group: stringOf(own(value, 'group')),
    kind: stringOf(own(value, 'kind')),
    name: stringOf(own(value, 'name')),
    uid: stringOf(own(value, 'uid')),
    causes: Array.isArray(causes) ? causes.flatMap(parseCause) : [],
  };
}

function parseCause(value: unknown): StatusCause[] {
  if (!isObject(value)) return [];
  const cause: StatusCause = {};
  for (const key of ['reason', 'message', 'field'] as const) {
    const text = stringOf(own(value, key));
    if (text !== undefined) cause[key] = text;
  }
  return [cause];
}

function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** `Retry-After` in milliseconds. Dates are not understood: client-go does not either. */
export function retryAfterOf(response: FetchResponse): number | undefined {
  const seconds = response.headers.get('retry-after')?.trim() ?? '';
  return /^\d{1,6}$/.test(seconds) ? Number(seconds) * 1000 : undefined;
}

/**
 * Reads the error out of an answer whose status is not 2xx; uses up its body. An answer that is no Status (of a
 * proxy, say) becomes an error too; of its body, plain text alone is quoted, and only its beginning.
 *
 * @param request as in `GET /api/v1/pods`: no query, no body
 */
export async function errorOfResponse(request: string, response: FetchResponse): Promise<ApiError> {
  const { status } = response;
  const retryAfterMs = retryAfterOf(response);
  const type =
    (response.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase().slice(0, 60) ?? '';
  const isJson = type === 'application/json' || type.endsWith('+json');
  if (isJson) {
    try {
      const error = errorOfStatus(await response.json(), status, retryAfterMs);
      if (error !== undefined) return error;
    } catch {
      // Not JSON after all: as good as an empty body.
    }
  }
  const quote = type === 'text/plain' ? await excerptOf(response) : '';
  if (quote === '' && !isJson) response.cancel();
  const what = quote === '' ? `without saying why${type === '' ? '' : ` (${type})`}` : `"${quote}"`;
  return new ApiError(`${request}: the server answered ${status} ${what}`, { status, retryAfterMs });
}

/** The first words of a body, on one line; the rest is not read. */
async function excerptOf(response: FetchResponse): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const part of response.body()) {
      parts.push(part.subarray(0, 4 * longestExcerpt));
      bytes += part.length;
      if (bytes >= 4 * longestExcerpt) break;
    }
  } catch {
    // What came before the connection broke is all there is to quote.
  }
  const text = Buffer.concat(parts)
    .toString('utf8')
    .replaceAll(/[\p{C}\s]+/gu, ' ')
    .trim();
  return text.length > longestExcerpt ? `${text.slice(0, longestExcerpt)}…` : text;
}
