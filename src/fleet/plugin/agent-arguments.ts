import type { FlaggerPlugin } from '../../api/fleet-plugins.ts';
import { isObject, own } from '../../machinery/json.ts';

/** Values of Flagger's chart that are flags of the agent, by their path. Source: charts/flagger/README.md of Flagger. */
const flagOfValue: readonly (readonly [path: string, flag: string])[] = [
  ['logLevel', 'log-level'],
  ['namespace', 'namespace'],
  ['selectorLabels', 'selector-labels'],
  ['configTracking.enabled', 'enable-config-tracking'],
  ['includeLabelPrefix', 'include-label-prefix'],
  ['noCrossNamespaceRefs', 'no-cross-namespace-refs'],
  ['slack.url', 'slack-url'],
  ['slack.user', 'slack-user'],
  ['slack.channel', 'slack-channel'],
  ['eventWebhook', 'event-webhook'],
  ['clusterName', 'cluster-name'],
  ['threadiness', 'threadiness'],
];

/**
 * The command line of the agent.
 *
 * @param minInterval the shortest interval of an analysis, as in `10s`; undefined: the agent's default
 */
export function agentArguments(plugin: FlaggerPlugin, minInterval: string | undefined): string[] {
  const { extraArgs = {} } = plugin;
  const metricsServer = textOf(valueAt(extraArgs, 'metricsServer')) || 'http://prometheus:9090';
  const flags = flagOfValue.flatMap(([path, flag]) => {
    const text = textOf(valueAt(extraArgs, path));
    return text === '' ? [] : [`-${flag}=${text}`];
  });
  return [
    'agent',
    `-mesh-provider=${plugin.trafficRoutingProvider}`,
    `-metrics-server=${metricsServer}`,
    ...flags,
    ...(minInterval === undefined ? [] : [`-min-interval=${minInterval}`]),
  ];
}

/** Of the chart's values, those that say where and how pods run. */
export function podSettings({ extraArgs = {} }: FlaggerPlugin): Record<string, unknown> {
  const names = ['nodeSelector', 'tolerations', 'affinity', 'priorityClassName'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = own(extraArgs, name);
      return value === undefined || value === null ? [] : [[name, value]];
    }),
  );
}

function valueAt(values: unknown, path: string): unknown {
  let value = values;
  for (const key of path.split('.')) value = isObject(value) ? own(value, key) : undefined;
  return value;
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(',');
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : '';
}
