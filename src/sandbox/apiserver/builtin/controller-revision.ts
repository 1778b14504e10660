import { FieldPath, requiredValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { isObject, own } from '../../../machinery/json.ts';
import { parseApiVersion } from '../../../machinery/group-version-kind.ts';
import { defineBuiltIn } from './define.ts';
import { countAt, nameOf, objectAt, objectsAt, textAt } from './fields.ts';
import { allNonNegative, immutable } from './rules.ts';
import { age, ageColumn, column, none } from './table.ts';

export const controllerRevision = defineBuiltIn({
  kind: {
    group: 'apps',
    version: 'v1',
    resource: 'controllerrevisions',
    kind: 'ControllerRevision',
    namespaced: true,
  },
  schema: 'io.k8s.api.apps.v1.ControllerRevision',
  validate: (object, old) => {
    const data = own(object, 'data');
    const path = new FieldPath('data');
    const errors = allNonNegative(object, ['revision'], new FieldPath());
    if (old !== undefined) return [...errors, ...immutable(data, own(old, 'data'), path)];
    if (data === undefined || data === null) return [...errors, requiredValue(path, 'data is mandatory')];
    return isObject(data) ? errors : [...errors, requiredValue(path, 'data must be a valid JSON object')];
  },
  columns: [
    column('Controller', 'Controller of the object'),
    column('Revision', 'Number of the state that the object keeps'),
    ageColumn,
  ],
  cells: (object, nowMs) => [
    nameOf(object),
    controllerOf(object),
    countAt(object, 'revision'),
    age(object, nowMs),
  ],
});

/** `statefulset.apps/web` */
function controllerOf(object: JsonObject): string {
  const owners = objectsAt(objectAt(object, 'metadata'), 'ownerReferences');
  const owner = owners.find((reference) => own(reference, 'controller') === true);
  if (owner === undefined) return none;
  const { group } = parseApiVersion(textAt(owner, 'apiVersion'));
  const kind = textAt(owner, 'kind').toLowerCase();
  return `${kind}${group === '' ? '' : `.${group}`}/${textAt(owner, 'name')}`;
}
