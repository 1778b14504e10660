import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { errorMessage } from '../../src/base/errors.ts';
import { build, kustomizeBuild } from '../../src/kustomize/build.ts';
import { renderYaml } from '../../src/kustomize/render-yaml.ts';
import { randomTree } from './random-kustomization.ts';
import { kubectl, readTree, realKustomize, tree } from './real-kustomize.ts';

const podinfo = readTree(new URL('../testdata/podinfo', import.meta.url).pathname);
const folders = [...podinfo.keys()]
  .filter((path) => path.endsWith('/kustomization.yaml'))
  .map((path) => path.slice(0, path.lastIndexOf('/')));

// More, and others: KUSTOMIZE_RUNS=3000 KUSTOMIZE_SEED=1 vitest run test/kustomize. Each run starts a kubectl.
const numRuns = Number(process.env['KUSTOMIZE_RUNS'] ?? 60);
const seed = Number(process.env['KUSTOMIZE_SEED'] ?? 2042);

describe.skipIf(kubectl === undefined)('beside kubectl kustomize', () => {
  test.each(folders)('%s of podinfo comes out to the letter', (folder) => {
    const real = realKustomize(podinfo, folder);
    expect(real).toMatchObject({ text: renderYaml(kustomizeBuild(podinfo, folder)) });
  });

  test(
    'random kustomizations come out alike, or fail on both sides',
    { timeout: 60_000 + numRuns * 300 },
    () => {
      fc.assert(
        fc.property(randomTree, (files) => {
          expect(ours(files)).toBe(theirs(files));
        }),
        { numRuns, seed },
      );
    },
  );
});

function ours(files: Readonly<Record<string, string>>): string {
  try {
    return renderYaml(kustomizeBuild(tree(files), 'top'));
  } catch (error) {
    expect(errorMessage(error)).not.toBe('');
    return 'fails';
  }
}

function theirs(files: Readonly<Record<string, string>>): string {
  const answer = realKustomize(tree(files), 'top');
  return 'error' in answer ? 'fails' : answer.text;
}

test('a folder without kustomization, as Flux builds it', () => {
  expect(build(podinfo, 'deploy/webapp').map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toEqual([
    'Deployment/backend',
    'HorizontalPodAutoscaler/backend',
    'Service/backend',
    'Namespace/webapp',
    'ServiceAccount/reconciler',
    'Role/reconciler',
    'RoleBinding/reconciler',
    'ServiceAccount/webapp',
    'Deployment/frontend',
    'HorizontalPodAutoscaler/frontend',
    'Service/frontend',
  ]);
});
