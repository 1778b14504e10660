import fc from 'fast-check';
import { labels, name } from './random-parts.ts';

/** What an object of one kind holds beside its metadata. */
export type Body = readonly [apiVersion: string, kind: string, body: fc.Arbitrary<unknown>];

const selector = fc.record({ matchLabels: labels });
const serviceOf = fc.record({ name, namespace: fc.constantFrom('prod', 'default') });
const optional = { requiredKeys: [] };

/** Kinds that are rarer, each with fields that kustomize knows. */
export function otherBodies(
  template: fc.Arbitrary<unknown>,
  subject: fc.Arbitrary<unknown>,
): readonly Body[] {
  const workload = fc.record(
    { spec: fc.record({ selector, template }, { requiredKeys: ['template'] }) },
    { requiredKeys: ['spec'] },
  );
  return [
    ['apps/v1', 'DaemonSet', workload],
    ['apps/v1', 'ReplicaSet', workload],
    ['batch/v1', 'Job', workload],
    [
      'v1',
      'ReplicationController',
      fc.record({ spec: fc.record({ selector: labels, template }, { requiredKeys: ['template'] }) }),
    ],
    [
      'networking.k8s.io/v1',
      'NetworkPolicy',
      fc.record({
        spec: fc.record(
          {
            podSelector: selector,
            ingress: fc.array(
              fc.record({ from: fc.array(fc.record({ podSelector: selector }), { maxLength: 1 }) }),
              {
                maxLength: 1,
              },
            ),
          },
          optional,
        ),
      }),
    ],
    ['policy/v1', 'PodDisruptionBudget', fc.record({ spec: fc.record({ selector }, optional) })],
    [
      'rbac.authorization.k8s.io/v1',
      'ClusterRoleBinding',
      fc.record({
        roleRef: fc.record({
          apiGroup: fc.constant('rbac.authorization.k8s.io'),
          kind: fc.constant('ClusterRole'),
          name,
        }),
        subjects: fc.array(subject, { maxLength: 2 }),
      }),
    ],
    [
      'v1',
      'PersistentVolume',
      fc.record({
        spec: fc.record({ storageClassName: name, azureFile: fc.record({ secretName: name }) }, optional),
      }),
    ],
    ['scheduling.k8s.io/v1', 'PriorityClass', fc.constant({ value: 1 })],
    ['apiregistration.k8s.io/v1', 'APIService', fc.record({ spec: fc.record({ service: serviceOf }) })],
    [
      'apiextensions.k8s.io/v1',
      'CustomResourceDefinition',
      fc.record({
        spec: fc.record(
          {
            conversion: fc.record({
              webhook: fc.record({ clientConfig: fc.record({ service: serviceOf }) }),
            }),
          },
          optional,
        ),
      }),
    ],
    [
      'admissionregistration.k8s.io/v1',
      'ValidatingWebhookConfiguration',
      fc.record({
        webhooks: fc.uniqueArray(
          fc.record({
            name: fc.constantFrom('x.y.z', 'a.b.c'),
            clientConfig: fc.record({ service: serviceOf }),
          }),
          { selector: (item) => item.name, maxLength: 2 },
        ),
      }),
    ],
  ];
}
