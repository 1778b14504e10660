import { expect, test } from 'vitest';
import type { SyncPolicy } from '../../api/application.ts';
import { nextForPlacement } from './next-step.ts';

test.each([
  ['./deploy/web-app', './deploy/web-app'],
  ['./a b; touch c', "'./a b; touch c'"],
  ["./$(touch c)'`d`", "'./$(touch c)'\\''`d`'"],
])('a path %s is one word of the command that is to be pasted', (path, word) => {
  const spec = { kustomization: { path } } as SyncPolicy;
  const placement = {
    spec,
    cluster: { kind: 'AttachedCluster', name: 'one' },
    known: { entries: [] },
    application: { namespace: 'default', name: 'app' },
  } as unknown as Parameters<typeof nextForPlacement>[1];
  expect(nextForPlacement('BuildFailed', placement)).toContain(` viridian kustomize build ${word} says`);
});
