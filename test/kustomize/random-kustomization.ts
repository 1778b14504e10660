import fc from 'fast-check';
import type { Json, JsonObject } from '../../src/machinery/json.ts';
import { bodies, clean, resource } from './random-objects.ts';
import { operations, selector } from './random-operations.ts';
import { labels, labelValue, name, rare, some } from './random-parts.ts';
import { replacementOf } from './random-replacements.ts';

/** Files of a tree whose root kustomization is worth building. JSON is YAML, too. */
export type RandomTree = Readonly<Record<string, string>>;

/** Another body for one of the objects, some fields of which are deleted or replaced. */
function mergePatch(objects: readonly JsonObject[]): fc.Arbitrary<JsonObject> {
  const target =
    objects.length === 0
      ? resource
      : fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...objects) }, { weight: 1, arbitrary: resource });
  return target.chain(({ apiVersion, kind, metadata }) => {
    const body = bodies.find(([, ofKind]) => ofKind === kind)?.[2] ?? fc.constant({});
    return fc
      .record({ body: body.map(clean), dice: fc.infiniteStream(fc.nat(30)), labels: rare(labels) })
      .map(({ body, dice, labels }) => {
        const { name, namespace } = metadata as JsonObject;
        return clean({
          apiVersion,
          kind,
          metadata: { name, namespace, labels },
          // Their lists have no keys: kustomize leaves directives in such lists.
          ...(kind === 'ServiceAccount' || kind === 'Widget' ? body : bodyWithDirectives(body, dice)),
        });
      });
  });
}

function bodyWithDirectives(body: JsonObject, dice: fc.Stream<number>): JsonObject {
  return Object.fromEntries(
    Object.entries(body).map(([key, value]) => [key, withDirectives(value, 1, dice)]),
  );
}

function withDirectives(value: Json, depth: number, dice: fc.Stream<number>): Json {
  const roll = (): boolean => dice.next().value === 0;
  if (depth > 1 && roll()) return null;
  if (Array.isArray(value))
    return value.map((item) => withDirectives(item, depth + 1, dice)).filter((item) => item !== null);
  if (typeof value !== 'object' || value === null) return value;
  // What tells items apart; and without a kind kustomize crashes.
  const fixed = new Set(
    'name containerPort port mountPath protocol topologyKey whenUnsatisfiable kind'.split(' '),
  );
  const entries = Object.entries(value).map(([key, child]) => [
    key,
    fixed.has(key) ? child : withDirectives(child, depth + 1, dice),
  ]);
  const isReplaced = [
    'key',
    'configMapRef',
    'configMap',
    'secret',
    'secretName',
    'storageClassName',
    'labelSelector',
    'resourceNames',
    'kind',
    'http',
    'path',
    'x',
    'spec',
  ].some((key) => Object.hasOwn(value, key));
  const directive = depth > 0 && !isReplaced && roll() ? { $patch: roll() ? 'replace' : 'delete' } : {};
  return { ...(Object.fromEntries(entries) as JsonObject), ...directive };
}

function patchesOf(objects: readonly JsonObject[]): fc.Arbitrary<unknown> {
  const merge = mergePatch(objects).map((patch) => JSON.stringify(patch));
  const several = fc
    .array(mergePatch(objects), { minLength: 2, maxLength: 2 })
    .map((patches) => patches.map((patch) => `---\n${JSON.stringify(patch)}\n`).join(''));
  const target =
    objects.length === 0
      ? selector
      : fc.oneof(
          selector,
          fc
            .constantFrom(...objects)
            .map(({ kind, metadata }) => ({ kind, name: (metadata as JsonObject)['name'] })),
        );
  const options = rare(
    fc.record({ allowNameChange: fc.boolean(), allowKindChange: fc.boolean() }, { requiredKeys: [] }),
  );
  return fc.array(
    fc.oneof(
      fc.record({ target, patch: operations.map((list) => JSON.stringify(list)) }),
      fc.record({ target, patch: merge, options }),
      fc.record({ patch: merge, options }),
      fc.record({ patch: several }),
    ),
    { maxLength: 2 },
  );
}

const generatorOf = (kind: 'ConfigMap' | 'Secret', place: string): fc.Arbitrary<unknown> =>
  fc.record(
    {
      name,
      namespace: fc.constantFrom('prod', 'default'),
      // Merging fails where nothing was made below.
      behavior: fc.oneof(
        { weight: place === 'top' ? 3 : 20, arbitrary: fc.constant('create') },
        { weight: 1, arbitrary: fc.constantFrom('merge', 'replace') },
      ),
      literals: fc.uniqueArray(fc.constantFrom('k=v', 'l="q"', "m='", 'n=a=b', 'o=<&>'), { maxLength: 3 }),
      files: fc.uniqueArray(fc.constantFrom('file.txt', 'x=file.txt'), { maxLength: 2 }),
      envs: fc.constant(['some.env']),
      options: fc.record(
        { labels, annotations: labels, disableNameSuffixHash: fc.boolean(), immutable: fc.boolean() },
        { requiredKeys: [] },
      ),
      ...(kind === 'Secret' && { type: fc.constantFrom('Opaque', 'kubernetes.io/tls') }),
    },
    { requiredKeys: ['name'] },
  );

