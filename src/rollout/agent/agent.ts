import { Registry } from '@prometheus-io/client';
import { type LinkedAbort, linkAbort } from '../../base/abort.ts';
import type { Fetch, Upgrade } from '../../base/fetch.ts';
import { errorMessage } from '../../base/errors.ts';
import { jsonLog, type Log } from '../../base/log.ts';
import type { Program, ProgramContext } from '../../base/program.ts';
import { type ConnectionConfig, inClusterConnection } from '../../kube/connection.ts';
import { ensureCustomResourceDefinitions } from '../../kube/custom-resource-definitions.ts';
import { discover } from '../../kube/discovery.ts';
import { EventRecorder, eventKind } from '../../kube/event-recorder.ts';
import type { KubeEvent } from '../../kube/event-correlator.ts';
import { LeaderElection, type Lease, leaseKind } from '../../kube/leader-election.ts';
import type { Metrics } from '../../kube/metrics.ts';
import { prometheusMetrics } from '../../kube/prometheus-metrics.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import { createClient, type RestClient } from '../../kube/rest-client.ts';
import { Store } from '../../kube/store.ts';
import { rolloutDefinitions } from '../../api/custom-resource-definitions.ts';
import { agentFieldManager, rolloutCluster } from '../cluster.ts';
import { RolloutMetrics } from '../engine/rollout-metrics.ts';
import { type AgentOptions, agentUsage, parseAgentFlags } from './agent-flags.ts';
import { agentServer } from './agent-server.ts';
import { assembleEngine } from './assemble-engine.ts';

/** A way to the API server. */
export interface ApiConnection {
  readonly connection: ConnectionConfig;
  readonly fetch: Fetch;
  readonly upgrade?: Upgrade | undefined;
  readonly close: () => Promise<void>;
}

export interface AgentEnvironment {
  readonly version: string;
  /** Finds the API server; default: that of the pod, through the seams. */
  readonly connect?: ((context: ProgramContext, options: AgentOptions) => Promise<ApiConnection>) | undefined;
  /** HTTP without verification of certificates. */
  readonly insecureFetch?: Fetch | undefined;
}

/** Flagger's, so that the two never work on the same Canaries where both elect. */
const leaseName = 'flagger-leader-election';
const virtualServices = { group: 'networking.istio.io', resource: 'virtualservices' } as const;
/** How long a server takes to serve what a new definition defines, in milliseconds. */
const servedMs = 2000;

const definitionKind: ResourceKind = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  resource: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

/**
 * `viridian agent`: runs the rollouts of one cluster.
 *
 * Exit codes: 0 after SIGTERM, 1 after trouble, 2 for a command line that makes no sense.
 */
export function agent(environment: AgentEnvironment): Program {
  return async (context) => {
    let options: AgentOptions;
    if (context.argv.some((word) => /^--?h(elp)?$/.test(word))) {
      context.stdout(agentUsage());
      return 0;
    }
    try {
      options = parseAgentFlags(context.argv, context.env);
    } catch (error) {
      context.stdout(`${errorMessage(error)}\n`);
      return 2;
    }
    if (options.version) {
      context.stdout(`${environment.version}\n`);
      return 0;
    }
    const { clock } = context.seams;
    const log = jsonLog(() => clock.now(), options.logLevel, context.stdout);
    try {
      await run(new Agent({ environment, context, options, log }));
      return 0;
    } catch (error) {
      log.error('the agent ends', { error });
      return 1;
    }
  };
}

async function run(running: Agent): Promise<void> {
  await using _ = running;
  await running.run();
}

interface AgentParts {
  readonly environment: AgentEnvironment;
  readonly context: ProgramContext;
  readonly options: AgentOptions;
  readonly log: Log;
}

