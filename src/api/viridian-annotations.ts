/** On a primary: the revision that it runs, as `status.lastPromotedSpec` names it. */
export const revisionAnnotation = 'viridian.dev/revision';

/** On a target: how many replicas git wants, set by whoever applies git and leaves `spec.replicas` to the rollout. */
export const replicasAnnotation = 'viridian.dev/replicas';
