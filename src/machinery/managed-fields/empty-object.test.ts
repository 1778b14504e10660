import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { JsonObject } from '../json.ts';
import { linkSchemas } from '../schema.ts';
import type { Schema } from '../schema.ts';
import { emptyObject } from './empty-object.ts';
import { ownedBy, trackUpdate } from './managed-fields.ts';

const openapi = JSON.parse(
  readFileSync(new URL('testdata/openapi.generated.json', import.meta.url), 'utf8'),
) as { components: { schemas: Record<string, Schema> } };
const { schemas } = openapi.components;
const kind = 'io.k8s.api.apps.v1.Deployment';

test('an empty Deployment has the structures that Go always writes', () => {
  expect(emptyObject(schemas, kind)).toEqual({
    metadata: {},
    spec: {
      selector: null,
      strategy: {},
      template: { metadata: {}, spec: { containers: null } },
    },
    status: {},
  });
});

test('who creates a Deployment owns what is in those structures, not the structures', () => {
  const empty = emptyObject(schemas, kind);
  const schema = linkSchemas(structuredClone(schemas))[kind];
  const after: JsonObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', labels: { app: 'web' } },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'web' } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          containers: [
            { name: 'app', image: 'x', resources: {}, ports: [{ containerPort: 80, protocol: 'TCP' }] },
          ],
        },
      },
    },
    status: {},
  };
  const created = trackUpdate({
    schema,
    empty,
    before: undefined,
    after,
    manager: 'kubectl-create',
    now: '2026-01-01T00:00:00Z',
  });
  expect(ownedBy(created, 'kubectl-create').toFieldsV1()).toEqual({
    'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
    'f:spec': {
      'f:replicas': {},
      'f:selector': {},
      'f:strategy': { 'f:rollingUpdate': { '.': {}, 'f:maxSurge': {} }, 'f:type': {} },
      'f:template': {
        'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
        'f:spec': {
          'f:containers': {
            'k:{"name":"app"}': {
              '.': {},
              'f:image': {},
              'f:name': {},
              'f:ports': {
                '.': {},
                'k:{"containerPort":80,"protocol":"TCP"}': {
                  '.': {},
                  'f:containerPort': {},
                  'f:protocol': {},
                },
              },
              'f:resources': {},
            },
          },
        },
      },
    },
  });
});
