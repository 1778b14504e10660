import fc from 'fast-check';
import type { JsonObject } from '../../src/machinery/json.ts';
import { labels, name, rare, some } from './random-parts.ts';
import { type Body, otherBodies } from './random-other-objects.ts';

const namespace = fc.constantFrom(undefined, undefined, 'prod', 'default');

const imageText = fc.constantFrom(
  'nginx',
  'nginx:1.7',
  'host:5000/web:v1',
  'nginx@sha256:abc',
  'host:5000/web',
  'nginxx',
);

const container = fc.record(
  {
    name: fc.constantFrom('main', 'side', 'extra'),
    image: imageText,
    args: fc.array(fc.constantFrom('-v', '--x=1'), { maxLength: 2 }),
    env: fc.uniqueArray(
      fc.record({
        name: fc.constantFrom('A', 'B', 'C'),
        valueFrom: fc.oneof(
          fc.record({ configMapKeyRef: fc.record({ name, key: fc.constant('k') }) }),
          fc.record({ secretKeyRef: fc.record({ name, key: fc.constant('k') }) }),
        ),
      }),
      { selector: (item) => item.name, maxLength: 2 },
    ),
    envFrom: fc.array(fc.record({ configMapRef: fc.record({ name }) }), { maxLength: 1 }),
    ports: fc.uniqueArray(
      fc.record({ containerPort: fc.constantFrom(80, 90), protocol: fc.constantFrom('TCP', 'UDP') }),
      { selector: (item) => item.containerPort, maxLength: 2 },
    ),
    volumeMounts: fc.uniqueArray(fc.record({ name, mountPath: fc.constantFrom('/x', '/y') }), {
      selector: (item) => item.mountPath,
      maxLength: 2,
    }),
  },
  { requiredKeys: ['name'] },
);

const containers = fc.uniqueArray(container, { selector: (item) => item.name, minLength: 1, maxLength: 2 });

const nameOnly = fc.record({ name });

const podSpec = fc.record(
  {
    containers,
    initContainers: containers,
    serviceAccountName: name,
    volumes: fc.uniqueArray(
      fc.oneof(
        fc.record({ name, configMap: fc.record({ name }) }),
        fc.record({ name, secret: fc.record({ secretName: name }) }),
        fc.record({ name, persistentVolumeClaim: fc.record({ claimName: name }) }),
        fc.record({
          name,
          projected: fc.record({
            sources: fc.array(fc.oneof(fc.record({ configMap: nameOnly }), fc.record({ secret: nameOnly })), {
              maxLength: 2,
            }),
          }),
        }),
      ),
      { selector: (item) => item.name, maxLength: 2 },
    ),
    imagePullSecrets: fc.array(fc.record({ name }), { maxLength: 1 }),
    priorityClassName: name,
    topologySpreadConstraints: fc.uniqueArray(
      fc.record(
        {
          topologyKey: fc.constantFrom('zone', 'host'),
          whenUnsatisfiable: fc.constantFrom('DoNotSchedule', 'ScheduleAnyway'),
          labelSelector: fc.record({ matchLabels: labels }),
        },
        { requiredKeys: ['topologyKey', 'whenUnsatisfiable'] },
      ),
      { selector: (item) => `${item.topologyKey} ${item.whenUnsatisfiable}`, maxLength: 2 },
    ),
    tolerations: fc.array(fc.record({ key: name }), { maxLength: 2 }),
    affinity: fc.record({
      podAntiAffinity: fc.record({
        requiredDuringSchedulingIgnoredDuringExecution: fc.array(
          fc.record({ labelSelector: fc.record({ matchLabels: labels }), topologyKey: fc.constant('zone') }),
          { minLength: 1, maxLength: 1 },
        ),
      }),
    }),
  },
  { requiredKeys: ['containers'] },
);

const template = fc.record({ metadata: fc.record({ labels }), spec: podSpec }, { requiredKeys: ['spec'] });
const subject = fc.record({
  kind: fc.constant('ServiceAccount'),
  name: fc.constantFrom('a', 'b', 'web', 'default'),
  namespace: fc.constantFrom('prod', 'default'),
});

