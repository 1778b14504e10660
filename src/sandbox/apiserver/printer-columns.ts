import { parseTime } from '../../base/time.ts';
import type { Json } from '../../machinery/json.ts';
import { parsePrinterColumn, printJsonPathValue } from '../../machinery/json-path.ts';
import { humanDuration } from './builtin/human-duration.ts';
import { nameOf } from './object-metadata.ts';
import type { ResourceDefinition, TableColumn } from './resource-definition.ts';

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
