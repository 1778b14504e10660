import type { Json } from '../../../machinery/json.ts';

/** What a value is to a validator that has read it as Go does: whole numbers are 64-bit integers. */
function typeOf(value: Exclude<Json, null>): { readonly type: string; readonly format: string } {
  if (Array.isArray(value)) return { type: 'array', format: '' };
  switch (typeof value) {
    case 'number':
      return isInt64(value) ? { type: 'integer', format: 'int64' } : { type: 'number', format: 'float64' };
    case 'object':
      return { type: 'object', format: '' };
    default:
      return { type: typeof value, format: '' };
  }
}

export function isInt64(value: number): boolean {
  return Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63;
}

/**
 * Whether a value has one of the types.
 *
 * @param types of the schema; empty for any
 * @returns what the message names, if not
 */
export function typeProblem(
  types: readonly string[],
  format: string | undefined,
  nullable: boolean,
  value: Json,
): { readonly expected: string; readonly actual: string } | undefined {
  const expected = types.join(',');
  if (value === null) return types.length === 0 || nullable ? undefined : { expected, actual: 'null' };
  const actual = typeOf(value);
  const isNumeric = types.includes('number') || types.includes('integer');
  const fits =
    types.includes(actual.type) ||
    (actual.type === 'integer' && types.includes('number')) ||
    (actual.type === 'number' && types.includes('integer') && Number.isSafeInteger(value));
  // A format says more than a type, and is checked on its own: text and lists of any other type pass here.
  const hasFormat = format !== undefined;
  if (typeof value === 'string' || Array.isArray(value)) {
    return fits || (hasFormat && !isNumeric) ? undefined : { expected, actual: actual.type };
  }
  if (fits) return undefined;
  return hasFormat && format !== actual.format
    ? { expected: format, actual: actual.format }
    : { expected, actual: actual.type };
}
