import type { Type } from './types.ts';
import { dynType, listType, mapType, optionalType, parseType } from './types.ts';
import type { Value } from './values.ts';
import { kindOf, TypeValue } from './values.ts';

/** What `type(value)` gives. */
export function typeOf(value: Value): Type {
  const kind = kindOf(value);
  switch (kind) {
    case 'list':
      return listType(dynType);
    case 'map':
    case 'object':
      return mapType(dynType, dynType);
    case 'optional':
      return optionalType(dynType);
    case 'type':
      return { kind, item: value instanceof TypeValue ? value.type : dynType };
    default:
      return parseType(kind);
  }
}
