import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NextStep } from '../base/errors.ts';
import { jsonResponse, memoryResponse } from '../base/fetch.ts';
import {
  ApiError,
  errorOfResponse,
  errorOfStatus,
  isAlreadyExists,
  isApplyConflict,
  isConflict,
  isExpired,
  isForbidden,
  isInvalid,
  isNamespaceTerminating,
  isNotFound,
  isTooManyRequests,
  isUnauthorized,
} from './api-error.ts';

/** An answer of bytes, as a proxy in between would give it. */
function textResponse(status: number, type: string, text: string, onCancel = (): void => {}) {
  return {
    ...memoryResponse(status, type === '' ? {} : { 'content-type': type }, [], onCancel),
    async *body() {
      yield Buffer.from(text);
    },
    json: async (): Promise<unknown> => JSON.parse(text),
  };
}

interface RecordedStep {
  readonly name: string;
  readonly expect: { readonly status?: number; readonly body?: { readonly [key: string]: unknown } };
}

function recordedRefusals(): { name: string; status: number; body: { readonly [key: string]: unknown } }[] {
  const folder = 'test/conformance/cases';
  return readdirSync(folder)
    .filter((file) => /^(errors|apply-conflict|auth|delete-precond|crd-invalid)/.test(file))
    .flatMap((file) => {
      const { steps } = JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as { steps: RecordedStep[] };
      return steps.flatMap(({ name, expect: { status = 0, body } }) =>
        body !== undefined && body['status'] === 'Failure'
          ? [{ name: `${file}: ${name}`, status, body }]
          : [],
      );
    });
}

describe('a refusal that a real API server gave', () => {
  const recorded = recordedRefusals();

  test('there are some', () => {
    expect(recorded.length).toBeGreaterThan(30);
  });

  test.each(recorded)('$name', async ({ status, body }) => {
    const response = jsonResponse(status, { kind: 'Status', apiVersion: 'v1', ...body });
    const error = await errorOfResponse('GET /x', response);
    expect(error.status).toBe(status);
    if (typeof body['reason'] === 'string' && body['reason'] !== '') expect(error.code).toBe(body['reason']);
    if (typeof body['message'] === 'string') expect(error.message).toBe(body['message']);
    const details = body['details'] as { causes?: unknown[]; name?: string } | undefined;
    expect(error.details.causes).toEqual(details?.causes ?? []);
    expect(error.details.name).toBe(details?.name);
  });
});

describe('what a refusal asks of the caller', () => {
  const table: [number, string | undefined, NextStep, (error: unknown) => boolean][] = [
    [409, 'Conflict', 'retry', isConflict],
    [409, 'AlreadyExists', 'stalled', isAlreadyExists],
    [410, 'Expired', 'retry', isExpired],
    [410, 'Gone', 'retry', isExpired],
    [410, undefined, 'retry', isExpired],
    [404, 'NotFound', 'stalled', isNotFound],
    [404, undefined, 'stalled', isNotFound],
    [422, 'Invalid', 'stalled', isInvalid],
    [403, 'Forbidden', 'stalled', isForbidden],
    [401, 'Unauthorized', 'retry', isUnauthorized],
    [429, 'TooManyRequests', 'retry', isTooManyRequests],
    [405, 'MethodNotAllowed', 'stalled', (error) => (error as ApiError).code === 'MethodNotAllowed'],
    [400, 'Unknown', 'stalled', (error) => (error as ApiError).code === 'BadRequest'],
    [500, 'InternalError', 'retry', (error) => (error as ApiError).code === 'InternalError'],
    [504, 'Timeout', 'retry', (error) => (error as ApiError).code === 'Timeout'],
    [502, undefined, 'retry', (error) => (error as ApiError).code === 'InternalError'],
    [400, 'not a reason\n', 'stalled', (error) => (error as ApiError).code === 'BadRequest'],
  ];
  test.each(table)('%i %s: %s', (code, reason, next, predicate) => {
    const error = errorOfStatus({ kind: 'Status', reason, code, message: 'no' });
    expect(error?.next).toBe(next);
    expect(predicate(error)).toBe(true);
    expect(isNotFound(error)).toBe(code === 404);
  });

  test('a conflict over fields is for a person, a terminating namespace passes', () => {
    const apply = errorOfStatus({
      kind: 'Status',
      reason: 'Conflict',
      code: 409,
      details: {
        causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "alice"', field: '.data.x' }],
      },
    });
    expect([isConflict(apply), isApplyConflict(apply), apply?.next]).toEqual([true, true, 'stalled']);
    const terminating = errorOfStatus({
      kind: 'Status',
      reason: 'Forbidden',
      code: 403,
      details: { causes: [{ reason: 'NamespaceTerminating' }] },
    });
    expect([isNamespaceTerminating(terminating), terminating?.next]).toEqual([true, 'retry']);
  });

  test('predicates say no to anything else', () => {
    for (const thrown of [undefined, null, 'NotFound', new Error('NotFound'), { code: 'NotFound' }]) {
      expect(isNotFound(thrown)).toBe(false);
      expect(isApplyConflict(thrown)).toBe(false);
      expect(isNamespaceTerminating(thrown)).toBe(false);
    }
  });
});

