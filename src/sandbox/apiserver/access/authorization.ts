import { goQuote } from '../../../machinery/field-errors.ts';
import type { Access } from '../handler.ts';
import { failure, forbiddenError } from '../request-error.ts';
import type { RequestError } from '../request-error.ts';
import type { UserInfo } from '../resource-definition.ts';
import type { Attributes } from './attributes.ts';
import { attributesOf } from './attributes.ts';
import { anonymousUser, unauthorizedError } from './authentication.ts';
import type { RoleBasedAccess } from './role-based-access.ts';

/** @throws RequestError 403, and 401 for somebody who did not say who he is */
export function authorize(roles: RoleBasedAccess, access: Access): void {
  const { user } = access;
  try {
    requireAllowed(roles, user, attributesOf(access));
  } catch (error) {
    throw user === anonymousUser ? unauthorizedError() : error;
  }
}

/** @throws RequestError 403 */
export function requireAllowed(roles: RoleBasedAccess, user: UserInfo, wanted: Attributes): void {
  const { allowed, reason } = roles.decide(user, wanted);
  if (!allowed) throw refusal(user, wanted, reason);
}

/** Source: forbiddenMessage of the API server's response writers. */
function refusal(user: UserInfo, wanted: Attributes, reason: string): RequestError {
  const because = reason === '' ? '' : `: ${reason}`;
  const who = `User ${goQuote(user.name)} cannot ${wanted.verb}`;
  if ('path' in wanted) {
    return failure(403, 'Forbidden', `forbidden: ${who} path ${goQuote(wanted.path)}${because}`, {});
  }
  const { group, resource, subresource, namespace, name = '' } = wanted;
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace ${goQuote(namespace)}`;
  const what = `${who} resource ${goQuote(full)} in API group ${goQuote(group)} ${where}${because}`;
  return forbiddenError({ group, resource }, name, what);
}
