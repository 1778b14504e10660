import type { Clock } from '../../src/base/clock.ts';
import { isConflict, isNotFound } from '../../src/kube/api-error.ts';
import type { RestClient } from '../../src/kube/rest-client.ts';
import type { JsonObject } from '../../src/machinery/json.ts';
import type { Unstructured } from '../../src/machinery/object.ts';
import { apex, kinds } from './kinds.ts';
import type { Action, Scenario } from './scenario.ts';
import { at, listAt, type State, textAt } from './state.ts';
import type { Quality } from './workload-view.ts';
import { namespace, type World } from './world.ts';

const key = { namespace, name: apex };

/** Somebody with kubectl and little patience. */
export class User {
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #clock: Clock;
  readonly #client: RestClient;
  #versions = 0;

  constructor(world: World, scenario: Scenario, clock: Clock) {
    this.#world = world;
    this.#scenario = scenario;
    this.#clock = clock;
    this.#client = world.user;
  }

  async begin(): Promise<void> {
    await this.#workloads().create(this.#workload('good-0'));
    await this.#createCanary();
  }

  async do(action: Action): Promise<void> {
    switch (action.kind) {
      case 'deploy':
        return this.deploy(action.quality);
      case 'undo':
        return this.#undo();
      case 'suspend':
        await this.#patchCanary({ suspend: true });
        await this.#clock.sleep(action.ms);
        return this.#patchCanary({ suspend: false });
      case 'threshold':
        return this.#patchCanary({ analysis: { threshold: action.threshold } });
      case 'crash':
        return this.#world.workloads.crash(action.side, action.ms);
      case 'edit routes':
        return this.#editRoutes();
      case 'scale':
        return this.#patch({ spec: { replicas: action.replicas } });
      case 'recreate':
        return this.#recreate();
    }
  }

  /** A version that was never there before. */
  async deploy(quality: Quality): Promise<void> {
    this.#versions += 1;
    await this.#setVersion(`${quality}-${this.#versions}`);
  }

  /** Back to what the primary runs. */
  async #undo(): Promise<void> {
    const primary = this.#state.get(this.#scenario.workload, `${apex}-primary`);
    const [container = {}] = listAt(at(primary, 'spec', 'template', 'spec'), 'containers');
    const version = textAt(container, 'image').split(':')[1];
    if (version !== undefined) await this.#setVersion(version);
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

  /** Deletes the Canary, waits until it is gone, and makes it again. */
  async #recreate(): Promise<void> {
    await ifPossible(this.#client.resource(kinds.canaries).delete(key));
    while (this.#state.get('Canary', apex) !== undefined) await this.#clock.sleep(1000);
    await this.#createCanary();
  }

  get #state(): State {
    return this.#world.state;
  }

  #workloads() {
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
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
