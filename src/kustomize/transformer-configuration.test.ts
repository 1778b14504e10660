import { expect, test } from 'vitest';
import { kustomizeBuild } from './build.ts';

// What comes out is what `kubectl kustomize` answers; test/kustomize compares more of it.

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'a', labels: { x: 'y' } },
  spec: { template: { spec: { containers: [] } } },
};
const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a', namespace: 'own' } };

function built(kustomization: object, files: Readonly<Record<string, unknown>> = {}) {
  const all = {
    'kustomization.yaml': {
      resources: ['d.yaml', 's.yaml'],
      sortOptions: { order: 'fifo' },
      ...kustomization,
    },
    'd.yaml': deployment,
    's.yaml': service,
    ...files,
  };
  const tree = Object.entries(all).map(
    ([path, value]) => [path, Buffer.from(JSON.stringify(value))] as const,
  );
  return kustomizeBuild(new Map(tree), '');
}

function transformer(kind: string, fields: object, metadata: object = {}): object {
  const text = JSON.stringify({
    apiVersion: 'builtin',
    kind,
    metadata: { name: 't', ...metadata },
    ...fields,
  });
  return { transformers: [`${text}\n`] };
}

test('a transformer for prefixes changes the fields that it names, and no others', () => {
  const fieldSpecs = [
    { path: 'metadata/name', kind: 'Service' },
    { path: 'spec/own', create: true },
    { path: 'metadata/labels/x' },
  ];
  expect(built(transformer('PrefixTransformer', { prefix: 'p-', fieldSpecs }))).toMatchObject([
    { metadata: { name: 'a', labels: { x: 'p-y' } }, spec: { own: 'p-' } },
    { metadata: { name: 'p-a' }, spec: { own: 'p-' } },
  ]);
  for (const kind of ['PrefixTransformer', 'SuffixTransformer']) {
    expect(() => built(transformer(kind, {}))).toThrow('fieldSpecs is not expected to be nil');
  }
});

test('a transformer for namespaces can leave alone what has one', () => {
  const spaces = (fields: object) =>
    built(transformer('NamespaceTransformer', fields, { namespace: 'new' })).map(
      ({ metadata }) => metadata.namespace,
    );
  expect(spaces({})).toEqual(['new', 'new']);
  expect(spaces({ unsetOnly: true })).toEqual(['new', 'own']);
});

test.each([
  ['defaultOnly', ['new', 'own']],
  ['allServiceAccounts', ['new', 'new']],
  ['none', ['own', 'own']],
])('a transformer for namespaces moves subjects of role bindings: %s', (setRoleBindingSubjects, expected) => {
  const subjects = ['default', 'other'].map((name) => ({ kind: 'ServiceAccount', name, namespace: 'own' }));
  const binding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'b' },
    subjects,
  };
  const [moved] = built(
    {
      resources: ['b.yaml'],
      ...transformer('NamespaceTransformer', { setRoleBindingSubjects }, { namespace: 'new' }),
    },
    { 'b.yaml': binding },
  );
  expect(moved).toMatchObject({ subjects: expected.map((namespace) => ({ namespace })) });
});

test('own fields of labels are merged with those that kustomize has: one of them takes the place of all', () => {
  const fields = (create: boolean) => [{ path: 'metadata/labels', kind: 'Deployment', create }];
  expect(built({ labels: [{ pairs: { l: '1' }, fields: fields(true) }] })).toMatchObject([
    { metadata: { labels: { x: 'y', l: '1' } } },
    { metadata: { name: 'a', namespace: 'own' } },
  ]);
  expect(
    built({ labels: [{ pairs: { l: '1' }, fields: fields(true) }] })[1]?.metadata.labels,
  ).toBeUndefined();
  expect(() => built({ labels: [{ pairs: { l: '1' }, fields: fields(false) }] })).toThrow(
    'conflicting fieldspecs',
  );
});

test('a kind that is to come first and last comes last', () => {
  const legacySortOptions = { orderFirst: ['Deployment'], orderLast: ['Deployment'] };
  const kinds = built({ sortOptions: { order: 'legacy', legacySortOptions } }).map(({ kind }) => kind);
  expect(kinds).toEqual(['Service', 'Deployment']);
});

test('patchesJson6902 needs the name of its target', () => {
  const patch = '[{"op": "add", "path": "/spec/x", "value": 1}]';
  const target = { kind: 'Deployment' };
  expect(() => built({ patchesJson6902: [{ target, patch }] })).toThrow('must specify the target name');
  const named = built({ patchesJson6902: [{ target: { ...target, name: 'a' }, patch }] });
  expect(named[0]).toMatchObject({ spec: { x: 1 } });
});

test('configurations tell where custom resources name others, for all levels above', () => {
  const widget = {
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    metadata: { name: 'w' },
    spec: { ref: 'a', list: [{ name: 'a' }, { name: 'b' }] },
  };
  const nameReference = [
    { kind: 'Deployment', fieldSpecs: [{ path: 'spec/ref', kind: 'Widget' }, { path: 'spec/list/name' }] },
  ];
  const files = {
    'base/kustomization.yaml': { resources: ['w.yaml'], configurations: ['names.yaml'] },
    'base/w.yaml': widget,
    'base/names.yaml': { nameReference },
  };
  expect(built({ resources: ['d.yaml', 'base'], namePrefix: 'p-' }, files)[1]).toMatchObject({
    metadata: { name: 'p-w' },
    spec: { ref: 'p-a', list: [{ name: 'p-a' }, { name: 'b' }] },
  });
});

test('a field that may name several kinds means the first of them, in the order of kinds', () => {
  const spec = { ref: 'a' };
  const widget = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'a' }, spec };
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } };
  const fieldSpecs = [{ path: 'spec/ref' }];
  const files = {
    'w.yaml': widget,
    'names.yaml': {
      nameReference: [
        { kind: 'Widget', fieldSpecs },
        { kind: 'Secret', fieldSpecs },
      ],
    },
    'base/kustomization.yaml': { resources: ['s.yaml'], namePrefix: 'base-' },
    'base/s.yaml': secret,
  };
  const fields = { resources: ['w.yaml', 'base'], configurations: ['names.yaml'], namePrefix: 'p-' };
  expect(built(fields, files)[0]).toMatchObject({ metadata: { name: 'p-a' }, spec: { ref: 'p-base-a' } });
});

test('configurations tell which fields of custom resources are changed, here and at all levels above', () => {
  const spec = { path: 'spec/own', kind: 'Widget', create: true };
  const configuration = {
    namePrefix: [spec],
    commonAnnotations: [{ ...spec, path: 'spec/annotations' }],
    images: [{ path: 'spec/image' }],
    replicas: [{ ...spec, path: 'spec/size' }],
  };
  const widget = {
    apiVersion: 'x.io/v1',
    kind: 'Widget',
    metadata: { name: 'w' },
    spec: { own: 'o', image: 'nginx' },
  };
  const [object] = built(
    {
      resources: ['base'],
      namePrefix: 'p-',
      commonAnnotations: { a: 'b' },
      images: [{ name: 'nginx', newTag: '2' }],
      replicas: [{ name: 'w', count: 3 }],
    },
    {
      'base/kustomization.yaml': { resources: ['w.yaml'], configurations: ['c.yaml'] },
      'base/w.yaml': widget,
      'base/c.yaml': configuration,
    },
  );
  expect(object).toMatchObject({
    metadata: { name: 'p-w', annotations: { a: 'b' } },
    spec: { own: 'p-o', image: 'nginx:2', size: 3, annotations: { a: 'b' } },
  });
});
