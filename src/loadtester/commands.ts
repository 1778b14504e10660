import type { Clock } from '../base/clock.ts';
import { InvalidInputError } from '../base/errors.ts';
import type { Fetch } from '../base/fetch.ts';
import type { Network } from '../base/network.ts';
import { splitCommand } from './command-line.ts';
import { type Outcome, runCurl } from './curl.ts';
import { parseCurl } from './curl-flags.ts';
import { parseHey } from './hey-flags.ts';
import { heyCsv, heySummary } from './hey-report.ts';
import { type LoadOptions, runLoad } from './load.ts';
import { anyTarget, clusterTargets, guardedFetch, type Targets } from './targets.ts';

/** Runs a program of this machine; its signal kills it. */
export type RunProgram = (
  program: string,
  args: readonly string[],
  signal: AbortSignal,
) => Promise<{ readonly stdout: string; readonly code: number }>;

export interface CommandOptions {
  readonly clock: Clock;
  readonly network: Network;
  /** Undefined where there is nothing but this process. */
  readonly runProgram: RunProgram | undefined;
  readonly allowShell: boolean;
  /** `hey` and `curl` are our own; others are programs of this machine. */
  readonly allowPrograms: readonly string[];
  readonly allowExternal: boolean;
  /** Requests per second of one task; 0: no limit. */
  readonly maxRate: number;
}

export type Runnable = (signal: AbortSignal) => Promise<Outcome>;

/**
 * Reads the command of a task, and says how to run it.
 *
 * @param namespace of the Canary that it is for
 * @throws InvalidInputError for what may not or cannot be run
 */
export async function commandOf(text: string, namespace: string, options: CommandOptions): Promise<Runnable> {
  let argv: string[];
  try {
    argv = splitCommand(text);
  } catch (error) {
    if (options.allowShell) return shellCommand('sh', text, options);
    throw error;
  }
  const [program = '', ...args] = argv;
  if (!options.allowPrograms.includes(program)) {
    if (options.allowShell) return shellCommand('sh', text, options);
    throw new InvalidInputError(
      `the program ${JSON.stringify(program.slice(0, 100))} is not allowed: use ${options.allowPrograms.join(' or ')}, or start the load tester with --allow-program`,
    );
  }
  const targets = options.allowExternal ? anyTarget : clusterTargets(options.network, namespace);
  const seams = { fetch: guardedFetch(options.network.fetch, targets), clock: options.clock };
  if (program === 'hey') return heyCommand(args, options, targets, seams);
  if (program !== 'curl') return machineProgram(program, args, options);
  const curl = parseCurl(args);
  await targets.check(curl.url);
  return (signal) => runCurl(curl, seams, signal);
}

async function heyCommand(
  args: readonly string[],
  { maxRate }: CommandOptions,
  targets: Targets,
  seams: { readonly fetch: Fetch; readonly clock: Clock },
): Promise<Runnable> {
  const command = parseHey(args);
  if ('code' in command) throw new InvalidInputError(`hey: ${command.text.split('\n', 1)[0] ?? ''}`);
  if (command.bodyFile !== undefined) {
    throw new InvalidInputError('hey: -D is not supported here: no files are sent');
  }
  await targets.check(command.load.url);
  const load = withinRate(command.load, maxRate);
  return async (signal) => {
    const result = await runLoad(load, seams, signal);
    const failed = result.requests > 0 && result.samples.status.length === 0;
    return { code: failed ? 1 : 0, output: command.csv ? heyCsv(result) : heySummary(result) };
  };
}

function withinRate(load: LoadOptions, maxRate: number): LoadOptions {
  const each = maxRate / load.concurrency;
  const isWithin = maxRate === 0 || (load.ratePerWorker > 0 && load.ratePerWorker <= each);
  return isWithin ? load : { ...load, ratePerWorker: each };
}

function machineProgram(
  program: string,
  args: readonly string[],
  { runProgram }: Pick<CommandOptions, 'runProgram'>,
): Runnable {
  if (runProgram === undefined) {
    throw new InvalidInputError(`${program} cannot run here: there are no programs beside hey and curl`);
  }
  return async (signal) => {
    const { stdout, code } = await runProgram(program, args, signal);
    return { code, output: stdout };
  };
}

/** @throws InvalidInputError where there is no shell, or it is not allowed */
export function shellCommand(
  shell: 'sh' | 'bash',
  text: string,
  options: Pick<CommandOptions, 'allowShell' | 'runProgram'>,
): Runnable {
  if (!options.allowShell) {
    throw new InvalidInputError(`${shell} tasks are not allowed: start the load tester with --allow-shell`);
  }
  // What it says about errors belongs to its output.
  return machineProgram(shell, ['-c', `exec 2>&1\n${text}`], options);
}
