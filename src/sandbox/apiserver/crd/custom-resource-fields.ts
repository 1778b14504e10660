import { goText } from '../../../machinery/go-text.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, own } from '../../../machinery/json.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import type { CustomResourceVersion } from './definition-spec.ts';

/** The fields that selectors can name; a field that is absent is empty. */
export function selectableFieldsOf({
  selectableFields,
}: CustomResourceVersion): ResourceDefinition['selectableFields'] {
  if (selectableFields.length === 0) return undefined;
  const names = selectableFields.map((path) => path.replace(/^\./, ''));
  return {
    names,
    of: (object) => Object.fromEntries(names.map((name) => [name, textOf(object, name)])),
  };
}

function textOf(object: JsonObject, path: string): string {
  const value = fieldAt(object, path);
  return value === undefined || value === null ? '' : goText(value);
}

/** The value at a simple path: `spec.host`. */
function fieldAt(object: JsonObject, path: string): Json | undefined {
  let at: Json | undefined = object;
  for (const name of path.split('.')) at = isObject(at) ? own(at, name) : undefined;
  return at;
}
