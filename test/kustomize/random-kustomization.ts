import fc from 'fast-check';
import type { Json, JsonObject } from '../../src/machinery/json.ts';
import { bodies, clean, labels, labelValue, name, rare, resource, some } from './random-objects.ts';

/** Files of a tree whose root kustomization is worth building. JSON is YAML, too. */
export type RandomTree = Readonly<Record<string, string>>;

const selector = fc.record(
  {
    kind: fc.constantFrom('Deployment', 'Deploy.*', 'Service|ConfigMap', 'Pod'),
    name: fc.constantFrom('a', 'a|b', '.*', 'w', 'p-a'),
    namespace: fc.constantFrom('prod', 'default'),
    labelSelector: fc.constantFrom('app=a', 'app in (a,b)', '!tier'),
    group: fc.constantFrom('apps', ''),
  },
  { requiredKeys: [] },
);

const operations = fc.array(
  fc.oneof(
    fc.constant({ op: 'add', path: '/metadata/annotations', value: { patched: 'yes' } }),
    fc.constant({ op: 'replace', path: '/spec', value: { replaced: 1 } }),
    fc.constant({ op: 'add', path: '/spec/extra', value: [1, null, 'x'] }),
    fc.constant({ op: 'remove', path: '/spec/template/spec/containers/0' }),
    fc.constant({ op: 'replace', path: '/metadata/name', value: 'renamed' }),
    fc.constant({ op: 'test', path: '/metadata/name', value: 'a' }),
  ),
  { minLength: 1, maxLength: 2 },
);

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
  const fixed = new Set(['name', 'containerPort', 'port', 'mountPath', 'protocol']);
  const entries = Object.entries(value).map(([key, child]) => [
    key,
    fixed.has(key) ? child : withDirectives(child, depth + 1, dice),
  ]);
  const isReplaced = [
    'key',
    'configMapRef',
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
  return fc.array(
    fc.oneof(
      fc.record({ target: selector, patch: operations.map((list) => JSON.stringify(list)) }),
      fc.record({ target: selector, patch: merge }),
      fc.record({ patch: merge }),
    ),
    { maxLength: 2 },
  );
}

const generatorOf = (place: string): fc.Arbitrary<unknown> =>
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

const replacementOf = (objects: readonly JsonObject[]): fc.Arbitrary<unknown> =>
  fc.record({
    source: fc.constantFrom(...objects).chain((object) =>
      fc.record({
        kind: fc.constant(object['kind']),
        name: fc.constant((object['metadata'] as JsonObject)['name']),
        fieldPath: fc.constantFrom('metadata.name', 'metadata.name', 'kind', 'metadata.labels.app'),
      }),
    ),
    targets: fc.array(
      fc.record({
        select: fc.record({ kind: fc.constantFrom('Deployment', 'Service', 'Pod', 'ConfigMap') }),
        fieldPaths: fc.array(
          fc.constantFrom(
            'metadata.annotations.copied',
            'spec.template.spec.containers.[name=main].image',
            'spec.containers.*.image',
            'metadata.labels.[example.com/team]',
            'spec.ports.0.name',
          ),
          { minLength: 1, maxLength: 2 },
        ),
        options: fc.record(
          {
            create: fc.boolean(),
            delimiter: fc.constantFrom('/', '-', '.'),
            index: fc.constantFrom(0, 1, -1, 5),
          },
          { requiredKeys: ['create'] },
        ),
      }),
      { minLength: 1, maxLength: 1 },
    ),
  });

function labelEntry(place: string): fc.Arbitrary<unknown> {
  return fc.record(
    { pairs: labelsOf(place), includeSelectors: fc.boolean(), includeTemplates: fc.boolean() },
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
      configMapGenerator: rare(fc.array(generatorOf(place), { maxLength: 2 })),
      secretGenerator: rare(fc.array(generatorOf(place), { maxLength: 1 })),
      generatorOptions: rare(
        fc.record({ labels, disableNameSuffixHash: fc.boolean() }, { requiredKeys: [] }),
      ),
      ...(objects.length > 0 && { replacements: rare(fc.array(replacementOf(objects), { maxLength: 1 })) }),
      ...(place === 'top' && { sortOptions: rare(fc.record({ order: fc.constantFrom('fifo', 'legacy') })) }),
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
  const file: JsonObject = { ...fields, resources: [...entries, 'all.yaml'] };
  if (kind !== undefined) Object.assign(file, { apiVersion: 'kustomize.config.k8s.io/v1alpha1', kind });
  return {
    [`${prefix}kustomization.yaml`]: JSON.stringify(file),
    [`${prefix}all.yaml`]: objects.map((object) => `---\n${JSON.stringify(object)}\n`).join(''),
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
