import type { JsonObject } from '../../../machinery/json.ts';
import { objectAt, textAt } from '../builtin/fields.ts';

export const approvalAnnotation = 'api-approved.kubernetes.io';
const documentation = 'see https://github.com/kubernetes/enhancements/pull/1111';

export interface ApiApproval {
  readonly state: 'missing' | 'approved' | 'bypassed' | 'invalid';
  readonly reason: string;
  readonly annotation: string;
}

/** Groups that belong to the Kubernetes project. */
export function isProtectedGroup(group: string): boolean {
  return ['k8s.io', 'kubernetes.io'].some((owned) => group === owned || group.endsWith(`.${owned}`));
}

/** Whether the Kubernetes project has approved of a CRD, as its annotation claims. */
export function apiApproval(crd: JsonObject): ApiApproval {
  const annotation = textAt(objectAt(crd, 'metadata', 'annotations'), approvalAnnotation);
  const wanted = `protected groups must have approval annotation "${approvalAnnotation}"`;
  if (annotation === '') return { state: 'missing', reason: `${wanted}, ${documentation}`, annotation };
  if (annotation.startsWith('unapproved')) {
    return { state: 'bypassed', reason: `not approved: ${JSON.stringify(annotation)}`, annotation };
  }
  if (/^[A-Za-z][-+.A-Za-z0-9]*:\/\/[^/?#\s]+/.test(annotation)) {
    return { state: 'approved', reason: `approved in ${annotation}`, annotation };
  }
  const reason = `${wanted} with either a URL or a reason starting with "unapproved", ${documentation}`;
  return { state: 'invalid', reason, annotation };
}
