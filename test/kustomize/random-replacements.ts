import fc from 'fast-check';
import type { JsonObject } from '../../src/machinery/json.ts';
import { name, rare } from './random-parts.ts';

// Patterns match only since kustomize 5.7.
const kind = fc.constantFrom('Deployment', 'Service', 'Pod', 'ConfigMap', 'StatefulSet', 'Widget');
const delimiter = fc.constantFrom('/', '-', '.', ':');
const delimited = { delimiter, index: fc.constantFrom(0, 1, -1, 5) };

/** Paths that may lead to something, and where to look for it. */
const sourcePaths: readonly (readonly [path: string, keys: readonly string[]])[] = [
  ['metadata.name', []],
  ['kind', []],
  ['metadata.labels.app', ['metadata', 'labels', 'app']],
  ['metadata.labels', ['metadata', 'labels']],
  ['spec.replicas', ['spec', 'replicas']],
  ['spec.ports.0.port', ['spec', 'ports', '0']],
  ['spec.ports.[name=http].port', ['spec', 'ports', '0', 'name']],
  ['spec.template.spec.containers.0', ['spec', 'template', 'spec']],
  ['spec.template.spec.containers.[name=main].image', ['spec', 'template', 'spec']],
  ['data.k', ['data', 'k']],
];

function sourcePathOf(object: JsonObject): fc.Arbitrary<string> {
  const has = (value: unknown, [key, ...rest]: readonly string[]): boolean =>
    key === undefined
      ? value !== undefined
      : typeof value === 'object' && value !== null && has(Reflect.get(value, key), rest);
  return fc.constantFrom(...sourcePaths.filter(([, keys]) => has(object, keys)).map(([path]) => path));
}

const targetPath = fc.constantFrom(
  'metadata.annotations.copied',
  'metadata.name',
  'metadata.namespace',
  'spec.template.spec.containers.[name=main].image',
  'spec.template.spec.containers.[name=main].env.[name=A].value',
  'spec.template.spec.containers.*.image',
  'spec.template.spec.containers.0.args.0',
  'spec.template.metadata.labels.app',
  'spec.containers.*.image',
  'metadata.labels.[example.com/team]',
  'metadata.annotations.example\\.com/team',
  'spec.ports.0.name',
  'spec.ports.1.port',
  'spec.list.[name=a|b].x',
  'data.k',
  'data',
);

/** Of a map, where no text stands: kustomize makes an empty one of it. */
const mapPath = fc.constantFrom('data', 'metadata.labels', 'spec.template.metadata.labels');

function targetsOf(path: string): fc.Arbitrary<unknown> {
  const isMap = path === 'metadata.labels' || path.endsWith('containers.0');
  const options = isMap ? { create: fc.boolean() } : { create: fc.boolean(), ...delimited };
  return fc.array(
    fc.record(
      {
        select: fc.record({ kind, name }, { requiredKeys: ['kind'] }),
        reject: fc.array(fc.record({ kind, name }, { requiredKeys: ['name'] }), {
          minLength: 1,
          maxLength: 2,
        }),
        fieldPaths: fc.array(isMap ? mapPath : targetPath, { minLength: 1, maxLength: 2 }),
        options: fc.record(options, { requiredKeys: ['create'] }),
      },
      { requiredKeys: ['select', 'fieldPaths'] },
    ),
    { minLength: 1, maxLength: 2 },
  );
}

/** Copies a field of one of the objects into fields of others. */
export const replacementOf = (objects: readonly JsonObject[]): fc.Arbitrary<unknown> =>
  fc
    .constantFrom(...objects)
    .chain((object) => sourcePathOf(object).map((fieldPath) => ({ object, fieldPath })))
    .chain(({ object, fieldPath }) =>
      fc.record({
        source: fc.record(
          {
            kind: fc.constant(object['kind']),
            name: fc.constant((object['metadata'] as JsonObject)['name']),
            namespace: fc.constant((object['metadata'] as JsonObject)['namespace']),
            fieldPath: fc.constant(fieldPath),
            options: rare(fc.record({ delimiter, index: fc.constantFrom(0, 0, 1, -1) })),
          },
          { requiredKeys: ['kind', 'name', 'fieldPath'] },
        ),
        targets: targetsOf(fieldPath),
      }),
    );
