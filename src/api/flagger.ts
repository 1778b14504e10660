export const flaggerApiVersion = 'flagger.app/v1beta1';

/** What the three kinds of `flagger.app` have in common. */
export const flaggerKind = {
  group: 'flagger.app',
  version: 'v1beta1',
  categories: ['all'],
  /** A Helm release that brought the definitions must not take all rollouts with it. */
  annotations: {
    'helm.sh/resource-policy': 'keep',
    // Rises with every change of a definition: see ensureCustomResourceDefinitions.
    'viridian.dev/crd-version': '3',
  },
} as const;
