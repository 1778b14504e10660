import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '../../../base/clock.ts';
import type { Listener } from '../../../base/network.ts';
import { seededRandom } from '../../../base/random.ts';
import { listenSocket } from '../../../base/socket-network.ts';
import type { Log } from '../../../base/log.ts';
import { silentLog } from '../../../base/log.ts';
import { configMap } from '../builtin/config-map.ts';
import { namespace } from '../builtin/namespace.ts';
import { Discovery } from '../discovery.ts';
import { createHandler } from '../handler.ts';
import { NamespaceController } from '../namespace-controller.ts';
import { Registry } from '../registry.ts';
import { Storage } from '../storage.ts';
import { transform } from '../table.ts';
import { customResourceDefinitions } from './custom-resource-definition.ts';
import { CustomResources } from './custom-resources.ts';

/** The runner of the recordings, which is plain JavaScript. */
interface Replay {
  readonly Client: new (connection: { readonly server: string }) => { close(): void };
  readonly CaseRun: new (client: unknown, conversation: unknown) => { run(): Promise<unknown[]> };
}

const folder = new URL('../../../../test/conformance/', import.meta.url);
const replay = (await import(new URL('replay.mjs', folder).href)) as Replay;

/** Recorded conversations about custom resources, beside those named after CRDs. */
const others = [
  'apply-custom-resource-lists',
  'discovery-after-crd',
  'fieldvalidation-custom-resource-nested',
  'patch-custom-resource',
  'subresource-scale-custom-resource',
  'subresource-status-custom-resource',
  'table-custom-resources',
  'watch-custom-resources',
];
const names = readdirSync(new URL('cases/', folder))
  .map((file) => file.replace(/\.json$/, ''))
  .filter((name) => name.startsWith('crd-') || others.includes(name));

const errors: unknown[] = [];
let listener: Listener;
let client: InstanceType<Replay['Client']>;

beforeAll(async () => {
  const clock = realClock();
  const storage = new Storage({ now: () => clock.monotonic() });
  const registry = new Registry([namespace, configMap, customResourceDefinitions]);
  const log: Log = { ...silentLog, error: (message, fields) => errors.push({ message, fields }) };
  const server = { clock, random: seededRandom('crd'), storage, registry, log, transform };
  void new NamespaceController(server);
  void new CustomResources(server);
  const discovery = new Discovery(registry);
  const http = createHandler({
    ...server,
    extraRoutes: [({ http, info }) => (info === undefined ? discovery.answer(http) : undefined)],
  });
  listener = await listenSocket(0, { http });
  client = new replay.Client({ server: `http://127.0.0.1:${listener.port}` });
});

afterAll(async () => {
  client.close();
  await listener.close(AbortSignal.abort());
});

test('there are recordings to replay', () => {
  expect(names.length).toBeGreaterThanOrEqual(19);
});

test.each(names)('answers as recorded: %s', { timeout: 30_000 }, async (name) => {
  const conversation: unknown = JSON.parse(readFileSync(new URL(`cases/${name}.json`, folder), 'utf8'));

  const failures = await new replay.CaseRun(client, conversation).run();

  expect(failures).toEqual([]);
  expect(errors).toEqual([]);
});