export const bodies: readonly Body[] = [
  [
    'apps/v1',
    'Deployment',
    fc.record({
      spec: fc.record(
        { replicas: fc.nat(3), selector: fc.record({ matchLabels: labels }), template },
        { requiredKeys: ['template'] },
      ),
    }),
  ],
  [
    'apps/v1',
    'StatefulSet',
    fc.record({
      spec: fc.record(
        {
          serviceName: name,
          template,
          volumeClaimTemplates: fc.array(
            fc.record({ metadata: fc.record({ name }), spec: fc.record({ storageClassName: name }) }),
            { maxLength: 1 },
          ),
        },
        { requiredKeys: ['template'] },
      ),
    }),
  ],
  [
    'batch/v1',
    'CronJob',
    fc.record({
      spec: fc.record({
        schedule: fc.constant('* * * * *'),
        jobTemplate: fc.record({ spec: fc.record({ template }) }),
      }),
    }),
  ],
  ['v1', 'Pod', fc.record({ spec: podSpec })],
  [
    'v1',
    'Service',
    fc.record({
      spec: fc.record(
        {
          selector: labels,
          ports: fc.uniqueArray(
            fc.record(
              { port: fc.constantFrom(80, 443), name: fc.constantFrom('http', 'x') },
              { requiredKeys: ['port'] },
            ),
            { selector: (item) => item.port, minLength: 1, maxLength: 2 },
          ),
        },
        { requiredKeys: ['ports'] },
      ),
    }),
  ],
  [
    'v1',
    'ConfigMap',
    fc.record({ data: fc.dictionary(fc.constantFrom('k', 'l'), fc.constantFrom('v', 'true', 'x\ny\n')) }),
  ],
  ['v1', 'Secret', fc.record({ data: fc.dictionary(fc.constantFrom('k', 'l'), fc.constant('dg==')) })],
  ['v1', 'ServiceAccount', fc.record({ imagePullSecrets: fc.array(fc.record({ name }), { maxLength: 1 }) })],
  [
    'v1',
    'PersistentVolumeClaim',
    fc.record({ spec: fc.record({ storageClassName: name, volumeName: name }) }),
  ],
  ['v1', 'Namespace', fc.constant({})],
  ['storage.k8s.io/v1', 'StorageClass', fc.constant({ provisioner: 'x' })],
  [
    'rbac.authorization.k8s.io/v1',
    'Role',
    fc.record({
      rules: fc.array(
        fc.record({ resourceNames: fc.array(name, { maxLength: 2 }), verbs: fc.constant(['get']) }),
        { maxLength: 1 },
      ),
    }),
  ],
  ['rbac.authorization.k8s.io/v1', 'ClusterRole', fc.constant({ rules: [] })],
  [
    'rbac.authorization.k8s.io/v1',
    'RoleBinding',
    fc.record({
      roleRef: fc.record({
        apiGroup: fc.constant('rbac.authorization.k8s.io'),
        kind: fc.constantFrom('Role', 'ClusterRole'),
        name,
      }),
      subjects: fc.array(subject, { maxLength: 2 }),
    }),
  ],
  [
    'autoscaling/v2',
    'HorizontalPodAutoscaler',
    fc.record({
      spec: fc.record({
        scaleTargetRef: fc.record({
          apiVersion: fc.constant('apps/v1'),
          kind: fc.constant('Deployment'),
          name,
        }),
        minReplicas: fc.nat(3),
      }),
    }),
  ],
  [
    'networking.k8s.io/v1',
    'Ingress',
    fc.record({
      spec: fc.record({
        tls: fc.array(fc.record({ secretName: name }), { maxLength: 1 }),
        rules: fc.array(
          fc.record({
            http: fc.record({
              paths: fc.array(
                fc.record({
                  path: fc.constant('/'),
                  backend: fc.record({ service: fc.record({ name, port: fc.constant({ number: 80 }) }) }),
                }),
                { maxLength: 2 },
              ),
            }),
          }),
          { maxLength: 1 },
        ),
      }),
    }),
  ],
  [
    'example.com/v1',
    'Widget',
    fc.record({
      spec: fc.record({
        containers: fc.array(fc.record({ name, image: imageText }), { maxLength: 2 }),
        list: fc.array(fc.record({ name, x: fc.nat(2) }), { maxLength: 2 }),
        ref: name,
        refs: fc.array(fc.record({ name, namespace }), { maxLength: 2 }),
      }),
    }),
  ],
  ...otherBodies(template, subject),
];

const kinds = fc.constantFrom(...bodies);

export const resource: fc.Arbitrary<JsonObject> = kinds.chain(([apiVersion, kind, body]) =>
  fc
    .record({ body, name, namespace, labels: some(labels), annotations: rare(labels) })
    .map(({ body, ...metadata }) => clean({ apiVersion, kind, metadata, ...(body as JsonObject) })),
);

/** JSON has no undefined. */
export function clean(value: unknown): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}
