import fc from 'fast-check';

/** Which objects a patch is for. */
export const selector = fc.record(
  {
    kind: fc.constantFrom('Deployment', 'Deploy.*', 'Service|ConfigMap', 'Pod'),
    name: fc.constantFrom('a', 'a|b', '.*', 'w', 'p-a'),
    namespace: fc.constantFrom('prod', 'default', '', 'prod|dev'),
    labelSelector: fc.constantFrom('app=a', 'app in (a,b)', '!tier', 'app!=a,tier'),
    annotationSelector: fc.constantFrom('app=a', 'app notin (a)'),
    group: fc.constantFrom('apps', '', 'a.*'),
    version: fc.constantFrom('v1', 'v.'),
  },
  { requiredKeys: [] },
);

const paths = fc.constantFrom(
  '/metadata/annotations',
  '/metadata/labels/app',
  '/metadata/labels/example.com~1team',
  '/metadata/labels',
  '/metadata/namespace',
  '/spec',
  '/spec/extra',
  '/spec/replicas',
  '/spec/template/metadata/labels/app',
  '/spec/template/spec/containers/0',
  '/spec/template/spec/containers/1',
  '/spec/template/spec/containers/-',
  '/spec/template/spec/containers/0/args',
  '/spec/template/spec/containers/0/args/-',
  '/spec/template/spec/containers/0/args/0',
  '/spec/template/spec/containers/0/image',
  '/spec/template/spec/volumes/0',
  '/spec/ports/0/port',
  '/spec/ports/-',
  '/spec/selector/app',
  '/data/k',
  '/data/new.key',
);

const value = fc.constantFrom<unknown>(
  'text',
  7,
  null,
  true,
  [1, null, 'x'],
  { app: 'a' },
  { name: 'added', image: 'nginx' },
  { port: 99 },
);

const operation = fc.oneof(
  fc.record({ op: fc.constantFrom('add', 'replace'), path: paths, value }),
  fc.record({ op: fc.constant('remove'), path: paths }),
  fc.record({ op: fc.constantFrom('copy', 'move'), from: paths, path: paths }),
  fc.record({ op: fc.constant('test'), path: paths, value }),
  fc.constantFrom(
    { op: 'replace', path: '/metadata/name', value: 'renamed' },
    { op: 'test', path: '/metadata/name', value: 'a' },
  ),
);

/** A JSON patch (RFC 6902). */
export const operations = fc.array(
  fc.oneof(
    fc.constantFrom<unknown>(
      { op: 'add', path: '/metadata/annotations', value: { patched: 'yes' } },
      { op: 'replace', path: '/spec', value: { replaced: 1 } },
      { op: 'add', path: '/spec/extra', value: [1, null, 'x'] },
      { op: 'remove', path: '/spec/template/spec/containers/0' },
      { op: 'replace', path: '/metadata/name', value: 'renamed' },
      { op: 'test', path: '/metadata/name', value: 'a' },
    ),
    operation,
  ),
  { minLength: 1, maxLength: 3 },
);