describe('when to come back', () => {
  const status = (details: unknown): unknown => ({
    kind: 'Status',
    code: 429,
    reason: 'TooManyRequests',
    details,
  });

  test('the header goes before the details', async () => {
    const both = jsonResponse(429, status({ retryAfterSeconds: 7 }), { 'retry-after': '3' });
    expect((await errorOfResponse('GET /x', both)).retryAfterMs).toBe(3000);
    const details = jsonResponse(429, status({ retryAfterSeconds: 7 }));
    expect((await errorOfResponse('GET /x', details)).retryAfterMs).toBe(7000);
  });

  test('nobody is kept away for ever', async () => {
    const header = jsonResponse(429, status({}), { 'retry-after': '999999' });
    expect((await errorOfResponse('GET /x', header)).retryAfterMs).toBe(600_000);
    const details = jsonResponse(429, status({ retryAfterSeconds: 1e300 }));
    expect((await errorOfResponse('GET /x', details)).retryAfterMs).toBe(600_000);
  });

  test.each(['', 'soon', '-1', '1.5', '99999999999', 'Wed, 21 Oct 2026 07:28:00 GMT'])(
    'a header %j tells nothing',
    async (header) => {
      const error = await errorOfResponse(
        'GET /x',
        jsonResponse(429, status(undefined), { 'retry-after': header }),
      );
      expect(error.retryAfterMs).toBeUndefined();
    },
  );
});

describe('an answer that is no Status', () => {
  test('of HTML nothing is quoted, and the body is given up', async () => {
    let cancelled = 0;
    const html = textResponse(502, 'text/html; charset=utf-8', '<h1>Bad gateway s3cret</h1>', () => {
      cancelled += 1;
    });
    const error = await errorOfResponse('GET /api/v1/pods', html);
    expect(error.message).toBe('GET /api/v1/pods: the server answered 502 without saying why (text/html)');
    expect(error.next).toBe('retry');
    expect(cancelled).toBe(1);
  });

  test('of plain text the beginning is quoted, on one line', async () => {
    const short = await errorOfResponse(
      'GET /apis/x',
      textResponse(404, 'text/plain', '404 page\n\u001b[31m not found\n'),
    );
    expect(short.message).toBe('GET /apis/x: the server answered 404 "404 page [31m not found"');
    expect(isNotFound(short)).toBe(true);
    const long = await errorOfResponse('GET /x', textResponse(500, 'text/plain', 'x'.repeat(100_000)));
    expect(long.message.length).toBeLessThan(300);
  });

  test.each(['', 'null', '[]', '"Status"', '{"kind":"Pod"}', '{'])('JSON %j', async (text) => {
    const error = await errorOfResponse('PUT /x', textResponse(409, 'application/json', text));
    expect(error.message).toBe('PUT /x: the server answered 409 without saying why (application/json)');
    expect(isConflict(error)).toBe(true);
  });
});

test('whatever a Status holds, it becomes an error with a usable code', () => {
  fc.assert(
    fc.property(
      fc.record(
        {
          reason: fc.anything(),
          message: fc.anything(),
          code: fc.anything(),
          details: fc.oneof(
            fc.anything(),
            fc.record({ causes: fc.anything(), retryAfterSeconds: fc.anything(), name: fc.anything() }),
          ),
        },
        { requiredKeys: [] },
      ),
      (fields) => {
        const error = errorOfStatus({ kind: 'Status', ...fields });
        expect(error).toBeInstanceOf(ApiError);
        expect(error?.code).toMatch(/^[A-Z][A-Za-z0-9]*$/);
        expect(error?.message).not.toBe('');
        expect(error?.status).toBeGreaterThanOrEqual(400);
      },
    ),
  );
});
