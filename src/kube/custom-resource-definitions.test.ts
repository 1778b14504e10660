import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { seededRandom } from '../base/random.ts';
import type { JsonObject } from '../machinery/json.ts';
import { type Cluster, startCluster } from '../sandbox/apiserver/cluster.ts';
import { crdVersionAnnotation, ensureCustomResourceDefinitions } from './custom-resource-definitions.ts';

const clock = new VirtualClock();
let cluster: Cluster;

beforeAll(async () => {
  cluster = await clock.run(startCluster({ clock, random: seededRandom('crds'), log: silentLog }));
});

afterAll(() => cluster.close());

const crds = () =>
  cluster.client().resource({
    group: 'apiextensions.k8s.io',
    version: 'v1',
    resource: 'customresourcedefinitions',
    kind: 'CustomResourceDefinition',
    namespaced: false,
  });

/** A definition of `plural.example.com` whose spec has these fields. */
function definition(plural: string, version: number | undefined, fields: string[]): JsonObject {
  const annotations: JsonObject = version === undefined ? {} : { [crdVersionAnnotation]: String(version) };
  const properties = Object.fromEntries(
    fields.map((field): [string, JsonObject] => [field, { type: 'string' }]),
  );
  const spec = { type: 'object', properties };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.example.com`, annotations },
    spec: {
      group: 'example.com',
      names: { kind: plural.toUpperCase(), listKind: `${plural}list`, plural, singular: plural },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
        },
      ],
    },
  };
}

async function ensure(
  definitions: JsonObject[],
  { signal = new AbortController().signal, client = cluster.client() } = {},
) {
  const lines: [string, unknown][] = [];
  const write = (message: string, fields?: object): void => void lines.push([message, fields]);
  const log = { ...silentLog, info: write, warn: write };
  log.child = () => silentLog;
  const random = seededRandom('ensure');
  await clock.run(ensureCustomResourceDefinitions({ client, clock, random, log, definitions, signal }));
  return lines;
}

const live = (plural: string) => clock.run(crds().get({ name: `${plural}.example.com` }));
const fieldsOf = async (plural: string): Promise<string> => JSON.stringify((await live(plural))['spec']);

describe('definitions', () => {
  test('are made where they are missing, and served afterwards; the second time nothing happens', async () => {
    const both = [definition('apples', 1, ['a']), definition('pears', 1, ['a'])];
    expect((await ensure(both)).map(([message]) => message)).toEqual([
      'created a CustomResourceDefinition',
      'created a CustomResourceDefinition',
    ]);
    const kind = { group: 'example.com', version: 'v1', resource: 'pears', kind: 'PEARS', namespaced: true };
    expect((await clock.run(cluster.client().resource(kind).list())).items).toEqual([]);
    const { metadata } = await live('apples');
    expect(await ensure(both)).toEqual([]);
    expect((await live('apples')).metadata.resourceVersion).toBe(metadata.resourceVersion);
  });

  test('of ours are replaced by newer ones only, and keep what others put on them', async () => {
    await ensure([definition('plums', 1, ['a'])]);
    const annotate = { metadata: { annotations: { team: 'x' } } };
    await clock.run(crds().patch({ name: 'plums.example.com' }, 'merge', annotate));
    await ensure([definition('plums', 3, ['a', 'b'])]);
    expect(await fieldsOf('plums')).toContain('"b"');
    expect((await live('plums')).metadata.annotations).toEqual({ [crdVersionAnnotation]: '3', team: 'x' });
    const [line] = await ensure([definition('plums', 2, ['a'])]);
    expect(line?.[0]).toBe('a CustomResourceDefinition is newer than this program');
    expect(await fieldsOf('plums')).toContain('"b"');
  });

  test("of others are left alone; what ours has and they don't is said", async () => {
    await clock.run(crds().create(definition('figs', undefined, ['a', 'more']) as never));
    expect(await ensure([definition('figs', 5, ['a'])])).toEqual([]);
    expect(await ensure([definition('figs', 5, ['a', 'b', 'c'])])).toEqual([
      [
        'a CustomResourceDefinition of somebody else lacks fields; it is left as it is',
        { name: 'figs.example.com', missing: ['.spec.b', '.spec.c'] },
      ],
    ]);
    expect((await live('figs')).metadata.annotations).toBeUndefined();
  });

  test('of several replicas that start at once are made once', async () => {
    const lines = await Promise.all([1, 2, 3].map(() => ensure([definition('kiwis', 1, ['a'])])));
    expect(lines.flat()).toHaveLength(1);
  });

  test('that go away are made anew when they are gone', async () => {
    await ensure([definition('dates', 1, ['a'])]);
    const name = 'dates.example.com';
    const held = { metadata: { finalizers: ['example.com/hold'] } };
    await clock.run(crds().patch({ name }, 'merge', held));
    await clock.run(crds().delete({ name }));
    const before = (await live('dates')).metadata.uid;
    const ensured = ensure([definition('dates', 1, ['a'])]);
    await clock.run(crds().patch({ name }, 'merge', { metadata: { finalizers: null } }));
    await ensured;
    expect((await live('dates')).metadata.uid).not.toBe(before);
  });

  test('that the server cannot serve end in an error that says why', async () => {
    const taken = definition('limes', 1, ['a']);
    const names = { kind: 'APPLES', listKind: 'limeslist', plural: 'limes', singular: 'limes' };
    const spec = { ...(taken['spec'] as JsonObject), names };
    const started = clock.monotonic();
    await expect(ensure([{ ...taken, spec }])).rejects.toThrow(
      /^CustomResourceDefinition limes\.example\.com is not served: .*"APPLES" is already in use/,
    );
    expect(clock.monotonic() - started).toBe(60_000);
    await expect(ensure([definition('x', 1, ['a'])], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'Cancelled',
    });
  });

  test('that may not be read end in an error that says so', async () => {
    const client = cluster.client({ name: 'nobody', groups: [] });
    await expect(ensure([definition('nuts', 1, ['a'])], { client })).rejects.toThrow(
      /^CustomResourceDefinition nuts\.example\.com is not served: .*is forbidden: User "nobody" cannot list/,
    );
  });
});
