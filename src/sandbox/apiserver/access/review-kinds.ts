import { defineBuiltIn } from '../builtin/define.ts';
import type { ResourceDefinition } from '../resource-definition.ts';

function reviewKind(group: string, kind: string, namespaced = false): ResourceDefinition {
  return defineBuiltIn({
    kind: { group, version: 'v1', resource: `${kind.toLowerCase()}s`, kind, namespaced },
    schema: `io.k8s.api.${group.split('.')[0] ?? ''}.v1.${kind}`,
    verbs: ['create'],
  });
}

export const authenticationGroup = 'authentication.k8s.io';
export const authorizationGroup = 'authorization.k8s.io';

/** Kinds that are asked and answered and never stored. */
export function reviewDefinitions(): ResourceDefinition[] {
  return [
    reviewKind(authenticationGroup, 'SelfSubjectReview'),
    reviewKind(authenticationGroup, 'TokenReview'),
    reviewKind(authorizationGroup, 'LocalSubjectAccessReview', true),
    reviewKind(authorizationGroup, 'SelfSubjectAccessReview'),
    reviewKind(authorizationGroup, 'SelfSubjectRulesReview'),
    reviewKind(authorizationGroup, 'SubjectAccessReview'),
  ];
}

/** The body of `serviceaccounts/NAME/token`: no resource of its own. */
export function tokenRequestDefinition(): ResourceDefinition {
  return reviewKind(authenticationGroup, 'TokenRequest', true);
}
