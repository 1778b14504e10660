import { expect, test } from 'vitest';
import { InvalidInputError } from '../base/errors.ts';
import { Budget } from './budget.ts';
import { build } from './build.ts';
import type { FileTree } from './file-tree.ts';

function tree(files: Readonly<Record<string, string>>): FileTree {
  return new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]));
}

/** A tenth of what a build may cost: what ends early with this ends in time with all of it. */
function failure(files: Readonly<Record<string, string>>): InvalidInputError {
  try {
    build(tree(files), '', {}, new Budget(500_000));
  } catch (error) {
    if (error instanceof InvalidInputError) return error;
    throw error;
  }
  throw new Error('it was built');
}

const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));
const configMap = (name: string, value: string): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value } });
const configMaps = (count: number): string => many(count, (i) => configMap(`c${i}`, 'x')).join('\n---\n');
const megabyte = 'x'.repeat(1_000_000);

function overManifests(manifests: string, kustomization: object = {}): Record<string, string> {
  return {
    'kustomization.yaml': JSON.stringify({ resources: ['a.yaml'], ...kustomization }),
    'a.yaml': manifests,
  };
}

/** Each level holds the one below twice. */
function doublingBases(levels: number): Record<string, string> {
  const files: Record<string, string> = {
    'kustomization.yaml': 'resources: [0-a]',
    'a.yaml': configMap('x', 'y'),
  };
  for (let level = 0; level < levels; level++) {
    const below = level + 1 === levels ? ['../a.yaml'] : [`../${level + 1}-a`, `../${level + 1}-b`];
    for (const side of ['a', 'b']) {
      files[`${level}-${side}/kustomization.yaml`] = JSON.stringify({ namePrefix: side, resources: below });
    }
  }
  return files;
}

const doubling = {
  source: { name: 'a', fieldPath: 'data.value' },
  targets: [
    { select: { name: 'a' }, fieldPaths: ['data.value'], options: { delimiter: '/', index: 9_999_999 } },
  ],
};

const sameReference = many(2000, (i) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: i % 2 === 0 ? 'Secret' : 'Pod',
    metadata: { name: 'a', namespace: `n${i}` },
    spec: { imagePullSecrets: many(20, () => ({ name: 'a' })) },
  }),
).join('\n---\n');

test.each<[title: string, files: Record<string, string>]>([
  ['bases of bases', doublingBases(40)],
  ['aliases of a long text', overManifests(`a: &a ${megabyte}\nb: [${many(100, () => '*a').join(',')}]`)],
  [
    'merged maps of a long text',
    overManifests(`a: &a {b: ${megabyte}}\n${many(99, (i) => `k${i}: {<<: *a}`).join('\n')}`),
  ],
  ['a document of a million values', overManifests('- a\n'.repeat(1_000_000))],
  ['a million documents', overManifests('---\n'.repeat(1_000_000))],
  ['a million comments', overManifests('#\n'.repeat(1_000_000))],
  ['a hundred thousand brackets', overManifests('{a: '.repeat(100_000))],
  [
    'patches that look at everything',
    overManifests(configMaps(500), {
      patches: many(2000, (i) => ({ target: { name: `d${i}` }, patch: 'kind: X\nmetadata: {name: x}' })),
    }),
  ],
  [
    'variables that are looked for everywhere',
    overManifests(configMaps(500), {
      vars: many(3000, (i) => ({
        name: `v${i}`,
        objref: { kind: 'ConfigMap', version: 'v1', name: 'nope' },
      })),
    }),
  ],
  [
    'a large patch of everything',
    overManifests(configMaps(500), { patches: [{ target: {}, patch: configMap('a', megabyte) }] }),
  ],
  ['a text that doubles', overManifests(configMap('a', 'x'), { replacements: many(60, () => doubling) })],
  [
    'a pattern that is slow to match',
    overManifests(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'p' },
        spec: { containers: many(100, () => ({ image: 'a'.repeat(1000) })) },
      }),
      { images: [{ name: '(a?){500}a{500}', newTag: '1' }] },
    ),
  ],
  [
    'one file in many generators',
    {
      'kustomization.yaml': JSON.stringify({
        configMapGenerator: many(100, (i) => ({ name: `c${i}`, files: ['big'] })),
      }),
      big: megabyte,
    },
  ],
  ['annotations on everything', overManifests(configMaps(100), { commonAnnotations: { a: megabyte } })],
  ['references that could mean many', overManifests(sameReference, { namePrefix: 'p-' })],
])('%s end in a clear error, soon', (_, files) => {
  const error = failure(files);
  expect(error).toMatchObject({ code: 'BuildFailed', next: 'stalled' });
  expect(error.message).toMatch(/takes more work than any may|more than 500000 tokens|nested too deeply/);
});

test('an object is not renamed for ever', () => {
  const rename = (name: string): object => ({
    target: { kind: 'ConfigMap' },
    patch: JSON.stringify([{ op: 'replace', path: '/metadata/name', value: name }]),
  });
  const error = failure(overManifests(configMap('a', 'b'), { patches: many(2000, (i) => rename(`a${i}`)) }));
  expect(error.message).toMatch(/renamed more than 1000 times/);
});

test('what a large repository holds is built', () => {
  const deployment = (name: string): string =>
    JSON.stringify({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: {
        template: {
          spec: {
            containers: many(3, (i) => ({
              name: `c${i}`,
              image: `registry.example.com/team/app-${i}:v1`,
              env: many(20, (k) => ({ name: `E${k}`, value: 'some value' })),
            })),
          },
        },
      },
    });
  const files = overManifests(many(250, (i) => deployment(`d${i}`)).join('\n---\n'), {
    namespace: 'prod',
    commonLabels: { team: 'a' },
    images: many(5, (i) => ({ name: `registry.example.com/team/app-${i}`, newTag: 'v2' })),
    patches: many(50, (i) => ({
      target: { kind: 'Deployment', name: `d${i}.*` },
      patch: '[{op: add, path: /spec/replicas, value: 2}]',
    })),
  });
  expect(build(tree(files), '', {}, new Budget(1_500_000))).toHaveLength(250);
});
