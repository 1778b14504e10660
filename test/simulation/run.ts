import { VirtualClock } from '../../src/base/clock.ts';
import { errorMessage } from '../../src/base/errors.ts';
import { seededRandom } from '../../src/base/random.ts';
import { type JsonObject, own } from '../../src/machinery/json.ts';
import { type FaultKind, FaultPlan } from './faults.ts';
import { apex } from './kinds.ts';
import { drawScenario, type Scenario } from './scenario.ts';
import { at, numberAt, textAt } from './state.ts';
import { Trace } from './trace.ts';
import { sharesOf } from './traffic-invariants.ts';
import { User } from './user.ts';
import { versionOf, wantedPods } from './workload-view.ts';
import { World } from './world.ts';

/** How long a rollout may take to its end, whatever has failed before, in milliseconds of virtual time. */
const reachMs = 30 * 60_000;
/** How long it must stay there without a write. */
const stayMs = 3 * 60_000;

export interface RunOptions {
  readonly seed: number;
  readonly keepTrace?: boolean;
  /** A bug to be found: changes the world before the story begins. */
  readonly sabotage?: ((world: World) => void) | undefined;
}

export interface RunResult {
  readonly seed: number;
  /** Nothing: it passed. */
  readonly failures: readonly string[];
  readonly faults: ReadonlyMap<FaultKind, number>;
  /** Of the run without faults where that has failed. */
  readonly trace: readonly string[];
  readonly scenario: Scenario;
}

interface History {
  readonly failures: string[];
  readonly end: string;
}

/** Runs the story of a seed twice, once with faults, and compares the ends. */
export async function runSeed(options: RunOptions): Promise<RunResult> {
  const { seed, keepTrace = false } = options;
  const random = (): ReturnType<typeof seededRandom> => seededRandom(`simulation ${seed}`);
  const scenario = drawScenario(random().stream('scenario'));
  const draw = random().stream('rate');
  const rate = [0.01, 0.05, 0.2][draw.int(3)] ?? 0.05;
  const plan = new FaultPlan(random().stream('faults'), rate, 5 + draw.int(60), true);
  const clock = new VirtualClock();
  const trace = new Trace(clock, keepTrace);
  trace.add('story', JSON.stringify(scenario));
  const { failures, end } = await history(options, scenario, plan, trace, clock);
  const twinClock = new VirtualClock();
  const none = FaultPlan.none(random());
  const twinTrace = new Trace(twinClock, keepTrace);
  const twin = await history({ seed }, scenario, none, twinTrace, twinClock);
  const { lines } = twin.failures.length > 0 ? twinTrace : trace;
  failures.push(...twin.failures.map((failure) => `without faults: ${failure}`));
  if (end !== twin.end) failures.push(`ends as ${end}, without faults as ${twin.end}`);
  return { seed, failures, faults: plan.counts, trace: lines, scenario };
}

async function history(
  { seed, sabotage }: RunOptions,
  scenario: Scenario,
  plan: FaultPlan,
  trace: Trace,
  clock: VirtualClock,
): Promise<History> {
  const random = seededRandom(`world ${seed}`);
  let world: World | undefined;
  const work = async (): Promise<History> => {
    world = await World.start({ clock, random, plan, trace, scenario });
    sabotage?.(world);
    try {
      const failures = await story(world, scenario, plan, clock, trace);
      failures.push(...world.invariants.violations, ...world.errors);
      return { failures, end: endOf(world, scenario) };
    } finally {
      await world.close();
    }
  };
  try {
    return await clock.run(work());
  } catch (error) {
    return { failures: [`the simulation ends: ${errorMessage(error)}`], end: 'nowhere' };
  }
}

/** @returns what went wrong */
async function story(
  world: World,
  scenario: Scenario,
  plan: FaultPlan,
  clock: VirtualClock,
  trace: Trace,
): Promise<string[]> {
  const user = new User(world, scenario, clock);
  const reach = (what: string, ...phases: readonly string[]): Promise<string | undefined> =>
    settled(world, clock, what, phases);
  await user.begin();
  world.run();
  const first = await reach('Initialized', 'Initialized');
  if (first !== undefined) return [first];
  for (const { afterMs, action } of scenario.steps) {
    await clock.sleep(afterMs);
    trace.add('user', JSON.stringify(action));
    await user.do(action);
  }
  // From here on the end does not depend on when faults happen: what is measured is true, and hooks answer.
  plan.outside = false;
  await clock.sleep(60_000);
  trace.add('user', 'deploys a good version');
  await user.deploy('good');
  const middle = await reach('the good version', 'Succeeded');
  if (middle !== undefined) return [middle];
  trace.add('user', `deploys a ${scenario.last} version`);
  await user.deploy(scenario.last);
  const passes = scenario.last === 'good' || (scenario.strategy === 'skip' && scenario.last === 'bad');
  const last = await reach(`the ${scenario.last} version`, passes ? 'Succeeded' : 'Failed');
  return last === undefined ? stays(world, clock) : [last];
}

async function settled(
  world: World,
  clock: VirtualClock,
  what: string,
  phases: readonly string[],
): Promise<string | undefined> {
  const end = clock.monotonic() + reachMs;
  // Whatever was there before is left first.
  await clock.sleep(60_000);
  while (clock.monotonic() < end) {
    const phase = phaseOf(world);
    if (phases.includes(phase) && !world.workloads.isBusy) return undefined;
    await clock.sleep(1000);
  }
  return `never gets to ${phases.join(' or ')} with ${what}: it is ${phaseOf(world)}`;
}

async function stays(world: World, clock: VirtualClock): Promise<string[]> {
  const end = clock.monotonic() + reachMs;
  while (clock.monotonic() < end) {
    if (clock.monotonic() - world.lastWriteAt >= stayMs) return [];
    await clock.sleep(10_000);
  }
  return ['never comes to rest'];
}

function phaseOf({ state }: World): string {
  return textAt(at(state.get('Canary', apex), 'status'), 'phase');
}

/** Where a story has ended: what users get, and what is said of it. */
function endOf({ state }: World, { workload, steps }: Scenario): string {
  const target = state.get(workload, apex);
  const primary = state.get(workload, `${apex}-primary`);
  const status = at(state.get('Canary', apex), 'status');
  // A scale by hand while a rollout holds the target is undone, or passed on to the primary: it depends on when.
  const isScaled = steps.some(({ action }) => action.kind === 'scale');
  const podsOf = (object: JsonObject | undefined): number =>
    isScaled ? Math.min(1, wantedPods(object)) : wantedPods(object);
  return JSON.stringify({
    phase: own(status, 'phase'),
    weight: numberAt(status, 'canaryWeight'),
    iterations: numberAt(status, 'iterations'),
    target: [versionOf(target), podsOf(target)],
    primary: [versionOf(primary), podsOf(primary)],
    shares: sharesOf(state),
    apex: own(at(state.get('Service', apex), 'spec', 'selector'), 'app'),
  });
}
