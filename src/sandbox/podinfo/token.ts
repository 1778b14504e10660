import { createHmac, timingSafeEqual } from 'node:crypto';
import { formatDuration } from '../../base/duration.ts';
import { isObject } from '../../machinery/json.ts';

/** Seconds for which a token is valid. */
const lifetimeSeconds = 60;

export interface IssuedToken {
  readonly token: string;
  /** Seconds since the Unix epoch. */
  readonly expiresAt: number;
}

/** A JSON web token as podinfo issues it. Source: pkg/api/http/token.go. */
export function issueToken(name: string, secret: string, nowMs: number): IssuedToken {
  const expiresAt = Math.floor(nowMs / 1000) + lifetimeSeconds;
  const claims = { name, exp: expiresAt, iss: 'podinfo' };
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return { token: `${signed}.${sign(signed, secret)}`, expiresAt };
}

/** The name in a token and its end (seconds since the Unix epoch), or why the token is refused. */
export function checkToken(
  token: string,
  secret: string,
  nowMs: number,
): { readonly name: string; readonly expiresAt: number } | { readonly refused: string } {
  const [header, payload, signature, ...rest] = token.split('.');
  if (header === undefined || payload === undefined || signature === undefined || rest.length > 0) {
    return { refused: 'token contains an invalid number of segments' };
  }
  const method = decode(header)?.['alg'];
  if (method !== 'HS256') return { refused: 'signing method (alg) is unavailable.' };
  const claims = decode(payload);
  if (claims === undefined) return { refused: 'token is malformed' };
  const expected = Buffer.from(sign(`${header}.${payload}`, secret));
  const given = Buffer.from(signature);
  if (expected.length !== given.length || !timingSafeEqual(expected, given)) {
    return { refused: 'signature is invalid' };
  }
  const expiresAt = Number(claims['exp']);
  const overdueMs = nowMs - expiresAt * 1000;
  if (!(overdueMs <= 0)) return { refused: `token is expired by ${formatDuration(overdueMs)}` };
  if (claims['iss'] !== 'podinfo') return { refused: 'invalid issuer' };
  return { name: typeof claims['name'] === 'string' ? claims['name'] : '', expiresAt };
}

function sign(text: string, secret: string): string {
  return createHmac('sha256', secret).update(text).digest('base64url');
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
