import type { VirtualClock } from '../../../src/base/clock.ts';
import { FetchError } from '../../../src/base/fetch.ts';
import { silentLog } from '../../../src/base/log.ts';
import type { Random } from '../../../src/base/random.ts';
import { isNotFound } from '../../../src/kube/api-error.ts';
import { Store } from '../../../src/kube/store.ts';
import { deploymentKind } from '../../../src/fleet/kinds.ts';
import { asJson, type Unstructured } from '../../../src/machinery/object.ts';
import { ApiDoor } from '../../../src/sandbox/faults.ts';
import type { FaultPlan } from '../faults.ts';
import { apex, namespace } from '../kinds.ts';
import type { Trace } from '../trace.ts';
import { wantedPods } from '../workload-view.ts';
import { World } from '../world.ts';

export interface MemberOptions {
  readonly name: string;
  readonly clock: VirtualClock;
  readonly random: Random;
  /** Of what happens to its agent. */
  readonly plan: FaultPlan;
  readonly trace: Trace;
}

/** A member of the fleet. Its agent lives as long as the plugin's Deployment is there. */
export class Member {
  readonly world: World;
  /** The manager's way in. */
  readonly door: ApiDoor;
  readonly violations: string[] = [];
  readonly #options: MemberOptions;
  readonly #stop = new AbortController();
  #agent: Promise<void> = Promise.resolve();
  #hasAgent = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(world: World, options: MemberOptions) {
    this.world = world;
    this.#options = options;
    const upgrade = (): Promise<never> => Promise.reject(new FetchError('Unreachable', 'no sockets here'));
    this.door = new ApiDoor(options.name, { fetch: world.wayOfManager, upgrade }, undefined);
  }

  static async start(options: MemberOptions): Promise<Member> {
    const world = await World.start({ ...options, workload: 'Deployment' });
    const member = new Member(world, options);
    member.#follow();
    return member;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#agent;
    await this.world.close();
  }

  /** Deployments beside the one that is rolled out run soon, whatever they are; one of them is the agent. */
  #follow(): void {
    const { clock, random, name } = this.#options;
    const store = new Store<Unstructured>({
      client: this.world.cluster.resource(deploymentKind),
      clock,
      random: random.stream('bystanders'),
      log: silentLog,
    });
    store.subscribe(({ type, object }) => {
      if (object.metadata.namespace === namespace && object.metadata.name?.startsWith(apex) === true) {
        if (!object.metadata.name.endsWith('testloader')) return;
      }
      if (object.metadata.name === `istio-system-flagger-${name}`) this.#agentIs(type !== 'deleted');
      if (type !== 'deleted' && generations(object) !== 'the same') void this.#runs(object);
    });
    this.#running = store.run(this.#stop.signal);
  }

  async #runs(deployment: Unstructured): Promise<void> {
    const { clock } = this.#options;
    const { metadata } = deployment;
    const replicas = wantedPods(asJson(deployment));
    const status = {
      observedGeneration: metadata.generation ?? 1,
      replicas,
      updatedReplicas: replicas,
      readyReplicas: replicas,
      availableReplicas: replicas,
      conditions: [
        { type: 'Available', status: 'True' },
        { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' },
      ],
    };
    try {
      await clock.sleep(1000, this.#stop.signal);
      const key = { namespace: metadata.namespace, name: metadata.name ?? '' };
      const deployments = this.world.cluster.resource(deploymentKind);
      await deployments.patch(key, 'merge', { status }, { subresource: 'status', fieldManager: 'cluster' });
    } catch (error) {
      if (!isNotFound(error) && !this.#stop.signal.aborted) throw error;
    }
  }

  #agentIs(there: boolean): void {
    if (there === this.#hasAgent) return;
    this.#hasAgent = there;
    this.#options.trace.add('cluster', there ? 'the agent starts' : 'the agent is removed');
    this.#agent = this.#agent.then(() => (there ? this.world.engine.run() : this.#agentGoes()));
  }

  async #agentGoes(): Promise<void> {
    const { clock } = this.#options;
    await this.world.engine.end();
    // What it did last, and was gone before the answer, is told by the watch a millisecond later.
    await clock.sleep(2);
    // Nobody would give the workload back.
    if (this.world.state.get('Canary', apex) !== undefined) {
      this.violations.push(`at ${clock.monotonic() / 1000} s: the agent is removed before its Canary`);
    }
  }
}

function generations({ metadata, ...object }: Unstructured): 'the same' | 'others' {
  const { status } = object as { status?: { observedGeneration?: number } };
  return status?.observedGeneration === metadata.generation ? 'the same' : 'others';
}
