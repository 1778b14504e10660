import type { HttpRequest } from '../../../base/network.ts';
import { failure } from '../request-error.ts';
import type { RequestError } from '../request-error.ts';
import type { UserInfo } from '../resource-definition.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';
import { tokenIssuer } from './service-account-tokens.ts';

export const authenticatedGroup = 'system:authenticated';
export const anonymousUser: UserInfo = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/** Where a caller need not say who he is: what a probe and a curious client look at first. */
const publicPaths = /^\/(healthz|livez|readyz|version)(\/|\?|$)/;

/**
 * Who sent the request: by its client certificate, else by its bearer token.
 * @throws RequestError 401
 */
export function authenticate(tokens: ServiceAccountTokens, request: HttpRequest): UserInfo {
  const { peer } = request;
  if (peer !== undefined) {
    return { name: peer.commonName, groups: withGroup(peer.organizations, authenticatedGroup) };
  }
  const authorization = request.headers['authorization'];
  const token = /^bearer +(\S+)\s*$/i.exec(authorization ?? '')?.[1];
  if (token !== undefined) {
    const verified = tokens.verify(token);
    if (verified?.audiences.includes(tokenIssuer) === true) return verified.user;
  } else if (authorization === undefined && publicPaths.test(request.url)) {
    return anonymousUser;
  }
  throw unauthorizedError();
}

export function unauthorizedError(): RequestError {
  return failure(401, 'Unauthorized', 'Unauthorized');
}

export function withGroup(groups: readonly string[], group: string): readonly string[] {
  return groups.includes(group) ? groups : [...groups, group];
}
