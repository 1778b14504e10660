import { VirtualClock } from '../../base/clock.ts';
import { jsonResponse } from '../../base/fetch.ts';
import { type Log, silentLog } from '../../base/log.ts';
import { MemoryNetwork } from '../../base/memory-network.ts';
import type { Program } from '../../base/program.ts';
import { seededRandom } from '../../base/random.ts';
import { createClient, type RestClient } from '../../kube/rest-client.ts';
import type { KubeEvent } from '../../kube/event-correlator.ts';
import { eventKind } from '../../kube/event-recorder.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import { type Cluster, inProcessServer, startCluster } from '../apiserver/cluster.ts';
import { countingFetch, type HttpRequestLog } from '../controllers/request-log.test-double.ts';
import { PodAddresses } from '../network/pod-addresses.ts';
import type { ImageEntry } from './images.ts';
import { type Container, type Pod, podKind, type PodSpec } from './kinds.ts';
import { type Node, type NodeOptions, startNode } from './node.ts';
import { runtimeOfNodes } from './runtime.ts';
import type { Shell } from './shell.ts';

/** A shell of a few words: enough for probes and hooks. */
const smallShell: Shell = async ({ argv, env, files, stdin, stdout, stderr, seams, signal }) => {
  const [name, ...words] = argv;
  switch (name) {
    case 'true':
      return 0;
    case 'false':
      return 1;
    case 'echo':
      stdout(`${words.join(' ')}\n`);
      return 0;
    case 'env':
      for (const [key, value] of Object.entries(env)) stdout(`${key}=${value}\n`);
      return 0;
    case 'cat':
      if (words.length === 0) for await (const bytes of stdin) stdout(Buffer.from(bytes).toString('utf8'));
      for (const path of words) stdout(Buffer.from(await files.read(path)).toString('utf8'));
      return 0;
    case 'write':
      await files.write(words[0] ?? '', Buffer.from(words[1] ?? ''));
      return 0;
    case 'sleep':
      await seams.clock.sleep(Number(words[0]) * 1000, signal);
      return 0;
    case 'podcli': {
      const response = await seams.network.fetch(`http://${words.at(-1)}`);
      response.cancel();
      return response.status < 400 ? 0 : 1;
    }
    default:
      stderr(`${name}: not found\n`);
      return 127;
  }
};

/** Serves at `--port`, until SIGTERM. `/healthz` and `/readyz` answer what was last sent to `/set/PATH/STATUS`. */
const server: Program = async ({ argv, env, stdout, signal, seams }) => {
  const port = Number(/--port=(\d+)/.exec(argv.join(' '))?.[1] ?? 8080);
  const statuses = new Map<string, number>();
  const listener = await seams.network.listen(port, {
    http: async ({ url }) => {
      const [, set, path, status] = url.split('/');
      if (set === 'set' && path !== undefined) statuses.set(`/${path}`, Number(status));
      return jsonResponse(statuses.get(url) ?? 200, { path: url, env });
    },
  });
  stdout(`listening at ${port}\n`);
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  stdout('bye\n');
  await listener.close(AbortSignal.abort());
  return 0;
};

const images: Readonly<Record<string, ImageEntry>> = {
  'app:1': { program: server, entrypoint: ['./app'] },
  'app:2': { program: server, entrypoint: ['./app'] },
  crash: {
    program: async ({ stdout, seams }) => {
      stdout(`about to crash at ${seams.clock.now()}\n`);
      await seams.clock.sleep(1000);
      throw new Error('out of luck');
    },
    entrypoint: ['/crash'],
  },
  once: { program: async ({ argv }) => Number(argv[0] ?? 0), entrypoint: ['/once'] },
  stubborn: { program: () => new Promise<number>(() => {}), entrypoint: ['/stubborn'] },
  chatty: {
    program: async ({ argv, stdout, seams, signal }) => {
      const seconds = Number(argv[0] ?? 1);
      for (let i = 0; !signal.aborted; i += 1) {
        stdout(`line ${i}\n`);
        await seams.clock.sleep(seconds * 1000, signal).catch(() => {});
      }
      return 0;
    },
    entrypoint: ['/chatty'],
  },
};

/** A cluster in virtual time with nodes that run its pods. */
export class TestNode {
  readonly clock = new VirtualClock();
  readonly network = new MemoryNetwork();
  readonly addresses = new PodAddresses();
  readonly nodes = new Map<string, Node>();
  /** Warnings and errors that were logged. */
  readonly problems: unknown[] = [];
  cluster!: Cluster;
  client!: RestClient;
  /** What the nodes asked of the server. */
  requests!: HttpRequestLog;

