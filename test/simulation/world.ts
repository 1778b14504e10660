import { rolloutDefinitions } from '../../src/api/custom-resource-definitions.ts';
import type { VirtualClock } from '../../src/base/clock.ts';
import { type Fetch, jsonResponse } from '../../src/base/fetch.ts';
import { silentLog } from '../../src/base/log.ts';
import type { Random } from '../../src/base/random.ts';
import { ensureCustomResourceDefinitions } from '../../src/kube/custom-resource-definitions.ts';
import { noMetrics } from '../../src/kube/metrics.ts';
import { createClient, type RestClient } from '../../src/kube/rest-client.ts';
import { Store } from '../../src/kube/store.ts';
import { type JsonObject, own } from '../../src/machinery/json.ts';
import { asJson, type Unstructured } from '../../src/machinery/object.ts';
import { parseAgentFlags } from '../../src/rollout/agent/agent-flags.ts';
import { assembleEngine } from '../../src/rollout/agent/assemble-engine.ts';
import { rolloutCluster } from '../../src/rollout/cluster.ts';
import { RolloutMetrics } from '../../src/rollout/engine/rollout-metrics.ts';
import { type Cluster, inProcessServer, startCluster } from '../../src/sandbox/apiserver/cluster.ts';
import istio from '../../src/sandbox/mesh/istio-crds.generated.json' with { type: 'json' };
import type { FaultKind, FaultPlan } from './faults.ts';
import { kinds, namespace, type WorkloadKind } from './kinds.ts';
import { type Life, MortalProcess } from './mortal-process.ts';
import { outside, type Switches } from './outside.ts';
import { progressDeadlineSeconds } from './scenario.ts';
import { type Actor, at, listAt, numberAt, State, textAt } from './state.ts';
import type { Trace } from './trace.ts';
import { TrafficInvariants } from './traffic-invariants.ts';
import { versionOf } from './workload-view.ts';
import { Workloads } from './workloads.ts';

/** Requests of the engine in one instant. */
const mostAtOnce = 300;

const definitionPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
/** Of all that Istio brings, what the engine needs: to make a definition takes time. */
const istioDefinitions = (istio as unknown as readonly JsonObject[]).filter((definition) =>
  ['VirtualService', 'DestinationRule'].includes(textAt(at(definition, 'spec', 'names'), 'kind')),
);

export interface WorldOptions {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly plan: FaultPlan;
  readonly trace: Trace;
  readonly workload: WorkloadKind;
}

/** How long the user waits for a write of the engine, in milliseconds. */
const longestAmbushMs = 120_000;

/** A member cluster with an engine that dies and comes back, on virtual time. */
export class World {
  readonly state = new State();
  readonly invariants: TrafficInvariants;
  readonly switches: Switches = { gatesClosed: 0, rollbackAsked: 0 };
  readonly engine: MortalProcess;
  readonly user: RestClient;
  /** What others than a person do to the cluster: controllers, nodes. */
  readonly cluster: RestClient;
  readonly workloads: Workloads;
  readonly #options: WorldOptions;
  readonly #server: Cluster;
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>[] = [];
  #ambush: { readonly side: 'before' | 'after'; left: number; readonly act: () => Promise<void> } | undefined;

  private constructor(options: WorldOptions, server: Cluster) {
    this.#options = options;
    this.#server = server;
    const { clock, random, workload, trace } = options;
    this.invariants = new TrafficInvariants({
      state: this.state,
      clock,
      workload,
      isFaultless: options.plan.isFaultless,
    });
    this.user = this.#client(this.#noting('user', server.fetch));
    this.cluster = this.#client(this.#noting('cluster', server.fetch));
    this.workloads = new Workloads({
      client: this.cluster,
      namespace,
      kind: workload,
      clock,
      random: random.stream('workloads'),
      state: this.state,
      signal: this.#stop.signal,
      progressDeadlineSeconds,
    });
    const { plan } = options;
    this.engine = new MortalProcess({
      name: 'engine',
      clock,
      random,
      plan,
      trace,
      mostAtOnce,
      live: (life) => this.#live(life),
    });
    this.state.listen(({ actor, kind, name, after }) => {
      trace.add(actor, `${after === undefined ? 'removes' : 'writes'} ${kind} ${name}${digestOf(after)}`);
    });
  }

