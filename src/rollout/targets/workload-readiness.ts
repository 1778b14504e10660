import type { Canary } from '../../api/canary.ts';
import { asJson, type KubeObject } from '../../machinery/object.ts';
import type { Readiness } from '../observation.ts';
import { daemonSetReadiness, deploymentReadiness } from '../readiness.ts';
import { numberAt, objectAt } from './fields.ts';
import type { Workload } from './workload.ts';

/** How workloads stand, and since when a DaemonSet, whose status does not say, is not ready. */
export class WorkloadReadiness {
  readonly #workload: Workload;
  /** By uid. Lost with the process: a wait then starts over. */
  readonly #waits = new Map<string, { readonly generation: number; readonly since: number }>();

  constructor(workload: Workload) {
    this.#workload = workload;
  }

  of(canary: Canary, object: KubeObject, threshold = 100, now: number): Readiness {
    const deadlineSeconds = canary.spec.progressDeadlineSeconds ?? 600;
    const options = { threshold, deadlineSeconds, now };
    if (this.#workload.hasReplicas) return deploymentReadiness(asJson(object), options);
    const { uid = '', generation = 0 } = object.metadata;
    const wait = this.#waits.get(uid);
    const since = wait?.generation === generation ? wait.since : now;
    const readiness = daemonSetReadiness(asJson(object), { ...options, since });
    if (readiness.state === 'ready') this.#waits.delete(uid);
    else this.#remember(uid, generation, since);
    return readiness;
  }

  /** Whether the controller has seen the newest spec, and no pods are left. */
  isEmpty(object: KubeObject): boolean {
    const status = objectAt(asJson(object), 'status');
    const pods = this.#workload.hasReplicas ? ['replicas'] : ['currentNumberScheduled', 'numberMisscheduled'];
    return (
      (numberAt(status, 'observedGeneration') ?? 0) >= (object.metadata.generation ?? 0) &&
      pods.every((field) => (numberAt(status, field) ?? 0) === 0)
    );
  }

  #remember(uid: string, generation: number, since: number): void {
    // Workloads that went while they were waited for leave an entry; the oldest go first.
    const oldest = this.#waits.keys().next();
    if (this.#waits.size >= 1000 && oldest.done !== true) this.#waits.delete(oldest.value);
    this.#waits.set(uid, { generation, since });
  }
}
