import { expect, test } from 'vitest';
import { InvalidInputError } from '../base/errors.ts';
import { build, kustomizeBuild } from './build.ts';
import type { FileTree } from './file-tree.ts';

function tree(files: Readonly<Record<string, string>>): FileTree {
  return new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]));
}

function manifest(kind: string, name: string, rest: object = {}): string {
  const groups: Record<string, string> = { Deployment: 'apps/v1', Widget: 'example.com/v1' };
  return JSON.stringify({ apiVersion: groups[kind] ?? 'v1', kind, metadata: { name }, ...rest });
}

const names = (objects: ReturnType<typeof build>): string[] =>
  objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);

function failure(run: () => unknown): InvalidInputError {
  try {
    run();
  } catch (error) {
    if (error instanceof InvalidInputError) return error;
    throw error;
  }
  throw new Error('it was built');
}

test('without a kustomization, all manifests are taken in the order of the walk, and folders that have one', () => {
  const files = tree({
    'app/b.yaml': manifest('ConfigMap', 'b'),
    'app/a/z.yml': manifest('ConfigMap', 'z'),
    'app/a.yaml': `${manifest('ConfigMap', 'a')}\n---\n# nothing\n---\n${manifest('Secret', 'a2')}`,
    'app/base/kustomization.yaml': 'namePrefix: p-\nresources: [sub/x.yaml]',
    'app/base/sub/x.yaml': manifest('ConfigMap', 'x'),
    'app/base/unused.yaml': manifest('ConfigMap', 'unused'),
    'app/README.md': 'text',
  });
  expect(names(build(files, './app'))).toEqual([
    'ConfigMap/z',
    'ConfigMap/a',
    'Secret/a2',
    'ConfigMap/b',
    'ConfigMap/p-x',
  ]);
});

test('a folder without manifests makes nothing', () => {
  expect(build(tree({ 'app/README.md': 'x' }), 'app')).toEqual([]);
});

test('the overlay replaces namespace, prefix and suffix, and adds patches, components and images', () => {
  const files = tree({
    'app/kustomization.yaml':
      'namespace: old\nnamePrefix: old-\nresources: [d.yaml]\nimages: [{name: web, newTag: v1}]',
    'app/d.yaml': manifest('Deployment', 'd', {
      spec: { template: { spec: { containers: [{ name: 'c', image: 'web:v0' }] } } },
    }),
    'extra/kustomization.yaml':
      'kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nnameSuffix: -x',
  });
  const [deployment] = build(files, 'app', {
    targetNamespace: 'new',
    namePrefix: 'new-',
    images: [{ name: 'web', digest: 'sha256:1' }],
    patches: [{ patch: '[{op: add, path: /spec/replicas, value: 3}]', target: { kind: 'Deployment' } }],
    components: ['../extra', '../missing'],
    ignoreMissingComponents: true,
  });
  expect(deployment).toEqual({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'new-d-x', namespace: 'new' },
    spec: { replicas: 3, template: { spec: { containers: [{ name: 'c', image: 'web@sha256:1' }] } } },
  });
});

test('a Namespace that took the name of the target namespace is not pruned later', () => {
  const files = tree({
    'app/a.yaml': `${manifest('Namespace', 'old')}\n---\n${manifest('ConfigMap', 'a')}`,
    'own/a.yaml': manifest('Namespace', 'new'),
  });
  const [renamed, configMap] = build(files, 'app', { targetNamespace: 'new' });
  expect(renamed?.metadata).toEqual({
    name: 'new',
    annotations: { 'kustomize.toolkit.fluxcd.io/prune': 'disabled' },
  });
  expect(configMap?.metadata).toEqual({ name: 'a', namespace: 'new' });
  expect(build(files, 'own', { targetNamespace: 'new' })[0]?.metadata).toEqual({ name: 'new' });
});

test('lists stand for their items; kustomizations among manifests are left out', () => {
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    metadata: { name: 'k' },
  };
  const items = [JSON.parse(manifest('ConfigMap', 'a')), kustomization];
  const files = tree({
    'a.yaml': JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    'b.yaml': JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMapList',
      items: [JSON.parse(manifest('ConfigMap', 'b'))],
    }),
  });
  expect(names(build(files, ''))).toEqual(['ConfigMap/a', 'ConfigMap/b']);
});