  static async start(options: WorldOptions): Promise<World> {
    const { clock, random } = options;
    const server = await startCluster({ clock, random: random.stream('server'), log: silentLog });
    const world = new World(options, server);
    await world.#install();
    return world;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.engine.end();
    await Promise.all(this.#running);
    await this.#server.close();
  }

  /** The way to the API server for a manager. */
  get wayOfManager(): Fetch {
    return this.#noting('manager', this.#server.fetch);
  }

  /** Acts just before, or just after, the server carries out the n-th write of the engine from now on. */
  async atWrite(side: 'before' | 'after', n: number, act: () => Promise<void>): Promise<void> {
    const { clock } = this.#options;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const ambush = {
      side,
      left: n,
      act: () => {
        resolve(true);
        return work();
      },
    };
    const work = (): Promise<void> => (acting ??= act());
    let acting: Promise<void> | undefined;
    this.#ambush = ambush;
    // Where nothing is left to write, nobody waits for ever.
    await Promise.race([promise, clock.sleep(longestAmbushMs)]);
    if (this.#ambush === ambush) this.#ambush = undefined;
    await work();
  }

  /** Writes what the engine should not: for bugs that are to be found. */
  asEngine(write: (client: RestClient) => Promise<unknown>): void {
    const work = write(this.#client(this.#noting('engine', this.#server.fetch)));
    // The object may be gone, or of another kind.
    this.#running.push(work.catch(() => {}));
  }

  async #install(): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#stop;
    const definitions = Object.values(rolloutDefinitions);
    for (const definition of istioDefinitions) {
      await this.user.raw('POST', definitionPath, { json: definition, contentType: 'application/json' });
    }
    const client = this.user;
    await ensureCustomResourceDefinitions({ client, clock, random, log: silentLog, definitions, signal });
    await client.raw('POST', '/api/v1/namespaces', {
      json: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      contentType: 'application/json',
    });
    for (const kind of Object.values(kinds)) {
      const store = new Store({
        client: this.#client(this.#server.fetch).resource(kind),
        clock,
        random: random.stream(`follow ${kind.resource}`),
        log: silentLog,
        namespace,
      });
      store.subscribe(({ type, object }) => void this.#follow(kind.kind, object, type === 'deleted'));
      this.#running.push(store.run(signal));
    }
  }

  /** What nobody's request has told: the server itself removes what belonged to something that is gone. */
  async #follow(kind: string, object: Unstructured, isGone: boolean): Promise<void> {
    // Whoever has written it gets the answer later than the watch; who it was is in the answer.
    await this.#options.clock.sleep(1, this.#stop.signal).catch(() => {});
    const { name = '', uid } = object.metadata;
    const known = at(this.state.get(kind, name), 'metadata');
    if (!isGone) this.state.write('cluster', kind, name, { ...asJson(object), kind });
    else if (own(known, 'uid') === uid) this.state.write('cluster', kind, name, undefined);
  }

  #client(fetch: Fetch): RestClient {
    return createClient({
      fetch,
      server: inProcessServer,
      clock: this.#options.clock,
      userAgent: 'simulation',
    });
  }

  #noting(actor: Actor, fetch: Fetch): Fetch {
    return async (url, init = {}) => {
      const { method = 'GET' } = init;
      const response = await fetch(url, init);
      if (method === 'GET' || response.status >= 300) return response;
      const answer = await response.json();
      this.state.noted(actor, method, url, answer);
      const type = response.headers.get('content-type') ?? 'application/json';
      return jsonResponse(response.status, answer, { 'content-type': type });
    };
  }

  /** Lets the user be faster than the engine. */
  #ambushed(fetch: Fetch): Fetch {
    const meet = async (side: 'before' | 'after'): Promise<void> => {
      const ambush = this.#ambush;
      if (ambush?.side !== side || (ambush.left -= 1) > 0) return;
      this.#ambush = undefined;
      await Promise.race([ambush.act(), this.#options.clock.sleep(1)]);
    };
    return async (url, init = {}) => {
      if ((init.method ?? 'GET') === 'GET') return fetch(url, init);
      await meet('before');
      const response = await fetch(url, init);
      await meet('after');
      return response;
    };
  }

  #live(life: Life): Promise<void> {
    const { clock, plan, trace } = this.#options;
    const { random, fenced } = life;
    const { switches } = this;
    const onFault = (kind: FaultKind, request: string): void => trace.add('fault', `${kind}: ${request}`);
    const fetch = life.wayTo(this.#ambushed(this.#noting('engine', this.#server.fetch)));
    const client = this.#client(fetch);
    const options = parseAgentFlags(['-metrics-server=http://prometheus.test:9090', '-min-interval=1s'], {});
    const seams = { clock, random, log: silentLog };
    const engine = assembleEngine({
      ...seams,
      client,
      cluster: rolloutCluster({ ...seams, client, hasIstio: true }),
      events: { record: (_, type, __, message) => trace.add('event', `${type} ${message}`) },
      options,
      fetch: fenced(
        outside({ clock, plan, switches, onFault, canary: () => this.workloads.serving('canary') }),
      ),
      insecureFetch: undefined,
      metrics: noMetrics,
      rolloutMetrics: new RolloutMetrics(noMetrics, 'simulation', 'istio'),
    });
    return engine.run(life.signal);
  }
}

/** What a reader of a trace wants to know of an object. */
function digestOf(object: JsonObject | undefined): string {
  const spec = at(object, 'spec');
  switch (object?.['kind']) {
    case 'Canary':
      return ` ${JSON.stringify(at(object, 'status')).slice(0, 200)}`;
    case 'VirtualService':
      return ` ${JSON.stringify(listAt(spec, 'http')).slice(0, 300)}`;
    case 'Deployment':
      return ` ${versionOf(object)} replicas ${numberAt(spec, 'replicas')}`;
    default:
      return '';
  }
}
