import { expect, test } from 'vitest';
import { build, kustomizeBuild } from './build.ts';

const origin = 'config.kubernetes.io/origin';

function tree(files: Readonly<Record<string, string>>): ReadonlyMap<string, Uint8Array> {
  return new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]));
}

const manifest = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n';

test('each object tells its file or its generator, from the folder that is built', () => {
  const files = tree({
    'top/kustomization.yaml':
      'resources: [../base, a.yaml]\nnamePrefix: t-\nbuildMetadata: [originAnnotations, managedByLabel]\nsortOptions: {order: fifo}',
    'top/a.yaml': manifest,
    'base/kustomization.yaml':
      'resources: [more/b.yaml]\nnamePrefix: b-\nsecretGenerator: [{name: s, options: {disableNameSuffixHash: true}}]',
    'base/more/b.yaml': manifest,
  });
  const objects = kustomizeBuild(files, 'top');
  expect(objects.map(({ metadata }) => [metadata.name, metadata.annotations])).toEqual([
    ['t-b-a', { [origin]: 'path: ../base/more/b.yaml\n' }],
    [
      't-b-s',
      {
        [origin]:
          'configuredIn: ../base/kustomization.yaml\nconfiguredBy:\n  apiVersion: builtin\n  kind: SecretGenerator\n',
      },
    ],
    ['t-a', { [origin]: 'path: a.yaml\n' }],
  ]);
  expect(objects[0]?.metadata.labels).toEqual({ 'app.kubernetes.io/managed-by': 'kustomize-(devel)' });
});

test('Flux asks for the origin where a kustomization lists no resources', () => {
  const component = 'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [a.yaml]';
  const files = tree({
    'kustomization.yaml': 'components: [c]',
    'c/kustomization.yaml': component,
    'c/a.yaml': manifest,
  });
  expect(build(files, '')[0]?.metadata.annotations).toEqual({ [origin]: 'path: c/a.yaml\n' });
  expect(kustomizeBuild(files, '')[0]?.metadata.annotations).toBeUndefined();
  expect(build(tree({ 'kustomization.yaml': 'kind: Kustomization' }), '')).toEqual([]);
});
