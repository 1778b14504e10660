import { z } from 'zod';
import { isObject, setOwn, type Json, type JsonObject } from '../machinery/json.ts';

/**
 * Renames and leaves out fields as Go's JSON does on the way into a struct: names count in any case, and a field
 * without value is as good as none.
 * @param unknownFields whether those stay, for the schema to refuse them
 */
export function goFields(schema: z.core.$ZodType, value: Json, unknownFields: 'reject' | 'drop'): Json {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable)
    return goFields(schema.unwrap(), value, unknownFields);
  if (schema instanceof z.ZodArray)
    return Array.isArray(value) ? value.map((item) => goFields(schema.element, item, unknownFields)) : value;
  const fields = fieldsOf(schema);
  if (fields === undefined || !isObject(value)) return value;
  const byName = new Map([...fields].map(([name, field]) => [name.toLowerCase(), { name, field }]));
  const result: JsonObject = {};
  for (const [written, content] of Object.entries(value)) {
    const known = byName.get(written.toLowerCase());
    if (known === undefined) {
      if (unknownFields === 'reject') setOwn(result, written, content);
    } else if (content !== null) setOwn(result, known.name, goFields(known.field, content, unknownFields));
  }
  return result;
}

function fieldsOf(schema: z.core.$ZodType): ReadonlyMap<string, z.core.$ZodType> | undefined {
  if (schema instanceof z.ZodObject) return new Map(Object.entries(schema.shape));
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return undefined;
  return new Map(schema.options.flatMap((option) => [...(fieldsOf(option) ?? [])]));
}
