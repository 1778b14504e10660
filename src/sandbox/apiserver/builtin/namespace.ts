import { FieldPath, invalidValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { validateDns1123Label, validateQualifiedName } from '../../../machinery/names.ts';
import { defineBuiltIn } from './define.ts';
import { ensureObject, nameOf, objectAt, textAt, textsAt } from './fields.ts';
import { age, ageColumn, column } from './table.ts';

const nameLabel = 'kubernetes.io/metadata.name';

/** Names of whoever must clean up before the namespace may go. */
function specFinalizers(namespace: JsonObject): string[] {
  return textsAt(objectAt(namespace, 'spec'), 'finalizers');
}

export const namespace = defineBuiltIn({
  kind: { group: '', version: 'v1', resource: 'namespaces', kind: 'Namespace', namespaced: false },
  schema: 'io.k8s.api.core.v1.Namespace',
  shortNames: ['ns'],
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  status: true,
  validateName: validateDns1123Label,
  setDefaults: (object) => {
    if (nameOf(object) !== '') ensureObject(object, 'metadata', 'labels')[nameLabel] = nameOf(object);
  },
  prepareForCreate: (object) => {
    const finalizers = specFinalizers(object);
    if (!finalizers.includes('kubernetes')) finalizers.push('kubernetes');
    object['spec'] = { ...objectAt(object, 'spec'), finalizers };
    object['status'] = { phase: 'Active' };
  },
  prepareForUpdate: (object, old) => {
    // Only the life cycle takes finalizers of the spec away.
    object['spec'] = { ...objectAt(object, 'spec'), finalizers: specFinalizers(old) };
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
      name: nameOf(object),
      'status.phase': textAt(objectAt(object, 'status'), 'phase'),
    }),
  },
  isHeld: (object) => specFinalizers(object).length > 0,
  prepareForDelete: (object) => {
    object['status'] = { ...objectAt(object, 'status'), phase: 'Terminating' };
  },
  deleteAnswer: 'object',
  columns: [column('Status', 'The status of the namespace'), ageColumn],
  cells: (object, nowMs) => [nameOf(object), textAt(objectAt(object, 'status'), 'phase'), age(object, nowMs)],
});
