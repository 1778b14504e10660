// Writes src/sandbox/apiserver/openapi/kubernetes.generated.json: the published schemas of every built-in kind that the
// embedded API server has, and of all that they refer to; and what the schemas do not tell: which fields Go leaves out of
// its JSON when they are zero (`omitempty` without a pointer), and which it always writes.
//
//   node scripts/generate-kubernetes-schemas.mjs KUBERNETES_CHECKOUT [K8S_IO_API [K8S_IO_APIMACHINERY]]
//
// The latter two are for checkouts without a staging folder, such as those of the Go module cache.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
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

/** Struct → its fields, of one Go file. */
function goStructs(file) {
  const structs = new Map();
  for (const [, name, body] of readFileSync(file, 'utf8').matchAll(/^type (\w+) struct \{$(.*?)^\}$/gms)) {
    const fields = [...body.matchAll(/^\t(?:(\w+)\s+)?(\S+)\s+`json:"([^"]*)"/gm)];
    structs.set(
      name,
      fields.map(([, , type, tag]) => ({ type, tag })),
    );
  }
  return structs;
}

function omittedWhenZero(structs, name, schema) {
  return (structs.get(name) ?? []).flatMap(({ type, tag }) => {
    if (tag === ',inline') return omittedWhenZero(structs, type.replace(/^.*\./, ''), schema);
    const [field, ...options] = tag.split(',');
    const isScalar = ['boolean', 'integer', 'number', 'string'].includes(schema.properties?.[field]?.type);
    const isPlain = !/^[*[]|^map\[/.test(type);
    return isScalar && isPlain && options.includes('omitempty') ? [field] : [];
  });
}

/** Where the Go types of a schema are, `io.k8s.api.core.v1.Pod`. */
function goFile(name, api, apimachinery) {
  const [, module, path] = /^io\.k8s\.(api|apimachinery)\.(.*)\.\w+$/.exec(name) ?? [];
  if (module === undefined) return undefined;
  return join(module === 'api' ? api : apimachinery, path.replaceAll('.', '/'), 'types.go');
}

function allOmittedWhenZero(schemas, api, apimachinery) {
  const files = new Map();
  const result = {};
  for (const [name, schema] of Object.entries(schemas)) {
    const file = goFile(name, api, apimachinery);
    if (file === undefined || !existsSync(file)) continue;
    if (!files.has(file)) files.set(file, goStructs(file));
    const fields = omittedWhenZero(files.get(file), name.replace(/^.*\./, ''), schema);
    if (fields.length > 0) result[name] = fields;
  }
  return result;
}

/** Apart, because a default stands beside the reference to a type and is lost when that is followed. */
function allDefaults(schemas) {
  const result = {};
  for (const [name, schema] of Object.entries(schemas)) {
    const fields = Object.entries(schema.properties ?? {}).filter(
      ([, property]) => property.default !== undefined,
    );
    if (fields.length > 0)
      result[name] = Object.fromEntries(fields.map(([field, property]) => [field, property.default]));
  }
  return result;
}

const [
  checkout,
  api = join(checkout, 'staging/src/k8s.io/api'),
  apimachinery = join(api, '../apimachinery'),
] = process.argv.slice(2);
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
const schemas = Object.fromEntries(Object.entries(collected).sort(([a], [b]) => (a < b ? -1 : 1)));
const omitted = allOmittedWhenZero(schemas, api, apimachinery);
const defaults = allDefaults(schemas);
writeFileSync(output, `${JSON.stringify({ components: { schemas }, omittedWhenZero: omitted, defaults })}\n`);
