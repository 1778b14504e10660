import { parseDuration } from '../../base/duration.ts';
import {
  type Flag,
  flagUsage,
  listOf,
  logLevelOf,
  parseFlags,
  switchOf,
  wholeNumber,
} from '../../base/flags.ts';
import type { RoleOptions } from '../../kube/role.ts';

/** What the agent runs with. Durations are milliseconds; empty texts mean none. */
export interface AgentOptions extends RoleOptions {
  readonly meshProvider: string;
  readonly metricsServer: string;
  /** Where Canaries are looked for; empty: everywhere. */
  readonly namespace: string;
  readonly selectorLabels: readonly string[];
  readonly enableConfigTracking: boolean;
  readonly includeLabelPrefix: readonly string[];
  readonly noCrossNamespaceRefs: boolean;
  readonly slackUrl: string;
  readonly slackToken: string;
  readonly slackUser: string;
  readonly slackChannel: string;
  readonly eventWebhook: string;
  readonly clusterName: string;
  readonly threadiness: number;
  readonly minIntervalMs: number;
}

const flag = (value: string, help: string, rest: Pick<Flag, 'isSwitch' | 'variable'> = {}): Flag => ({
  value,
  help,
  ...rest,
});
const onOff = { isSwitch: true } as const;
const ignored: Flag = { value: '', help: '', isIgnored: true };

/** Names and defaults are Flagger's, but for the last ones and for leader election, which is on. */
const flags = {
  kubeconfig: flag('', 'path to a kubeconfig, outside a cluster'),
  'mesh-provider': flag('istio', 'provider of Canaries that name none: istio or kubernetes'),
  'metrics-server': flag('http://prometheus:9090', 'URL of Prometheus'),
  port: flag('8080', 'port of /healthz, /readyz and /metrics'),
  'log-level': flag('info', 'debug, info, warn or error'),
  namespace: flag('', 'the only namespace in which to look for Canaries'),
  'selector-labels': flag(
    'app,name,app.kubernetes.io/name',
    'labels of pods that may tell a target from others',
  ),
  'enable-config-tracking': flag('true', 'follow the ConfigMaps and Secrets of targets', onOff),
  'include-label-prefix': flag('', 'prefixes of labels and annotations to copy to the primary; * for all'),
  'no-cross-namespace-refs': flag('false', 'refuse references to other namespaces', onOff),
  'slack-url': flag('', 'webhook of Slack', { variable: 'SLACK_URL' }),
  'slack-token': flag('', 'bot token of Slack', { variable: 'SLACK_TOKEN' }),
  'slack-user': flag('flagger', 'user name in Slack'),
  'slack-channel': flag('', 'channel of Slack'),
  'event-webhook': flag('', 'URL that is told all events', { variable: 'EVENT_WEBHOOK_URL' }),
  'cluster-name': flag('', 'name of this cluster in alerts'),
  'enable-leader-election': flag('true', 'lead only with the Lease flagger-leader-election', onOff),
  'leader-election-namespace': flag('kube-system', 'namespace of the Lease, unless -namespace is set'),
  threadiness: flag('10', 'Canaries to work on at once'),
  'min-interval': flag('10s', 'the shortest interval of an analysis'),
  version: flag('false', 'print the version and exit', onOff),
  // Of Flagger, without a meaning here: manifests that set them go on working.
  'control-loop-interval': ignored,
  'kubeconfig-qps': ignored,
  'kubeconfig-burst': ignored,
  'ingress-annotations-prefix': ignored,
  'ingress-class': ignored,
  'zap-encoding': ignored,
  'zap-replace-globals': { ...ignored, isSwitch: true },
} as const;

const command = 'viridian agent';

/** For people. */
export function agentUsage(): string {
  return flagUsage(command, flags);
}

/** @throws InvalidInputError that names the flag */
export function parseAgentFlags(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): AgentOptions {
  const { text, parsed } = parseFlags(command, flags, argv, env);
  return {
    kubeconfig: text('kubeconfig'),
    meshProvider: text('mesh-provider'),
    metricsServer: text('metrics-server'),
    port: parsed('port', (value) => wholeNumber(value, 0, 65_535)),
    logLevel: parsed('log-level', logLevelOf),
    namespace: text('namespace'),
    selectorLabels: listOf(text('selector-labels')),
    enableConfigTracking: parsed('enable-config-tracking', switchOf),
    includeLabelPrefix: listOf(text('include-label-prefix')),
    noCrossNamespaceRefs: parsed('no-cross-namespace-refs', switchOf),
    slackUrl: text('slack-url'),
    slackToken: text('slack-token'),
    slackUser: text('slack-user'),
    slackChannel: text('slack-channel'),
    eventWebhook: text('event-webhook'),
    clusterName: text('cluster-name'),
    enableLeaderElection: parsed('enable-leader-election', switchOf),
    leaderElectionNamespace: text('namespace') || text('leader-election-namespace'),
    threadiness: parsed('threadiness', (value) => wholeNumber(value, 1, 1000)),
    minIntervalMs: parsed('min-interval', parseDuration),
    version: parsed('version', switchOf),
  };
}
