import type { Clock } from '../../base/clock.ts';
import type { Fetch } from '../../base/fetch.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { EventRecorder } from '../../kube/event-recorder.ts';
import type { Metrics } from '../../kube/metrics.ts';
import type { Client } from '../../kube/resource-client.ts';
import type { RolloutCluster } from '../cluster.ts';
import { RolloutEngine } from '../engine/rollout-engine.ts';
import type { RolloutMetrics } from '../engine/rollout-metrics.ts';
import { webhooks } from '../hooks/webhooks.ts';
import { prometheusChecks } from '../metrics/prometheus-checks.ts';
import { routers } from '../routers/routers.ts';
import { services } from '../services/services.ts';
import { targets } from '../targets/targets.ts';
import type { AgentOptions } from './agent-flags.ts';

export interface EngineParts {
  readonly client: Client;
  readonly cluster: RolloutCluster;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly options: AgentOptions;
  /** Reaches Prometheus and webhooks. */
  readonly fetch: Fetch;
  readonly insecureFetch: Fetch | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly rolloutMetrics: RolloutMetrics;
}

/** The engine with all that it does its work with. */
export function assembleEngine(parts: EngineParts): { run(signal: AbortSignal): Promise<void> } {
  const { cluster, options, rolloutMetrics, ...seams } = parts;
  const { slackUrl, slackChannel, slackUser, slackToken } = options;
  const { random } = seams;
  const hooks = webhooks({
    ...seams,
    cluster,
    eventWebhook: options.eventWebhook === '' ? undefined : options.eventWebhook,
    clusterName: options.clusterName === '' ? undefined : options.clusterName,
    globalAlerts:
      slackUrl === '' || slackChannel === ''
        ? undefined
        : { slackUrl, channel: slackChannel, user: slackUser, token: slackToken || undefined },
  });
  const engine = new RolloutEngine({
    ...seams,
    cluster,
    hooks,
    rolloutMetrics,
    targets: targets(cluster, { ...options, random }),
    services: services(cluster, options),
    routers: routers(cluster, { random }),
    checks: prometheusChecks({
      ...seams,
      cluster,
      metricsServer: options.metricsServer,
      meshProvider: options.meshProvider,
      onValue: (canary, metric, value) => rolloutMetrics.measured(canary, metric, value),
    }),
    provider: options.meshProvider,
    noCrossNamespaceRefs: options.noCrossNamespaceRefs,
    minIntervalMs: options.minIntervalMs,
    concurrency: options.threadiness,
  });
  return {
    run: async (signal) => {
      await Promise.all([engine.run(signal), hooks.run(signal)]);
    },
  };
}
