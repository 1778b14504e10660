import { parseDuration } from '../../base/duration.ts';
import { InvalidInputError } from '../../base/errors.ts';
import { type Flag, flagUsage, logLevelOf, parseFlags, switchOf, wholeNumber } from '../../base/flags.ts';
import type { RoleOptions } from '../../kube/role.ts';

/** What the manager runs with. Durations are milliseconds; empty texts mean none. */
export interface ManagerOptions extends RoleOptions {
  /** Where clusters, fleets and applications are looked for; empty: everywhere. */
  readonly namespace: string;
  /** Of agents and test loaders; empty: that of this version. */
  readonly image: string;
  /** The shortest interval of an analysis, for agents, as in `10s`; undefined: theirs. */
  readonly minInterval: string | undefined;
  readonly abandonAfterMs: number;
}

const onOff = { isSwitch: true };

const flags = {
  kubeconfig: { value: '', help: 'path to a kubeconfig of the host, outside a cluster' },
  namespace: { value: '', help: 'the only namespace in which to look for clusters, fleets and applications' },
  image: { value: '', help: 'image of agents and test loaders; default: that of this version' },
  'min-interval': { value: '', help: 'the shortest interval of an analysis, for agents; default: theirs' },
  'abandon-after': {
    value: '10m',
    help: 'how long a deletion waits for clusters that do not answer',
  },
  port: { value: '8080', help: 'port of /healthz, /readyz and /metrics; 0 picks a free one' },
  'log-level': { value: 'info', help: 'debug, info, warn or error' },
  'leader-elect': { value: 'true', help: 'lead only with the Lease viridian-manager', ...onOff },
  'leader-election-namespace': {
    value: 'kube-system',
    help: 'namespace of the Lease, unless -namespace is set',
  },
  version: { value: 'false', help: 'print the version and exit', ...onOff },
} as const satisfies Record<string, Flag>;

const command = 'viridian manager';

/** For people. */
export function managerUsage(): string {
  return flagUsage(command, flags);
}

/** @throws InvalidInputError that names the flag */
export function parseManagerFlags(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): ManagerOptions {
  const { text, parsed } = parseFlags(command, flags, argv, env);
  return {
    kubeconfig: text('kubeconfig'),
    namespace: text('namespace'),
    image: text('image'),
    minInterval: parsed('min-interval', intervalOf),
    abandonAfterMs: parsed('abandon-after', notNegative),
    port: parsed('port', (value) => wholeNumber(value, 0, 65_535)),
    logLevel: parsed('log-level', logLevelOf),
    enableLeaderElection: parsed('leader-elect', switchOf),
    leaderElectionNamespace: text('namespace') || text('leader-election-namespace'),
    version: parsed('version', switchOf),
  };
}

/** Checked here, or agents would tell on members what is wrong on the host. */
function intervalOf(text: string): string | undefined {
  if (text === '') return undefined;
  notNegative(text);
  return text;
}

function notNegative(text: string): number {
  const ms = parseDuration(text);
  if (ms < 0) throw new InvalidInputError(`${JSON.stringify(text)} is less than nothing`);
  return ms;
}
