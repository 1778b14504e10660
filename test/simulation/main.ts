// `npm run simulate -- [--fleet] --seeds N [--from S]`, and `--seed S --trace` to see one.
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Command, InvalidArgumentError } from 'commander';
import { runFleetSeed } from './fleet/run.ts';
import { runSeed } from './run.ts';
import type { SeedResult } from './seed-run.ts';

interface Options {
  /** A host and two members, instead of one member. */
  readonly fleet: boolean;
  readonly seeds: number;
  readonly from: number;
  readonly jobs: number;
  readonly seed?: number;
  readonly trace: boolean;
}

if (isMainThread) process.exitCode = await main();
else await work(workerData as Work);

interface Work {
  readonly fleet: boolean;
  readonly seeds: SharedArrayBuffer;
  readonly end: number;
}

function runOne(fleet: boolean, seed: number, keepTrace = false): Promise<SeedResult> {
  return fleet ? runFleetSeed({ seed, keepTrace }) : runSeed({ seed, keepTrace });
}

async function main(): Promise<number> {
  const options = new Command('simulate')
    .description('rollouts on virtual time, where everything fails that can; twice each, once without')
    .option('--fleet', 'Applications on a host and two members, instead of Canaries on one', false)
    .option('--seeds <number>', 'how many', wholeNumber, 300)
    .option('--from <seed>', 'the first', wholeNumber, 1)
    .option('--jobs <number>', 'at once', wholeNumber, availableParallelism())
    .option('--seed <seed>', 'this one alone', wholeNumber)
    .option('--trace', 'print what happens in it', false)
    .parse()
    .opts<Options>();
  const { seed } = options;
  if (seed !== undefined) return one(options.fleet, seed, options.trace);
  return many(options);
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('A whole number is wanted.');
}

async function one(fleet: boolean, seed: number, keepTrace: boolean): Promise<number> {
  const result = await runOne(fleet, seed, keepTrace);
  for (const line of result.trace) console.log(line);
  for (const failure of result.failures) console.log(`seed ${seed}: ${failure}`);
  console.log(`seed ${seed}: ${result.failures.length === 0 ? 'passed' : 'failed'}`);
  return result.failures.length === 0 ? 0 : 1;
}

async function many({ fleet, seeds, from, jobs }: Options): Promise<number> {
  const startedAt = performance.now();
  const next = new SharedArrayBuffer(4);
  new Int32Array(next)[0] = from;
  const faults = new Map<string, number>();
  let done = 0;
  let failed = 0;
  const take = (result: SeedResult): void => {
    done += 1;
    for (const [kind, count] of result.faults) faults.set(kind, (faults.get(kind) ?? 0) + count);
    if (result.failures.length === 0) return;
    failed += 1;
    for (const failure of result.failures.slice(0, 5)) console.log(`seed ${result.seed}: ${failure}`);
    console.log(`  to see it: npm run simulate --${fleet ? ' --fleet' : ''} --seed ${result.seed} --trace`);
  };
  const workers = Array.from({ length: Math.max(1, Math.min(jobs, seeds)) }, () => {
    const worker = new Worker(new URL(import.meta.url), {
      workerData: { fleet, seeds: next, end: from + seeds } satisfies Work,
    });
    worker.on('message', take);
    return new Promise<void>((resolve, reject) => {
      worker.on('error', reject);
      worker.on('exit', (code) =>
        code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`)),
      );
    });
  });
  await Promise.all(workers);
  const seconds = (performance.now() - startedAt) / 1000;
  for (const [kind, count] of [...faults].sort((a, b) => b[1] - a[1])) {
    console.log(`${String(count).padStart(8)} ${kind}`);
  }
  console.log(
    `${done} seeds in ${seconds.toFixed(1)} s, ${(done / seconds).toFixed(1)} seeds/s: ${failed} failed`,
  );
  return failed === 0 && done === seeds ? 0 : 1;
}

/** A thread: takes seeds until there are no more. */
async function work({ fleet, seeds, end }: Work): Promise<void> {
  const next = new Int32Array(seeds);
  // Most errors are on purpose, and nobody looks where they come from; `--seed` tells.
  Error.stackTraceLimit = 0;
  for (;;) {
    const seed = Atomics.add(next, 0, 1);
    if (seed >= end) return;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- to a thread, not to a window
    parentPort?.postMessage(await runOne(fleet, seed));
  }
}
