import { RE2JS } from 're2js';
import { parseDuration } from '../base/duration.ts';
import { errorMessage, InvalidInputError } from '../base/errors.ts';
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

interface Flag {
  readonly value: string;
  readonly help: string;
  readonly isSwitch?: true;
}

/** The first ones are those of Flagger's load tester. */
const flags: Readonly<Record<string, Flag>> = {
  port: { value: '9090', help: 'port to listen at' },
  timeout: { value: '1h', help: 'how long a task may take' },
  'namespace-regexp': { value: '', help: 'namespaces of Canaries that are served; empty: all' },
  'log-level': { value: 'info', help: 'debug, info, warn or error' },
  state: { value: '/state/gates.json', help: 'file that keeps the open gates' },
  'allow-shell': { value: 'false', help: 'run bash tasks, and commands that take a shell', isSwitch: true },
  'allow-program': { value: '', help: 'further programs for commands, beside hey and curl; may be repeated' },
  'allow-external': { value: 'false', help: 'call targets outside the cluster too', isSwitch: true },
  'max-rate': { value: '1000', help: 'requests per second of one task, at most; 0: no limit' },
  'zap-encoding': { value: '', help: 'ignored' },
  'zap-replace-globals': { value: '', help: 'ignored', isSwitch: true },
};

/** For people. */
export function loadtesterUsage(): string {
  const lines = Object.entries(flags)
    .filter(([, { help }]) => help !== 'ignored')
    .map(
      ([name, { value, help }]) => `  -${name}\n        ${help}${value === '' ? '' : ` (default ${value})`}`,
    );
  return `Usage of viridian loadtester:\n${lines.join('\n')}\n`;
}

/**
 * Reads a command line as Go's flag package does: `-name value`, `--name=value`, switches alone.
 * @throws InvalidInputError that names the flag
 */
export function parseLoadtesterFlags(argv: readonly string[]): LoadtesterOptions {
  const given = givenFlags(argv);
  const parsed = <T>(name: string, parse: (value: string) => T): T => {
    try {
      return parse(given.get(name)?.at(-1) ?? flags[name]?.value ?? '');
    } catch (error) {
      throw new InvalidInputError(`-${name}: ${errorMessage(error)}`);
    }
  };
  const programs = (given.get('allow-program') ?? []).flatMap((list) => list.split(','));
  return {
    port: parsed('port', (value) => wholeNumber(value, 65_535)),
    timeoutMs: parsed('timeout', positiveDuration),
    namespaces: parsed('namespace-regexp', (value) => (value === '' ? undefined : RE2JS.compile(value))),
    logLevel: parsed('log-level', logLevelOf),
    state: parsed('state', (value) => value),
    allowShell: parsed('allow-shell', switchOf),
    allowPrograms: [...new Set(['hey', 'curl', ...programs.map((name) => name.trim()).filter(Boolean)])],
    allowExternal: parsed('allow-external', switchOf),
    maxRate: parsed('max-rate', (value) => wholeNumber(value, 1_000_000)),
  };
}

function givenFlags(argv: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const given = new Map<string, string[]>();
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] ?? '';
    const [, name = '', assigned] = /^--?([^-=][^=]*)(?:=([^]*))?$/.exec(word) ?? [];
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (flag === undefined)
      throw new InvalidInputError(`no such flag: ${word}. See viridian loadtester --help`);
    if (assigned === undefined && flag.isSwitch !== true) i += 1;
    const value = assigned ?? (flag.isSwitch === true ? 'true' : argv[i]);
    if (value === undefined) throw new InvalidInputError(`-${name} needs a value`);
    given.set(name, [...(given.get(name) ?? []), value]);
  }
  return given;
}

function wholeNumber(text: string, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= max) return value;
  throw new InvalidInputError(`${JSON.stringify(text)} is not a whole number from 0 to ${max}`);
}

function positiveDuration(text: string): number {
  const ms = parseDuration(text);
  if (ms > 0) return ms;
  throw new InvalidInputError('it must be longer than nothing');
}

/** Source: strconv.ParseBool, which Go's flags go through. */
export function switchOf(text: string): boolean {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false;
  throw new InvalidInputError(`${JSON.stringify(text)} is neither true nor false`);
}

function logLevelOf(text: string): LogLevel {
  if (text === 'debug' || text === 'info' || text === 'warn' || text === 'error') return text;
  throw new InvalidInputError(`${JSON.stringify(text)} is none of debug, info, warn, error`);
}
