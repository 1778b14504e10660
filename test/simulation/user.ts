import type { Clock } from '../../src/base/clock.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../src/kube/api-error.ts';
import type { ResourceClient } from '../../src/kube/resource-client.ts';
import type { RestClient } from '../../src/kube/rest-client.ts';
import type { JsonObject } from '../../src/machinery/json.ts';
import type { Unstructured } from '../../src/machinery/object.ts';
import { apex, kinds, namespace } from './kinds.ts';
import { type Action, analysisOf, type Scenario } from './scenario.ts';
import { at, listAt, type State } from './state.ts';
import { type Quality, versionOf } from './workload-view.ts';
import type { World } from './world.ts';

const key = { namespace, name: apex };

/** What each strategy leaves out of the analysis of another one. */
const noStrategy: JsonObject = {
  stepWeight: null,
  maxWeight: null,
  stepWeights: null,
  stepWeightPromotion: null,
  iterations: null,
  mirror: null,
  match: null,
};

const patienceSeconds = 300;

/** Somebody with kubectl and little patience. */
export class User {
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #clock: Clock;
  readonly #client: RestClient;
  #versions = 0;
  #configs = 0;
  /** What is being done for a while; one deletion at a time. */
  readonly #going: Promise<void>[] = [];
  #deletions: Promise<void> = Promise.resolve();

  constructor(world: World, scenario: Scenario, clock: Clock) {
    this.#world = world;
    this.#scenario = scenario;
    this.#clock = clock;
    this.#client = world.user;
  }

