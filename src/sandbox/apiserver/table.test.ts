import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTime } from '../../base/time.ts';
import type { JsonObject } from '../../machinery/json.ts';
import type { TransformInput } from './api-server.ts';
import { configMap } from './builtin/config-map.ts';
import { printerColumns } from './printer-columns.ts';
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

function asTable(more: Partial<TransformInput> = {}): JsonObject {
  return transform({
    definition: canary(),
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
  test('has the printer columns of a custom kind after the name', () => {
    const { columnDefinitions, ...rest } = asTable();
    expect(columnDefinitions).toEqual([
      { name: 'Name', type: 'string', format: 'name', description: expect.any(String), priority: 0 },
      {
        name: 'Status',
        type: 'string',
        format: '',
        description: 'Custom resource definition column (in JSONPath format): .status.phase',
        priority: 0,
      },
      expect.objectContaining({ name: 'Hosts', priority: 1 }),
      expect.objectContaining({ name: 'Weight', type: 'integer', description: 'percent' }),
      expect.objectContaining({ name: 'Since', type: 'date' }),
    ]);
    expect(rest).toEqual({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { resourceVersion: '7' },
      rows: [
        {
          cells: ['a', 'Progressing', '["x","y"]', 20, '120m'],
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

  test('leaves cells empty that the object has nothing for', () => {
    const bare = { ...object, spec: {}, status: { phase: 5, weight: 'much', since: 'yesterday' } };
    expect(asTable({ items: [bare] })).toMatchObject({
      rows: [{ cells: ['a', '5', null, null, '<invalid>'] }],
    });
    const { status: _status, ...none } = object;
    expect(asTable({ items: [none] })).toMatchObject({
      rows: [{ cells: ['a', null, '["x","y"]', null, null] }],
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
      rows: [{ cells: ['', null, null, null, null], object: { metadata: bookmark.metadata } }],
    });
  });

  test('of what is stored under another kind shows its name', () => {
    expect(asTable({ items: [{ ...object, kind: 'Scale' }] })).toMatchObject({
      rows: [{ cells: ['a', null, null, null, null] }],
    });
  });

  test('is made of any JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue(), (json, metadata) => {
        const items = [{ ...json, metadata } as JsonObject];
        const [row] = asTable({ items })['rows'] as { cells: unknown[] }[];
        expect(row?.cells).toHaveLength(5);
      }),
    );
  });
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

test('a printer column that cannot be parsed is an error at once', () => {
  expect(() => printerColumns([{ name: 'X', type: 'string', jsonPath: '.a[' }])).toThrow();
});

test.each([
  ['integer', 2.9, 2],
  ['integer', 'x', null],
  ['number', 2.5, 2.5],
  ['boolean', true, true],
  ['boolean', 'true', null],
  ['string', { a: 1 }, '{"a":1}'],
  ['date', 5, null],
  ['date', '', '<unknown>'],
  ['other', 5, null],
])('a column of type %s shows %j as %j', (type, value, cell) => {
  const { cells } = printerColumns([{ name: 'X', type, jsonPath: '.spec.x' }]);
  expect(cells?.({ metadata: { name: 'n' }, spec: { x: value } }, nowMs)).toEqual(['n', cell]);
});
