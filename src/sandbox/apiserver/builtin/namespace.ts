import { FieldPath, invalidValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { isObject, own } from '../../../machinery/json.ts';
import { validateDns1123Label, validateQualifiedName } from '../../../machinery/names.ts';
import { defineBuiltIn } from './define.ts';
import { nameOf } from './fields.ts';
import { age, ageColumn, column } from './table.ts';

const nameLabel = 'kubernetes.io/metadata.name';

function child(object: JsonObject, field: string): JsonObject {
  const value = own(object, field);
  return isObject(value) ? value : {};
}

/** Names of whoever must clean up before the namespace may go. */
export function specFinalizers(namespace: JsonObject): string[] {
  const finalizers = own(child(namespace, 'spec'), 'finalizers');
  return Array.isArray(finalizers) ? finalizers.filter((name) => typeof name === 'string') : [];
}

export const namespace = defineBuiltIn({
  kind: { group: '', version: 'v1', resource: 'namespaces', kind: 'Namespace', namespaced: false },
  schema: 'io.k8s.api.core.v1.Namespace',
  shortNames: ['ns'],
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  status: true,
  validateName: validateDns1123Label,
  setDefaults: (object) => {
    const metadata = child(object, 'metadata');
    const name = own(metadata, 'name');
    if (typeof name !== 'string' || name === '') return;
    metadata['labels'] = { ...child(metadata, 'labels'), [nameLabel]: name };
  },
  prepareForCreate: (object) => {
    const finalizers = specFinalizers(object);
    if (!finalizers.includes('kubernetes')) finalizers.push('kubernetes');
    object['spec'] = { ...child(object, 'spec'), finalizers };
    object['status'] = { phase: 'Active' };
  },
  prepareForUpdate: (object, old) => {
    // Only the life cycle takes finalizers of the spec away.
    object['spec'] = { ...child(object, 'spec'), finalizers: specFinalizers(old) };
  },
  validate: (object) =>
    specFinalizers(object).flatMap((finalizer, i) =>
      validateQualifiedName(finalizer).map((problem) =>
        invalidValue(new FieldPath('spec', 'finalizers').index(i), finalizer, problem),
      ),
    ),
  selectableFields: {
    names: ['name', 'status.phase'],
    of: (object) => ({
      name: String(own(child(object, 'metadata'), 'name') ?? ''),
      'status.phase': String(own(child(object, 'status'), 'phase') ?? ''),
    }),
  },
  isHeld: (object) => specFinalizers(object).length > 0,
  prepareForDelete: (object) => {
    object['status'] = { ...child(object, 'status'), phase: 'Terminating' };
  },
  deleteAnswer: 'object',
  columns: [column('Status', 'The status of the namespace'), ageColumn],
  cells: (object, nowMs) => [
    nameOf(object),
    String(own(child(object, 'status'), 'phase') ?? ''),
    age(object, nowMs),
  ],
});
