import { describe, expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import { applicationSpec } from '../../api/application.ts';
import { createMergePatch } from '../../machinery/merge-patch.ts';
import { asJson } from '../../machinery/object.ts';
import { attachment, documentsOf, fleetOf, valueAt, withPace } from './demo-manifests.ts';
import { splitOf } from './demo-member.ts';
import { withBackend } from './demo-repository.ts';

const url = 'http://127.0.0.1:1/podinfo';

describe('the Application of the example', () => {
  test('only URL and intervals differ', async () => {
    const [example] = await documentsOf('rollout/blue_green.yaml');
    const changed = withPace(example!, url, 5);
    expect(applicationSpec.safeParse(changed['spec']).success).toBe(true);
    expect(leaves(createMergePatch(asJson(example!), asJson(changed)))).toEqual([
      'spec.source.gitRepository.interval',
      'spec.source.gitRepository.url',
      // Of lists, a merge patch has all.
      'spec.syncPolicies',
    ]);
    const policies = (object: unknown): string =>
      JSON.stringify(valueAt(object, 'spec', 'syncPolicies')).replaceAll(
        /(ntervalSeconds":)(90|5)\b/g,
        '$1N',
      );
    expect(policies(changed)).toBe(policies(example));
    expect(JSON.stringify(changed).match(/ntervalSeconds":5\b/g)).toHaveLength(3);
  });

  test('at its own pace, only the URL does', async () => {
    const [example] = await documentsOf('rollout/blue_green.yaml');
    const changed = withPace(example!, url, 90);
    expect(createMergePatch(asJson(example!), asJson(changed))).toEqual({
      spec: { source: { gitRepository: { url } } },
    });
  });
});

test('clusters and their Fleet, as many as there are', async () => {
  const [template] = await documentsOf('fleet/attachedclusters.yaml');
  const [fleet] = await documentsOf('fleet/fleet.yaml');
  const [secret, cluster] = attachment(template!, 'kurator-member3', 'kubeconfig');
  expect(secret).toMatchObject({
    metadata: { name: 'kurator-member3', namespace: 'default' },
    data: { 'kurator-member3.config': 'a3ViZWNvbmZpZw==' },
  });
  expect(cluster).toMatchObject({
    metadata: { name: 'kurator-member3', namespace: 'default' },
    spec: { kubeconfig: { name: 'kurator-member3', key: 'kurator-member3.config' } },
  });
  expect(valueAt(fleetOf(fleet!, ['a', 'b', 'c']), 'spec', 'clusters', 2)).toEqual({
    kind: 'AttachedCluster',
    name: 'c',
  });
});

describe('versions of the backend', () => {
  const file = new URL('../../../examples/webapp/backend/deployment.yaml', import.meta.url);
  const manifest = readFileSync(file, 'utf8');

  test('another tag, and errors where they are wanted', () => {
    const faulty = withBackend(manifest, { version: '6.7.0', isFaulty: true });
    expect(faulty).toContain('image: ghcr.io/stefanprodan/podinfo:6.7.0\n');
    expect(faulty).toContain('- --random-error=true\n');
    expect(withBackend(faulty, { version: '6.5.4' })).toBe(manifest);
  });

  test('a manifest that is no longer ours is refused', () => {
    expect(() => withBackend('kind: Deployment', { version: '6.7.0' })).toThrow('has no image of podinfo');
  });
});

test('the split of a VirtualService', () => {
  const routes = (...route: object[]) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: {},
    spec: { http: [{ route }] },
  });
  const to = (host: string, weight?: number) => ({
    destination: { host },
    ...(weight === undefined ? {} : { weight }),
  });
  expect(splitOf(routes(to('backend-primary', 100), to('backend-canary', 0)))).toEqual({
    primary: 100,
    canary: 0,
  });
  expect(splitOf(routes(to('backend-primary.webapp', 40), to('backend-canary.webapp', 60)))).toEqual({
    primary: 40,
    canary: 60,
  });
  expect(splitOf(routes(to('backend')))).toEqual({ primary: 100, canary: 0 });
  expect(splitOf(undefined)).toBeUndefined();
});

/** Paths of all values but objects. */
function leaves(value: object, path = ''): string[] {
  return Object.entries(value)
    .flatMap(([key, inner]: [string, unknown]) =>
      typeof inner === 'object' && inner !== null && !Array.isArray(inner)
        ? leaves(inner, `${path}${key}.`)
        : [`${path}${key}`],
    )
    .sort();
}
