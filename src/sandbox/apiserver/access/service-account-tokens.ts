import { generateKeyPairSync, sign, verify } from 'node:crypto';
import type { Clock } from '../../../base/clock.ts';
import type { Random } from '../../../base/random.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { isObject, own } from '../../../machinery/json.ts';
import { isTerminating, textOf, uidOf } from '../object-metadata.ts';
import type { UserInfo } from '../resource-definition.ts';
import type { Storage } from '../storage.ts';
import { objectAt } from './fields.ts';

/** Who issues tokens, and for whom they are when nobody is named. */
export const tokenIssuer = 'https://kubernetes.default.svc.cluster.local';

/** What a token is bound to: when that is gone, so is the token. */
export interface BoundObject {
  readonly kind: 'Pod' | 'Secret' | 'Node';
  readonly name: string;
  readonly uid: string;
}

export interface TokenClaims {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly bound?: BoundObject | undefined;
}

/** A token that proved to be ours. */
export interface VerifiedToken {
  readonly user: UserInfo;
  readonly audiences: readonly string[];
}

/** Longer than any that we issue. */
const maxTokenLength = 16 * 1024;
const maxRemembered = 1000;
const storageKeys = { Pod: 'pods', Secret: 'secrets', Node: 'nodes' } as const;

/**
 * Issues and verifies the tokens of service accounts: JSON Web Tokens (RFC 7519) signed with ES256, with the claims of
 * Kubernetes' bound tokens. The key lives as long as the server.
 */
export class ServiceAccountTokens {
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #storage: Storage;
  /** Claims of tokens whose signature has been checked: it stays valid, everything else is looked at again. */
  readonly #signed = new Map<string, JsonObject>();

  constructor(clock: Clock, random: Random, storage: Storage) {
    this.#clock = clock;
    this.#random = random;
    this.#storage = storage;
  }

  issue(claims: TokenClaims): string {
    const now = Math.floor(this.#clock.now() / 1000);
    const { namespace, name, uid, bound } = claims;
    const payload = {
      aud: claims.audiences,
      exp: now + claims.expirationSeconds,
      iat: now,
      iss: tokenIssuer,
      jti: this.#random.uuid(),
      'kubernetes.io': {
        namespace,
        ...(bound === undefined ? {} : { [bound.kind.toLowerCase()]: { name: bound.name, uid: bound.uid } }),
        serviceaccount: { name, uid },
      },
      nbf: now,
      sub: `system:serviceaccount:${namespace}:${name}`,
    };
    const text = `${encode({ alg: 'ES256', typ: 'JWT' })}.${encode(payload)}`;
    const signature = sign('sha256', Buffer.from(text), {
      key: this.#keys.privateKey,
      dsaEncoding: 'ieee-p1363',
    });
    return `${text}.${signature.toString('base64url')}`;
  }

  /** @returns undefined for a token that is not ours, not valid now, or whose service account is gone */
  verify(token: string): VerifiedToken | undefined {
    const claims = this.#signed.get(token) ?? this.#checkSignature(token);
    if (claims === undefined) return undefined;
    const now = Math.floor(this.#clock.now() / 1000);
    if (!(now < numberOf(claims, 'exp')) || now < numberOf(claims, 'nbf')) {
      this.#signed.delete(token);
      return undefined;
    }
    const audiences = own(claims, 'aud');
    const user = this.#userOf(claims);
    if (user === undefined || !Array.isArray(audiences)) return undefined;
    return { user, audiences: audiences.filter((item) => typeof item === 'string') };
  }

  #checkSignature(token: string): JsonObject | undefined {
    const parts = token.split('.');
    const [header = '', payload = '', signature = ''] = parts;
    if (parts.length !== 3 || token.length > maxTokenLength) return undefined;
    if (decode(header)?.['alg'] !== 'ES256') return undefined;
    const isOurs = verify(
      'sha256',
      Buffer.from(`${header}.${payload}`),
      { key: this.#keys.publicKey, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    );
    const claims = isOurs ? decode(payload) : undefined;
    if (claims === undefined || claims['iss'] !== tokenIssuer) return undefined;
    if (this.#signed.size >= maxRemembered) this.#signed.clear();
    this.#signed.set(token, claims);
    return claims;
  }

  #userOf(claims: JsonObject): UserInfo | undefined {
    const bindings = objectAt(claims, 'kubernetes.io');
    const namespace = textOf(bindings, 'namespace');
    const account = objectAt(bindings, 'serviceaccount');
    const name = textOf(account, 'name');
    const uid = textOf(account, 'uid');
    if (!this.#exists('serviceaccounts', namespace, name, uid)) return undefined;
    const extra: Record<string, string[]> = {
      'authentication.kubernetes.io/credential-id': [`JTI=${textOf(claims, 'jti')}`],
    };
    for (const [kind, storageKey] of Object.entries(storageKeys)) {
      const bound = own(bindings, kind.toLowerCase());
      if (!isObject(bound)) continue;
      const [name, uid] = [textOf(bound, 'name'), textOf(bound, 'uid')];
      if (!this.#exists(storageKey, kind === 'Node' ? undefined : namespace, name, uid)) return undefined;
      if (kind === 'Secret') continue;
      extra[`authentication.kubernetes.io/${kind.toLowerCase()}-name`] = [name];
      extra[`authentication.kubernetes.io/${kind.toLowerCase()}-uid`] = [uid];
    }
    return { ...serviceAccountUser(namespace, name), uid, extra };
  }

  #exists(storageKey: string, namespace: string | undefined, name: string, uid: string): boolean {
    const object = this.#storage.get(storageKey, namespace, name);
    return object !== undefined && uidOf(object) === uid && !isTerminating(object);
  }
}

export function serviceAccountUser(namespace: string, name: string): UserInfo {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  };
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(part: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function numberOf(object: JsonObject, field: string): number {
  const value = own(object, field);
  return typeof value === 'number' ? value : Number.NaN;
}