class Agent {
  readonly #parts: AgentParts;
  readonly #registry = new Registry();
  readonly #metrics: Metrics = prometheusMetrics(this.#registry);
  readonly #rolloutMetrics: RolloutMetrics;
  readonly #cleanUp = new AsyncDisposableStack();
  #isReady = false;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    const { environment, options } = parts;
    this.#rolloutMetrics = new RolloutMetrics(this.#metrics, environment.version, options.meshProvider);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanUp.disposeAsync();
  }

  async run(): Promise<void> {
    const { environment, context, options, log } = this.#parts;
    const { seams, signal } = context;
    const listener = await seams.network.listen(options.port, {
      http: agentServer(this.#registry, () => this.#isReady),
    });
    this.#cleanUp.defer(() => listener.close(AbortSignal.abort()));
    const api = await (environment.connect ?? inCluster)(context, options);
    this.#cleanUp.defer(() => api.close());
    const client = createClient({
      fetch: api.fetch,
      upgrade: api.upgrade,
      server: api.connection.server,
      credentials: api.connection,
      clock: seams.clock,
      userAgent: `viridian-agent/${environment.version}`,
      fieldManager: agentFieldManager,
    });
    const { clock, random } = seams;
    const definitions = Object.values(rolloutDefinitions);
    await untilItAnswers(this.#parts, signal, () =>
      ensureCustomResourceDefinitions({ client, clock, random, log, definitions, signal }),
    );
    if (signal.aborted) return;
    if (!options.enableLeaderElection) return this.#lead(client, signal);
    // A candidate is ready: it can take over.
    this.#isReady = true;
    const election = new LeaderElection({
      client: client.resource<Lease>(leaseKind),
      clock: seams.clock,
      random: seams.random.stream('leader election'),
      log,
      namespace: options.leaderElectionNamespace,
      name: leaseName,
      identity: `${context.env['HOSTNAME'] || 'viridian-agent'}_${seams.random.uuid()}`,
    });
    await election.run((leading) => this.#lead(client, leading), signal);
  }

  /** Works until `signal` aborts. The caches are new each time: nothing of an earlier term can mislead. */
  async #lead(client: RestClient, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      using term = linkAbort(signal);
      // oxlint-disable-next-line no-await-in-loop
      await this.#work(client, term);
    }
  }

  async #work(client: RestClient, term: LinkedAbort): Promise<void> {
    const { signal } = term;
    const { context, options, log, environment } = this.#parts;
    const { clock, random, network } = context.seams;
    const discovered = await untilItAnswers(this.#parts, signal, () => discover(client));
    if (discovered === undefined) return;
    const hasIstio = discovered.mapping.byResource(virtualServices) !== undefined;
    if (!hasIstio && options.meshProvider === 'istio') {
      log.warn('this cluster has no kinds of networking.istio.io: Canaries of provider istio wait for them');
    }
    if (!hasIstio) void this.#istioComes(client, signal).then(() => term.abort());
    const seams = { clock, random, log };
    const cluster = rolloutCluster({
      ...seams,
      client,
      hasIstio,
      namespace: options.namespace === '' ? undefined : options.namespace,
    });
    const events = new EventRecorder({
      ...seams,
      client: client.resource<KubeEvent>(eventKind),
      metrics: this.#metrics,
      component: 'flagger',
      host: context.env['HOSTNAME'],
    });
    const engine = assembleEngine({
      ...seams,
      client,
      cluster,
      events,
      options,
      fetch: network.fetch,
      insecureFetch: environment.insecureFetch,
      metrics: this.#metrics,
      rolloutMetrics: this.#rolloutMetrics,
    });
    this.#isReady = true;
    try {
      await engine.run(signal);
    } finally {
      await events.stop();
    }
  }

  /** Resolves when somebody has installed Istio, or `signal` aborts. */
  async #istioComes(client: RestClient, signal: AbortSignal): Promise<void> {
    const { context, log } = this.#parts;
    const { clock, random } = context.seams;
    const name = `${virtualServices.resource}.${virtualServices.group}`;
    const definitions = new Store({
      client: client.resource(definitionKind),
      clock,
      random: random.stream('istio'),
      log,
      selection: { fieldSelector: `metadata.name=${name}` },
      metadataOnly: true,
    });
    try {
      await Promise.race([
        definitions.run(signal),
        definitions.waitFor(name, (definition) => definition !== undefined, { signal }),
      ]);
      await clock.sleep(servedMs, signal);
    } catch {
      // The term is over anyway.
    }
  }
}

async function inCluster({ files, env, seams }: ProgramContext): Promise<ApiConnection> {
  const { clock, fetch, upgrade } = seams;
  const decoder = new TextDecoder();
  const readFile = async (path: string): Promise<string> => decoder.decode(await files.read(path));
  const connection = await inClusterConnection({ readFile, clock, env });
  return { connection, fetch, upgrade, close: async () => {} };
}

/** An API server that is not there yet is no reason to end. @returns undefined when `signal` aborts first */
async function untilItAnswers<T>(
  { context, log }: AgentParts,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T | undefined> {
  for (let waitMs = 1000; !signal.aborted; waitMs = Math.min(30_000, 2 * waitMs)) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) break;
      log.warn('the API server does not do what is asked; trying again', { error, waitMs });
      await context.seams.clock.sleep(waitMs, signal).catch(() => {});
    }
  }
  return undefined;
}
