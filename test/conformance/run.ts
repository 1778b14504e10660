import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setAsideNames } from './deviations.ts';
import type { Deviation } from './deviations.ts';

/** One recorded conversation, or one kubectl command. */
export interface ConformanceResult {
  readonly name: string;
  readonly area: string;
  readonly failures: readonly unknown[];
}

export interface ConformanceReport {
  readonly api: readonly ConformanceResult[];
  readonly kubectl: readonly ConformanceResult[];
  /** What the runners printed about failures. */
  readonly failures: string;
}

export interface ConformanceOptions {
  /** `--kubeconfig FILE`, `--server URL`, ...: as the runners take them. */
  readonly connection: readonly string[];
  /** Parts of names of cases and of groups of commands, separated by commas; default: all. */
  readonly only?: string | undefined;
  readonly deviations: readonly Deviation[];
  /** Without it, no commands are run. */
  readonly kubectl?: string | undefined;
}

/** kubectl commands that belong together. */
export interface Group {
  readonly name: string;
  readonly steps: readonly { readonly name?: string; readonly run: string }[];
}

const folder = new URL('.', import.meta.url).pathname;
const apiJobs = 8;
/** Commands mostly wait for each other inside their group. */
const kubectlJobs = 4;

/** Replays what was recorded from a real API server. */
export async function runConformance(options: ConformanceOptions): Promise<ConformanceReport> {
  const work = await mkdtemp(join(tmpdir(), 'viridian-conformance-'));
  try {
    const api = await replayApi(options, work);
    const kubectl = await replayCommands(options, work);
    return {
      api: api.results,
      kubectl: kubectl.flatMap(({ results }) => results),
      failures: [api, ...kubectl].map(({ failures }) => failures).join(''),
    };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

interface RunnerOutcome {
  readonly results: readonly ConformanceResult[];
  readonly failures: string;
}

async function replayApi(
  { connection, only, deviations }: ConformanceOptions,
  work: string,
): Promise<RunnerOutcome> {
  const report = join(work, 'api.json');
  const skip = setAsideNames(deviations, 'case');
  const flags = [
    ...(only === undefined ? [] : ['--only', only]),
    ...(skip.length === 0 ? [] : ['--skip', skip.join(',')]),
  ];
  return await runRunner(['replay.mjs', ...connection, ...flags, '--jobs', String(apiJobs)], report);
}

/** Groups are independent of each other: each gets its own runner and the commands that are not set aside. */
async function replayCommands(options: ConformanceOptions, work: string): Promise<RunnerOutcome[]> {
  const { connection, only, deviations, kubectl } = options;
  if (kubectl === undefined) return [];
  const document = JSON.parse(await readFile(join(folder, 'kubectl.json'), 'utf8')) as {
    groups: readonly Group[];
  };
  const wanted = (only ?? '').split(',').filter((part) => part !== '');
  const setAside = new Set(setAsideNames(deviations, 'kubectl'));
  const groups = document.groups
    .filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
    .filter(({ name }) => !setAside.has(name))
    .map((group) => ({
      ...group,
      steps: group.steps.filter((step) => !setAside.has(stepName(group, step))),
    }));
  const outcomes: RunnerOutcome[] = [];
  const worker = async (): Promise<void> => {
    for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
      const file = join(work, `${group.name}.json`);
      await writeFile(file, JSON.stringify({ ...document, groups: [group] }));
      const flags = ['kubectl.mjs', ...connection, '--kubectl', kubectl, '--file', file];
      outcomes.push(await runRunner(flags, join(work, `${group.name}.report.json`)));
    }
  };
  await Promise.all(Array.from({ length: kubectlJobs }, worker));
  return outcomes;
}

export function stepName(group: Group, step: Group['steps'][number]): string {
  return `${group.name} › ${step.name ?? step.run}`;
}

async function runRunner([script = '', ...flags]: readonly string[], report: string): Promise<RunnerOutcome> {
  const child = spawn(process.execPath, [join(folder, script), ...flags, '--report', report], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  await new Promise((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', reject);
  });
  const text = await readFile(report, 'utf8').catch(() => undefined);
  if (text === undefined) throw new Error(`${script} broke off:\n${output}`);
  const results = JSON.parse(text) as ConformanceResult[];
  const lines = output.split('\n').filter((line) => /^(FAIL| {2})/.test(line));
  return { results, failures: lines.length === 0 ? '' : `${lines.join('\n')}\n` };
}

/** `AREA  PASSED  FAILED`, a line each. */
export function areaTable(results: readonly ConformanceResult[]): string {
  const areas = Map.groupBy(results, ({ area }) => area);
  const width = Math.max(...[...areas.keys(), 'area'].map(({ length }) => length));
  const row = (cells: readonly [string, unknown, unknown]): string =>
    `${cells[0].padEnd(width)}  ${String(cells[1]).padStart(6)}  ${String(cells[2]).padStart(6)}`;
  const rows = [...areas]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([area, members]) => {
      const failed = failedOf(members).length;
      return row([area, members.length - failed, failed]);
    });
  return [row(['area', 'passed', 'failed']), ...rows].join('\n');
}

export function failedOf(results: readonly ConformanceResult[]): ConformanceResult[] {
  return results.filter(({ failures }) => failures.length > 0);
}