  async begin(): Promise<void> {
    await this.#client.resource(kinds.configMaps).create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `${apex}-config`, namespace },
      data: { color: '0' },
    });
    if (this.#scenario.ownService) {
      await this.#client.resource(kinds.services).create({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: apex, namespace },
        spec: { selector: { app: apex }, ports: [{ name: 'http', port: 9898 }] },
      });
    }
    await this.#workloads().create(this.#workload('good-0'));
    await this.#createCanary();
  }

  /** Resolves when its first request is answered. */
  async do(action: Action): Promise<void> {
    switch (action.kind) {
      case 'deploy':
        return this.deploy(action.quality);
      case 'undo':
        return this.#undo();
      case 'edit config':
        return this.#editConfig();
      case 'suspend':
        await this.#patchCanary({ suspend: true });
        return this.#later(action.ms, () => this.#patchCanary({ suspend: false }));
      case 'skip analysis': {
        const { skipAnalysis = false } = this.#scenario.spec;
        await this.#patchCanary({ skipAnalysis: true });
        return this.#later(action.ms, () => this.#patchCanary({ skipAnalysis }));
      }
      case 'close gates':
        return this.#turn('gatesClosed', action.ms);
      case 'roll back':
        return this.#turn('rollbackAsked', action.ms);
      case 'threshold':
        return this.#patchCanary({ analysis: { threshold: action.threshold } });
      case 'strategy':
        return this.#patchCanary({
          analysis: { ...noStrategy, ...analysisOf[action.strategy] } as JsonObject,
        });
      case 'crash':
        this.#going.push(this.#world.workloads.crash(action.side, action.ms));
        return;
      case 'edit routes':
        return this.#editRoutes();
      case 'delete routes':
        return ifPossible(this.#client.resource(kinds.virtualServices).delete(key));
      case 'delete service':
        return ifPossible(
          this.#client.resource(kinds.services).delete({ namespace, name: `${apex}-${action.side}` }),
        );
      case 'scale':
        return this.#patch({ spec: { replicas: action.replicas } });
      case 'revert on deletion':
        return this.#patchCanary({ revertOnDeletion: action.revert });
      case 'recreate target':
        return this.#recreate(action.ms, 'target', async () => {
          await this.#workloads().create(this.#workload(this.#nextVersion('good')));
        });
      case 'recreate':
        await this.#patchCanary({ revertOnDeletion: action.revert });
        return this.#recreate(action.ms, 'canary', () => this.#createCanary());
    }
  }

  /** Resolves when nothing is going on any more. */
  async rest(): Promise<void> {
    await Promise.all(this.#going);
    await this.#deletions;
  }

  /** A version that was never there before. */
  async deploy(quality: Quality): Promise<void> {
    await this.#setVersion(this.#nextVersion(quality));
  }

  /** Deletes the Canary, for good, with what it did. */
  async leave(): Promise<void> {
    await this.#patchCanary({ revertOnDeletion: true });
    // The engine has to know of it.
    await this.#clock.sleep(60_000);
    await ifPossible(this.#client.resource(kinds.canaries).delete(key));
  }

  #later(ms: number, work: () => Promise<void>): void {
    this.#going.push(this.#clock.sleep(ms).then(work));
  }

  #turn(which: 'gatesClosed' | 'rollbackAsked', ms: number): void {
    const { switches } = this.#world;
    switches[which] += 1;
    this.#later(ms, async () => {
      switches[which] -= 1;
    });
  }

  #nextVersion(quality: Quality): string {
    this.#versions += 1;
    return `${quality}-${this.#versions}`;
  }

  /** Back to what the primary runs. */
  async #undo(): Promise<void> {
    const version = versionOf(this.#state.get(this.#scenario.workload, `${apex}-primary`));
    if (version !== '') await this.#setVersion(version);
  }

  async #editConfig(): Promise<void> {
    this.#configs += 1;
    const data = { color: `${this.#configs}` };
    await this.#client
      .resource(kinds.configMaps)
      .patch({ namespace, name: `${apex}-config` }, 'merge', { data });
  }

  /** All traffic to where it should not be; the engine knows better. */
  async #editRoutes(): Promise<void> {
    const routes = listAt(at(this.#state.get('VirtualService', apex), 'spec'), 'http');
    if (routes.length === 0) return;
    const http = routes.map((route) => {
      const destinations = listAt(route, 'route');
      if (destinations.length !== 2) return route;
      const swapped = destinations.map((destination, i) => ({ ...destination, weight: i === 0 ? 70 : 30 }));
      return { ...route, route: swapped };
    });
    await ifPossible(this.#client.resource(kinds.virtualServices).patch(key, 'merge', { spec: { http } }));
  }

  /** Deletes it, waits until it is gone, and makes it again. */
  async #recreate(ms: number, what: 'target' | 'canary', create: () => Promise<void>): Promise<void> {
    const isCanary = what === 'canary';
    const resource: ResourceClient = isCanary ? this.#client.resource(kinds.canaries) : this.#workloads();
    const kind = isCanary ? 'Canary' : this.#scenario.workload;
    const first = ifPossible(resource.delete(key));
    const before = this.#deletions;
    this.#deletions = first.then(async () => {
      await before;
      await this.#clock.sleep(ms);
      for (let seconds = 0; this.#state.get(kind, apex) !== undefined; seconds += 1) {
        // It says that it waits for a target that cannot serve: somebody mends that.
        if (seconds === patienceSeconds) await this.#setVersion('good-mended');
        await ifPossible(resource.delete(key));
        await this.#clock.sleep(1000);
      }
      await ifPossible(create());
    });
    await first;
  }

  get #state(): State {
    return this.#world.state;
  }

  #workloads(): ResourceClient {
    const { workload } = this.#scenario;
    return this.#client.resource(workload === 'Deployment' ? kinds.deployments : kinds.daemonSets);
  }

  async #createCanary(): Promise<void> {
    const canary = { apiVersion: 'flagger.app/v1beta1', kind: 'Canary', metadata: { name: apex, namespace } };
    await this.#client.resource(kinds.canaries).create({ ...canary, spec: this.#scenario.spec });
  }

  async #patchCanary(spec: JsonObject): Promise<void> {
    await ifPossible(this.#client.resource(kinds.canaries).patch(key, 'merge', { spec }));
  }

  async #patch(patch: JsonObject): Promise<void> {
    await ifPossible(this.#workloads().patch(key, 'strategic', patch));
  }

  #setVersion(version: string): Promise<void> {
    const containers = [{ name: 'podinfod', image: `podinfo:${version}` }];
    return this.#patch({ spec: { template: { spec: { containers } } } });
  }

  #workload(version: string): Unstructured {
    const labels = { app: apex };
    const containers = [
      {
        name: 'podinfod',
        image: `podinfo:${version}`,
        ports: [{ name: 'http', containerPort: 9898, protocol: 'TCP' }],
        envFrom: [{ configMapRef: { name: `${apex}-config` } }],
      },
    ];
    const isDeployment = this.#scenario.workload === 'Deployment';
    return {
      apiVersion: 'apps/v1',
      kind: this.#scenario.workload,
      metadata: { name: apex, namespace },
      spec: {
        ...(isDeployment ? { replicas: 2, progressDeadlineSeconds: 60 } : {}),
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers } },
      },
    };
  }
}

/** What kubectl does when somebody else was faster: nothing, and says so. */
async function ifPossible(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error) && !isAlreadyExists(error)) throw error;
  }
}
