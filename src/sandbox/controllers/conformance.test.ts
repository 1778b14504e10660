import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { realClock } from '../../base/clock.ts';
import { type Log, silentLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import { type Cluster, startCluster } from '../apiserver/cluster.ts';
import { type Controllers, startControllers } from './start-controllers.ts';

/** The runner of the recordings, which is plain JavaScript. */
interface Replay {
  readonly Client: new (connection: object) => { close(): void };
  readonly CaseRun: new (client: unknown, conversation: unknown) => { run(): Promise<unknown[]> };
}

const folder = new URL('../../../test/conformance/', import.meta.url);
const replay = (await import(new URL('replay.mjs', folder).href)) as Replay;
const names = readdirSync(new URL('cases/', folder))
  .map((file) => file.replace(/\.json$/, ''))
  .filter((name) => name.startsWith('controller-'));

const errors: unknown[] = [];
let cluster: Cluster;
let controllers: Controllers;
let client: InstanceType<Replay['Client']>;

beforeAll(async () => {
  const log: Log = {
    ...silentLog,
    error: (message, fields) => errors.push({ message, fields }),
    child: () => log,
  };
  const seams = { clock: realClock(), random: seededRandom('conformance'), log };
  cluster = await startCluster({ ...seams, listen: {} });
  controllers = startControllers({ ...seams, client: cluster.client() });
  const config = parse(cluster.kubeconfig()) as {
    clusters: { cluster: Record<string, string> }[];
    users: { user: Record<string, string> }[];
  };
  const pem = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64');
  client = new replay.Client({
    server: cluster.server,
    ca: pem(config.clusters[0]?.cluster['certificate-authority-data']),
    cert: pem(config.users[0]?.user['client-certificate-data']),
    key: pem(config.users[0]?.user['client-key-data']),
  });
});

afterAll(async () => {
  client.close();
  await controllers.stop();
  await cluster.close();
  expect(errors).toEqual([]);
});

test.each(names)('%s', { timeout: 30_000 }, async (name) => {
  const text = readFileSync(new URL(`cases/${name}.json`, folder), 'utf8');
  const conversation = { ...(JSON.parse(text) as object), name };
  expect(await new replay.CaseRun(client, conversation).run()).toEqual([]);
});
