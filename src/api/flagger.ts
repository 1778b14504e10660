/** What the three kinds of `flagger.app` have in common. */
export const flaggerKind = {
  group: 'flagger.app',
  version: 'v1beta1',
  categories: ['all'],
  /** A Helm release that brought the definitions must not take all rollouts with it. */
  annotations: { 'helm.sh/resource-policy': 'keep' },
} as const;
