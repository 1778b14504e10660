import { type Clock, realClock } from '../../base/clock.ts';
import { CancelledError, errorMessage } from '../../base/errors.ts';
import { interruption } from '../interruption.ts';
import { measure, type Verdict } from './demo-measure.ts';
import { isSuccess, type Report, type StepResult, writeReport } from './demo-report.ts';
import { liveScreen, plainScreen, type Screen } from './demo-screen.ts';
import { faultyVersion, steps } from './demo-steps.ts';
import { lost, totalOf, type TrafficCount } from './demo-traffic.ts';
import type { MemberRow } from './demo-view.ts';
import { DemoWorld } from './demo-world.ts';

export interface DemoOptions {
  readonly members: number;
  /** Seconds between two checks of a rollout. */
  readonly interval: number;
  /** File for a report in JSON. */
  readonly report: string | undefined;
  /** Lines instead of a picture. */
  readonly plain: boolean;
  /** Of this program. */
  readonly version: string;
}

/** What a shell reports of a program that Ctrl-C has ended. */
const interruptedCode = 130;
const redrawMs = 250;
const measureMs = 1000;
/** What the demo promises of its users and of its own size. */
const leastPerSecond = 50;
const mostBytes = 600e6;
/** Lines of the manager's log that a failure shows. */
const mostTrouble = 10;
const noTraffic: TrafficCount = { sent: 0, failed: {} };

/**
 * `viridian demo`: the whole walkthrough in this process, on clusters of its own.
 *
 * @returns the exit code: 0 when all of it happened, 130 when it was interrupted
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const clock = realClock();
  const stop = new AbortController();
  let isInterrupted = false;
  const interrupt = (): void => {
    isInterrupted = true;
    stop.abort(new CancelledError('interrupted'));
  };
  void interruption().then(interrupt);
  // Whoever read this has gone away.
  process.stdout.once('error', interrupt);
  if (options.report !== undefined) {
    try {
      await writeReport(options.report, { steps: [], traffic: noTraffic });
    } catch (error) {
      console.error(
        `viridian: ${errorMessage(error)}. Nothing was started; name another file with --report.`,
      );
      return 1;
    }
  }
  const screen = screenOf(options.plain, clock);
  const demo = new Demo(options, clock, screen, stop);
  try {
    const report = await demo.run();
    if (options.report !== undefined) await writeReport(options.report, report);
    if (isInterrupted) return interruptedCode;
    screen.finish(report);
    for (const line of adviceOn(report, demo.trouble, options)) console.log(line);
    return isSuccess(report) ? 0 : 1;
  } finally {
    screen.close();
  }
}

function screenOf(plain: boolean, clock: Clock): Screen {
  const { stdout } = process;
  const startedAt = clock.monotonic();
  const isTerminal = stdout.isTTY && !plain;
  return (isTerminal ? liveScreen : plainScreen)({
    write: (text) => void stdout.write(text),
    columns: () => stdout.columns ?? 80,
    colours: (process.env['NO_COLOR'] ?? '') === '',
    elapsed: () => clock.monotonic() - startedAt,
  });
}

/** What to do after a failure. */
function adviceOn(
  report: Report,
  trouble: readonly string[],
  { report: file }: DemoOptions,
): readonly string[] {
  if (isSuccess(report)) return ['', 'By hand: npm run viridian -- sandbox, and README.md.'];
  return [
    '',
    ...(trouble.length === 0 ? [] : ['The manager says:', ...trouble.map((line) => `  ${line}`), '']),
    `Next: npm run demo -- --plain${file === undefined ? ' --report demo.json' : ''} tells each change; npm run viridian -- sandbox runs the same clusters by hand.`,
  ];
}

/** One run of the walkthrough. */
class Demo {
  readonly #options: DemoOptions;
  readonly #clock: Clock;
  readonly #screen: Screen;
  readonly #stop: AbortController;
  readonly #results: StepResult[] = [];
  readonly #verdicts = new Map<string, Verdict>();
  #world: DemoWorld | undefined;
  #trouble: readonly string[] = [];

  constructor(options: DemoOptions, clock: Clock, screen: Screen, stop: AbortController) {
    this.#options = options;
    this.#clock = clock;
    this.#screen = screen;
    this.#stop = stop;
  }

  /** The end of the manager's log, after a failure. */
  get trouble(): readonly string[] {
    return this.#trouble;
  }

