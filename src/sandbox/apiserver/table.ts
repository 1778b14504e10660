import type { Json, JsonObject } from '../../machinery/json.ts';
import { isObject, own } from '../../machinery/json.ts';
import { apiVersionOf } from '../../machinery/group-version-kind.ts';
import type { TransformInput } from './api-server.ts';
import { age, ageColumn } from './builtin/table.ts';
import { metadataOf, nameOf, textOf } from './object-metadata.ts';
import { failure } from './request-error.ts';
import type { ResourceDefinition, TableColumn } from './resource-definition.ts';

const nameColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description:
    'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names',
  priority: 0,
} as const;

/**
 * Objects as a Table, or without all but their metadata: what `kubectl get` and metadata-only clients ask for.
 *
 * Source: transformResponseObject and the table converters of the API server.
 *
 * @throws RequestError 406 when a list is asked for as one object, or the other way round
 */
export function transform(input: TransformInput): JsonObject {
  const { as, version, items, list, definition } = input;
  if (as === 'Table') return table(input);
  const isList = list !== undefined;
  if (isList !== (as === 'PartialObjectMetadataList')) {
    const got = isList ? `is a list (${definition.listKind})` : `is not a list (${definition.kind.kind})`;
    throw failure(406, 'NotAcceptable', `you requested ${as}, but the requested object ${got}`);
  }
  if (!isList) return partialObject(items[0] ?? {}, version);
  return {
    kind: 'PartialObjectMetadataList',
    apiVersion: `meta.k8s.io/${version}`,
    metadata: { ...list },
    items: items.map((item) => partialObject(item, version)),
  };
}

function table(input: TransformInput): JsonObject {
  const { definition, version, items, list, withColumns, nowMs } = input;
  const columns = columnsOf(definition);
  const { resourceVersion } = metadataOf(items[0] ?? {});
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${version}`,
    metadata: list === undefined ? (resourceVersion === undefined ? {} : { resourceVersion }) : { ...list },
    columnDefinitions: withColumns ? columns.map((column) => columnDefinition(column)) : null,
    rows: items.map((object) => ({
      cells: cellsOf(definition, object, columns, nowMs),
      object: rowObject(input, object),
    })),
  };
}

/** All columns; Events bring their own Name. */
function columnsOf({ columns, custom }: ResourceDefinition): readonly TableColumn[] {
  if (columns === undefined) return [nameColumn, custom ? { ...ageColumn, type: 'date' } : ageColumn];
  const isWhole = !custom && columns.some(({ format }) => format === 'name');
  return isWhole ? columns : [nameColumn, ...columns];
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
  const name = nameOf(object);
  // A bookmark has no name, a Scale is of another kind: neither has what the cells are made of.
  const isOwn = name !== '' && ['', definition.kind.kind].includes(textOf(object, 'kind'));
  if (isOwn && definition.columns === undefined) return [name, age(object, nowMs)];
  if (isOwn && definition.cells !== undefined) return definition.cells(object, nowMs);
  return columns.map(({ format }) => (format === 'name' ? name : null));
}

function rowObject({ definition, includeObject, version }: TransformInput, object: JsonObject): Json {
  if (includeObject === 'Object') {
    return { ...object, apiVersion: apiVersionOf(definition.kind), kind: definition.kind.kind };
  }
  return includeObject === 'None' && !endsInitialEvents(object) ? null : partialObject(object, version);
}

/** The bookmark that clients wait for: they must see its annotation. */
function endsInitialEvents(object: JsonObject): boolean {
  const annotations = own(metadataOf(object), 'annotations');
  return isObject(annotations) && own(annotations, 'k8s.io/initial-events-end') === 'true';
}

/** Partial objects by version: many watchers of one kind share them. */
const partials = new Map<string, WeakMap<JsonObject, JsonObject>>();

/** An object without all but its metadata. The same object gives the same answer. */
function partialObject(object: JsonObject, version: string): JsonObject {
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
