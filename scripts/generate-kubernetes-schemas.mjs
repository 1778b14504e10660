// Writes src/sandbox/apiserver/openapi/kubernetes.generated.json: the published schemas of every built-in kind that the
// embedded API server has, and of all that they refer to.
//
//   node scripts/generate-kubernetes-schemas.mjs PATH_OF_A_KUBERNETES_SOURCE_CHECKOUT
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const prefix = '#/components/schemas/';
const output = new URL('../src/sandbox/apiserver/openapi/kubernetes.generated.json', import.meta.url);

/** Document → kinds. Their lists come along. */
const kinds = {
  // Subresources bring the last three in here: `pods/eviction`, `deployments/scale`, `serviceaccounts/token`.
  api__v1: [
    'Binding',
    'ConfigMap',
    'Endpoints',
    'Event',
    'LimitRange',
    'Namespace',
    'Node',
    'PersistentVolume',
    'PersistentVolumeClaim',
    'Pod',
    'PodTemplate',
    'ReplicationController',
    'ResourceQuota',
    'Secret',
    'Service',
    'ServiceAccount',
    'Eviction',
    'Scale',
    'TokenRequest',
  ],
  'apis__apiextensions.k8s.io__v1': ['CustomResourceDefinition'],
  apis__apps__v1: ['ControllerRevision', 'DaemonSet', 'Deployment', 'ReplicaSet', 'StatefulSet'],
  'apis__authentication.k8s.io__v1': ['SelfSubjectReview', 'TokenReview'],
  'apis__authorization.k8s.io__v1': [
    'LocalSubjectAccessReview',
    'SelfSubjectAccessReview',
    'SelfSubjectRulesReview',
    'SubjectAccessReview',
  ],
  apis__autoscaling__v1: ['HorizontalPodAutoscaler'],
  apis__autoscaling__v2: ['HorizontalPodAutoscaler'],
  apis__batch__v1: ['CronJob', 'Job'],
  'apis__coordination.k8s.io__v1': ['Lease'],
  'apis__discovery.k8s.io__v1': ['EndpointSlice'],
  'apis__events.k8s.io__v1': ['Event'],
  'apis__networking.k8s.io__v1': ['Ingress', 'IngressClass', 'NetworkPolicy'],
  apis__policy__v1: ['PodDisruptionBudget'],
  'apis__rbac.authorization.k8s.io__v1': ['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'],
  'apis__scheduling.k8s.io__v1': ['PriorityClass'],
  'apis__storage.k8s.io__v1': ['StorageClass'],
};

/** What requests and answers of every kind refer to. */
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.';
const common = ['DeleteOptions', 'Patch', 'Status', 'WatchEvent'].map((name) => meta + name);

/** Group/version/kind entries of shared types (DeleteOptions, WatchEvent) name every API of Kubernetes. */
function isServed({ group, version }) {
  const document = group === '' ? `api__${version}` : `apis__${group}__${version}`;
  return Object.hasOwn(kinds, document);
}

function referenced(value, found = []) {
  if (Array.isArray(value)) for (const item of value) referenced(item, found);
  else if (typeof value === 'object' && value !== null) {
    if (typeof value.$ref === 'string') found.push(value.$ref.slice(prefix.length));
    for (const child of Object.values(value)) referenced(child, found);
  }
  return found;
}

function collect(name, from, to) {
  if (Object.hasOwn(to, name)) return;
  const schema = from[name];
  if (schema === undefined) throw new Error(`no schema ${name}`);
  to[name] = schema;
  for (const child of referenced(schema)) collect(child, from, to);
}

function read(checkout, document) {
  const file = join(checkout, 'api/openapi-spec/v3', `${document}_openapi.json`);
  return JSON.parse(readFileSync(file, 'utf8')).components.schemas;
}

function rootNames(schemas, wanted, document) {
  const [, version] = /__(v\w+)$/.exec(document);
  return wanted.flatMap((kind) => {
    const names = Object.keys(schemas).filter((name) => {
      const ids = schemas[name]['x-kubernetes-group-version-kind'] ?? [];
      return ids.some((id) => id.kind === kind || id.kind === `${kind}List`) && name.includes(`.${version}.`);
    });
    if (names.length === 0) throw new Error(`${document} has no kind ${kind}`);
    return names;
  });
}

const [checkout] = process.argv.slice(2);
if (checkout === undefined) throw new Error('usage: generate-kubernetes-schemas.mjs KUBERNETES_CHECKOUT');
const collected = {};
for (const [document, wanted] of Object.entries(kinds)) {
  const schemas = read(checkout, document);
  for (const name of rootNames(schemas, wanted, document)) collect(name, schemas, collected);
}
const core = read(checkout, 'api__v1');
for (const name of common) collect(name, core, collected);
const key = 'x-kubernetes-group-version-kind';
for (const schema of Object.values(collected)) {
  if (schema[key] !== undefined) schema[key] = schema[key].filter(isServed);
}
const sorted = Object.fromEntries(Object.entries(collected).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(output, `${JSON.stringify({ components: { schemas: sorted } })}\n`);
