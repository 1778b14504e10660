import type { SourcePool } from '../../gitops/source/source-pool.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { Metrics } from '../../kube/metrics.ts';
import type { RestClient } from '../../kube/rest-client.ts';
import type { FleetControllers } from '../fleet-controllers.ts';
import { ApplicationController } from './application-controller.ts';
import type { ClusterRollouts, ClusterSync } from './member-engine.ts';
import { type EngineOptions, MemberEngines } from './member-engines.ts';
import { PlacementController } from './placement-controller.ts';
import { Placements } from './placements.ts';
import { PolicyBuilds } from './policy-builds.ts';

export interface ApplicationControllersOptions extends Pick<
  FleetControllers,
  'caches' | 'members' | 'events'
> {
  /** Of the host. */
  readonly client: RestClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics?: Metrics | undefined;
  /** Not closed here. */
  readonly sources: SourcePool;
  /** Of test loaders. */
  readonly image: string;
  /** See {@link ApplicationController}. */
  readonly abandonAfterMs?: number | undefined;
  readonly makeSync: (options: EngineOptions) => ClusterSync;
  readonly makeRollouts: (options: EngineOptions) => ClusterRollouts;
}

/** The controllers of Applications. They share caches and connections with those of fleets, which must run too. */
export function applicationControllers(options: ApplicationControllersOptions): {
  run(signal: AbortSignal): Promise<void>;
} {
  const { random, members } = options;
  const placements = new Placements();
  // Each knows the other.
  const engines = new MemberEngines({
    ...options,
    random: random.stream('engines'),
    onCanary: (cluster, canary) => worker.onCanary(cluster, canary),
  });
  const applications = new ApplicationController({
    ...options,
    random: random.stream('application'),
    placements,
    engines,
    worker: () => worker,
  });
  const worker: PlacementController = new PlacementController({
    ...options,
    random: random.stream('placement'),
    placements,
    engines,
    buildsOf: (placement) => applications.stateOf(placement)?.builds ?? new PolicyBuilds(),
    siblingsOf: (placement) => applications.stateOf(placement)?.placements ?? [],
    persist: (placement) => applications.persist(placement),
    recall: () => applications.recall(),
    onGone: (placement) => applications.onGone(placement),
    report: (placement, type, reason, message) => applications.report(placement, type, reason, message),
  });
  return {
    run: async (signal) => {
      const unsubscribe = members.subscribe((cluster) => worker.onCluster(cluster));
      try {
        await Promise.all([engines.run(signal), worker.run(signal), applications.run(signal)]);
      } finally {
        unsubscribe();
      }
    },
  };
}
