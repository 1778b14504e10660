import { describe, expect, test } from 'vitest';
import { kustomizeBuild } from '../../src/kustomize/build.ts';
import { renderYaml } from '../../src/kustomize/render-yaml.ts';
import { kubectl, realKustomize, tree } from './real-kustomize.ts';

type Files = Readonly<Record<string, string>>;

function configMap(data: string, name = 'cm', metadata = ''): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}${metadata}}\ndata: ${data}\n`;
}

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, annotations: {team: a, a.b/c: x}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: c2, image: 'nginx:1.0', args: [a, b]}
      - {name: c, image: busybox}
`;

/** One manifest, or a kustomization over a ConfigMap and a Deployment. */
const manifest = (text: string): Files => ({ 'kustomization.yaml': 'resources: [a.yaml]', 'a.yaml': text });
const over = (kustomization: string): Files => ({
  'kustomization.yaml': `resources: [cm.yaml, web.yaml]\n${kustomization}\n`,
  'cm.yaml': configMap('{a: "1", b: x.y.z}'),
  'web.yaml': deployment,
});
const head = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n';
const patch = (text: string, entry = ''): Files => ({
  ...over(`patches:\n- path: p.yaml\n${entry}`),
  'p.yaml': text,
});
const onDeployment = '  target: {kind: Deployment}\n';
const operation = (text: string): Files => patch(text, onDeployment);
const copy = (from: string, to: string): Files => over(`replacements: [{source: ${from}, targets: [${to}]}]`);

const configured = (text: string): Files => ({
  ...over('configurations: [c.yaml]\nnamePrefix: p-\ncommonLabels: {a: b}\nlabels: [{pairs: {c: d}}]'),
  'c.yaml': text,
});

const transformed = (kind: string, fields: string): Files => ({
  ...over('transformers: [t.yaml]'),
  't.yaml': `{apiVersion: builtin, kind: ${kind}, metadata: {name: t}, ${fields}}`,
});

const nameFields = 'fieldSpecs: [{path: metadata/name}]';
const prefixer = (prefix: string): string =>
  `{apiVersion: builtin, kind: PrefixTransformer, metadata: {name: t}, prefix: ${prefix}, ${nameFields}}`;

function variable(objref: string, fieldPath = 'metadata.name'): Files {
  const declared = `[{name: V, objref: ${objref}, fieldref: {fieldPath: "${fieldPath}"}}]`;
  const references = '{a: $(V), b: x-$(V)-$(V), d: $(W) $ $V $(, e: "$(V)$$"}';
  return {
    ...over(`namePrefix: p-\ncommonAnnotations: ${references}\nvars: ${declared}`),
    'web.yaml': deployment.replace('team: a', 'team: $$(V)'),
  };
}

const inOneLine = '{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 7}}';
const otherKind = 'apiVersion: v9\nkind: Foo\nmetadata: {name: zzz}\nspec: {replicas: 2}';
const fromData = '{kind: ConfigMap, fieldPath: data.a}';

function image(container: string): string {
  const part = container === '*' ? '*' : `[name=${container}]`;
  return `{kind: Deployment, fieldPath: "spec.template.spec.containers.${part}.image"}`;
}

/** JSON is YAML, but go-yaml has no surrogates in escapes. */
function entries(...groups: readonly string[][]): string {
  return JSON.stringify(Object.fromEntries(groups.flat().map((text, index) => [`k${index}`, text])));
}

const quotedTexts = (): string =>
  entries(
    ['', ' ', 'a ', ' a', '~', 'null', 'true', 'yes', 'Yes', 'yEs', 'y', 'N', 'on', 'Off', '<<', '='],
    [
      '.inf',
      '-.Inf',
      '.nan',
      'inf',
      '1',
      '01',
      '0x1F',
      '0xg',
      '0b2',
      '1e5',
      '1e400',
      'e1',
      '1_000',
      '1.',
      '.5',
    ],
    [
      '1:30',
      '12:30.5',
      '1:90',
      '2024-01-01',
      '2024-13-01',
      '2024-02-30',
      '2024-01-01T00:00:00Z',
      '10.0.0.0/8',
    ],
    [
      '- a',
      '-a',
      '?',
      '? a',
      '?a',
      ':',
      'a: b',
      'a:b',
      'a:',
      'a #b',
      'a#b',
      '#a',
      '&a',
      '*a',
      '!a',
      '%a',
      '@a',
    ],
    [
      "it's",
      "'a'",
      '"a"',
      'a"b\'c',
      '[a',
      ']',
      '{a',
      ',a',
      'a,b',
      '---',
      '--- a',
      '...a',
      '|',
      '>',
      '`a',
      '\\n',
    ],
  );
