import { FieldPath } from '../field-errors.ts';
import { own } from '../json.ts';
import type { Schema } from '../schema.ts';

const escapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  "'": "'",
  '\\': '\\',
};

/**
 * Reads the `fieldPath` of a rule: `.spec.replicas`, `.labels['a.b']`.
 *
 * @returns the path below the rule's schema; undefined if there is no such field
 */
export function parseRuleFieldPath(text: string, schema: Schema): FieldPath | undefined {
  let path = new FieldPath();
  let at: Schema = schema;
  let rest = text;
  while (rest !== '') {
    const match = /^(?:\.([^.[\]]+)|\['((?:[^'\\]|\\.)*)'\])/s.exec(rest);
    if (match === null) return undefined;
    rest = rest.slice(match[0].length);
    const name = match[1] ?? unescape(match[2] ?? '');
    if (name === undefined) return undefined;
    if (at.properties !== undefined) {
      const property = own(at.properties, name);
      if (property === undefined) return undefined;
      path = path.child(name);
      at = property;
    } else if (typeof at.additionalProperties === 'object') {
      path = path.key(name);
      at = at.additionalProperties;
    } else {
      return undefined;
    }
  }
  return path;
}

function unescape(text: string): string | undefined {
  let valid = true;
  const result = text.replace(/\\(.)/gs, (_, character: string) => {
    const escaped = own(escapes, character);
    if (escaped === undefined) valid = false;
    return escaped ?? '';
  });
  return valid ? result : undefined;
}
