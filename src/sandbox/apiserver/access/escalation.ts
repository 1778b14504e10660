import type { JsonObject } from '../../../machinery/json.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import { nameOf, namespaceOf, textOf } from '../object-metadata.ts';
import { forbiddenError, notFoundError } from '../request-error.ts';
import type { ResourceDefinition, UserInfo } from '../resource-definition.ts';
import { objectAt } from './fields.ts';
import type { PolicyRule } from './policy-rule.ts';
import { describeRules, missingRules, policyRules, quoteAll } from './policy-rule.ts';
import type { RoleBasedAccess } from './role-based-access.ts';
import { privilegedGroup, rbacGroup } from './role-based-access.ts';

/**
 * A role or binding kind whose writes are refused to who would give away more than he has himself.
 *
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
 *
 * @returns the definition itself for other kinds
 */
export function withoutEscalation(
  definition: ResourceDefinition,
  roles: RoleBasedAccess,
): ResourceDefinition {
  const { kind } = definition;
  if (kind.group !== rbacGroup) return definition;
  const isRole = kind.kind === 'Role' || kind.kind === 'ClusterRole';
  const check = isRole ? checkRole : checkBinding;
  return {
    ...definition,
    prepareForCreate: (object, context) => {
      definition.prepareForCreate?.(object, context);
      check(roles, definition, context.user, object);
    },
    prepareForUpdate: (object, old, context) => {
      definition.prepareForUpdate?.(object, old, context);
      const grants = ['rules', 'aggregationRule', 'subjects', 'roleRef'];
      if (grants.every((field) => jsonEqual(object[field], old[field]))) return;
      check(roles, definition, context.user, object);
    },
  };
}

type Check = (
  roles: RoleBasedAccess,
  definition: ResourceDefinition,
  user: UserInfo,
  object: JsonObject,
) => void;

const checkRole: Check = (roles, { kind }, user, role) => {
  if (mayDo(roles, user, 'escalate', kind.resource, role, nameOf(role))) return;
  const wanted = policyRules(role['rules']);
  if (role['aggregationRule'] !== undefined && role['aggregationRule'] !== null) {
    // What it will aggregate nobody knows: only who may do everything may make one.
    const everything: PolicyRule = {
      verbs: ['*'],
      apiGroups: ['*'],
      resources: ['*'],
      resourceNames: [],
      nonResourceURLs: [],
    };
    wanted.push(everything, { ...everything, apiGroups: [], resources: [], nonResourceURLs: ['*'] });
  }
  confirm(roles, kind.resource, user, role, wanted);
};

const checkBinding: Check = (roles, { kind }, user, binding) => {
  const roleRef = objectAt(binding, 'roleRef');
  const isClusterRole = textOf(roleRef, 'kind') === 'ClusterRole';
  const resource = isClusterRole ? 'clusterroles' : 'roles';
  const name = textOf(roleRef, 'name');
  if (mayDo(roles, user, 'bind', resource, binding, name)) return;
  const rules = roles.rulesOfRole(roleRef, namespaceOf(binding));
  if (rules === undefined) throw notFoundError({ group: rbacGroup, resource }, name);
  confirm(roles, kind.resource, user, binding, rules);
};

function mayDo(
  roles: RoleBasedAccess,
  user: UserInfo,
  verb: 'bind' | 'escalate',
  resource: string,
  object: JsonObject,
  name: string,
): boolean {
  if (user.groups.includes(privilegedGroup)) return true;
  const wanted = { verb, group: rbacGroup, version: '*', resource, subresource: '' };
  return roles.decide(user, { ...wanted, namespace: namespaceOf(object), name }).allowed;
}

/** @throws RequestError 403 */
function confirm(
  roles: RoleBasedAccess,
  resource: string,
  user: UserInfo,
  object: JsonObject,
  wanted: readonly PolicyRule[],
): void {
  const held = roles.grantsOf(user, namespaceOf(object)).grants.map(({ rule }) => rule);
  const missing = missingRules(held, wanted);
  if (missing.length === 0) return;
  const who = `user ${JSON.stringify(user.name)} (groups=${quoteAll(user.groups)})`;
  const why = `${who} is attempting to grant RBAC permissions not currently held:\n${describeRules(missing).join('\n')}`;
  throw forbiddenError({ group: rbacGroup, resource }, nameOf(object), why);
}
