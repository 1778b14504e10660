import { formatGroupResource } from '../../../machinery/group-version-kind.ts';
import { validateDns1123Subdomain } from '../../../machinery/names.ts';
import type { Schema } from '../../../machinery/schema.ts';
import { builtInSchema } from '../openapi/built-in-schemas.ts';
import type { ResourceDefinition, Verb } from '../resource-definition.ts';
import { setSchemaDefaults } from './decode-types.ts';
import { ensureObject } from './fields.ts';

const allVerbs: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

/**
 * What a built-in kind has to say about itself; everything else is as with most kinds:
 *
 * ```ts
 * export const secret = defineBuiltIn({
 *   kind: { group: '', version: 'v1', resource: 'secrets', kind: 'Secret', namespaced: true },
 *   schema: 'io.k8s.api.core.v1.Secret',
 *   setDefaults: (object) => { object.type ??= 'Opaque'; },
 *   validate: (object, old) => [...],
 *   columns: [...], cells: (object, nowMs) => [...],
 * });
 * ```
 *
 * A kind with `status: true` gets `/status`; the server keeps spec and status apart. See config-map.ts for a plain
 * kind and namespace.ts for one with a life of its own.
 */
export type BuiltIn = Pick<ResourceDefinition, 'kind'> &
  Partial<Omit<ResourceDefinition, 'custom' | 'schema'>> & {
    /** Name of the published schema: `io.k8s.api.core.v1.ConfigMap`. */
    readonly schema: string;
  };

/** @throws Error when the schema is unknown */
export function defineBuiltIn(builtIn: BuiltIn): ResourceDefinition {
  const { kind } = builtIn;
  const schema: Schema = builtInSchema(builtIn.schema);
  const statusSchema = builtIn.status === true ? schema.properties?.['status'] : undefined;
  return {
    listKind: `${kind.kind}List`,
    singular: kind.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    verbs: allVerbs,
    storageKey: formatGroupResource(kind),
    storageVersion: kind.version,
    unconditionalUpdate: true,
    createOnUpdate: false,
    status: false,
    generation: 'none',
    validateName: validateDns1123Subdomain,
    validate: () => [],
    deleteAnswer: 'status',
    ...builtIn,
    schema,
    custom: false,
    setDefaults: (object) => {
      setSchemaDefaults(schema, object);
      builtIn.setDefaults?.(object);
    },
    prepareForCreate: (object, context) => {
      builtIn.prepareForCreate?.(object, context);
      if (statusSchema !== undefined) setSchemaDefaults(statusSchema, ensureObject(object, 'status'));
    },
  };
}