test('a directive in a list without keys does not end up in the object, where kustomize leaves it', () => {
  const patch = manifest('ServiceAccount', 'a', { imagePullSecrets: [{ name: 'b', $patch: 'delete' }] });
  const files = tree({
    'kustomization.yaml': `resources: [a.yaml]\npatches: [{patch: '${patch}'}]`,
    'a.yaml': manifest('ServiceAccount', 'a'),
  });
  expect(build(files, '')[0]).toEqual(JSON.parse(manifest('ServiceAccount', 'a', { imagePullSecrets: [] })));
});

test('the suffix of a tag is added once, which kustomize does twice', () => {
  const files = tree({
    'kustomization.yaml': 'resources: [a.yaml]\nimages: [{name: web, tagSuffix: -x}]',
    'a.yaml': manifest('Pod', 'a', { spec: { containers: [{ name: 'c', image: 'web:1' }] } }),
  });
  expect(build(files, '')[0]?.['spec']).toEqual({ containers: [{ name: 'c', image: 'web:1-x' }] });
});

test('unknown fields are left out of the root file by Flux only', () => {
  const files = tree({
    'kustomization.yaml': 'resources: [a.yaml]\nfoo: 1',
    'a.yaml': manifest('ConfigMap', 'a'),
  });
  expect(names(build(files, ''))).toEqual(['ConfigMap/a']);
  expect(failure(() => kustomizeBuild(files, '')).message).toMatch(/^kustomization.yaml: .*foo/);
});

test('of a kustomization the last of repeated fields counts, in whatever case they are written', () => {
  const files = tree({
    'kustomization.yaml': 'resources: [b.yaml]\nresources: [base]\nNamePrefix: p-\nnameprefix: q-',
    'base/kustomization.yaml': 'Resources: [a.yaml]\nnameSuffix: -x\nnameSuffix: -y',
    'base/a.yaml': manifest('ConfigMap', 'a'),
  });
  for (const built of [build(files, ''), kustomizeBuild(files, '')])
    expect(names(built)).toEqual(['ConfigMap/q-a-y']);
  const helm = tree({ 'kustomization.yaml': 'HelmCharts: [{name: x}]' });
  expect(failure(() => build(helm, '')).message).toMatch('helmCharts is not supported');
});

test('kustomize itself wants files below the folder; Flux takes them from the whole tree', () => {
  const files = tree({
    'app/kustomization.yaml': 'resources: [../a.yaml]',
    'a.yaml': manifest('ConfigMap', 'a'),
  });
  expect(names(build(files, 'app'))).toEqual(['ConfigMap/a']);
  expect(failure(() => kustomizeBuild(files, 'app')).message).toMatch('is not in or below');
});

test('labels that do not select leave selectors alone, which kustomize does not always', () => {
  const files = tree({
    'kustomization.yaml': 'resources: [base]\nlabels: [{pairs: {app: new}}]',
    'base/kustomization.yaml': 'resources: [s.yaml]\ncommonLabels: {app: old}',
    'base/s.yaml': manifest('Service', 's', { spec: {} }),
  });
  expect(build(files, '')[0]).toMatchObject({
    metadata: { labels: { app: 'new' } },
    spec: { selector: { app: 'old' } },
  });
});

test('a port without protocol is a TCP port, in patches too; kustomize loses such a patch', () => {
  const files = tree({
    'kustomization.yaml': `resources: [s.yaml]\npatches: [{patch: '${manifest('Service', 's', { spec: { ports: [{ port: 80, name: 'x' }] } })}'}]`,
    's.yaml': manifest('Service', 's', {
      spec: {
        ports: [
          { port: 80, protocol: 'UDP' },
          { port: 80, protocol: 'TCP' },
        ],
      },
    }),
  });
  expect(build(files, '')[0]?.['spec']).toEqual({
    ports: [
      { port: 80, protocol: 'UDP' },
      { port: 80, protocol: 'TCP', name: 'x' },
    ],
  });
});

