import { parseDuration } from '../../base/duration.ts';
import { errorMessage, InvalidInputError } from '../../base/errors.ts';
import type { LogLevel } from '../../base/log.ts';

/** What the agent runs with. Durations are milliseconds; empty texts mean none. */
export interface AgentOptions {
  readonly kubeconfig: string;
  readonly meshProvider: string;
  readonly metricsServer: string;
  readonly port: number;
  readonly logLevel: LogLevel;
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
  readonly enableLeaderElection: boolean;
  readonly leaderElectionNamespace: string;
  readonly threadiness: number;
  readonly minIntervalMs: number;
  readonly version: boolean;
}

interface Flag {
  readonly value: string;
  readonly help: string;
  readonly isSwitch?: true;
  /** A variable of the environment that goes first, where it is not empty. */
  readonly variable?: string;
}

const flag = (value: string, help: string, rest: Pick<Flag, 'isSwitch' | 'variable'> = {}): Flag => ({
  value,
  help,
  ...rest,
});
const onOff = { isSwitch: true } as const;

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
} as const;

/** Of Flagger, without a meaning here: manifests that set them go on working. */
const ignored = new Map([
  ['control-loop-interval', false],
  ['kubeconfig-qps', false],
  ['kubeconfig-burst', false],
  ['ingress-annotations-prefix', false],
  ['ingress-class', false],
  ['zap-encoding', false],
  ['zap-replace-globals', true],
]);

type FlagName = keyof typeof flags;

function isFlag(name: string): name is FlagName {
  return Object.hasOwn(flags, name);
}

/** For people. */
export function agentUsage(): string {
  const lines = Object.entries(flags).map(([name, { value, help }]) => {
    const initial = value === '' ? '' : ` (default ${value})`;
    return `  -${name}\n        ${help}${initial}`;
  });
  return `Usage of viridian agent:\n${lines.join('\n')}\n`;
}

/**
 * Reads a command line as Go's flag package does: `-name value`, `--name=value`, switches alone.
 *
 * @throws InvalidInputError that names the flag
 */
export function parseAgentFlags(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): AgentOptions {
  const given = givenFlags(argv);
  const text = (name: FlagName): string => {
    const { value, variable }: Flag = flags[name];
    return (variable === undefined ? '' : env[variable]) || (given.get(name) ?? value);
  };
  const parsed = <T>(name: FlagName, parse: (value: string) => T): T => {
    try {
      return parse(text(name));
    } catch (error) {
      throw new InvalidInputError(`-${name}: ${errorMessage(error)}`);
    }
  };
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

function givenFlags(argv: readonly string[]): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] ?? '';
    const [, name = '', assigned] = /^--?([^-=][^=]*)(?:=([^]*))?$/.exec(word) ?? [];
    if (!isFlag(name) && !ignored.has(name)) {
      throw new InvalidInputError(`no such flag: ${word}. See viridian agent --help`);
    }
    const definition: Flag | undefined = isFlag(name) ? flags[name] : undefined;
    const isSwitch = definition?.isSwitch ?? ignored.get(name) ?? false;
    if (assigned === undefined && !isSwitch) i += 1;
    const value = assigned ?? (isSwitch ? 'true' : argv[i]);
    if (value === undefined) throw new InvalidInputError(`-${name} needs a value`);
    given.set(name, value);
  }
  return given;
}

function listOf(text: string): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function wholeNumber(text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new InvalidInputError(`${JSON.stringify(text)} is not a whole number from ${min} to ${max}`);
}

/** Source: strconv.ParseBool, which Go's flags go through. */
function switchOf(text: string): boolean {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false;
  throw new InvalidInputError(`${JSON.stringify(text)} is neither true nor false`);
}

function logLevelOf(text: string): LogLevel {
  if (text === 'debug' || text === 'info' || text === 'warn' || text === 'error') return text;
  throw new InvalidInputError(`${JSON.stringify(text)} is none of debug, info, warn, error`);
}
