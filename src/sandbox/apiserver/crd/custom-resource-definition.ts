import type { FieldError } from '../../../machinery/field-errors.ts';
import { FieldPath } from '../../../machinery/field-errors.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, own } from '../../../machinery/json.ts';
import { validateDns1123Subdomain } from '../../../machinery/names.ts';
import type { Schema } from '../../../machinery/schema.ts';
import { defineBuiltIn } from '../builtin/define.ts';
import {
  ensureObject,
  nameOf,
  objectAt,
  objectsAt,
  optionalObject,
  setDefault,
  setDefaultOfZero,
  textAt,
} from '../builtin/fields.ts';
import { finalizersOf, isTerminating, ownMetadata } from '../object-metadata.ts';
import { stringFormat } from '../schema/formats.ts';
import { readSchema } from '../schema/read-schema.ts';
import { setCondition } from './definition-conditions.ts';
import { definitionProblems, statusProblems } from './definition-problems.ts';
import { specOf, storageVersionOf, storedVersionsOf } from './definition-spec.ts';

/** Keeps a CRD until its objects are gone. */
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

/** The kind CustomResourceDefinition itself. What follows from its objects is done by `CustomResources`. */
export const customResourceDefinitions = defineBuiltIn({
  kind: {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    resource: 'customresourcedefinitions',
    kind: 'CustomResourceDefinition',
    namespaced: false,
  },
  schema: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  status: true,
  generation: 'spec',
  unconditionalUpdate: false,
  validateName: validateDns1123Subdomain,
  setDefaults,
  prepareForCreate: (crd) => {
    const stored = storageVersionOf(specOf(crd));
    crd['status'] = {
      conditions: null,
      acceptedNames: { plural: '', kind: '' },
      storedVersions: stored === '' ? null : [stored],
    };
  },
  prepareForUpdate: (crd) => {
    const stored = storageVersionOf(specOf(crd));
    const before = storedVersionsOf(crd);
    if (stored === '' || before.includes(stored)) return;
    crd['status'] = { ...objectAt(crd, 'status'), storedVersions: [...before, stored] };
  },
  validate: (crd, old, subresource): FieldError[] =>
    subresource === 'status' ? statusProblems(crd) : definitionProblems(crd, old),
  warnings: (crd, old) => {
    const before = new Set(old === undefined ? [] : unknownFormats(old));
    return unknownFormats(crd)
      .filter((format) => !before.has(format))
      .map((format) => `unrecognized format ${JSON.stringify(format)}`);
  },
  prepareForDelete: (crd, now) => {
    const finalizers = finalizersOf(crd);
    if (!finalizers.includes(cleanupFinalizer)) finalizers.push(cleanupFinalizer);
    ownMetadata(crd)['finalizers'] = finalizers;
    const message = 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon';
    setCondition(
      crd,
      { type: 'Terminating', status: 'True', reason: 'InstanceDeletionPending', message },
      now,
    );
  },
  // The first DELETE only marks it.
  isHeld: (crd) => !isTerminating(crd),
  deleteAnswer: 'object',
  columns: [
    {
      name: 'Created At',
      type: 'date',
      description: 'When the object was created',
      priority: 0,
    },
  ],
  cells: (crd): Json[] => [nameOf(crd), textAt(objectAt(crd, 'metadata'), 'creationTimestamp')],
});

function setDefaults(crd: JsonObject): void {
  const spec = ensureObject(crd, 'spec');
  const names = ensureObject(spec, 'names');
  const kind = textAt(names, 'kind');
  setDefaultOfZero(names, 'singular', kind.toLowerCase());
  if (kind !== '') setDefaultOfZero(names, 'listKind', `${kind}List`);
  setDefault(spec, 'conversion', { strategy: 'None' });
  const service = optionalObject(spec, 'conversion', 'webhook', 'clientConfig', 'service');
  if (service !== undefined) setDefault(service, 'port', 443);
}

/** Formats of the schemas that will not be checked. */
function unknownFormats(crd: JsonObject): string[] {
  const formats: string[] = [];
  for (const version of objectsAt(objectAt(crd, 'spec'), 'versions')) {
    const value = own(objectAt(version, 'schema'), 'openAPIV3Schema');
    if (isObject(value)) collectFormats(readSchema(value, new FieldPath()).schema, formats);
  }
  return [...new Set(formats)];
}

function collectFormats(schema: Schema, formats: string[]): void {
  const { type = '', format, items, not, properties = {}, additionalProperties } = schema;
  if (format !== undefined && !isKnownFormat(type, format)) formats.push(format);
  const children = [
    ...(schema.allOf ?? []),
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
    ...Object.values(properties),
    ...(items === undefined ? [] : [items]),
    ...(not === undefined ? [] : [not]),
    ...(typeof additionalProperties === 'object' ? [additionalProperties] : []),
  ];
  for (const child of children) collectFormats(child, formats);
}

function isKnownFormat(type: string, format: string): boolean {
  switch (type) {
    case '':
    case 'string':
      return stringFormat(format) !== undefined;
    case 'integer':
      return format === 'int32' || format === 'int64';
    case 'number':
      return format === 'float' || format === 'double';
    default:
      return false;
  }
}
