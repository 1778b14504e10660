import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTime } from '../../base/time.ts';
import type { JsonObject } from '../../machinery/json.ts';
import { isObject } from '../../machinery/json.ts';
import type { TransformInput } from './api-server.ts';
import { configMap } from './builtin/config-map.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { canary, deployment } from './served-kinds.test-double.ts';
import { transform } from './table.ts';

const nowMs = parseTime('2024-05-01T12:00:00Z');
const object: JsonObject = {
  apiVersion: 'flagger.app/v1beta1',
  kind: 'Canary',
  metadata: { name: 'a', resourceVersion: '7', creationTimestamp: '2024-05-01T10:00:00Z' },
  spec: { hosts: ['x', 'y'] },
  status: { phase: 'Progressing', weight: 20, since: '2024-05-01T10:00:00Z' },
};

const canaries: ResourceDefinition = {
  ...canary(),
  columns: [
    { name: 'Status', type: 'string', description: 'the phase', priority: 0 },
    { name: 'Weight', type: 'integer', format: 'int32', description: 'percent', priority: 1 },
  ],
  cells: ({ metadata, status }) => [
    isObject(metadata) ? (metadata['name'] ?? null) : null,
    ...['phase', 'weight'].map((field) => (isObject(status) ? (status[field] ?? null) : null)),
  ],
};

function asTable(more: Partial<TransformInput> = {}): JsonObject {
  return transform({
    definition: canaries,
    as: 'Table',
    version: 'v1',
    items: [object],
    list: undefined,
    includeObject: '',
    withColumns: true,
    nowMs,
    ...more,
  });
}

describe('a Table', () => {
  test('has the columns of its kind after the name', () => {
    expect(asTable()).toEqual({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { resourceVersion: '7' },
      columnDefinitions: [
        {
          name: 'Name',
          type: 'string',
          format: 'name',
          description: expect.stringContaining('Name must be unique') as string,
          priority: 0,
        },
        { name: 'Status', type: 'string', format: '', description: 'the phase', priority: 0 },
        { name: 'Weight', type: 'integer', format: 'int32', description: 'percent', priority: 1 },
      ],
      rows: [
        {
          cells: ['a', 'Progressing', 20],
          object: {
            kind: 'PartialObjectMetadata',
            apiVersion: 'meta.k8s.io/v1',
            metadata: object['metadata'],
          },
        },
      ],
    });
  });

  test('of a list carries what the list says about itself', () => {
    const list = { resourceVersion: '9', continue: 'more', remainingItemCount: 3 };
    expect(asTable({ list, items: [], version: 'v1beta1' })).toMatchObject({
      apiVersion: 'meta.k8s.io/v1beta1',
      metadata: list,
      rows: [],
    });
  });

  test('of a kind without columns has name and age', () => {
    const table = asTable({
      definition: { ...deployment, columns: undefined },
      items: [{ ...object, kind: 'Deployment' }],
    });
    expect(table).toMatchObject({
      columnDefinitions: [{ name: 'Name' }, { name: 'Age', type: 'string' }],
      rows: [{ cells: ['a', '120m'] }],
    });
  });

  test('of Events has its name where the kind wants it', () => {
    const columns = [
      { name: 'Message', type: 'string', description: '', priority: 0 },
      { name: 'Name', type: 'string', format: 'name', description: '', priority: 1 },
    ] as const;
    const cells = (): string[] => ['hello', 'a'];
    const table = asTable({
      definition: { ...configMap, columns, cells },
      items: [{ ...object, kind: 'ConfigMap' }],
    });
    expect(table).toMatchObject({
      columnDefinitions: [{ name: 'Message' }, { name: 'Name' }],
      rows: [{ cells: ['hello', 'a'] }],
    });
  });

  test('carries as much of the object as asked', () => {
    expect(asTable({ includeObject: 'None' })).toMatchObject({ rows: [{ object: null }] });
    expect(asTable({ includeObject: 'Object' })).toMatchObject({ rows: [{ object }] });
  });

  test('in a watch has its columns once, and bookmarks are rows too', () => {
    expect(asTable({ withColumns: false })).toHaveProperty('columnDefinitions', null);
    const bookmark = {
      kind: 'Canary',
      metadata: { resourceVersion: '9', annotations: { 'k8s.io/initial-events-end': 'true' } },
    };
    expect(asTable({ items: [bookmark], includeObject: 'None' })).toMatchObject({
      metadata: { resourceVersion: '9' },
      rows: [{ cells: ['', null, null], object: { metadata: bookmark.metadata } }],
    });
  });

  test('of what is stored under another kind shows its name', () => {
    expect(asTable({ items: [{ ...object, kind: 'Scale' }] })).toMatchObject({
      rows: [{ cells: ['a', null, null] }],
    });
  });

  test('of a custom kind without columns has its age as a date', () => {
    expect(asTable({ definition: { ...canaries, columns: undefined } })).toMatchObject({
      columnDefinitions: [{ name: 'Name' }, { name: 'Age', type: 'date' }],
      rows: [{ cells: ['a', '120m'] }],
    });
  });
});

test('any JSON has a shape', () => {
  const shapes = ['Table', 'PartialObjectMetadata'] as const;
  const anyObject = fc.dictionary(fc.string(), fc.jsonValue());
  fc.assert(
    fc.property(
      anyObject,
      fc.jsonValue(),
      fc.constantFrom(...shapes),
      fc.string(),
      (json, metadata, as, includeObject) => {
        const items = [{ ...json, metadata } as JsonObject];
        expect(asTable({ items, as, includeObject })).toMatchObject({ apiVersion: 'meta.k8s.io/v1' });
        expect(asTable({ items, as, includeObject, definition: configMap })['kind']).toBe(as);
      },
    ),
  );
});

describe('partial metadata', () => {
  test('leaves everything else out, and is shared', () => {
    const partial = asTable({ as: 'PartialObjectMetadata' });
    expect(partial).toEqual({
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: object['metadata'],
    });
    expect(asTable({ as: 'PartialObjectMetadata' })).toBe(partial);
    expect(asTable({ as: 'PartialObjectMetadata', version: 'v1beta1' })).toMatchObject({
      apiVersion: 'meta.k8s.io/v1beta1',
    });
  });

  test('of a list is a list', () => {
    expect(asTable({ as: 'PartialObjectMetadataList', list: { resourceVersion: '9' } })).toEqual({
      kind: 'PartialObjectMetadataList',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { resourceVersion: '9' },
      items: [asTable({ as: 'PartialObjectMetadata' })],
    });
  });

  test('one is not many', () => {
    expect(() => asTable({ as: 'PartialObjectMetadata', list: {} })).toThrow(
      'you requested PartialObjectMetadata, but the requested object is a list (CanaryList)',
    );
    expect(() => asTable({ as: 'PartialObjectMetadataList' })).toThrow(
      'you requested PartialObjectMetadataList, but the requested object is not a list (Canary)',
    );
  });
});
