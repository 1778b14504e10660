import { createRequire } from 'node:module';
import type { Schema } from '../../../machinery/schema.ts';
import { linkSchemas } from '../../../machinery/schema.ts';

let linked: { readonly [name: string]: Schema } | undefined;

/**
 * The published schema of a built-in type, its references replaced by what they name.
 *
 * @param name as in the OpenAPI document: `io.k8s.api.core.v1.ConfigMap`
 * @throws Error when the generated file has no such type
 */
export function builtInSchema(name: string): Schema {
  linked ??= linkSchemas(read());
  const schema = linked[name];
  if (schema === undefined) throw new Error(`no schema ${name}: add it to the generated schemas`);
  return schema;
}

/** Our own generated file, read on first use; it is not parsed again by a validator. */
function read(): { [name: string]: Schema } {
  const document = createRequire(import.meta.url)('./schemas.generated.json') as {
    components: { schemas: { [name: string]: Schema } };
  };
  return document.components.schemas;
}
