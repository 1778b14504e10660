import type { JsonObject } from '../../../machinery/json.ts';
import { isObject, own } from '../../../machinery/json.ts';
import type { LabelSelectorObject } from '../../../machinery/label-selector.ts';
import { fromObject } from '../../../machinery/label-selector.ts';
import { labelsOf, nameOf, namespaceOf, textOf } from '../object-metadata.ts';
import type { UserInfo } from '../resource-definition.ts';
import type { Storage } from '../storage.ts';
import type { Attributes } from './attributes.ts';
import { objectAt } from './fields.ts';
import type { PolicyRule } from './policy-rule.ts';
import { policyRules, ruleAllows } from './policy-rule.ts';

export const rbacGroup = 'rbac.authorization.k8s.io';
/** Whoever is in it may do everything, whatever the roles say. */
export const privilegedGroup = 'system:masters';

/** A rule, and by which binding it is held. */
interface Grant {
  readonly rule: PolicyRule;
  /** `ClusterRoleBinding "x" of ClusterRole "y" to Group "z"` */
  readonly source: string;
}

export interface Grants {
  readonly grants: readonly Grant[];
  /** Roles that bindings name and that are not there. */
  readonly errors: readonly string[];
}

export interface Decision {
  readonly allowed: boolean;
  /** Empty when there is nothing to say. */
  readonly reason: string;
}

const storageKeys = {
  Role: `roles.${rbacGroup}`,
  ClusterRole: `clusterroles.${rbacGroup}`,
  RoleBinding: `rolebindings.${rbacGroup}`,
  ClusterRoleBinding: `clusterrolebindings.${rbacGroup}`,
} as const;

/** Who may do what, by the Roles and bindings in the storage. */
export class RoleBasedAccess {
  readonly #storage: Storage;
  /** Rules of ClusterRoles, until some ClusterRole changes. */
  readonly #clusterRules = new Map<string, readonly PolicyRule[]>();

  constructor(storage: Storage) {
    this.#storage = storage;
    storage.onChange(({ storageKey }) => {
      if (storageKey === storageKeys.ClusterRole) this.#clusterRules.clear();
    });
  }

  decide(user: UserInfo, wanted: Attributes): Decision {
    if (user.groups.includes(privilegedGroup)) return { allowed: true, reason: '' };
    const { grants, errors } = this.grantsOf(user, 'path' in wanted ? undefined : wanted.namespace);
    const grant = grants.find(({ rule }) => ruleAllows(rule, wanted));
    if (grant !== undefined) return { allowed: true, reason: `RBAC: allowed by ${grant.source}` };
    const [only = '', ...others] = errors;
    const text = others.length === 0 ? only : `[${errors.join(', ')}]`;
    return { allowed: false, reason: text === '' ? '' : `RBAC: ${text}` };
  }

  /** @param namespace undefined for what holds everywhere */
  grantsOf(user: UserInfo, namespace: string | undefined): Grants {
    const grants: Grant[] = [];
    const errors: string[] = [];
    const bindings = [
      ...this.#storage.list(storageKeys.ClusterRoleBinding, undefined),
      ...(namespace === undefined ? [] : this.#storage.list(storageKeys.RoleBinding, namespace)),
    ];
    for (const binding of bindings) {
      const subject = subjectsOf(binding).find((subject) => isSubject(user, subject, namespaceOf(binding)));
      if (subject === undefined) continue;
      const role = objectAt(binding, 'roleRef');
      const rules = this.#rulesOf(role, namespaceOf(binding));
      if (rules === undefined) errors.push(roleNotFound(role));
      const source = describeSource(binding, role, subject);
      for (const rule of rules ?? []) grants.push({ rule, source });
    }
    return { grants, errors: [...new Set(errors)] };
  }

  /** The rules that a binding refers to. @returns undefined when there is no such role */
  rulesOfRole(roleRef: JsonObject, namespace: string | undefined): readonly PolicyRule[] | undefined {
    return this.#rulesOf(roleRef, namespace);
  }

  #rulesOf(roleRef: JsonObject, namespace: string | undefined): readonly PolicyRule[] | undefined {
    const name = textOf(roleRef, 'name');
    if (textOf(roleRef, 'kind') === 'ClusterRole') return this.#rulesOfClusterRole(name);
    const role = this.#storage.get(storageKeys.Role, namespace, name);
    return role === undefined ? undefined : policyRules(role['rules']);
  }

  #rulesOfClusterRole(name: string): readonly PolicyRule[] | undefined {
    const known = this.#clusterRules.get(name);
    if (known !== undefined) return known;
    const role = this.#storage.get(storageKeys.ClusterRole, undefined, name);
    if (role === undefined) return undefined;
    const rules = this.#collectRules(role, new Set());
    this.#clusterRules.set(name, rules);
    return rules;
  }

  /** The rules of a ClusterRole, and of those that it aggregates. */
  #collectRules(role: JsonObject, seen: Set<string>): PolicyRule[] {
    if (seen.has(nameOf(role))) return [];
    seen.add(nameOf(role));
    const selectors = own(objectAt(role, 'aggregationRule'), 'clusterRoleSelectors');
    const matchers = (Array.isArray(selectors) ? selectors : []).flatMap(selectorOf);
    const aggregated =
      matchers.length === 0
        ? []
        : this.#storage
            .list(storageKeys.ClusterRole, undefined)
            .filter((other) => matchers.some((matcher) => matcher.matches(labelsOf(other))))
            .flatMap((other) => this.#collectRules(other, seen));
    return [...policyRules(role['rules']), ...aggregated];
  }
}

function selectorOf(selector: unknown): ReturnType<typeof fromObject>[] {
  try {
    return [fromObject(selector as LabelSelectorObject)];
  } catch {
    // It has been validated when it was stored; one that is invalid all the same selects nothing.
    return [];
  }
}

function subjectsOf(binding: JsonObject): JsonObject[] {
  const subjects = own(binding, 'subjects');
  return Array.isArray(subjects) ? subjects.filter(isObject) : [];
}

function isSubject(user: UserInfo, subject: JsonObject, bindingNamespace: string | undefined): boolean {
  const name = textOf(subject, 'name');
  switch (textOf(subject, 'kind')) {
    case 'User':
      return user.name === name;
    case 'Group':
      return user.groups.includes(name);
    case 'ServiceAccount': {
      const namespace = textOf(subject, 'namespace') || bindingNamespace;
      return namespace !== undefined && user.name === `system:serviceaccount:${namespace}:${name}`;
    }
    default:
      return false;
  }
}

function roleNotFound(roleRef: JsonObject): string {
  return `${textOf(roleRef, 'kind').toLowerCase()}.${rbacGroup} "${textOf(roleRef, 'name')}" not found`;
}

function describeSource(binding: JsonObject, role: JsonObject, subject: JsonObject): string {
  const namespace = namespaceOf(binding);
  const kind = namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding';
  const name = namespace === undefined ? nameOf(binding) : `${nameOf(binding)}/${namespace}`;
  const subjectNamespace = textOf(subject, 'namespace');
  const subjectName =
    subjectNamespace === '' ? textOf(subject, 'name') : `${textOf(subject, 'name')}/${subjectNamespace}`;
  return `${kind} "${name}" of ${textOf(role, 'kind')} "${textOf(role, 'name')}" to ${textOf(subject, 'kind')} "${subjectName}"`;
}
