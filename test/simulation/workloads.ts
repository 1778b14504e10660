import type { Clock } from '../../src/base/clock.ts';
import type { Random } from '../../src/base/random.ts';
import { formatTime } from '../../src/base/time.ts';
import { isNotFound } from '../../src/kube/api-error.ts';
import type { Client, ResourceClient } from '../../src/kube/resource-client.ts';
import { canonicalJson } from '../../src/base/hash.ts';
import type { JsonObject } from '../../src/machinery/json.ts';
import type { Unstructured } from '../../src/machinery/object.ts';
import { kinds, type Side, sides, type WorkloadKind, workloadOf } from './kinds.ts';
import { at, numberAt, type State, textAt } from './state.ts';
import { qualityOf, versionOf, wantedPods } from './workload-view.ts';

export interface WorkloadsOptions {
  readonly client: Client;
  readonly namespace: string;
  readonly kind: WorkloadKind;
  readonly clock: Clock;
  readonly random: Random;
  readonly state: State;
  readonly signal: AbortSignal;
  /** Seconds after which pods that do not start are given up. */
  readonly progressDeadlineSeconds: number;
}

interface Running {
  /** Of the workload that the pods belong to. */
  uid: string;
  /** Of the pods that serve. */
  template: string;
  version: string;
  ready: number;
  /** While above 0, pods that would be ready are not. */
  down: number;
  busy: boolean;
}

/**
 * Controllers and nodes, as far as a rollout sees them: statuses and EndpointSlices follow the specs of the target
 * and the primary after a while. Old pods serve until new ones can.
 */
export class Workloads {
  readonly #options: WorkloadsOptions;
  readonly #running: Readonly<Record<Side, Running>>;
  /** Service and number of endpoints, as last written. */
  readonly #slices = new Map<Side, string>();

  constructor(options: WorkloadsOptions) {
    this.#options = options;
    const none = (): Running => ({ uid: '', template: '', version: '', ready: 0, down: 0, busy: false });
    this.#running = { primary: none(), canary: none() };
    options.state.listen(({ kind, name, after }) => {
      const side = sides.find((one) => workloadOf(one) === name);
      if (kind === options.kind && side !== undefined) this.#follow(side);
      const served = sides.find((one) => name === `podinfo-${one}`);
      if (kind === 'Service' && served !== undefined) this.#background(this.#publish(served));
      const published = sides.find((one) => name === `podinfo-${one}-1`);
      if (kind !== 'EndpointSlice' || published === undefined || after !== undefined) return;
      this.#slices.delete(published);
      this.#background(this.#publish(published));
    });
  }

  /** The version of the pods that serve; undefined while there are none. */
  serving(side: Side): string | undefined {
    const { version, ready, down } = this.#running[side];
    return ready > 0 && down === 0 ? version : undefined;
  }

