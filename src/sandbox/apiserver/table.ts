import { parseTime } from '../../base/time.ts';
import type { Json, JsonObject } from '../../machinery/json.ts';
import { isObject, own } from '../../machinery/json.ts';
import { parsePrinterColumn, printJsonPathValue } from '../../machinery/json-path.ts';
import { apiVersionOf } from '../../machinery/group-version-kind.ts';
import { humanDuration } from './builtin/human-duration.ts';
import { age, ageColumn } from './builtin/table.ts';
import { metadataOf, nameOf } from './object-metadata.ts';
import type { ResourceDefinition, TableColumn } from './resource-definition.ts';

/** How much of an object a row carries. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  /** Version of `meta.k8s.io`. */
  readonly version: string;
  readonly include: IncludeObject;
  /** Later events of a watch leave the columns out. */
  readonly columns: boolean;
  /** Wall time in milliseconds, for ages. */
  readonly nowMs: number;
}

const nameColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description:
    'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names',
  priority: 0,
} as const;

/** One object as a Table with one row. */
export function tableOfObject(
  definition: ResourceDefinition,
  object: JsonObject,
  options: TableOptions,
): JsonObject {
  const { resourceVersion } = metadataOf(object);
  const metadata = resourceVersion === undefined ? {} : { resourceVersion };
  return table(definition, metadata, [object], options);
}

/** @param list of any kind, with `items` */
export function tableOfList(
  definition: ResourceDefinition,
  list: JsonObject,
  options: TableOptions,
): JsonObject {
  return table(definition, metadataOf(list), itemsOf(list), options);
}

export function itemsOf(list: JsonObject): JsonObject[] {
  const items = own(list, 'items');
  return Array.isArray(items) ? items.filter(isObject) : [];
}

function table(
  definition: ResourceDefinition,
  metadata: JsonObject,
  objects: readonly JsonObject[],
  options: TableOptions,
): JsonObject {
  const columns = columnsOf(definition);
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata,
    columnDefinitions: options.columns ? columns.map((column) => columnDefinition(column)) : null,
    rows: objects.map((object) => ({
      cells: cellsOf(definition, object, columns, options.nowMs),
      object: rowObject(definition, object, options),
    })),
  };
}

/** All columns; Events bring their own Name. */
function columnsOf({ columns = [ageColumn] }: ResourceDefinition): readonly TableColumn[] {
  return columns.some(({ format }) => format === 'name') ? columns : [nameColumn, ...columns];
}

function columnDefinition(column: TableColumn): JsonObject {
  const { name, type, format = '', description, priority } = column;
  return { name, type, format, description, priority };
}

function cellsOf(
  definition: ResourceDefinition,
  object: JsonObject,
  columns: readonly TableColumn[],
  nowMs: number,
): Json[] {
  const isOfKind = own(object, 'kind') === undefined || object['kind'] === definition.kind.kind;
  if (definition.columns === undefined) return [nameOf(object), age(object, nowMs)];
  // A bookmark has no name, a Scale is of another kind: neither has what the cells are made of.
  if (nameOf(object) === '' || !isOfKind) return columns.map(({ format }) => (format === 'name' ? nameOf(object) : null));
  return definition.cells?.(object, nowMs) ?? columns.map(({ format }) => (format === 'name' ? nameOf(object) : null));
}

function rowObject(definition: ResourceDefinition, object: JsonObject, options: TableOptions): Json {
  switch (options.include) {
    case 'None':
      return null;
    case 'Metadata':
      return partialObject(object, options.version);
    case 'Object':
      return { apiVersion: apiVersionOf(definition.kind), kind: definition.kind.kind, ...object };
  }
}

/** Partial objects by version: many watchers of one kind share them. */
const partials = new Map<string, WeakMap<JsonObject, JsonObject>>();

/** An object without all but its metadata. The same object gives the same answer. */
export function partialObject(object: JsonObject, version: string): JsonObject {
  const known = partials.get(version) ?? new WeakMap<JsonObject, JsonObject>();
  partials.set(version, known);
  let partial = known.get(object);
  if (partial === undefined) {
    partial = {
      kind: 'PartialObjectMetadata',
      apiVersion: `meta.k8s.io/${version}`,
      metadata: metadataOf(object),
    };
    known.set(object, partial);
  }
  return partial;
}

/** `additionalPrinterColumns` of a CRD. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: string;
  readonly format?: string | undefined;
  readonly description?: string | undefined;
  readonly priority?: number | undefined;
  readonly jsonPath: string;
}

/**
 * Columns and cells of a custom kind.
 *
 * @throws JsonPathError when a path cannot be parsed
 */
export function printerColumns(
  columns: readonly PrinterColumn[],
): Required<Pick<ResourceDefinition, 'columns' | 'cells'>> {
  const paths = columns.map(({ jsonPath }) => parsePrinterColumn(jsonPath));
  return {
    columns: columns.map(({ name, type, format, description, priority = 0, jsonPath }) => ({
      name,
      // The API takes no other types.
      type: type as TableColumn['type'],
      ...(format === undefined ? {} : { format }),
      description: description ?? `Custom resource definition column (in JSONPath format): ${jsonPath}`,
      priority,
    })),
    cells: (object, nowMs) => [
      nameOf(object),
      ...columns.map(({ type }, i) => printerCell(type, paths[i]?.(object), nowMs)),
    ],
  };
}

/** A value of another type than the column's gives an empty cell; text takes anything. */
function printerCell(type: string, value: Json | undefined, nowMs: number): Json {
  if (value === undefined) return null;
  switch (type) {
    case 'string':
      return printJsonPathValue(value);
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? ageOf(value, nowMs) : null;
    default:
      return null;
  }
}

function ageOf(time: string, nowMs: number): string {
  if (time === '' || time === 'null') return '<unknown>';
  try {
    return humanDuration(nowMs - parseTime(time));
  } catch {
    return '<invalid>';
  }
}
