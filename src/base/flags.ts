import { errorMessage, InvalidInputError } from './errors.ts';
import type { LogLevel } from './log.ts';

/** A flag of a command line. */
export interface Flag {
  /** What it is when it is not given. */
  readonly value: string;
  readonly help: string;
  /** Stands alone: `-name` means `-name=true`. */
  readonly isSwitch?: boolean | undefined;
  /** A variable of the environment that goes first, where it is not empty. */
  readonly variable?: string | undefined;
  /** Means nothing here: command lines that have it go on working. */
  readonly isIgnored?: boolean | undefined;
}

/** What a command line says. */
export interface Flags<Name extends string> {
  readonly text: (name: Name) => string;
  /** Every value that was given, in order. */
  readonly all: (name: Name) => readonly string[];
  /** @throws InvalidInputError that names the flag, with what `parse` has thrown */
  readonly parsed: <T>(name: Name, parse: (text: string) => T) => T;
}

/** For people. @param command as in `viridian agent` */
export function flagUsage(command: string, flags: Readonly<Record<string, Flag>>): string {
  const lines = Object.entries(flags)
    .filter(([, { isIgnored }]) => isIgnored !== true)
    .map(
      ([name, { value, help }]) => `  -${name}\n        ${help}${value === '' ? '' : ` (default ${value})`}`,
    );
  return `Usage of ${command}:\n${lines.join('\n')}\n`;
}

/**
 * Reads a command line as Go's flag package does: `-name value`, `--name=value`, switches alone; the last one counts.
 *
 * @param command as in `viridian agent`
 * @throws InvalidInputError for a flag that there is not, or that lacks its value
 */
export function parseFlags<Name extends string>(
  command: string,
  flags: Readonly<Record<Name, Flag>>,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Flags<Name> {
  const known: ReadonlyMap<string, Flag> = new Map(Object.entries<Flag>(flags));
  const given = new Map<string, string[]>();
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] ?? '';
    const [, name = '', assigned] = /^--?([^-=][^=]*)(?:=([^]*))?$/.exec(word) ?? [];
    const flag = known.get(name);
    if (flag === undefined) throw new InvalidInputError(`no such flag: ${word}. See ${command} --help`);
    const isSwitch = flag.isSwitch === true;
    if (assigned === undefined && !isSwitch) i += 1;
    const value = assigned ?? (isSwitch ? 'true' : argv[i]);
    if (value === undefined) throw new InvalidInputError(`-${name} needs a value`);
    given.set(name, [...(given.get(name) ?? []), value]);
  }
  const text = (name: Name): string => {
    const { value, variable } = flags[name];
    return (variable === undefined ? '' : env[variable]) || (given.get(name)?.at(-1) ?? value);
  };
  return {
    text,
    all: (name) => given.get(name) ?? [],
    parsed: (name, parse) => {
      try {
        return parse(text(name));
      } catch (error) {
        throw new InvalidInputError(`-${name}: ${errorMessage(error)}`);
      }
    },
  };
}

/** Items between commas. */
export function listOf(text: string): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

export function wholeNumber(text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new InvalidInputError(`${JSON.stringify(text)} is not a whole number from ${min} to ${max}`);
}

/** Source: strconv.ParseBool, which Go's flags go through. */
export function switchOf(text: string): boolean {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false;
  throw new InvalidInputError(`${JSON.stringify(text)} is neither true nor false`);
}

export function logLevelOf(text: string): LogLevel {
  if (text === 'debug' || text === 'info' || text === 'warn' || text === 'error') return text;
  throw new InvalidInputError(`${JSON.stringify(text)} is none of debug, info, warn, error`);
}