  get isBusy(): boolean {
    return sides.some((side) => this.#running[side].busy || this.#running[side].down > 0);
  }

  /** All pods of a side stop answering for a while. */
  async crash(side: Side, ms: number): Promise<void> {
    const running = this.#running[side];
    running.down += 1;
    await this.#report(side);
    await this.#options.clock.sleep(ms, this.#options.signal);
    running.down -= 1;
    await this.#report(side);
  }

  #follow(side: Side): void {
    const running = this.#running[side];
    const uid = textAt(at(this.#object(side), 'metadata'), 'uid');
    // The pods of a workload go with it.
    if (uid !== running.uid) {
      Object.assign(running, { uid, template: '', version: '', ready: 0 });
      this.#background(this.#publish(side));
    }
    const generation = numberAt(at(this.#object(side), 'metadata'), 'generation');
    const observed = numberAt(at(this.#object(side), 'status'), 'observedGeneration');
    const isDone = uid === '' || generation <= observed;
    if (running.busy || isDone || this.#options.signal.aborted) return;
    running.busy = true;
    this.#background(
      this.#roll(side).finally(() => {
        running.busy = false;
        // What has changed since it looked for the last time.
        this.#follow(side);
      }),
    );
  }

  #object(side: Side): JsonObject | undefined {
    return this.#options.state.get(this.#options.kind, workloadOf(side));
  }

  async #roll(side: Side): Promise<void> {
    const running = this.#running[side];
    for (;;) {
      const object = this.#object(side);
      const generation = numberAt(at(object, 'metadata'), 'generation');
      const uid = textAt(at(object, 'metadata'), 'uid');
      if (uid === '') return;
      const isCurrent = (): boolean => {
        const now = at(this.#object(side), 'metadata');
        return textAt(now, 'uid') === uid && numberAt(now, 'generation') === generation;
      };
      const random = this.#options.random.stream(`${side} ${generation}`);
      await this.#sleep(200 + random.int(2000));
      if (!isCurrent()) continue;
      const wanted = wantedPods(object);
      const template = canonicalJson(at(object, 'spec', 'template'));
      if (wanted > 0 && (template !== running.template || running.ready === 0)) {
        await this.#status(side, { generation, updated: wanted, old: running.ready });
        if (qualityOf(versionOf(object)) === 'crashing') {
          if (await this.#giveUp(side, generation, wanted, isCurrent)) return;
          continue;
        }
        await this.#sleep(1000 + random.int(8000));
        if (!isCurrent()) continue;
      }
      Object.assign(running, { template, version: versionOf(object), ready: wanted });
      await this.#report(side);
      if (isCurrent()) return;
    }
  }

  /** @returns whether the spec is still the same when the deadline has passed */
  async #giveUp(side: Side, generation: number, wanted: number, isCurrent: () => boolean): Promise<boolean> {
    for (let waited = 0; waited < this.#options.progressDeadlineSeconds; waited += 1) {
      await this.#sleep(1000);
      if (!isCurrent()) return false;
    }
    const { ready } = this.#running[side];
    await this.#status(side, { generation, updated: wanted, old: ready, isLate: true });
    return isCurrent();
  }

  async #report(side: Side): Promise<void> {
    const running = this.#running[side];
    await this.#publish(side);
    const object = this.#object(side);
    const generation = numberAt(at(object, 'metadata'), 'generation');
    // A roll in progress reports at its end.
    if (canonicalJson(at(object, 'spec', 'template')) !== running.template) return;
    if (wantedPods(object) !== running.ready) return;
    const available = running.down > 0 ? 0 : running.ready;
    await this.#status(side, { generation, updated: running.ready, old: 0, available });
  }

  async #status(
    side: Side,
    of: {
      readonly generation: number;
      readonly updated: number;
      readonly old: number;
      readonly available?: number;
      readonly isLate?: boolean;
    },
  ): Promise<void> {
    const { kind, namespace, clock } = this.#options;
    const { generation, updated, old } = of;
    const serving = this.#running[side].down > 0 ? 0 : old;
    const available = of.available ?? serving;
    const isDone = old === 0 && available === updated;
    const now = formatTime(clock.now());
    const condition = (type: string, status: string, reason: string): JsonObject => ({
      type,
      status,
      reason,
      message: reason,
      lastUpdateTime: now,
      lastTransitionTime: now,
    });
    const status: JsonObject =
      kind === 'Deployment'
        ? {
            observedGeneration: generation,
            replicas: updated + old,
            updatedReplicas: updated,
            readyReplicas: available,
            availableReplicas: available,
            conditions: [
              condition('Available', available >= updated ? 'True' : 'False', 'MinimumReplicas'),
              of.isLate === true
                ? condition('Progressing', 'False', 'ProgressDeadlineExceeded')
                : condition('Progressing', 'True', isDone ? 'NewReplicaSetAvailable' : 'ReplicaSetUpdated'),
            ],
          }
        : {
            observedGeneration: generation,
            currentNumberScheduled: updated,
            desiredNumberScheduled: updated,
            updatedNumberScheduled: updated,
            numberMisscheduled: 0,
            numberReady: available,
            numberAvailable: old > 0 ? 0 : available,
          };
    const key = { namespace, name: workloadOf(side) };
    await ifThere(
      this.#resource().patch(key, 'merge', { status }, { subresource: 'status', fieldManager: 'cluster' }),
    );
  }

  #resource(): ResourceClient {
    const { client, kind } = this.#options;
    return client.resource(kind === 'Deployment' ? kinds.deployments : kinds.daemonSets);
  }

  /** Writes the EndpointSlice of a side's Service. */
  async #publish(side: Side): Promise<void> {
    const { namespace, client, state } = this.#options;
    const service = `podinfo-${side}`;
    const owner = state.get('Service', service);
    if (owner === undefined) return;
    const { ready, down } = this.#running[side];
    const count = down > 0 ? 0 : ready;
    const uid = textAt(at(owner, 'metadata'), 'uid');
    const published = `${uid} ${count}`;
    if (this.#slices.get(side) === published) return;
    this.#slices.set(side, published);
    const slice: Unstructured & JsonObject = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `${service}-1`,
        namespace,
        labels: { 'kubernetes.io/service-name': service },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name: service, uid }],
      },
      addressType: 'IPv4',
      ports: [],
      endpoints: Array.from({ length: count }, (_, i) => ({
        addresses: [`10.0.${side === 'primary' ? 1 : 2}.${i + 1}`],
        conditions: { ready: true },
      })),
    };
    await client.resource(kinds.endpointSlices).apply(slice, { fieldManager: 'cluster', force: true });
  }

  #sleep(ms: number): Promise<void> {
    return this.#options.clock.sleep(ms, this.#options.signal);
  }

  #background(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (!this.#options.signal.aborted) throw error;
    });
  }
}

async function ifThere(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
