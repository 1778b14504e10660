import { FieldPath } from '../../../machinery/field-errors.ts';
import { compareVersions } from '../../../machinery/group-version-kind.ts';
import { validateDns1123Subdomain } from '../../../machinery/names.ts';
import type { Schema } from '../../../machinery/schema.ts';
import { builtInSchema } from '../openapi/built-in-schemas.ts';
import { nameOf, optionalObject, textAt } from '../builtin/fields.ts';
import { forbiddenError } from '../request-error.ts';
import type { ResourceDefinition, ScaleMapping } from '../resource-definition.ts';
import { applyDefaults, pruneNulls } from '../schema/defaulting.ts';
import { readSchema } from '../schema/read-schema.ts';
import { printerCells, printerColumns } from './custom-resource-columns.ts';
import { selectableFieldsOf } from './custom-resource-fields.ts';
import { customResourceProblems } from './custom-resource-problems.ts';
import type { CustomResourceNames, CustomResourceSpec, CustomResourceVersion } from './definition-spec.ts';
import { hasStatus, storageVersionOf } from './definition-spec.ts';
import { finalizerWarnings } from './finalizer-warnings.ts';

export interface CustomResourceOptions {
  /** The names that the CRD was given. */
  readonly names: CustomResourceNames;
  /** The CRD is being deleted: no more objects. */
  readonly isTerminating: boolean;
}

/** What the server needs to know of a custom kind at one version. */
export function customResourceDefinition(
  spec: CustomResourceSpec,
  version: CustomResourceVersion,
  { names, isTerminating }: CustomResourceOptions,
): ResourceDefinition {
  const kind = {
    group: spec.group,
    version: version.name,
    resource: names.plural,
    kind: names.kind,
    namespaced: spec.scope === 'Namespaced',
  };
  const { schema } = readSchema(version.schema ?? {}, new FieldPath());
  const scale = scaleOf(version);
  return {
    kind,
    listKind: names.listKind,
    singular: names.singular,
    shortNames: names.shortNames,
    categories: names.categories,
    verbs: ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'],
    storageKey: `${names.plural}.${spec.group}`,
    storageVersion: storageVersionOf(spec),
    schema: withResourceFields(schema, true),
    custom: true,
    unconditionalUpdate: false,
    createOnUpdate: false,
    status: hasStatus(version),
    scale,
    generation: 'spec',
    validateName: validateDns1123Subdomain,
    setDefaults: (object) => {
      pruneNulls(schema, object);
      applyDefaults(schema, object);
    },
    prepareForCreate: isTerminating
      ? (object) => {
          const why = 'create not allowed while custom resource definition is terminating';
          throw forbiddenError(kind, nameOf(object), why);
        }
      : undefined,
    validate: (object, old, subresource) => customResourceProblems(schema, scale, object, old, subresource),
    warnings: finalizerWarnings,
    deprecationWarning: version.deprecated ? deprecationWarning(spec, version) : undefined,
    selectableFields: selectableFieldsOf(version),
    columns: printerColumns(version),
    cells: printerCells(version),
    deleteAnswer: 'status',
  };
}

function scaleOf({ subresources }: CustomResourceVersion): ScaleMapping | undefined {
  const scale = subresources === undefined ? undefined : optionalObject(subresources, 'scale');
  if (scale === undefined) return undefined;
  const labelSelectorPath = textAt(scale, 'labelSelectorPath');
  return {
    specReplicasPath: textAt(scale, 'specReplicasPath'),
    statusReplicasPath: textAt(scale, 'statusReplicasPath'),
    labelSelectorPath: labelSelectorPath === '' ? undefined : labelSelectorPath,
  };
}

const text: Schema = { type: 'string' };

/** The schema with the fields that resources have although their schema does not say so. */
function withResourceFields(schema: Schema, isRoot: boolean): Schema {
  const { items, properties, additionalProperties } = schema;
  const isResource = isRoot || schema['x-kubernetes-embedded-resource'] === true;
  const metadata = builtInSchema('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');
  const entries = Object.entries(properties ?? {}).map(([name, property]): [string, Schema] => [
    name,
    withResourceFields(property, false),
  ]);
  const fields = isResource ? { apiVersion: text, kind: text } : {};
  return {
    ...schema,
    ...(items === undefined ? {} : { items: withResourceFields(items, false) }),
    ...(typeof additionalProperties === 'object'
      ? { additionalProperties: withResourceFields(additionalProperties, false) }
      : {}),
    ...(properties === undefined && !isResource
      ? {}
      : { properties: { ...fields, ...Object.fromEntries(entries), ...(isResource ? { metadata } : {}) } }),
  };
}

function deprecationWarning(spec: CustomResourceSpec, version: CustomResourceVersion): string {
  if (version.deprecationWarning !== undefined) return version.deprecationWarning;
  const { group, names } = spec;
  const message = `${group}/${version.name} ${names.kind} is deprecated`;
  const [better] = spec.versions
    .filter(({ served, deprecated }) => served && !deprecated)
    .map(({ name }) => name)
    .filter((name) => compareVersions(name, version.name) < 0)
    .sort(compareVersions);
  return better === undefined ? message : `${message}; use ${group}/${better} ${names.kind}`;
}
