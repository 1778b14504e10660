import { UsageError } from './command.ts';

/** The options of a command line. */
export interface Options {
  readonly rest: readonly string[];
  readonly has: (name: string) => boolean;
  /** The last value given. */
  readonly value: (name: string) => string | undefined;
  readonly values: (name: string) => readonly string[];
  /** As a number, or the default. @throws UsageError when it is not one */
  readonly number: (name: string, fallback: number) => number;
}

export interface OptionRules {
  /** Names of options without a value, between blanks: `s v verbose`. */
  readonly flags?: string;
  /** Names of options with a value; `data=d` is the long form of `d`. */
  readonly values?: string;
  /** Long names of short flags: `silent=s`. */
  readonly long?: string;
  /** Options end at the first other word. */
  readonly strict?: boolean;
  /** What to say of an option that is not known, or lacks its value; default: as getopt. */
  readonly unknown?: (option: string) => string;
  readonly missing?: (option: string) => string;
  readonly code?: number;
}

/** Reads options as getopt does: `-ab`, `-ofile`, `-o file`, `--long`, `--long=value`, `--`. @throws UsageError */
export function parseOptions(argv: readonly string[], rules: OptionRules): Options {
  const found = new Map<string, string[]>();
  const rest: string[] = [];
  const words = (text = ''): string[] => text.split(' ').filter((word) => word !== '');
  const alias = new Map([...words(rules.long), ...words(rules.values)].flatMap((word) => aliasOf(word)));
  const flags = new Set(words(rules.flags));
  const values = new Set(words(rules.values).map((word) => word.split('=').at(-1) ?? word));
  const { unknown = (option) => `unrecognized option: ${option.replace(/^-+/, '')}`, code = 1 } = rules;
  const { missing = (option) => `option requires an argument: ${option.replace(/^-+/, '')}` } = rules;
  const add = (name: string, value: string): void => {
    found.set(name, [...(found.get(name) ?? []), value]);
  };
  let at = 0;
  const take = (option: string): string => {
    at += 1;
    const value = argv[at];
    if (value === undefined) throw new UsageError(missing(option), code);
    return value;
  };
  for (; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (word === '--') {
      rest.push(...argv.slice(at + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      rest.push(...(rules.strict === true ? argv.slice(at) : [word]));
      if (rules.strict === true) break;
      continue;
    }
    if (word.startsWith('--')) {
      const [long = '', ...inline] = word.slice(2).split('=');
      const name = alias.get(long) ?? long;
      if (values.has(name)) add(name, inline.length > 0 ? inline.join('=') : take(word));
      else if (flags.has(name)) add(name, '');
      else throw new UsageError(unknown(word), code);
      continue;
    }
    for (let i = 1; i < word.length; i++) {
      const name = word.charAt(i);
      if (values.has(name)) {
        add(name, i + 1 < word.length ? word.slice(i + 1) : take(`-${name}`));
        break;
      }
      if (!flags.has(name)) throw new UsageError(unknown(`-${name}`), code);
      add(name, '');
    }
  }
  return optionsOf(rest, found, code);
}

function optionsOf(
  rest: readonly string[],
  found: ReadonlyMap<string, readonly string[]>,
  code: number,
): Options {
  const value = (name: string): string | undefined => found.get(name)?.at(-1);
  return {
    rest,
    has: (name) => found.has(name),
    value,
    values: (name) => found.get(name) ?? [],
    number: (name, fallback) => {
      const text = value(name);
      if (text === undefined) return fallback;
      if (!/^\d+(\.\d+)?$/.test(text)) throw new UsageError(`invalid number '${text}'`, code);
      return Number(text);
    },
  };
}

function aliasOf(word: string): [string, string][] {
  const [long, short] = word.split('=');
  return long === undefined || short === undefined ? [] : [[long, short]];
}