test('a generated name follows into the pod that mounts it', () => {
  const files = tree({
    'kustomization.yaml':
      'namePrefix: p-\nresources: [pod.yaml]\nconfigMapGenerator: [{name: c, literals: [a=1]}]',
    'pod.yaml': manifest('Pod', 'pod', { spec: { volumes: [{ name: 'v', configMap: { name: 'c' } }] } }),
  });
  const [pod, configMap] = build(files, '');
  expect(configMap?.metadata.name).toBe('p-c-h29d89cmmt');
  expect(pod?.['spec']).toEqual({ volumes: [{ name: 'v', configMap: { name: 'p-c-h29d89cmmt' } }] });
});

const bomb = [
  'a: &a [x,x,x,x,x,x,x,x,x,x]',
  ...Array.from(
    { length: 9 },
    (_, i) =>
      `${'bcdefghij'[i]}: &${'bcdefghij'[i]} [${Array<string>(10).fill(`*${'abcdefghi'[i]}`).join(',')}]`,
  ),
].join('\n');

// What each file of a tree may do wrong, and what is said then.
test.each<[title: string, files: Record<string, string>, code: string, message: RegExp]>([
  [
    'a path out of the tree',
    { 'kustomization.yaml': 'resources: [../a.yaml]' },
    'BuildFailed',
    /\.\.\/a\.yaml.*out of the tree/,
  ],
  ['an absolute path', { 'kustomization.yaml': 'resources: [/etc/passwd]' }, 'BuildFailed', /absolute/],
  [
    'a missing file',
    { 'kustomization.yaml': 'resources: [a.yaml]' },
    'BuildFailed',
    /^kustomization.yaml: a.yaml: no such file/,
  ],
  [
    'a remote base',
    { 'kustomization.yaml': 'resources: ["https://x/y?ref=1"]' },
    'BuildUnsupported',
    /https:\/\/x/,
  ],
  ['Helm charts', { 'kustomization.yaml': 'helmCharts: [{name: x}]' }, 'BuildUnsupported', /helmCharts/],
  [
    'a plugin',
    { 'kustomization.yaml': 'transformers: ["apiVersion: x/v1\\nkind: T\\nmetadata: {name: x}"]' },
    'BuildUnsupported',
    /transformer/,
  ],
  [
    'a remote base over ssh',
    { 'kustomization.yaml': 'resources: ["git@github.com:x/y.git//deploy"]' },
    'BuildUnsupported',
    /git@github\.com:x\/y/,
  ],
  [
    'a remote component',
    { 'kustomization.yaml': 'components: [github.com/x/y]' },
    'BuildUnsupported',
    /github\.com\/x\/y/,
  ],
  [
    'a generator plugin',
    { 'kustomization.yaml': 'generators: [secrets.yaml]' },
    'BuildUnsupported',
    /generators is not supported/,
  ],
  [
    'text for an object',
    { 'kustomization.yaml': 'resources: [a.yaml]', 'a.yaml': 'text' },
    'BuildFailed',
    /^a.yaml, document 1: not a Kubernetes object but a string/,
  ],
  [
    'a list for a kustomization',
    { 'kustomization.yaml': '- a.yaml' },
    'BuildFailed',
    /^kustomization.yaml: not a map/,
  ],
  [
    'a file that is not text',
    { 'kustomization.yaml': 'resources: [a.yaml]', 'a.yaml': '\uD800' },
    'BuildFailed',
    /a.yaml/,
  ],
  [
    'a large file',
    { 'kustomization.yaml': 'resources: [a.yaml]', 'a.yaml': ' '.repeat(9_000_000) },
    'BuildFailed',
    /^a.yaml: larger than/,
  ],
  ['an empty file', { 'kustomization.yaml': '# nothing' }, 'BuildFailed', /is empty/],
  [
    'a wrong type',
    { 'kustomization.yaml': 'commonLabels: {a: 1}' },
    'BuildFailed',
    /^kustomization.yaml: commonLabels.a/,
  ],
  [
    'two kustomizations',
    { 'kustomization.yaml': 'resources: []', Kustomization: 'resources: []' },
    'BuildFailed',
    /multiple/,
  ],
  [
    'an object without name',
    { 'kustomization.yaml': 'resources: [a.yaml]', 'a.yaml': 'a: 1\n---\nkind: X\napiVersion: v1' },
    'BuildFailed',
    /^a.yaml, document 1: kind is missing/,
  ],
  [
    'no YAML',
    { 'kustomization.yaml': 'resources: [a.yaml]', 'a.yaml': 'a: [' },
    'BuildFailed',
    /^a.yaml, document 1/,
  ],
  [
    'a key twice',
    { 'kustomization.yaml': 'resources: [a.yaml]', 'a.yaml': 'a: 1\na: 2' },
    'BuildFailed',
    /stands twice/,
  ],
  [
    'a bomb of aliases',
    { 'kustomization.yaml': 'resources: [a.yaml]', 'a.yaml': bomb },
    'BuildFailed',
    /^a.yaml, document 1: the build takes more work/,
  ],
  [
    'deep nesting',
    { 'kustomization.yaml': 'resources: [a.yaml]', 'a.yaml': '['.repeat(20_000) },
    'BuildFailed',
    /nested too deeply|document 1/,
  ],
  [
    'a cycle',
    { 'kustomization.yaml': 'resources: [a]', 'a/kustomization.yaml': 'resources: [..]' },
    'BuildFailed',
    /cycle/,
  ],
  [
    'an object twice',
    { 'kustomization.yaml': 'resources: [a.yaml, a.yaml]', 'a.yaml': manifest('ConfigMap', 'a') },
    'BuildFailed',
    /already registered id: ConfigMap.v1.\[noGrp\]\/a.\[noNs\]/,
  ],
  [
    'a patch without object',
    { 'kustomization.yaml': `patches: [{patch: '${manifest('Pod', 'nope')}'}]` },
    'BuildFailed',
    /no matches for Id Pod.v1.\[noGrp\]\/nope.\[noNs\]/,
  ],
  [
    'a costly pattern',
    { 'kustomization.yaml': 'images: [{name: "(a*)*$("}]' },
    'BuildFailed',
    /regular expression/,
  ],
  [
    'a missing target of a merge',
    { 'kustomization.yaml': 'configMapGenerator: [{name: a, behavior: merge}]' },
    'BuildFailed',
    /does not exist/,
  ],
])('%s is refused', (_, files, code, message) => {
  const error = failure(() => build(tree(files), ''));
  expect(error.message).toMatch(message);
  expect(error).toMatchObject({ code, next: 'stalled' });
});

