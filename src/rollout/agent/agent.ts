import { type LinkedAbort, linkAbort } from '../../base/abort.ts';
import type { Fetch } from '../../base/fetch.ts';
import type { Program } from '../../base/program.ts';
import { discover } from '../../kube/discovery.ts';
import { EventRecorder, eventKind } from '../../kube/event-recorder.ts';
import type { KubeEvent } from '../../kube/event-correlator.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import type { RestClient } from '../../kube/rest-client.ts';
import { type ConnectApi, role, type RoleProcess } from '../../kube/role.ts';
import { Store } from '../../kube/store.ts';
import { rolloutDefinitions } from '../../api/custom-resource-definitions.ts';
import { agentFieldManager, rolloutCluster } from '../cluster.ts';
import { RolloutMetrics } from '../engine/rollout-metrics.ts';
import { type AgentOptions, agentUsage, parseAgentFlags } from './agent-flags.ts';
import { assembleEngine } from './assemble-engine.ts';

export interface AgentEnvironment {
  readonly version: string;
  /** Finds the API server; default: that of the pod, through the seams. */
  readonly connect?: ConnectApi | undefined;
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

/** `viridian agent`: runs the rollouts of one cluster. */
export function agent({ version, connect, insecureFetch }: AgentEnvironment): Program {
  return role<AgentOptions>({
    name: agentFieldManager,
    version,
    usage: agentUsage,
    parse: parseAgentFlags,
    connect,
    definitions: Object.values(rolloutDefinitions),
    leaseName,
    begin: (running) => {
      const engine = new Agent(running, version, insecureFetch);
      return (client, signal) => engine.lead(client, signal);
    },
  });
}

class Agent {
  readonly #running: RoleProcess<AgentOptions>;
  readonly #insecureFetch: Fetch | undefined;
  readonly #rolloutMetrics: RolloutMetrics;

  constructor(running: RoleProcess<AgentOptions>, version: string, insecureFetch: Fetch | undefined) {
    this.#running = running;
    this.#insecureFetch = insecureFetch;
    this.#rolloutMetrics = new RolloutMetrics(running.metrics, version, running.options.meshProvider);
  }

  /** Works until `signal` aborts. The caches are new each time. */
  async lead(client: RestClient, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      using term = linkAbort(signal);
      // oxlint-disable-next-line no-await-in-loop
      await this.#work(client, term);
    }
  }

  async #work(client: RestClient, term: LinkedAbort): Promise<void> {
    const { signal } = term;
    const { context, options, log, metrics } = this.#running;
    const { clock, random, network } = context.seams;
    const discovered = await this.#running.untilItAnswers(signal, () => discover(client));
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
      metrics,
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
      insecureFetch: this.#insecureFetch,
      metrics,
      rolloutMetrics: this.#rolloutMetrics,
    });
    this.#running.ready();
    try {
      await engine.run(signal);
    } finally {
      await events.stop();
    }
  }

  /** Resolves when somebody has installed Istio, or `signal` aborts. */
  async #istioComes(client: RestClient, signal: AbortSignal): Promise<void> {
    const { context, log } = this.#running;
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
