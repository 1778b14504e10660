import type { HttpRequest } from '../../../base/network.ts';
import type { Access } from '../handler.ts';
import type { UserInfo } from '../resource-definition.ts';
import { authenticate } from './authentication.ts';
import { authorize, requireAllowed } from './authorization.ts';
import { guard } from './guard.ts';
import { parseImpersonation } from './impersonation.ts';
import type { RoleBasedAccess } from './role-based-access.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';

/** What every request passes through: who asks, as whom, and whether he may. */
export class Gate {
  readonly #tokens: ServiceAccountTokens;
  readonly #roles: RoleBasedAccess;

  constructor(tokens: ServiceAccountTokens, roles: RoleBasedAccess) {
    this.#tokens = tokens;
    this.#roles = roles;
  }

  /** @throws RequestError 400, 401, 403 */
  readonly authenticate = (request: HttpRequest): UserInfo => {
    guard(request);
    const user = authenticate(this.#tokens, request);
    const impersonation = parseImpersonation(request.headers);
    if (impersonation === undefined) return user;
    for (const need of impersonation.needs) requireAllowed(this.#roles, user, need);
    return impersonation.user;
  };

  /** @throws RequestError 401, 403 */
  readonly authorize = (access: Access): void => authorize(this.#roles, access);
}
