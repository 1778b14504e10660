import type { Json, JsonObject } from '../../../machinery/json.ts';
import { own } from '../../../machinery/json.ts';
import { listAt, numberAt, objectAt, objectsAt, optionalObject, textAt, textsAt } from '../builtin/fields.ts';

/** Names of a kind, as asked for (`spec.names`) or as given (`status.acceptedNames`). */
export interface CustomResourceNames {
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
}

export interface PrinterColumn {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
  readonly jsonPath: string;
}

export interface CustomResourceVersion {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly deprecated: boolean;
  readonly deprecationWarning: string | undefined;
  /** `schema.openAPIV3Schema`, not yet read. */
  readonly schema: JsonObject | undefined;
  readonly subresources: JsonObject | undefined;
  readonly columns: readonly PrinterColumn[];
  /** JSON paths. */
  readonly selectableFields: readonly string[];
}

/** The `spec` of a CustomResourceDefinition. */
export interface CustomResourceSpec {
  readonly group: string;
  readonly scope: string;
  readonly names: CustomResourceNames;
  readonly versions: readonly CustomResourceVersion[];
  readonly conversion: JsonObject | undefined;
  readonly preserveUnknownFields: boolean;
}

/** The spec of a CRD. What is absent reads as empty. */
export function specOf(crd: JsonObject): CustomResourceSpec {
  const spec = objectAt(crd, 'spec');
  return {
    group: textAt(spec, 'group'),
    scope: textAt(spec, 'scope'),
    names: namesOf(objectAt(spec, 'names')),
    versions: objectsAt(spec, 'versions').map(versionOf),
    conversion: optionalObject(spec, 'conversion'),
    preserveUnknownFields: own(spec, 'preserveUnknownFields') === true,
  };
}

export function namesOf(names: JsonObject): CustomResourceNames {
  return {
    plural: textAt(names, 'plural'),
    singular: textAt(names, 'singular'),
    kind: textAt(names, 'kind'),
    listKind: textAt(names, 'listKind'),
    shortNames: textsAt(names, 'shortNames'),
    categories: textsAt(names, 'categories'),
  };
}

function versionOf(version: JsonObject): CustomResourceVersion {
  const warning: Json | undefined = own(version, 'deprecationWarning');
  return {
    name: textAt(version, 'name'),
    served: own(version, 'served') === true,
    storage: own(version, 'storage') === true,
    deprecated: own(version, 'deprecated') === true,
    deprecationWarning: typeof warning === 'string' ? warning : undefined,
    schema: optionalObject(version, 'schema', 'openAPIV3Schema'),
    subresources: optionalObject(version, 'subresources'),
    columns: objectsAt(version, 'additionalPrinterColumns').map(columnOf),
    selectableFields: objectsAt(version, 'selectableFields').map((field) => textAt(field, 'jsonPath')),
  };
}

function columnOf(column: JsonObject): PrinterColumn {
  return {
    name: textAt(column, 'name'),
    type: textAt(column, 'type'),
    format: textAt(column, 'format'),
    description: textAt(column, 'description'),
    priority: numberAt(column, 'priority') ?? 0,
    jsonPath: textAt(column, 'jsonPath'),
  };
}

export function hasStatus({ subresources }: CustomResourceVersion): boolean {
  return subresources !== undefined && optionalObject(subresources, 'status') !== undefined;
}

export function storageVersionOf({ versions }: CustomResourceSpec): string {
  return versions.find(({ storage }) => storage)?.name ?? '';
}

export function storedVersionsOf(crd: JsonObject): readonly string[] {
  return listAt(objectAt(crd, 'status'), 'storedVersions').filter((name) => typeof name === 'string');
}
