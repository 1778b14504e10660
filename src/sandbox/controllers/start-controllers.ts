import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { Client } from '../../kube/resource-client.ts';
import { createAutoscalerController } from './autoscaler/autoscaler-controller.ts';
import type { PodUsage } from './autoscaler/recommend.ts';
import { ControllerContext } from './context.ts';
import { createCronJobController } from './cron-job/cron-job-controller.ts';
import { createDaemonSetController } from './daemon-set/daemon-set-controller.ts';
import { createDeploymentController } from './deployment/deployment-controller.ts';
import { createEndpointSliceController } from './endpoint-slice/endpoint-slice-controller.ts';
import { createJobController } from './job/job-controller.ts';
import { createNodeLifecycleController } from './node/node-lifecycle.ts';
import { createPodGarbageCollector } from './node/pod-garbage-collector.ts';
import { createReplicaSetController } from './replica-set/replica-set-controller.ts';
import { createScheduler } from './scheduler/scheduler.ts';
import { createStatefulSetController } from './stateful-set/stateful-set-controller.ts';

export interface ControllersOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What pods use, for the autoscalers; default: nobody measures it. */
  readonly metrics?: PodUsage | undefined;
}

export interface Controllers {
  /** Ends all work; what was begun is finished first. */
  stop(): Promise<void>;
}

const controllers = [
  createDeploymentController,
  createReplicaSetController,
  createDaemonSetController,
  createStatefulSetController,
  createEndpointSliceController,
  createAutoscalerController,
  createJobController,
  createCronJobController,
  createNodeLifecycleController,
  createPodGarbageCollector,
  createScheduler,
];

/** Starts what a cluster has in kube-controller-manager and kube-scheduler, on one cache per kind. */
export function startControllers(options: ControllersOptions): Controllers {
  const context = new ControllerContext(options);
  const stop = new AbortController();
  const running = controllers.map((create) => create(context).run(stop.signal));
  return {
    stop: async () => {
      stop.abort();
      await Promise.all(running);
      await context.stopRecording();
    },
  };
}
