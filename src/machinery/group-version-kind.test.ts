import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ResourceMapping,
  apiVersionOf,
  compareVersions,
  formatGroupKind,
  formatGroupResource,
  formatGvk,
  formatGvr,
  gvkOf,
  parseApiVersion,
  resourcePath,
} from './group-version-kind.ts';
import type { DiscoveredResources } from './group-version-kind.ts';

describe('API versions', () => {
  test('the core group has no name', () => {
    expect(parseApiVersion('v1')).toEqual({ group: '', version: 'v1' });
    expect(parseApiVersion('apps/v1')).toEqual({ group: 'apps', version: 'v1' });
    expect(apiVersionOf({ group: '', version: 'v1' })).toBe('v1');
    expect(apiVersionOf({ group: 'apps', version: 'v1' })).toBe('apps/v1');
    expect(gvkOf({ apiVersion: 'apps/v1', kind: 'Deployment' })).toEqual({
      group: 'apps',
      version: 'v1',
      kind: 'Deployment',
    });
  });

  test.each(['', '/', '/v1', 'apps/', 'a/b/c'])('%j is none', (text) => {
    expect(() => parseApiVersion(text)).toThrow(`unexpected GroupVersion string: ${text}`);
  });
});

test('names print as Kubernetes prints them', () => {
  expect(formatGvk({ group: 'apps', version: 'v1', kind: 'Deployment' })).toBe('apps/v1, Kind=Deployment');
  expect(formatGvk({ group: '', version: 'v1', kind: 'Pod' })).toBe('/v1, Kind=Pod');
  expect(formatGvr({ group: 'apps', version: 'v1', resource: 'deployments' })).toBe(
    'apps/v1, Resource=deployments',
  );
  expect(formatGroupKind({ group: 'apps', kind: 'Deployment' })).toBe('Deployment.apps');
  expect(formatGroupKind({ group: '', kind: 'Pod' })).toBe('Pod');
  expect(formatGroupResource({ group: 'apps', resource: 'deployments' })).toBe('deployments.apps');
  expect(formatGroupResource({ group: '', resource: 'pods' })).toBe('pods');
});

describe('priority of versions', () => {
  // The example in the Kubernetes documentation of CustomResourceDefinition versions.
  const documented = 'v10 v2 v1 v11beta2 v10beta3 v3beta1 v12alpha1 v11alpha2 foo1 foo10'.split(' ');

  test('stable before beta before alpha before other names', () => {
    expect(documented.toReversed().sort(compareVersions)).toEqual(documented);
  });

  test('law: it is a total order', () => {
    const versions = fc.oneof(fc.stringMatching(/^v[0-9]{1,3}((alpha|beta)[0-9]{1,2})?$/), fc.string());
    fc.assert(
      fc.property(versions, versions, versions, (a, b, c) => {
        expect(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a))).toBe(0);
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) {
          expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
        }
      }),
    );
  });
});

describe('paths', () => {
  const deployments = { gvr: { group: 'apps', version: 'v1', resource: 'deployments' }, namespaced: true };
  const nodes = { gvr: { group: '', version: 'v1', resource: 'nodes' }, namespaced: false };

  test.each([
    [{ ...deployments }, '/apis/apps/v1/deployments'],
    [{ ...deployments, namespace: 'x' }, '/apis/apps/v1/namespaces/x/deployments'],
    [{ ...deployments, namespace: 'x', name: 'y' }, '/apis/apps/v1/namespaces/x/deployments/y'],
    [
      { ...deployments, namespace: 'x', name: 'y', subresource: 'scale' },
      '/apis/apps/v1/namespaces/x/deployments/y/scale',
    ],
    [{ ...nodes, name: 'n' }, '/api/v1/nodes/n'],
    [{ ...nodes, name: 'n', namespace: 'ignored' }, '/api/v1/nodes/n'],
    [{ ...nodes, name: 'system:node a?é' }, '/api/v1/nodes/system:node%20a%3F%C3%A9'],
  ])('%#', (path, expected) => {
    expect(resourcePath(path)).toBe(expected);
  });

  test.each([
    [{ ...deployments, name: 'y' }, 'an empty namespace may not be set when a resource name is provided'],
    [{ ...deployments, namespace: '' }, 'invalid namespace "": [may not be empty]'],
    [{ ...deployments, namespace: '..', name: 'y' }, `invalid namespace "..": [may not be '..']`],
    [{ ...nodes, name: 'a/b' }, `invalid resource name "a/b": [may not contain '/']`],
    [{ ...nodes, name: '%2e' }, `invalid resource name "%2e": [may not contain '%']`],
    [{ ...nodes, name: '\ud800' }, 'must be well-formed Unicode'],
    [{ ...nodes, name: 'n', subresource: '.' }, `invalid subresource ".": [may not be '.']`],
    [{ ...nodes, subresource: 'status' }, 'subresource "status" needs the name of a resource'],
  ])('%# is refused', (path, message) => {
    expect(() => resourcePath(path)).toThrow(message);
  });

  test('law: no name leaves its place', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        let path;
        try {
          path = resourcePath({ ...nodes, name });
        } catch {
          return;
        }
        const url = new URL(path, 'https://server');
        expect(url.pathname).toBe(path);
        expect(url.search + url.hash).toBe('');
        expect(decodeURIComponent(path.slice('/api/v1/nodes/'.length))).toBe(name);
        expect(path.split('/')).toHaveLength(5);
      }),
    );
  });
});