  async start(): Promise<this> {
    const { clock } = this;
    const pods = runtimeOfNodes((name) => this.nodes.get(name)?.podRuntime);
    const random = seededRandom('cluster');
    this.cluster = await clock.run(startCluster({ clock, random, log: silentLog, pods }));
    this.client = this.cluster.client();
    this.requests = countingFetch(this.cluster.fetch);
    await this.startNode('node-1');
    await clock.settle();
    return this;
  }

  async startNode(name: string, options: Partial<NodeOptions> = {}): Promise<Node> {
    const { clock, addresses, network, cluster, requests } = this;
    const log: Log = {
      ...silentLog,
      warn: (message, fields) => this.problems.push({ message, ...fields }),
      error: (message, fields) => this.problems.push({ message, ...fields }),
      child: () => log,
    };
    const node = await clock.run(
      startNode({
        client: createClient({ fetch: requests.fetch, server: inProcessServer, clock, userAgent: 'node' }),
        clock,
        random: seededRandom('nodes'),
        log,
        name,
        address: `172.18.0.${3 + this.nodes.size}`,
        images: (reference) => images[reference],
        shell: smallShell,
        outside: cluster,
        network: (pod) => {
          const address = addresses.allocate(pod.spec.nodeName ?? '');
          return { address, network: network.host(address), release: () => addresses.release(address) };
        },
        ...options,
      }),
    );
    this.nodes.set(name, node);
    return node;
  }

  run<T>(work: Promise<T>): Promise<T> {
    return this.clock.run(work);
  }

  advance(seconds: number): Promise<void> {
    return this.clock.advance(seconds * 1000);
  }

  create<T extends KubeObject>(kind: ResourceKind, object: T): Promise<T> {
    return this.run(this.client.resource<T>(kind).create(object));
  }

  patch<T extends KubeObject>(kind: ResourceKind, name: string, patch: object): Promise<T> {
    return this.run(this.client.resource<T>(kind).patch({ namespace: 'default', name }, 'strategic', patch));
  }

  /** Creates a pod of one container `app` on node-1 and lets it settle. */
  async pod(name: string, container: Partial<Container>, spec: Partial<PodSpec> = {}): Promise<Pod> {
    await this.create<Pod>(podKind, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', labels: { app: name } },
      spec: { nodeName: 'node-1', containers: [{ name: 'app', image: 'app:1', ...container }], ...spec },
    });
    await this.clock.settle();
    return await this.get(name);
  }

  get(name: string): Promise<Pod> {
    return this.run(this.client.resource<Pod>(podKind).get({ namespace: 'default', name }));
  }

  async exists(name: string): Promise<boolean> {
    const { items } = await this.run(this.client.resource<Pod>(podKind).list({ namespace: 'default' }));
    return items.some(({ metadata }) => metadata.name === name);
  }

  async delete(name: string, gracePeriodSeconds?: number): Promise<void> {
    await this.run(
      this.client.resource<Pod>(podKind).delete({ namespace: 'default', name }, { gracePeriodSeconds }),
    );
    await this.clock.settle();
  }

  async logs(name: string, options: object = {}): Promise<string[]> {
    return await this.run(Array.fromAsync(this.client.logs({ namespace: 'default', name }, options)));
  }

  /** `Reason message` of the events about a pod, in the order in which they last happened. */
  async events(name: string): Promise<string[]> {
    const { items } = await this.run(this.client.resource<KubeEvent>(eventKind).listAll());
    return items
      .filter(({ involvedObject }) => involvedObject.name === name)
      .sort((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion))
      .map(({ reason, message }) => `${reason} ${message}`);
  }

  /** Calls a pod from outside of the cluster. */
  async call(pod: Pod, path: string, port = 8080): Promise<{ status: number; body: { env?: object } }> {
    const response = await this.run(
      this.network.host('10.0.0.1').fetch(`http://${pod.status?.podIP}:${port}${path}`),
    );
    return { status: response.status, body: (await this.run(response.json())) as { env?: object } };
  }

  async close(): Promise<void> {
    for (const node of this.nodes.values()) await this.run(node.stop());
    await this.run(this.cluster.close());
  }
}

export function ready(pod: Pod): string | undefined {
  return pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
}