const oddTexts = (): string =>
  entries(
    [
      '\n',
      '\n\n',
      'a\n',
      'a\nb',
      'a\n\n',
      '\na',
      ' a\nb',
      'a \nb',
      'a\n b',
      'a\nb ',
      'a\tb',
      '\ta\nb',
      'a\n# b',
    ],
    [
      'é',
      '日本\nx',
      '😀',
      '😀\nb',
      '\u00a0',
      '\u200b',
      '\u2028',
      'a\u2028b',
      'a\nb\u2028c',
      '\ufeffa b',
      '\ufffd',
    ],
    ['\u{10ffff}', 'a\\b', "x: 'y'\nz", '--- \n', '1\n', '"a\nb"'],
  );
const longTexts = (): string =>
  entries([
    'word '.repeat(40).trim(),
    'wo: rd '.repeat(30),
    'a  b '.repeat(40).trim(),
    "it's: ".repeat(30),
    '😀 '.repeat(40),
    `- ${'a  b '.repeat(40)}`,
    'x'.repeat(300),
    `${'word '.repeat(40)}\n${'word '.repeat(40)}\n`,
    `'${'é '.repeat(60)}'`,
    `\ufeff${'word é\n'.repeat(40)}`,
  ]);
const oddKeys = (): string =>
  JSON.stringify(
    Object.fromEntries(
      [
        'a10',
        'a2',
        'a02',
        'a_b',
        'a-b',
        'a.b',
        'aB',
        'ab',
        'B',
        't~u',
        'team',
        '10',
        '9',
        'yes',
        'null',
        '',
        '.inf',
      ].map((key) => [key, 'v']),
    ),
  ).replace('}', `,"${'k'.repeat(128)}":"v","${'l'.repeat(129)}":"v","a: b":"v","m\\nn":"v"}`);
const numbers = (
  '0 -0 1.0 1.50 0.1 1e-7 0.00001 0.0001 1e20 1e21 12345678.5 123456.5 1234567.0 010 08 0x1F 0b11 0o17 1_000 1.5e300 ' +
  '18446744073709551616 0xFFFFFFFFFFFFFFFFFF 0777777777777777777777777 2024-01-01 2024-02-30 1e400 yes'
).split(' ');