describe('resource mapping', () => {
  const verbs = ['get', 'list'];
  const entry = (
    name: string,
    kind: string,
    rest: object = {},
  ): DiscoveredResources['resources'][number] => ({
    name,
    kind,
    singularName: name.includes('/') ? '' : kind.toLowerCase(),
    namespaced: true,
    verbs,
    ...rest,
  });
  const mapping = ResourceMapping.fromDiscovery([
    {
      groupVersion: 'v1',
      resources: [
        entry('pods', 'Pod', { shortNames: ['po'], categories: ['all'] }),
        entry('pods/status', 'Pod'),
        entry('events', 'Event', { shortNames: ['ev'] }),
        entry('namespaces', 'Namespace', { namespaced: false, shortNames: ['ns'] }),
      ],
    },
    { groupVersion: 'events.k8s.io/v1', resources: [entry('events', 'Event', { shortNames: ['ev'] })] },
    {
      groupVersion: 'apps/v1',
      resources: [
        entry('deployments', 'Deployment', { shortNames: ['deploy'], categories: ['all'] }),
        entry('deployments/scale', 'Scale'),
        entry('deployments/status', 'Deployment'),
      ],
    },
    { groupVersion: 'flagger.app/v1beta1', resources: [entry('canaries', 'Canary', { singularName: '' })] },
    { groupVersion: 'flagger.app/v1alpha3', resources: [entry('canaries', 'Canary')] },
    // A short name that is another's name.
    {
      groupVersion: 'example.com/v1',
      resources: [entry('podgroups', 'PodGroup', { shortNames: ['pods', 'pg'] })],
    },
  ]);

  test('subresources are part of their resource', () => {
    expect(mapping.byKind({ group: 'apps', kind: 'Deployment' })).toEqual({
      group: 'apps',
      version: 'v1',
      resource: 'deployments',
      kind: 'Deployment',
      namespaced: true,
      singular: 'deployment',
      shortNames: ['deploy'],
      categories: ['all'],
      verbs,
      subresources: ['scale', 'status'],
    });
    expect(mapping.byKind({ group: 'apps', kind: 'Scale' })).toBeUndefined();
    expect(mapping.resources).toHaveLength(8);
  });

  test('without a version the preferred one answers', () => {
    expect(mapping.byKind({ group: 'flagger.app', kind: 'Canary' })?.version).toBe('v1beta1');
    expect(mapping.byKind({ group: 'flagger.app', kind: 'Canary', version: 'v1alpha3' })?.version).toBe(
      'v1alpha3',
    );
    expect(mapping.byKind({ group: 'flagger.app', kind: 'Canary', version: 'v2' })).toBeUndefined();
    expect(mapping.byResource({ group: 'flagger.app', resource: 'canaries' })?.version).toBe('v1beta1');
    expect(mapping.byResource({ group: '', resource: 'canaries' })).toBeUndefined();
    expect(mapping.byResource({ group: '', resource: '__proto__' })).toBeUndefined();
  });

  test.each([
    ['deployments', 'deployments.apps/v1'],
    ['Deployment', 'deployments.apps/v1'],
    ['deploy', 'deployments.apps/v1'],
    ['deploy.apps', 'deployments.apps/v1'],
    ['deployments.v1.apps', 'deployments.apps/v1'],
    ['deploy.v1.apps', 'deployments.apps/v1'],
    ['deployments.v2.apps', undefined],
    ['canary', 'canaries.flagger.app/v1beta1'],
    ['canaries.flagger.app', 'canaries.flagger.app/v1beta1'],
    ['canaries.v1alpha3.flagger.app', 'canaries.flagger.app/v1alpha3'],
    // The start of a group is enough.
    ['canaries.flagger', 'canaries.flagger.app/v1beta1'],
    ['events', 'events/v1'],
    ['ev', 'events/v1'],
    ['ev.events.k8s.io', 'events.events.k8s.io/v1'],
    ['ns', 'namespaces/v1'],
    ['pods', 'pods/v1'],
    ['pods.example.com', 'podgroups.example.com/v1'],
    ['nothing', undefined],
    ['', undefined],
    ['constructor', undefined],
  ])('a user who writes %j means %j', (argument, expected) => {
    const found = mapping.byArgument(argument);
    expect(found && `${formatGroupResource(found)}/${found.version}`).toBe(expected);
  });

  test('a category has its resources in order', () => {
    expect(mapping.byCategory('all').map(({ resource }) => resource)).toEqual(['pods', 'deployments']);
    expect(mapping.byCategory('none')).toEqual([]);
  });
});
