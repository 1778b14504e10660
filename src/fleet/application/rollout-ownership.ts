import { applicationLabel, namespaceLabel, policyLabel } from '../../gitops/sync/ownership.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { type RolloutPlace, rolloutAnnotation } from './render-rollout.ts';

/** Owns what rollouts need on members. */
export const memberRolloutManager = 'viridian-rollout';

/** Whether an object was put there for the rollout of this policy. */
export function isOurs(object: KubeObject, { labels: wanted }: Pick<RolloutPlace, 'labels'>): boolean {
  const { labels = {} } = object.metadata;
  return isOfARollout(object) && Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

/** The place of the policy that an object was put there for: this one, or one that it takes over from. */
export function placeOfOwner(object: KubeObject, place: RolloutPlace): RolloutPlace | undefined {
  return [place.labels, ...(place.takesOver ?? [])]
    .map((labels) => ({ ...place, labels }))
    .find((owner) => isOurs(object, owner));
}

/** Whether an object was put there for any rollout. */
export function isOfARollout({ metadata: { annotations = {} } }: KubeObject): boolean {
  return annotations[rolloutAnnotation] !== undefined;
}

/** Whose an object is, in words. */
export function ownerOf({ metadata }: KubeObject): string {
  const { labels = {}, annotations = {}, managedFields = [] } = metadata;
  const policy = labels[policyLabel] ?? annotations[rolloutAnnotation];
  const application = labels[applicationLabel];
  if (application !== undefined) {
    const name = `Application ${labels[namespaceLabel] ?? ''}/${application}`;
    return policy === undefined ? name : `policy ${policy} of ${name}`;
  }
  if (policy !== undefined) return `policy ${policy} of another manager (annotation ${rolloutAnnotation})`;
  const writer = managedFields.find(({ manager, subresource }) => manager !== undefined && !subresource);
  return writer === undefined ? 'somebody else' : `somebody else (made with ${writer.manager})`;
}
