import { own } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';

/** A field that a path names. */
export interface FoundField {
  /** The names from the root down. */
  readonly names: readonly string[];
  readonly schema: Schema;
}

/**
 * The field of a schema that `.spec.host` or `.data['a.b']` names, or why there is none.
 *
 * Source: ValidFieldPath of apiextensions-apiserver pkg/apiserver/schema/cel.
 */
export function findField(schema: Schema, path: string): FoundField | string {
  const names: string[] = [];
  let at = schema;
  let rest = path;
  while (rest !== '') {
    const match = /^\.([^.[\]]+)|^\['((?:[^'\\]|\\.)*)'\]/s.exec(rest);
    if (match === null) {
      return rest.startsWith('.') || rest.startsWith('[')
        ? 'unexpected end of JSON path'
        : `expected [ or . but got: ${rest.split(/[.[\]]/, 1)[0] || rest.slice(0, 1)}`;
    }
    const name = match[1] ?? (match[2] ?? '').replace(/\\(.)/gs, '$1');
    const { additionalProperties, properties } = at;
    const child = properties === undefined ? additionalProperties : own(properties, name);
    if (typeof child !== 'object') return 'does not refer to a valid field';
    names.push(name);
    at = child;
    rest = rest.slice(match[0].length);
  }
  return { names, schema: at };
}
