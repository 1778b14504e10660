import { expect, test } from 'vitest';
import { kustomizeBuild } from './build.ts';

// What comes out is what `kubectl kustomize` answers; test/kustomize compares more of it.

const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 's', labels: { digits: '443', yes: 'true', word: 'abc' } },
  spec: { number: 443, list: [1] },
};
const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  spec: { number: 80, fraction: 2.5, bool: false, text: 'x', slash: 'a/b', env: [{ name: 'A', value: 'x' }] },
};

function built(files: Readonly<Record<string, object>>) {
  const tree = Object.entries(files).map(
    ([path, value]) => [path, Buffer.from(JSON.stringify(value))] as const,
  );
  return kustomizeBuild(new Map(tree), '');
}

/** The pod, after the value at one path of the service was copied to one of its own. */
function copied(from: string, to: string, options: object = {}): unknown {
  const source = { kind: 'Service', fieldPath: from };
  const targets = [{ select: { kind: 'Pod' }, fieldPaths: [to], options: { create: true, ...options } }];
  const kustomization = {
    resources: ['s.yaml', 'p.yaml'],
    replacements: [{ source, targets }],
    sortOptions: { order: 'fifo' },
  };
  return built({ 'kustomization.yaml': kustomization, 's.yaml': service, 'p.yaml': pod })[1];
}

test.each<[from: string, to: string, options: object, expected: object]>([
  ['metadata.labels.digits', 'spec.number', {}, { spec: { number: 443 } }],
  ['metadata.labels.digits', 'spec.fraction', {}, { spec: { fraction: 443 } }],
  ['metadata.labels.digits', 'spec.text', {}, { spec: { text: '443' } }],
  ['metadata.labels.digits', 'spec.new', {}, { spec: { new: 443 } }],
  [
    'metadata.labels.digits',
    'spec.env.[name=B].value',
    {},
    { spec: { env: [{}, { name: 'B', value: 443 }] } },
  ],
  ['metadata.labels.digits', 'spec.slash', { delimiter: '/' }, { spec: { slash: '443/b' } }],
  ['spec.number', 'spec.number', { delimiter: '/' }, { spec: { number: 443 } }],
  ['spec.number', 'spec.text', {}, { spec: { text: '443' } }],
  ['spec.number', 'metadata.annotations.copy', {}, { metadata: { annotations: { copy: '443' } } }],
  ['metadata.labels.yes', 'spec.bool', {}, { spec: { bool: true } }],
  ['metadata.labels.yes', 'metadata.annotations.copy', {}, { metadata: { annotations: { copy: 'true' } } }],
  ['metadata.labels.word', 'spec.new', {}, { spec: { new: 'abc' } }],
  ['spec.list', 'spec.new', {}, { spec: { new: [1] } }],
])('%s takes the type of what was there: %s %j', (from, to, options, expected) => {
  expect(copied(from, to, options)).toMatchObject(expected);
});

test.each([
  ['metadata.labels.word', 'spec.number', '"abc" cannot take the place of a number'],
  ['metadata.labels.digits', 'spec.bool', '"443" cannot take the place of a boolean'],
  ['spec.list', 'spec.text', 'a map or a list cannot take the place of a string'],
])('%s does not fit into %s', (from, to, message) => {
  expect(() => copied(from, to)).toThrow(message);
});

test.each([
  [{}, true],
  [{ namePrefix: 'p-' }, false],
])('a source that is cluster-scoped has no namespace any more after %j', (fields, isFound) => {
  const volume = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'v', namespace: 'default' },
  };
  const below = {
    resources: ['v.yaml', 's.yaml'],
    replacements: [
      {
        source: { kind: 'PersistentVolume', name: 'v', namespace: 'default' },
        targets: [{ select: { kind: 'Service' }, fieldPaths: ['metadata.name'] }],
      },
    ],
    ...fields,
  };
  const run = () => built({ 'kustomization.yaml': below, 'v.yaml': volume, 's.yaml': service });
  if (isFound) expect(run().map(({ metadata }) => metadata.name)).toEqual(['v', 'v']);
  else expect(run).toThrow('nothing is selected by the source');
});