  async run(): Promise<Report> {
    const looking = new AbortController();
    let looks: Promise<unknown> = Promise.resolve();
    try {
      await this.#attempt('install', 'a host and its members start, with Istio and Prometheus', () =>
        this.#open(),
      );
      const world = this.#world;
      if (world !== undefined) looks = this.#look(world, looking.signal);
      for (const { id, title, run } of steps) {
        await this.#attempt(id, title, async () => (world === undefined ? '' : run(world)));
      }
    } finally {
      looking.abort();
      await looks;
      await this.#judge();
      await this.#world?.close();
    }
    return { steps: this.#results, traffic: totalOf(this.#world?.users ?? []) };
  }

  async #open(): Promise<string> {
    const { version, members, interval } = this.#options;
    const { signal } = this.#stop;
    const note = (text: string): void => this.#screen.note(text);
    const world = await DemoWorld.open({ version, members, interval, faulty: faultyVersion, note, signal });
    this.#world = world;
    void world.manager.ended.then((code) =>
      this.#stop.abort(new Error(`the manager has ended with exit code ${code}`)),
    );
    const gateways = [...world.sandbox.edges.values()].map(({ gateway }) => gateway);
    return `a host, ${members} members, a git repository; gateways ${gateways.join(', ')}`;
  }

  async #attempt(id: string, title: string, run: () => Promise<string>): Promise<void> {
    if (this.#results.some(({ ok }) => !ok)) {
      this.#done({ id, ok: false, detail: 'not tried: a step before it failed', ms: 0 });
      return;
    }
    const startedAt = this.#clock.monotonic();
    this.#screen.begin(title);
    let result: Pick<StepResult, 'ok' | 'detail'>;
    try {
      this.#stop.signal.throwIfAborted();
      result = { ok: true, detail: await run() };
    } catch (error) {
      const { signal } = this.#stop;
      const cause: unknown = signal.aborted ? signal.reason : error;
      result = { ok: false, detail: errorMessage(cause) };
      this.#trouble = (this.#world?.manager.log() ?? []).slice(-mostTrouble);
    }
    this.#done({ id, ...result, ms: Math.round(this.#clock.monotonic() - startedAt) });
  }

  #done(result: StepResult): void {
    this.#results.push(result);
    // Whoever interrupts it knows why the rest does not happen.
    if (!(this.#stop.signal.reason instanceof CancelledError)) this.#screen.done(result);
  }

  /** What holds for the whole of it. */
  async #judge(): Promise<void> {
    const world = this.#world;
    if (world === undefined) return;
    await world.stopUsers();
    const { sent, failed } = totalOf(world.users);
    const rates = world.users.map(({ rate }) => rate);
    const gone = lost({ sent, failed });
    const slowest = rates.length === 0 ? 0 : Math.min(...rates);
    const lagMs = Math.round(world.worstLagMs);
    this.#done({
      id: 'traffic',
      ok: sent > 0 && gone === 0 && slowest >= leastPerSecond,
      detail: `${sent} requests, ${gone} lost, at least ${slowest.toFixed(1)} a second through each gateway; this process was late by up to ${lagMs} ms`,
      ms: 0,
    });
    // In KiB.
    const peak = process.resourceUsage().maxRSS * 1024;
    const detail = `${Math.round(peak / 1e6)} MB resident at most`;
    this.#done({ id: 'memory', ok: peak < mostBytes, detail, ms: 0 });
  }

  /** Keeps the screen up to date until `signal` aborts. */
  #look(world: DemoWorld, signal: AbortSignal): Promise<unknown> {
    const redraw = (): void => this.#screen.show(rowsOf(world, this.#verdicts));
    const verdicts = async (): Promise<void> => {
      for (const member of world.members) {
        const prometheus = world.sandbox.edges.get(member.cluster)?.prometheus;
        if (member.phase !== 'Progressing' || prometheus === undefined) this.#verdicts.delete(member.name);
        else this.#verdicts.set(member.name, await measure(world, prometheus, this.#options.interval));
      }
    };
    return Promise.all([
      this.#clock.every(redrawMs, redraw, signal),
      this.#clock.every(measureMs, verdicts, signal),
    ]);
  }
}

function rowsOf(world: DemoWorld, verdicts: ReadonlyMap<string, Verdict>): readonly MemberRow[] {
  const nothing = { successRate: undefined, p99: undefined };
  return world.members.map((member, i) => {
    const { iterations = 0, failedChecks = 0 } = member.canary?.status ?? {};
    const { split } = member;
    const users = world.users[i]?.recent();
    return {
      name: member.name,
      phase: member.phase ?? '-',
      iterations,
      failedChecks,
      split: split === undefined ? '-' : `${split.primary}/${split.canary}`,
      tested: verdicts.get(member.name) ?? nothing,
      users: users ?? nothing,
      version: users?.version ?? '-',
    };
  });
}
