import { expect, test } from 'vitest';
import { InvalidInputError } from '../base/errors.ts';
import { build } from './build.ts';
import type { FileTree } from './file-tree.ts';

function tree(files: Readonly<Record<string, string>>): FileTree {
  return new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]));
}

function failure(files: Readonly<Record<string, string>>): InvalidInputError {
  try {
    build(tree(files), '');
  } catch (error) {
    if (error instanceof InvalidInputError) return error;
    throw error;
  }
  throw new Error('it was built');
}

const configMap = (name: string, value: string): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value } });
const repeat = (count: number, make: (index: number) => string): string[] =>
  Array.from({ length: count }, (_, index) => make(index));
const manyObjects = (count: number): string => repeat(count, (i) => configMap(`c${i}`, 'x')).join('\n---\n');

/** Each level holds the one below twice. */
function doublingBases(levels: number): Record<string, string> {
  const files: Record<string, string> = { 'kustomization.yaml': 'resources: [0-a]' };
  for (let level = 0; level < levels; level++) {
    const below = level + 1 === levels ? ['../a.yaml'] : [`../${level + 1}-a`, `../${level + 1}-b`];
    for (const side of ['a', 'b']) {
      files[`${level}-${side}/kustomization.yaml`] = JSON.stringify({ namePrefix: side, resources: below });
    }
  }
  return { ...files, 'a.yaml': configMap('x', 'y') };
}

function inOneFile(kustomization: object, manifests: string): Record<string, string> {
  return {
    'kustomization.yaml': JSON.stringify({ resources: ['a.yaml'], ...kustomization }),
    'a.yaml': manifests,
  };
}

const x = 'x'.repeat(1_000_000);
const endless: readonly (readonly [string, Record<string, string>])[] = [
  ['bases of bases', doublingBases(40)],
  [
    'aliases of a long text',
    inOneFile(
      {},
      `a: &a ${x}\nb: &b [${repeat(100, () => '*a').join(',')}]\nc: [${repeat(100, () => '*b').join(',')}]`,
    ),
  ],
  ['one document of tokens', inOneFile({}, '- a\n'.repeat(1_000_000))],
  ['documents without end', inOneFile({}, '---\n'.repeat(2_000_000))],
  ['comments without end', inOneFile({}, '#\n'.repeat(3_000_000))],
  ['brackets', inOneFile({}, '{a: '.repeat(200_000))],
  [
    'patches of everything',
    inOneFile(
      {
        patches: repeat(
          3000,
          (i) => ({ target: { name: `d${i}` }, patch: 'metadata: {}' }) as unknown as string,
        ),
      },
      manyObjects(2000),
    ),
  ],
  [
    'one large patch of everything',
    inOneFile({ patches: [{ target: {}, patch: configMap('a', x) }] }, manyObjects(3000)),
  ],
  [
    'a text that doubles',
    inOneFile(
      {
        replacements: repeat(
          60,
          () =>
            ({
              source: { name: 'a', fieldPath: 'data.value' },
              targets: [
                { select: { name: 'a' }, fieldPaths: ['data.value'], options: { delimiter: '/', index: 1 } },
              ],
            }) as unknown as string,
        ).flatMap((one) => [one]),
      },
      configMap('a', 'x/'),
    ),
  ],
  [
    'patterns that are slow to match',
    inOneFile(
      { images: repeat(100, () => ({ name: '(a?){500}a{500}', newTag: '1' }) as unknown as string) },
      repeat(100, (i) =>
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: `p${i}` },
          spec: { containers: [{ image: 'a'.repeat(5000) }] },
        }),
      ).join('\n---\n'),
    ),
  ],
  [
    'one file in many generators',
    {
      'kustomization.yaml': JSON.stringify({
        configMapGenerator: repeat(2000, (i) => ({ name: `c${i}`, files: ['big'] }) as unknown as string),
      }),
      big: x,
    },
  ],
  ['labels on everything', inOneFile({ commonAnnotations: { x } }, manyObjects(1000))],
];

test.each(endless)('%s end in a clear error, soon', (_, files) => {
  const started = performance.now();
  const before = process.memoryUsage().rss;
  const error = failure(files);
  console.log(
    _,
    (performance.now() - started).toFixed(0),
    ((process.memoryUsage().rss - before) / 2 ** 20).toFixed(0),
    error.message.slice(0, 120),
  );
  expect(error).toMatchObject({ code: 'BuildFailed', next: 'stalled' });
});