// Real kustomize is asked what is right: the text to the letter, or that it fails.
describe.skipIf(kubectl === undefined)('beside kubectl kustomize', () => {
  test.each<[title: string, files: Files]>([
    ['texts that YAML reads as something else', manifest(configMap(quotedTexts()))],
    ['texts with breaks, spaces and characters of Unicode', manifest(configMap(oddTexts()))],
    ['long texts', manifest(configMap(longTexts()))],
    ['keys of all kinds', manifest(configMap(oddKeys()))],
    ['numbers', manifest(configMap(`{${numbers.map((text, i) => `k${i}: ${text}`).join(', ')}}`))],
    ['a number that is none in JSON', manifest(configMap('{a: .inf}'))],
    ['a number for a key', manifest(configMap('{1: a}'))],
    [
      'annotations that are no texts',
      manifest(configMap('{}', 'a', ', annotations: {a: 1, b: true, c: 1.0, d: 010, e: ~, f: 2024-01-01}')),
    ],
    ['annotations without value', manifest(configMap('{}', 'a', ', annotations: ~'))],
    [
      'annotations of a build',
      manifest(
        configMap(
          '{}',
          'a',
          ', annotations: {config.kubernetes.io/path: p, internal.config.kubernetes.io/x: w, internal.config.kubernetes.io/refBy: z}',
        ),
      ),
    ],
    [
      'an annotation that asks for a hash',
      manifest(
        configMap('{}', 'a', ', annotations: {internal.config.kubernetes.io/needsHashSuffix: enabled}'),
      ),
    ],
    [
      'lists among documents',
      {
        'kustomization.yaml': 'resources: [a.yaml]\nsortOptions: {order: fifo}',
        'a.yaml': `apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: ConfigMap, metadata: {name: z}}]\n---\n{}\n---\n${configMap('{}', 'a')}`,
      },
    ],
    ['a list without items', manifest('apiVersion: v1\nkind: List\nitems:\n')],
    ['a list whose items are none', manifest('apiVersion: v1\nkind: AList\nmetadata: {name: a}\nitems: a\n')],

    ['a word of YAML 1.1 for a text', over('namePrefix: yes')],
    ['a word of YAML 1.1 for a label', over('commonLabels: {x: y}')],
    ['a word of YAML 1.1 for a key', over('commonAnnotations: {on: a}')],
    ['a word of YAML 1.1 for a switch', over('labels: [{pairs: {a: b}, includeTemplates: yes}]')],
    ['a date for an annotation', over('commonAnnotations: {a: 2024-01-01}')],
    ['a label without value', over('commonLabels: {a: }')],
    ['nothing but a kind', { 'kustomization.yaml': 'kind: Kustomization' }],
    ['resources without value', { 'kustomization.yaml': 'resources:' }],
    ['an unknown field of metadata', over('metadata: {name: a, foo: b}')],
    ['another apiVersion', over('apiVersion: kustomize.config.k8s.io/v1')],
    ['sortOptions without order', over('sortOptions: {}')],
    ['orders that are not used', over('sortOptions: {order: fifo, legacySortOptions: {}}')],
    [
      'only one of the orders',
      over('sortOptions: {order: legacy, legacySortOptions: {orderLast: [ConfigMap]}}'),
    ],
    ['a field of the past', over('inventory: {}')],

    ['fields in any case', over('Images: [{NAME: nginx, newtag: v}]\nlabels: [{Pairs: {a: b}}]')],
    ['fields without value', over('namePrefix: ~\nimages: [{name: nginx, newTag: ~, newName: x}]')],
    ['an unknown field within', over('images: [{name: nginx, foo: x}]')],

    ['labels and annotations about the build', over('buildMetadata: [managedByLabel, originAnnotations]')],
    ['a configuration for one kind', configured('namePrefix: [{path: metadata/name, kind: ConfigMap}]')],
    ['a configuration with an unknown field', configured('foo: []')],
    ['a configuration in conflict', configured('commonLabels: [{path: metadata/labels, create: false}]')],
    ['labels at own fields', configured('labels: [{path: metadata/own, create: true}]')],
    ['labels of selectors at own fields', configured('commonLabels: [{path: metadata/own, create: true}]')],

    [
      'a generator that merges into numbers',
      {
        ...over('configMapGenerator: [{name: cm, behavior: merge, literals: [z=1]}]'),
        'cm.yaml': configMap('{port: 8080, flag: true, text: a}'),
      },
    ],
    ['a transformer of images', transformed('ImageTagTransformer', 'imageTag: {name: nginx, newTag: v}')],
    [
      'a transformer of replicas',
      transformed(
        'ReplicaCountTransformer',
        'replica: {name: web, count: 9}, fieldSpecs: [{path: spec/replicas}]',
      ),
    ],
    ['a transformer that patches', transformed('PatchTransformer', `patch: '${inOneLine}'`)],
    [
      'a transformer of names',
      transformed('PrefixSuffixTransformer', `prefix: a-, suffix: -z, ${nameFields}`),
    ],
    [
      'a transformer that patches from a file',
      { ...transformed('PatchTransformer', 'path: p.yaml'), 'p.yaml': inOneLine },
    ],
    [
      'a transformer with two patches',
      { ...transformed('PatchTransformer', `path: p.yaml, patch: '${inOneLine}'`), 'p.yaml': inOneLine },
    ],
    ['a transformer without patch', transformed('PatchTransformer', 'target: {kind: Deployment}')],
    [
      'transformers of a folder, which come after those inline',
      {
        ...over(`transformers: [t, ${JSON.stringify(`${prefixer('inline-')}\n`)}]`),
        't/kustomization.yaml': 'resources: [t.yaml, ../u]\nnamespace: a\nconfigurations: [c.yaml]',
        't/c.yaml': 'namePrefix: [{path: metadata/labels/x, create: true}]',
        't/t.yaml': prefixer('folder-'),
        'u/kustomization.yaml': 'resources: [u.yaml]\nnamePrefix: u-',
        'u/u.yaml': prefixer('below-'),
      },
    ],
    ['a folder of transformers that is not there', over('transformers: [t]')],
    [
      'a transformer that replaces',
      transformed(
        'ReplacementTransformer',
        `replacements: [{source: ${fromData}, targets: [{select: {kind: Deployment}, fieldPaths: [spec.replicas]}]}]`,
      ),
    ],

    ['vars', variable('{apiVersion: v1, kind: ConfigMap, name: cm}')],
    [
      'vars with a field',
      variable('{kind: Deployment, group: apps, version: v1, name: web}', 'spec.replicas'),
    ],
    [
      'vars with an index',
      variable(
        '{apiVersion: apps/v1, kind: Deployment, name: web}',
        'spec.template.spec.containers[1].image',
      ),
    ],
    ['vars without object', variable('{apiVersion: v1, kind: ConfigMap, name: nope}')],
    ['vars without field', variable('{apiVersion: v1, kind: ConfigMap, name: cm}', 'data.nope')],
    ['vars twice', over('vars: [{name: V, objref: {kind: X}}, {name: V, objref: {kind: X}}]')],

    ['a patch of the wrong shape: map', patch(`${head}spec: {replicas: {a: b}}`)],
    ['a patch of the wrong shape: list', patch(`${head}spec: {template: {spec: {containers: {a: b}}}}`)],
    ['a patch that says to replace an object', patch(`${head}$patch: replace\nspec: {replicas: 5}`)],
    ['a patch that is a list of objects', patch(`apiVersion: v1\nkind: List\nitems:\n- ${inOneLine}`)],
    ['a patch that changes the kind', patch(otherKind, `${onDeployment}  options: {allowKindChange: true}`)],
    ['an empty patch', patch('{}', onDeployment)],
    ['a patch without name', patch('apiVersion: v1\nkind: X\nspec: {replicas: 2}', onDeployment)],
    ['a patch without kind', patch('metadata: {name: a}\nspec: {replicas: 2}', onDeployment)],
    ['a patch without apiVersion', patch('kind: X\nmetadata: {name: a}\nspec: {replicas: 2}', onDeployment)],
    ['a patch with a number for an annotation', patch(head.replace('}', ', annotations: {a: 1.0}}'))],
    ['no operations', operation('[]')],
    ['an operation with a word of YAML 1.1', operation('- {op: replace, path: /spec/replicas, value: on}')],
    ['an operation with a date', operation('- {op: replace, path: /spec/replicas, value: 2024-01-01}')],
    [
      'an operation with a number for an annotation',
      operation('- {op: add, path: /metadata/annotations/x, value: 1}'),
    ],

    [
      'a source is found to the letter',
      copy(image('c'), '{select: {kind: ConfigMap}, fieldPaths: [data.a]}'),
    ],
    ['a source is one place', copy(image('*'), '{select: {kind: ConfigMap}, fieldPaths: [data.a]}')],
    [
      'a target in a list without condition',
      copy(fromData, '{select: {kind: Deployment}, fieldPaths: [spec.template.spec.containers.image]}'),
    ],
    [
      'a target with an index in brackets',
      copy(fromData, '{select: {kind: Deployment}, fieldPaths: ["spec.template.spec.containers[0].image"]}'),
    ],
    [
      'all members of a map as targets',
      copy(fromData, '{select: {kind: Deployment}, fieldPaths: [metadata.annotations.*]}'),
    ],
    [
      'a target with an empty part',
      copy(fromData, '{select: {kind: Deployment}, fieldPaths: [spec..replicas]}'),
    ],
    [
      'a target whose name would be an odd pattern',
      {
        ...over(
          'replacements: [{source: {name: cm, fieldPath: data.a}, targets: [{select: {name: $(odd)}, fieldPaths: [data.b]}]}]',
        ),
        'cm.yaml': `${configMap('{a: "1"}', 'cm')}---\n${configMap('{b: "2"}', '$(odd)')}`,
      },
    ],
    ['a replacement without targets', over(`replacements: [{source: ${fromData}}]`)],
  ])('%s', (_, files) => {
    expect(ours(files)).toEqual(theirs(files));
  });
});

function ours(files: Files): string {
  try {
    return renderYaml(kustomizeBuild(tree(files), ''));
  } catch {
    return 'fails';
  }
}

function theirs(files: Files): string {
  const answer = realKustomize(tree(files), '');
  return 'error' in answer ? 'fails' : answer.text;
}
