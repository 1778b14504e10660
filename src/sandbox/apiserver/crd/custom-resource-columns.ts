import { parseTime } from '../../../base/time.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { parsePrinterColumn, JsonPathError, printJsonPathValue } from '../../../machinery/json-path.ts';
import { nameOf } from '../builtin/fields.ts';
import { humanDuration } from '../builtin/human-duration.ts';
import type { TableColumn } from '../resource-definition.ts';
import type { CustomResourceVersion, PrinterColumn } from './definition-spec.ts';

/** Columns as the server shows them; undefined for the default ones. */
export function printerColumns({ columns }: CustomResourceVersion): TableColumn[] | undefined {
  if (columns.length === 0) return undefined;
  return columns.map(({ name, type, format, description, priority, jsonPath }) => ({
    name,
    type: columnType(type),
    format,
    description:
      description === ''
        ? `Custom resource definition column (in JSONPath format): ${jsonPath}`
        : description,
    priority,
  }));
}

/**
 * The cells of a row: the name, then one per column.
 *
 * Source: apiextensions-apiserver pkg/registry/customresource/tableconvertor.
 */
export function printerCells({
  columns,
}: CustomResourceVersion): ((object: JsonObject, nowMs: number) => Json[]) | undefined {
  if (columns.length === 0) return undefined;
  const cells = columns.map(cellOf);
  return (object, nowMs) => [nameOf(object), ...cells.map((cell) => cell(object, nowMs))];
}

function columnType(type: string): TableColumn['type'] {
  switch (type) {
    case 'integer':
    case 'number':
    case 'boolean':
    case 'date':
      return type;
    default:
      return 'string';
  }
}

function cellOf({ type, jsonPath }: PrinterColumn): (object: JsonObject, nowMs: number) => Json {
  const find = finder(jsonPath);
  return (object, nowMs) => {
    const value = find(object);
    if (value === undefined) return null;
    return type === 'string' ? printJsonPathValue(value) : cellValue(type, value, nowMs);
  };
}

/** A path that cannot be parsed finds nothing: it was accepted, so it must not break lists. */
function finder(jsonPath: string): (object: Json) => Json | undefined {
  try {
    return parsePrinterColumn(jsonPath);
  } catch (error) {
    if (error instanceof JsonPathError) return () => undefined;
    throw error;
  }
}

function cellValue(type: string, value: Json, nowMs: number): Json {
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    default:
      return typeof value === 'string' ? age(value, nowMs) : null;
  }
}

function age(time: string, nowMs: number): string {
  if (time === '' || time === 'null') return '<unknown>';
  try {
    return humanDuration(nowMs - parseTime(time));
  } catch {
    return '<invalid>';
  }
}
