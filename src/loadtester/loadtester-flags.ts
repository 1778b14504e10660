import { RE2JS } from 're2js';
import { parseDuration } from '../base/duration.ts';
import { InvalidInputError } from '../base/errors.ts';
import {
  type Flag,
  flagUsage,
  listOf,
  logLevelOf,
  parseFlags,
  switchOf,
  wholeNumber,
} from '../base/flags.ts';
import type { LogLevel } from '../base/log.ts';

export interface LoadtesterOptions {
  readonly port: number;
  /** Milliseconds for one task. */
  readonly timeoutMs: number;
  /** Namespaces of Canaries that are served; undefined: all. */
  readonly namespaces: RE2JS | undefined;
  readonly logLevel: LogLevel;
  /** The file of the open gates. */
  readonly state: string;
  readonly allowShell: boolean;
  readonly allowPrograms: readonly string[];
  readonly allowExternal: boolean;
  /** Requests per second of one task; 0: no limit. */
  readonly maxRate: number;
}

/** The first ones are those of Flagger's load tester. */
const flags = {
  port: { value: '9090', help: 'port to listen at' },
  timeout: { value: '1h', help: 'how long a task may take' },
  'namespace-regexp': { value: '', help: 'namespaces of Canaries that are served; empty: all' },
  'log-level': { value: 'info', help: 'debug, info, warn or error' },
  state: { value: '/state/gates.json', help: 'file that keeps the open gates' },
  'allow-shell': { value: 'false', help: 'run bash tasks, and commands that take a shell', isSwitch: true },
  'allow-program': { value: '', help: 'further programs for commands, beside hey and curl; may be repeated' },
  'allow-external': { value: 'false', help: 'call targets outside the cluster too', isSwitch: true },
  'max-rate': { value: '1000', help: 'requests per second of one task, at most; 0: no limit' },
  'zap-encoding': { value: '', help: '', isIgnored: true },
  'zap-replace-globals': { value: '', help: '', isIgnored: true, isSwitch: true },
} as const satisfies Record<string, Flag>;

const command = 'viridian loadtester';

/** For people. */
export function loadtesterUsage(): string {
  return flagUsage(command, flags);
}

/** @throws InvalidInputError that names the flag */
export function parseLoadtesterFlags(argv: readonly string[]): LoadtesterOptions {
  const { all, parsed } = parseFlags(command, flags, argv, {});
  const programs = all('allow-program').flatMap(listOf);
  return {
    port: parsed('port', (value) => wholeNumber(value, 0, 65_535)),
    timeoutMs: parsed('timeout', positiveDuration),
    namespaces: parsed('namespace-regexp', (value) => (value === '' ? undefined : RE2JS.compile(value))),
    logLevel: parsed('log-level', logLevelOf),
    state: parsed('state', (value) => value),
    allowShell: parsed('allow-shell', switchOf),
    allowPrograms: [...new Set(['hey', 'curl', ...programs])],
    allowExternal: parsed('allow-external', switchOf),
    maxRate: parsed('max-rate', (value) => wholeNumber(value, 0, 1_000_000)),
  };
}

function positiveDuration(text: string): number {
  const ms = parseDuration(text);
  if (ms > 0) return ms;
  throw new InvalidInputError('it must be longer than nothing');
}
