import type { FieldError } from '../../machinery/field-errors.ts';
import { FieldPath, forbidden, invalidValue, requiredValue, tooLong } from '../../machinery/field-errors.ts';
import type { Json, JsonObject } from '../../machinery/json.ts';
import { isObject, jsonEqual, own } from '../../machinery/json.ts';
import { validateLabels } from '../../machinery/label-selector.ts';
import { validateDns1123Label, validateQualifiedName } from '../../machinery/names.ts';
import { finalizersOf, labelsOf, metadataOf, ownerReferencesOf, textOf } from './object-metadata.ts';
import { validateManager } from './request-options.ts';
import type { ResourceDefinition } from './resource-definition.ts';

/** What the rules for names depend on. */
type Named = Pick<ResourceDefinition, 'kind' | 'validateName'>;

const annotationsMaxBytes = 256 * 1024;
const path = new FieldPath('metadata');

/** Problems of `metadata` that are the same for all kinds. Source: apimachinery's ValidateObjectMeta. */
export function validateMetadata(definition: Named, object: JsonObject): FieldError[] {
  const metadata = metadataOf(object);
  return [
    ...validateNames(definition, metadata),
    ...validateNamespace(definition, metadata),
    ...validateLabels(labelsOf(object), path.child('labels')),
    ...validateAnnotations(own(metadata, 'annotations')),
    ...validateOwners(ownerReferencesOf(object)),
    ...validateFinalizers(finalizersOf(object)),
    ...validateManagers(own(metadata, 'managedFields')),
  ];
}

function validateNames(definition: Named, metadata: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  const generateName = textOf(metadata, 'generateName');
  const name = textOf(metadata, 'name');
  if (generateName !== '') {
    // A prefix may end with a dash, which the suffix will follow.
    const checked = generateName.length > 1 ? generateName.replace(/-$/, 'a') : generateName;
    for (const problem of definition.validateName(checked)) {
      errors.push(invalidValue(path.child('generateName'), generateName, problem));
    }
  }
  if (name === '') {
    return [...errors, requiredValue(path.child('name'), 'name or generateName is required')];
  }
  for (const problem of definition.validateName(name)) {
    errors.push(invalidValue(path.child('name'), name, problem));
  }
  return errors;
}

function validateNamespace(definition: Named, metadata: JsonObject): FieldError[] {
  const namespace = textOf(metadata, 'namespace');
  const field = path.child('namespace');
  if (!definition.kind.namespaced) {
    return namespace === '' ? [] : [forbidden(field, 'not allowed on this type')];
  }
  if (namespace === '') return [requiredValue(field)];
  return validateDns1123Label(namespace).map((problem) => invalidValue(field, namespace, problem));
}

function validateAnnotations(annotations: Json | undefined): FieldError[] {
  if (!isObject(annotations)) return [];
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(annotations)) {
    size += Buffer.byteLength(key) + Buffer.byteLength(typeof value === 'string' ? value : '');
    for (const problem of validateQualifiedName(key.toLowerCase())) {
      errors.push(invalidValue(path.child('annotations'), key, problem));
    }
  }
  if (size > annotationsMaxBytes) errors.push(tooLong(path.child('annotations'), annotationsMaxBytes));
  return errors;
}

function validateOwners(references: readonly JsonObject[]): FieldError[] {
  const errors: FieldError[] = [];
  const field = path.child('ownerReferences');
  let controller = '';
  for (const reference of references) {
    const apiVersion = textOf(reference, 'apiVersion');
    if (apiVersion === '') {
      errors.push(invalidValue(field.child('apiVersion'), apiVersion, 'version must not be empty'));
    }
    for (const part of ['kind', 'name', 'uid']) {
      if (textOf(reference, part) === '') {
        errors.push(invalidValue(field.child(part), '', 'must not be empty'));
      }
    }
    if (apiVersion === 'v1' && textOf(reference, 'kind') === 'Event') {
      errors.push(invalidValue(field, reference, '/v1, Kind=Event is disallowed from being an owner'));
    }
    if (own(reference, 'controller') !== true) continue;
    const name = `${textOf(reference, 'kind')}/${textOf(reference, 'name')}`;
    if (controller !== '') {
      const found = `Found "true" in references for ${controller} and ${name}`;
      errors.push(
        invalidValue(field, references, `Only one reference can have Controller set to true. ${found}`),
      );
    }
    controller ||= name;
  }
  return errors;
}

function validateFinalizers(finalizers: readonly string[]): FieldError[] {
  const field = path.child('finalizers');
  const errors = finalizers.flatMap((finalizer) =>
    validateQualifiedName(finalizer).map((problem) => invalidValue(field, finalizer, problem)),
  );
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    const message = 'finalizer orphan and foregroundDeletion cannot be both set';
    errors.push(invalidValue(field, finalizers, message));
  }
  return errors;
}

function validateManagers(managedFields: Json | undefined): FieldError[] {
  if (!Array.isArray(managedFields)) return [];
  return managedFields.filter(isObject).flatMap((entry, i) => {
    const field = path.child('managedFields').index(i);
    const operation = textOf(entry, 'operation');
    const errors = validateManager(textOf(entry, 'manager'), String(field.child('manager')));
    if (operation !== 'Apply' && operation !== 'Update') {
      errors.unshift(invalidValue(field.child('operation'), operation, 'must be `Apply` or `Update`'));
    }
    return errors;
  });
}

const immutable = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;

/** What an update may not do to `metadata`. Source: apimachinery's ValidateObjectMetaAccessorUpdate. */
export function validateMetadataUpdate(object: JsonObject, old: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  const metadata = metadataOf(object);
  const before = metadataOf(old);
  if (textOf(before, 'deletionTimestamp') !== '') {
    const known = new Set(finalizersOf(old));
    const added = finalizersOf(object)
      .filter((finalizer) => !known.has(finalizer))
      .sort();
    if (added.length > 0) {
      const list = added.map((finalizer) => JSON.stringify(finalizer)).join(', ');
      const message = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`;
      errors.push(forbidden(path.child('finalizers'), message));
    }
  }
  for (const field of immutable) {
    const value = own(metadata, field);
    if (jsonEqual(value, own(before, field))) continue;
    errors.push(invalidValue(path.child(field), value ?? null, 'field is immutable'));
  }
  return errors;
}
