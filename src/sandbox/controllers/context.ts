import type { Clock } from '../../base/clock.ts';
import { statusReason } from '../../base/error-codes.ts';
import { TypedError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { ApiError, isNotFound } from '../../kube/api-error.ts';
import { Controller, type Reconcile } from '../../kube/controller.ts';
import type { KubeEvent } from '../../kube/event-correlator.ts';
import { EventRecorder, eventKind } from '../../kube/event-recorder.ts';
import { type Lease, leaseKind } from '../../kube/leader-election.ts';

import type { Client, ResourceKind } from '../../kube/resource-client.ts';
import type { Source } from '../../kube/sources.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { controllerOf } from '../../machinery/owner-references.ts';
import type { Autoscaler } from './autoscaler/autoscaler.ts';
import type { PodUsage } from './autoscaler/recommend.ts';
import { Cached } from './cached.ts';
import * as kinds from './kinds.ts';

export interface ContextOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What pods use, for the autoscalers; default: nobody measures it. */
  readonly metrics?: PodUsage | undefined;
}

/** The name of the index of objects by the uid of their controller; those without one are under {@link orphans}. */
export const byController = 'controller';
/** The name of the index of objects by namespace. */
export const byNamespace = 'namespace';
/** The name of the index of pods by node. */
export const byNode = 'node';

/** The value under which {@link byController} has the orphans of a namespace. */
export function orphans(namespace: string | undefined): string {
  return `orphans of ${namespace ?? ''}`;
}

const owned = {
  [byController]: (object: KubeObject): string[] => [
    controllerOf(object)?.uid ?? orphans(object.metadata.namespace),
  ],
  [byNamespace]: (object: KubeObject): string[] => [object.metadata.namespace ?? ''],
};

/** What the controllers share: one cache per kind, one recorder of events per component. */
export class ControllerContext {
  readonly options: ContextOptions;
  readonly pods: Cached<kinds.Pod>;
  readonly nodes: Cached<kinds.Node>;
  readonly services: Cached<kinds.Service>;
  readonly endpoints: Cached<kinds.Endpoints>;
  readonly endpointSlices: Cached<kinds.EndpointSlice>;
  readonly deployments: Cached<kinds.Deployment>;
  readonly replicaSets: Cached<kinds.ReplicaSet>;
  readonly daemonSets: Cached<kinds.DaemonSet>;
  readonly statefulSets: Cached<kinds.StatefulSet>;
  readonly revisions: Cached<kinds.ControllerRevision>;
  readonly jobs: Cached<kinds.Job>;
  readonly cronJobs: Cached<kinds.CronJob>;
  readonly autoscalers: Cached<Autoscaler>;
  readonly leases: Cached<Lease>;
  readonly #recorders = new Map<string, EventRecorder>();

  constructor(options: ContextOptions) {
    this.options = options;
    const cached = <T extends KubeObject>(
      kind: ResourceKind,
      indexes?: { readonly [name: string]: (object: T) => readonly string[] },
    ): Cached<T> => new Cached<T>({ ...options, kind, indexes });
    this.pods = cached<kinds.Pod>(kinds.podKind, {
      ...owned,
      [byNode]: ({ spec }) => (spec.nodeName === undefined || spec.nodeName === '' ? [] : [spec.nodeName]),
    });
    this.nodes = cached(kinds.nodeKind);
    this.services = cached<kinds.Service>(kinds.serviceKind, { [byNamespace]: owned[byNamespace] });
    this.endpoints = cached(kinds.endpointsKind);
    this.endpointSlices = cached<kinds.EndpointSlice>(kinds.endpointSliceKind, owned);
    this.deployments = cached<kinds.Deployment>(kinds.deploymentKind, { [byNamespace]: owned[byNamespace] });
    this.replicaSets = cached<kinds.ReplicaSet>(kinds.replicaSetKind, owned);
    this.daemonSets = cached<kinds.DaemonSet>(kinds.daemonSetKind, { [byNamespace]: owned[byNamespace] });
    this.statefulSets = cached<kinds.StatefulSet>(kinds.statefulSetKind, {
      [byNamespace]: owned[byNamespace],
    });
    this.revisions = cached<kinds.ControllerRevision>(kinds.controllerRevisionKind, owned);
    this.jobs = cached<kinds.Job>(kinds.jobKind, owned);
    this.cronJobs = cached(kinds.cronJobKind);
    this.autoscalers = cached<Autoscaler>(kinds.autoscalerKind, { [byNamespace]: owned[byNamespace] });
    this.leases = cached(leaseKind);
  }

  /** Wall time in milliseconds. */
  now(): number {
    return this.options.clock.now();
  }

  /** The recorder of a component, as in `deployment-controller`. */
  recorder(component: string): EventRecorder {
    const existing = this.#recorders.get(component);
    if (existing !== undefined) return existing;
    const { client, clock, log, random } = this.options;
    const recorder = new EventRecorder({
      clock,
      log,
      random: random.stream(`events/${component}`),
      client: client.resource<KubeEvent>(eventKind),
      component,
    });
    this.#recorders.set(component, recorder);
    return recorder;
  }

  /** Ends the recording of events, after those that wait. */
  async stopRecording(): Promise<void> {
    await Promise.all([...this.#recorders.values()].map((recorder) => recorder.stop()));
  }

  /**
   * A controller over the shared caches. An object that goes while it is worked on is no error, and what the server
   * refuses is tried again: what was missing (a service account, room in a quota) is none of the objects watched.
   */
  controller(name: string, sources: readonly Source[], reconcile: Reconcile): Controller {
    const { clock, log, random } = this.options;
    return new Controller({
      clock,
      log,
      random: random.stream(`controller/${name}`),
      name,
      sources,
      concurrency: 4,
      reconcile: async (key, context) => {
        try {
          return await reconcile(key, context);
        } catch (error) {
          if (isNotFound(error)) return undefined;
          throw retried(error);
        }
      },
    });
  }
}

function retried(error: unknown): unknown {
  if (!(error instanceof ApiError) || error.next !== 'stalled') return error;
  return new TypedError(error.message, { code: statusReason(error.code), next: 'retry', cause: error });
}