const image = fc.record(
  {
    name: fc.constantFrom('nginx', 'host:5000/web', 'ngin.'),
    newName: fc.constantFrom('other', 'r.io/x'),
    newTag: fc.constantFrom('v2', '1'),
    digest: fc.constant('sha256:def'),
  },
  { requiredKeys: ['name'] },
);

const references = fc.record({
  nameReference: fc.array(
    fc.record(
      {
        kind: fc.constantFrom('ConfigMap', 'Secret', 'Deployment', 'Widget'),
        version: fc.constant('v1'),
        fieldSpecs: fc.array(
          fc.record(
            {
              path: fc.constantFrom('spec/ref', 'spec/refs', 'spec/refs/name', 'spec/list/name'),
              kind: fc.constant('Widget'),
            },
            { requiredKeys: ['path'] },
          ),
          { minLength: 1, maxLength: 2 },
        ),
      },
      { requiredKeys: ['kind', 'fieldSpecs'] },
    ),
    { maxLength: 2 },
  ),
});

const kindList = fc.uniqueArray(
  fc.constantFrom('Service', 'Deployment', 'ConfigMap', 'Widget', 'Namespace'),
  {
    maxLength: 2,
  },
);

const sortOptions = fc.oneof(
  fc.record({ order: fc.constantFrom('fifo', 'legacy') }),
  fc.record({
    order: fc.constant('legacy'),
    legacySortOptions: fc.record({ orderFirst: kindList, orderLast: kindList }),
  }),
);

const kind = fc.constantFrom('Deployment', 'Widget', 'Service');

const fieldSpecs = fc.array(
  fc.oneof(
    fc.record({
      path: fc.constantFrom('metadata/labels', 'spec/template/metadata/labels'),
      kind,
      // As kustomize has it itself; another value is an error.
      create: fc.constantFrom(true, true, true, true, false),
    }),
    fc.record(
      { path: fc.constantFrom('spec/list/x', 'spec/own', 'data', 'spec/a/b'), kind, create: fc.boolean() },
      { requiredKeys: ['path', 'kind'] },
    ),
  ),
  { minLength: 1, maxLength: 2 },
);

/** One that kustomize brings itself, written where it is used. */
const transformer = fc
  .oneof(
    fc.record({ kind: fc.constant('LabelTransformer'), labels, fieldSpecs }),
    fc.record({ kind: fc.constant('AnnotationsTransformer'), annotations: labels, fieldSpecs }),
    fc.record({
      kind: fc.constant('PrefixTransformer'),
      prefix: fc.constant('t-'),
      fieldSpecs: fc.constantFrom(
        [{ path: 'metadata/name' }],
        [{ path: 'metadata/name', kind: 'Service' }],
        [{ path: 'spec/own', create: true }],
      ),
    }),
    fc.record({
      kind: fc.constant('SuffixTransformer'),
      suffix: fc.constant('-t'),
      fieldSpecs: fc.constant([{ path: 'metadata/name' }]),
    }),
    fc.record(
      {
        kind: fc.constant('NamespaceTransformer'),
        namespace: fc.constantFrom('prod', 'dev'),
        unsetOnly: fc.boolean(),
        setRoleBindingSubjects: fc.constantFrom('defaultOnly', 'allServiceAccounts', 'none'),
        fieldSpecs: fc.constantFrom([], [{ path: 'metadata/name', kind: 'Namespace', create: true }]),
      },
      { requiredKeys: ['kind', 'namespace'] },
    ),
  )
  .map(({ namespace, ...fields }: { kind: string; namespace?: string }) => {
    const text = JSON.stringify({ apiVersion: 'builtin', metadata: { name: 'own', namespace }, ...fields });
    return `${text}\n`;
  });

function labelEntry(place: string): fc.Arbitrary<unknown> {
  return fc.record(
    {
      pairs: labelsOf(place),
      includeSelectors: fc.boolean(),
      includeTemplates: fc.boolean(),
      fields: rare(fieldSpecs),
    },
    { requiredKeys: ['pairs'] },
  );
}

/** A key that no other field sets: kustomize changes all that it once set from one field when one of them changes. */
function labelsOf(place: string): fc.Arbitrary<Record<string, string>> {
  return fc.dictionary(fc.constantFrom(`${place}.example.com/a`, `${place}.example.com/b`), labelValue, {
    maxKeys: 2,
  });
}

