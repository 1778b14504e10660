import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../machinery/object.ts';
import { withoutManagedFields } from './projections.ts';

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

function object(metadata: KubeObject['metadata']): KubeObject & { spec: object } {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', ...metadata }, spec: { deep: true } };
}

describe('an object without managed fields', () => {
  test('has lost them and the annotation of kubectl, and nothing else', () => {
    const given = object({
      managedFields: [{ manager: 'm' }],
      annotations: { [lastApplied]: '{}', mine: 'kept' },
    });
    const copy = structuredClone(given);
    expect(withoutManagedFields(given)).toStrictEqual(object({ annotations: { mine: 'kept' } }));
    expect(given).toStrictEqual(copy);
  });

  test.each([{}, { annotations: { mine: 'kept' } }])(
    'is the very same object when it had none',
    (metadata) => {
      const given = object(metadata);
      expect(withoutManagedFields(given)).toBe(given);
    },
  );

  test('keeps its annotations when only the managed fields go, and has none when there were none', () => {
    const managedFields = [{ manager: 'm' }];
    expect(withoutManagedFields(object({ managedFields }))).toStrictEqual(object({}));
    const annotations = { mine: 'kept' };
    expect(withoutManagedFields(object({ managedFields, annotations }))).toStrictEqual(
      object({ annotations }),
    );
  });
});
