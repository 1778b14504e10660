import { Command, CommanderError, InvalidArgumentError } from 'commander';

export interface AcceptanceOptions {
  /** Members of the sandbox. */
  readonly members: number;
  /** Clusters that are there already, instead of a sandbox. */
  readonly given: GivenClusters | undefined;
  /** URL or local folder; undefined: our examples. */
  readonly repo: string | undefined;
  /** Of a check, in seconds. */
  readonly interval: number;
  /** Ids and groups; empty: everything. */
  readonly only: readonly string[];
  readonly report: string | undefined;
}

export interface GivenClusters {
  readonly host: string;
  readonly members: readonly GivenMember[];
}

export interface GivenMember {
  readonly name: string;
  readonly kubeconfig: string;
}

/** Of a check: agents of given clusters refuse less than ten seconds, ours are told otherwise. */
const defaultInterval = { sandbox: 5, given: 10 } as const;

interface Flags {
  readonly members?: number;
  readonly hostKubeconfig?: string;
  readonly memberKubeconfig: readonly GivenMember[];
  readonly repo?: string;
  readonly interval?: number;
  readonly only: readonly string[];
  readonly report?: string;
}

/**
 * @param argv without the program
 * @returns undefined after `--help`, which has been printed
 * @throws Error that explains a mistake
 */
export function parseOptions(argv: readonly string[]): AcceptanceOptions | undefined {
  const command = new Command('acceptance')
    .description(
      'the walkthrough of blue/green rollouts, row by row, against a fresh sandbox or given clusters',
    )
    .option('--members <number>', 'members of the sandbox', wholeNumber(1, 20))
    .option('--host-kubeconfig <file>', 'use this host instead of a sandbox; it needs members')
    .option('--member-kubeconfig <name=file>', 'a member of the given host; may be repeated', member, [])
    .option('--repo <url or folder>', 'what Applications deliver; default: the examples')
    .option(
      '--interval <seconds>',
      'between two checks; default: 5 in the sandbox, else 10',
      wholeNumber(1, 3600),
    )
    .option('--only <ids>', 'rows and groups such as B2,C, and what they need', list, [])
    .option('--report <file>', 'write the results there, as JSON')
    .configureOutput({ writeErr: () => {} })
    .exitOverride();
  try {
    command.parse(argv, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return undefined;
    throw error;
  }
  return together(command.opts<Flags>());
}

/** @throws Error for options that do not go together */
function together(flags: Flags): AcceptanceOptions {
  const isGiven = flags.hostKubeconfig !== undefined;
  if (isGiven !== flags.memberKubeconfig.length > 0) {
    throw new Error('--host-kubeconfig and --member-kubeconfig belong together');
  }
  if (isGiven && flags.members !== undefined) {
    throw new Error('--members is for the sandbox; name given clusters with --member-kubeconfig');
  }
  return {
    members: flags.members ?? 2,
    given: isGiven ? { host: flags.hostKubeconfig, members: flags.memberKubeconfig } : undefined,
    repo: flags.repo,
    interval: flags.interval ?? defaultInterval[isGiven ? 'given' : 'sandbox'],
    only: flags.only,
    report: flags.report,
  };
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,6}$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`A whole number from ${least} to ${most} is wanted.`);
  };
}

function member(text: string, all: readonly GivenMember[]): readonly GivenMember[] {
  const [, name, kubeconfig] = /^([a-z0-9][a-z0-9.-]{0,61})=(.+)$/.exec(text) ?? [];
  if (name === undefined || kubeconfig === undefined) throw new InvalidArgumentError('NAME=FILE is wanted.');
  if (all.some((other) => other.name === name)) throw new InvalidArgumentError(`${name} is named twice.`);
  return [...all, { name, kubeconfig }];
}

function list(text: string, all: readonly string[]): readonly string[] {
  return [
    ...all,
    ...text
      .split(',')
      .map((id) => id.trim())
      .filter((id) => id !== ''),
  ];
}