function fieldsOf(place: string, objects: readonly JsonObject[]): fc.Arbitrary<JsonObject> {
  const scalable = objects
    .filter((object) => object['kind'] === 'Deployment')
    .map((object) => (object['metadata'] as JsonObject)['name']);
  return fc
    .record({
      namespace: rare(fc.constantFrom('prod', 'dev')),
      // One prefix at two levels makes names meet halfway, and kustomize then follows some references twice.
      namePrefix: rare(fc.constant(place === 'top' ? 'p-' : `${place}-`)),
      nameSuffix: rare(fc.constant('-s')),
      labels: rare(fc.tuple(labelEntry(`${place}-1`), labelEntry(`${place}-2`))),
      commonLabels: rare(place === 'top' ? labels : labelsOf(place)),
      commonAnnotations: rare(labels),
      images: rare(fc.array(image, { maxLength: 2 })),
      ...(scalable.length > 0 && {
        replicas: rare(
          fc.array(fc.record({ name: fc.constantFrom(...scalable), count: fc.nat(5) }), { maxLength: 1 }),
        ),
      }),
      patches: some(patchesOf(objects)),
      patchesStrategicMerge: rare(
        fc.array(
          mergePatch(objects).map((patch) => `${JSON.stringify(patch)}\n`),
          { maxLength: 1 },
        ),
      ),
      configMapGenerator: rare(fc.array(generatorOf('ConfigMap', place), { maxLength: 2 })),
      secretGenerator: rare(fc.array(generatorOf('Secret', place), { maxLength: 1 })),
      generatorOptions: rare(
        fc.record(
          { labels, annotations: labels, disableNameSuffixHash: fc.boolean(), immutable: fc.boolean() },
          { requiredKeys: [] },
        ),
      ),
      ...(objects.length > 0 && { replacements: rare(fc.array(replacementOf(objects), { maxLength: 2 })) }),
      patchesJson6902: rare(
        fc.array(
          fc.record({
            target: selector.map((target) => ({ name: 'a', ...target })),
            patch: operations.map((list) => JSON.stringify(list)),
          }),
          { maxLength: 1 },
        ),
      ),
      transformers: rare(fc.array(transformer, { maxLength: 1 })),
      // Not a field of kustomize: the content of the file that configurations names.
      references: rare(references),
      ...(place === 'top' && { sortOptions: rare(sortOptions) }),
    })
    .map(clean);
}

const uniqueResources = fc.uniqueArray(resource, {
  selector: (object) => {
    const { namespace, name } = object['metadata'] as { namespace?: string; name: string };
    return `${JSON.stringify(object['kind'])}/${namespace ?? 'default'}/${name}`;
  },
  maxLength: 5,
});

function folder(
  prefix: string,
  fields: JsonObject,
  objects: readonly JsonObject[],
  entries: readonly string[],
  kind?: string,
): RandomTree {
  const { references, ...rest } = fields;
  const file: JsonObject = { ...rest, resources: [...entries, 'all.yaml'] };
  if (references !== undefined) file['configurations'] = ['references.yaml'];
  if (kind !== undefined) Object.assign(file, { apiVersion: 'kustomize.config.k8s.io/v1alpha1', kind });
  return {
    [`${prefix}kustomization.yaml`]: JSON.stringify(file),
    [`${prefix}all.yaml`]: objects.map((object) => `---\n${JSON.stringify(object)}\n`).join(''),
    ...(references !== undefined && { [`${prefix}references.yaml`]: JSON.stringify(references) }),
    [`${prefix}file.txt`]: 'a file\nwith <lines>\n',
    [`${prefix}some.env`]: '# comment\nE=1\nF="q"\n\nG=a=b\n',
  };
}

function content(place: string): fc.Arbitrary<[JsonObject, JsonObject[]]> {
  return uniqueResources.chain((objects) => fc.tuple(fieldsOf(place, objects), fc.constant(objects)));
}

/** An overlay over one or two bases, with or without a component. */
export const randomTree: fc.Arbitrary<RandomTree> = fc
  .record({
    top: content('top'),
    base: content('base'),
    second: rare(content('second')),
    component: rare(content('component')),
  })
  .map(({ top, base, second, component }) => ({
    ...folder(
      'top/',
      { ...top[0], ...(component !== undefined && { components: ['../component'] }) },
      top[1],
      ['../base', ...(second === undefined ? [] : ['../second'])],
    ),
    ...folder('base/', ...base, []),
    ...(second !== undefined && folder('second/', ...second, [])),
    ...(component !== undefined && folder('component/', ...component, [], 'Component')),
  }));