test('keys that are special in JavaScript are ordinary keys', () => {
  const files = tree({
    'kustomization.yaml':
      'resources: [a.yaml]\npatches: [{target: {}, patch: "{apiVersion: v1, kind: X, metadata: {name: x}, data: {__proto__: {b: c}, constructor: d}}"}]',
    'a.yaml': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"__proto__":{"a":"b"}}}',
  });
  const [object] = build(files, '');
  expect(JSON.stringify(object?.['data'])).toBe('{"__proto__":{"a":"b","b":"c"},"constructor":"d"}');
  expect(Object.hasOwn(Object.prototype, 'a')).toBe(false);
});

test('they are in a kustomization, too', () => {
  const files = tree({
    'kustomization.yaml': `
      __proto__: {resources: [b.yaml]}
      resources: [a.yaml]
      commonAnnotations: {"constructor": a}
      configMapGenerator: [{name: g, literals: [__proto__=a]}]
      replacements: [{source: {name: a}, targets: [{select: {name: a}, fieldPaths: [__proto__.polluted], options: {create: true}}]}]`,
    'a.yaml': manifest('ConfigMap', 'a'),
  });
  const [object, generated] = build(files, '');
  expect(object?.metadata.annotations).toEqual({ constructor: 'a' });
  expect(JSON.stringify(generated?.['data'])).toBe('{"__proto__":"a"}');
  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
});

test('one build leaves nothing behind: the second answers the same', () => {
  const files = tree({
    'kustomization.yaml': 'resources: [a, b]\n',
    'a/kustomization.yaml': 'namePrefix: a-\nresources: [../base]',
    'b/kustomization.yaml': 'namePrefix: b-\nresources: [../base]',
    'base/kustomization.yaml': 'resources: [c.yaml]\ncommonLabels: {x: z}',
    'base/c.yaml': manifest('ConfigMap', 'c'),
  });
  const first = build(files, '');
  expect(names(first)).toEqual(['ConfigMap/a-c', 'ConfigMap/b-c']);
  expect(build(files, '')).toEqual(first);
});
