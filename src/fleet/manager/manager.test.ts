import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AttachedCluster } from '../../api/attached-cluster.ts';
import { VirtualClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { MemoryFiles } from '../../base/memory-files.ts';
import { MemoryNetwork } from '../../base/memory-network.ts';
import { seededRandom } from '../../base/random.ts';
import { type Lease, leaseKind } from '../../kube/leader-election.ts';
import type { ConnectApi } from '../../kube/role.ts';
import { getCondition } from '../../machinery/conditions.ts';
import { type Cluster, inProcessServer, startCluster } from '../../sandbox/apiserver/cluster.ts';
import { ApiDoor } from '../../sandbox/faults.ts';
import { attachedClusterKind } from '../kinds.ts';
import { manager } from './manager.ts';

const address = '10.0.0.1';

/** A process of the manager. */
interface Running {
  /** What it has written. */
  readonly output: string[];
  readonly ended: Promise<number>;
  /** SIGTERM. */
  stop(): void;
}

/** An API server, and managers that can be cut off from it. */
class World {
  readonly clock = new VirtualClock();
  readonly network = new MemoryNetwork();
  cluster!: Cluster;
  door!: ApiDoor;
  #stops: AbortController[] = [];
  #ended: Promise<number>[] = [];

  async open(): Promise<this> {
    const seams = { clock: this.clock, random: seededRandom('host'), log: silentLog };
    this.cluster = await this.clock.run(startCluster(seams));
    this.door = new ApiDoor('host', this.cluster, undefined);
    return this;
  }

  async close(): Promise<void> {
    for (const stop of this.#stops) stop.abort();
    await this.clock.run(Promise.all(this.#ended));
    await this.clock.run(this.cluster.close());
  }

  start(name: string, argv: readonly string[] = [], connect: ConnectApi = this.#connect(name)): Running {
    const stop = new AbortController();
    const output: string[] = [];
    const ended = manager({ version: '1.2.3', connect })({
      argv,
      env: { HOSTNAME: name },
      files: new MemoryFiles(),
      stdin: (async function* () {})(),
      stdout: (text) => void output.push(text),
      signal: stop.signal,
      seams: {
        clock: this.clock,
        random: seededRandom(name),
        fetch: () => Promise.reject(new Error('not the way')),
        upgrade: () => Promise.reject(new Error('not the way')),
        network: this.network.host(address),
        log: silentLog,
      },
    });
    this.#stops.push(stop);
    this.#ended.push(ended);
    return { output, ended, stop: () => stop.abort() };
  }

  #connect(name: string): ConnectApi {
    return async () => ({
      connection: { server: inProcessServer, tls: {}, namespace: 'default', authorize: async () => ({}) },
      ...this.door.for(name),
      close: async () => {},
    });
  }

  async get(path: string): Promise<string> {
    const { fetch } = this.network.host('10.0.0.2');
    const response = await this.clock.run(fetch(`http://${address}:8080${path}`));
    return `${response.status} ${await response.text()}`;
  }

  async leader(): Promise<string | undefined> {
    const leases = this.cluster.client().resource<Lease>(leaseKind);
    const { spec } = await this.clock.run(leases.get({ namespace: 'kube-system', name: 'viridian-manager' }));
    return spec?.holderIdentity?.replace(/_.*/, '');
  }

  /** Attaches a cluster whose Secret is missing, and tells what is said of it. */
  async attach(namespace: string): Promise<string | undefined> {
    const clusters = this.cluster.client().resource<AttachedCluster>(attachedClusterKind);
    await this.clock.run(
      clusters.create({
        apiVersion: 'cluster.kurator.dev/v1alpha1',
        kind: 'AttachedCluster',
        metadata: { name: 'member', namespace },
        spec: { kubeconfig: { name: 'member', key: 'value' } },
      }),
    );
    await this.clock.advance(2000);
    const { status } = await this.clock.run(clusters.get({ namespace, name: 'member' }));
    return getCondition(status?.conditions, 'Ready')?.reason;
  }
}

let world: World;

beforeEach(async () => {
  world = await new World().open();
});

afterEach(() => world.close());

describe('the manager', () => {
  test('brings its kinds, works, tells how it stands, and ends with 0', async () => {
    const running = world.start('a');
    await world.clock.advance(1000);

    expect(await world.attach('default')).toBe('KubeconfigMissing');
    expect(await world.get('/healthz')).toBe('200 OK');
    expect(await world.get('/readyz')).toBe('200 OK');
    expect(await world.get('/metrics')).toContain(
      'controller_runtime_reconcile_total{controller="attachedcluster",result="success"}',
    );
    expect(await world.get('/other')).toBe('404 not found\n');
    running.stop();
    expect(await world.clock.run(running.ended)).toBe(0);
    expect(await world.leader()).toBe('');
  });

  test('waits for an API server that is not there yet', async () => {
    world.door.shut('connection refused');
    const { output } = world.start('a');
    await world.clock.advance(100_000);
    expect(await world.get('/readyz')).toBe('503 not yet\n');
    expect(await world.get('/healthz')).toBe('200 OK');
    expect(output.join('')).toContain('the API server does not do what is asked; trying again');

    world.door.open();
    await world.clock.advance(60_000);
    expect(await world.get('/readyz')).toBe('200 OK');
    expect(await world.attach('default')).toBe('KubeconfigMissing');
  });

  test('is followed by another when it stops, and when it is cut off', async () => {
    const first = world.start('a');
    await world.clock.advance(3000);
    const second = world.start('b', ['-port=0']);
    await world.clock.advance(30_000);
    expect(await world.leader()).toBe('a');

    first.stop();
    expect(await world.clock.run(first.ended)).toBe(0);
    await world.clock.advance(5000);
    expect(await world.leader()).toBe('b');
    expect(await world.attach('default')).toBe('KubeconfigMissing');

    world.door.shut('no route to host');
    await world.clock.advance(60_000);
    world.door.open();
    await world.clock.advance(60_000);
    expect(await world.leader()).toBe('b');
    expect(second.output.join('')).toContain('controller stopped');
    await world.clock.run(
      world.cluster.client().resource(attachedClusterKind).delete({ namespace: 'default', name: 'member' }),
    );
    // A new term works with new caches.
    expect(await world.attach('default')).toBe('KubeconfigMissing');
  });

  test('says why it cannot lead', async () => {
    const { output } = world.start('a', ['-leader-election-namespace=nowhere']);
    await world.clock.advance(30_000);
    const said = output.filter((line) => line.includes('cannot acquire the lease'));
    expect(said).toHaveLength(1);
    expect(said[0]).toContain('namespaces \\"nowhere\\" not found');
  });

  test('works without a Lease where it is told to', async () => {
    const running = world.start('a', ['-leader-elect=false']);
    await world.clock.advance(3000);
    expect(await world.attach('default')).toBe('KubeconfigMissing');
    expect(await world.get('/readyz')).toBe('200 OK');
    await expect(world.leader()).rejects.toThrow('not found');
    running.stop();
    expect(await world.clock.run(running.ended)).toBe(0);
  });

  test('looks into one namespace where it is confined to one', async () => {
    world.start('a', ['-namespace=kube-public']);
    await world.clock.advance(3000);
    expect(await world.attach('default')).toBeUndefined();
    expect(await world.attach('kube-public')).toBe('KubeconfigMissing');
  });

  test.each([
    [['-help'], 0, /^Usage of viridian manager:/],
    [['--version'], 0, /^1\.2\.3\n$/],
    [['-what'], 2, /^no such flag: -what/],
  ])('%j: ends with %i', async (argv, code, text) => {
    const { ended, output } = world.start('a', argv);
    expect(await world.clock.run(ended)).toBe(code);
    expect(output.join('')).toMatch(text);
  });

  test('ends with 1, and says why, where there is no way to an API server', async () => {
    const { ended, output } = world.start('a', [], () =>
      Promise.reject(new Error('no kubeconfig found: x.config')),
    );
    expect(await world.clock.run(ended)).toBe(1);
    expect(output.join('')).toContain('no kubeconfig found: x.config');
  });
});
