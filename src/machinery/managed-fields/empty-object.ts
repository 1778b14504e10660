import type { Json, JsonObject } from '../json.ts';
import type { Schema } from '../schema.ts';

const refPrefix = '#/components/schemas/';

/**
 * An object of a built-in kind with nothing set, as Go writes it: structures that are not pointers and required
 * fields are there. A create is compared with it; so the creator of a Deployment owns `spec.strategy.type`, but
 * not `spec.strategy`, which was always there. For custom resources an empty object is right instead.
 *
 * @param components `components.schemas` of the published OpenAPI v3 document, before `linkSchemas` drops the
 *   defaults beside references
 * @param name of the kind in it, such as `io.k8s.api.apps.v1.Deployment`
 */
export function emptyObject(components: { readonly [name: string]: Schema }, name: string): JsonObject {
  const { properties = {}, required = [] } = components[name] ?? {};
  const empty: JsonObject = {};
  for (const [field, schema] of Object.entries(properties)) {
    const ref = schema.$ref ?? (schema.allOf?.length === 1 ? schema.allOf[0]?.$ref : undefined);
    // A default other than {} on a field that may be left out is a real one, and set later.
    if (ref !== undefined && schema.default !== undefined) {
      empty[field] = emptyReference(components, ref.slice(refPrefix.length), schema.default);
    } else if (required.includes(field)) {
      empty[field] = schema.default ?? null;
    }
  }
  return empty;
}

function emptyReference(components: { readonly [name: string]: Schema }, name: string, fallback: Json): Json {
  return components[name]?.properties === undefined ? fallback : emptyObject(components, name);
}
