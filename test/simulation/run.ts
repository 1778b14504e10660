import { VirtualClock } from '../../src/base/clock.ts';
import { errorMessage } from '../../src/base/errors.ts';
import { seededRandom } from '../../src/base/random.ts';
import { type JsonObject, own } from '../../src/machinery/json.ts';
import { drawPlan, FaultPlan } from './faults.ts';
import { apex } from './kinds.ts';
import { type Action, drawScenario, type Scenario } from './scenario.ts';
import type { SeedOptions, SeedResult } from './seed-run.ts';
import { at, numberAt, textAt } from './state.ts';
import { Trace } from './trace.ts';
import { sharesOf } from './traffic-invariants.ts';
import { User } from './user.ts';
import { versionOf, wantedPods } from './workload-view.ts';
import { World } from './world.ts';

/** How long a rollout may take to its end, whatever has failed before, in milliseconds of virtual time. */
const reachMs = 30 * 60_000;
/** How long it must stay there without a request. */
const stayMs = 3 * 60_000;

interface History {
  readonly failures: readonly string[];
  readonly end: string;
  /** Of the engine. */
  readonly writes: number;
  readonly trace: readonly string[];
}

/** Runs the story of a seed twice, first without faults, and compares the ends. */
export async function runSeed(options: SeedOptions<World>): Promise<SeedResult<Scenario>> {
  const { seed } = options;
  const random = seededRandom(`simulation ${seed}`);
  const scenario = drawScenario(random.stream('scenario'));
  const twin = await history({ ...options, sabotage: undefined }, scenario, FaultPlan.none(random));
  const streams = { draw: random.stream('plan'), random: random.stream('faults') };
  const plan = drawPlan(streams, twin.writes, { planned: 4, drawn: 60 });
  const told = await history(options, scenario, plan);
  const failures = [
    ...twin.failures.map((failure) => `without faults: ${failure}`),
    ...told.failures,
    ...(told.end === twin.end ? [] : [`ends as ${told.end}, without faults as ${twin.end}`]),
  ];
  const { trace } = twin.failures.length > 0 ? twin : told;
  return { seed, failures, faults: plan.counts, trace, scenario };
}

async function history(
  { seed, sabotage, keepTrace = false }: SeedOptions<World>,
  scenario: Scenario,
  plan: FaultPlan,
): Promise<History> {
  const clock = new VirtualClock();
  const random = seededRandom(`world ${seed}`);
  const trace = new Trace(clock, keepTrace);
  trace.add('story', JSON.stringify(scenario));
  const work = async (): Promise<History> => {
    const world = await World.start({ clock, random, plan, trace, workload: scenario.workload });
    sabotage?.(world);
    try {
      const failure = await new Story(world, scenario, plan, clock, trace).tell();
      const { invariants } = world;
      const { errors, writes } = world.engine;
      const failures = [...(failure === undefined ? [] : [failure]), ...invariants.violations, ...errors];
      return { failures, end: endOf(world, scenario), writes, trace: trace.lines };
    } finally {
      await world.close();
    }
  };
  try {
    return await clock.run(work());
  } catch (error) {
    const failures = [`the simulation ends: ${errorMessage(error)}`];
    return { failures, end: 'nowhere', writes: 0, trace: trace.lines };
  }
}

/** What happens, from the first version to the last. */
class Story {
  readonly #world: World;
  readonly #scenario: Scenario;
  readonly #plan: FaultPlan;
  readonly #clock: VirtualClock;
  readonly #trace: Trace;
  readonly #user: User;

  constructor(world: World, scenario: Scenario, plan: FaultPlan, clock: VirtualClock, trace: Trace) {
    this.#world = world;
    this.#scenario = scenario;
    this.#plan = plan;
    this.#clock = clock;
    this.#trace = trace;
    this.#user = new User(world, scenario, clock);
  }

  /** @returns what went wrong */
  async tell(): Promise<string | undefined> {
    const user = this.#user;
    await user.begin();
    this.#world.engine.run();
    const isIn = (phase: string) => (): boolean => phaseOf(this.#world) === phase;
    const first = await this.#settled('the first version', isIn('Initialized'));
    if (first !== undefined) return first;
    await this.#trouble();
    // From here on the end does not depend on when faults happen: what is measured is true, and hooks answer.
    this.#plan.mendOutside();
    await this.#clock.sleep(60_000);
    this.#trace.add('user', 'deploys a good version');
    await user.deploy('good');
    const middle = await this.#settled('the good version', () => this.#isPromoted());
    if (middle !== undefined) return middle;
    const { last } = this.#scenario;
    this.#trace.add('user', `deploys a ${last} version`);
    await user.deploy(last);
    const isThere = passes(this.#scenario) ? (): boolean => this.#isPromoted() : isIn('Failed');
    const end = await this.#settled(`the ${last} version`, isThere);
    if (end !== undefined) return end;
    if (this.#scenario.farewell) {
      this.#trace.add('user', 'deletes the Canary');
      await user.leave();
      // A target that cannot serve would leave users with nothing: its Canary waits until it can.
      if (last === 'crashing') await user.deploy('good');
      const gone = await this.#settled('the deletion', isIn(''));
      if (gone !== undefined) return gone;
    }
    this.#plan.end();
    return (await this.#stays()) ?? wrongEnd(this.#world, this.#scenario);
  }

  /** What the user does while all may fail. */
  async #trouble(): Promise<void> {
    for (const { moment, action } of this.#scenario.steps) {
      if ('afterMs' in moment) {
        await this.#clock.sleep(moment.afterMs);
        await this.#do(action);
      } else if ('beforeWrite' in moment) {
        await this.#world.atWrite('before', moment.beforeWrite, () => this.#do(action));
      } else {
        await this.#world.atWrite('after', moment.afterWrite, () => this.#do(action));
      }
    }
    await this.#user.rest();
  }

  async #do(action: Action): Promise<void> {
    this.#trace.add('user', JSON.stringify(action));
    await this.#user.do(action);
  }

  /** With users on the newest version, tested or, where a Canary has just begun, as its first one. */
  #isPromoted(): boolean {
    const { state } = this.#world;
    const [target, primary] = [apex, `${apex}-primary`].map((name) =>
      versionOf(state.get(this.#scenario.workload, name)),
    );
    return target === primary && ['Initialized', 'Succeeded'].includes(phaseOf(this.#world));
  }

  async #settled(what: string, isSettled: () => boolean): Promise<string | undefined> {
    const world = this.#world;
    const end = this.#clock.monotonic() + reachMs;
    // Whatever was there before is left first.
    await this.#clock.sleep(60_000);
    while (this.#clock.monotonic() < end) {
      if (isSettled() && !world.workloads.isBusy) return undefined;
      await this.#clock.sleep(1000);
    }
    return `never gets there with ${what}: it is ${phaseOf(world)}`;
  }

  async #stays(): Promise<string | undefined> {
    const end = this.#clock.monotonic() + reachMs;
    while (this.#clock.monotonic() < end) {
      if (this.#clock.monotonic() - this.#world.engine.lastRequestAt >= stayMs) return undefined;
      await this.#clock.sleep(10_000);
    }
    return 'never comes to rest';
  }
}

function passes({ last, strategy }: Scenario): boolean {
  return last === 'good' || (strategy === 'skip' && last === 'bad');
}

function phaseOf({ state }: World): string {
  return textAt(at(state.get('Canary', apex), 'status'), 'phase');
}

function selectedOf({ state }: World): unknown {
  return own(at(state.get('Service', apex), 'spec', 'selector'), 'app');
}

/** What no story may end with, whatever its twin does. */
function wrongEnd(world: World, scenario: Scenario): string | undefined {
  const { state } = world;
  const target = state.get(scenario.workload, apex);
  const primary = state.get(scenario.workload, `${apex}-primary`);
  if (scenario.farewell) {
    if (wantedPods(target) === 0) return 'the target was left without pods';
    return selectedOf(world) === `${apex}-primary`
      ? 'users were left with a primary that is gone'
      : undefined;
  }
  const shares = sharesOf(state);
  if (shares.primary !== 100 || shares.canary !== 0) return `users end at ${JSON.stringify(shares)}`;
  if (wantedPods(primary) === 0) return 'the primary has no pods';
  if (wantedPods(target) > 0) return 'the target has pods to the end';
  const isPromoted = versionOf(primary) === versionOf(target);
  return isPromoted === passes(scenario) ? undefined : `the primary ends with ${versionOf(primary)}`;
}

/** What changes how many pods there are, by when it happens. */
const scaling: readonly Action['kind'][] = ['scale', 'recreate', 'recreate target'];

/** Where a story has ended: what users get, and what is said of it. */
function endOf(world: World, { workload, steps }: Scenario): string {
  const { state } = world;
  const target = state.get(workload, apex);
  const primary = state.get(workload, `${apex}-primary`);
  const status = at(state.get('Canary', apex), 'status');
  // A scale by hand while a rollout holds the target is undone, or passed on to the primary: it depends on when.
  const isScaled = steps.some(({ action }) => scaling.includes(action.kind));
  const podsOf = (object: JsonObject | undefined): number =>
    isScaled ? Math.min(1, wantedPods(object)) : wantedPods(object);
  return JSON.stringify({
    // An old list may show it an old version, whose start it takes back: then it is Initialized again.
    phase: textAt(status, 'phase').replace('Initialized', 'Succeeded'),
    weight: numberAt(status, 'canaryWeight'),
    iterations: numberAt(status, 'iterations'),
    target: [versionOf(target), podsOf(target)],
    primary: [versionOf(primary), podsOf(primary)],
    config: own(at(state.get('ConfigMap', `${apex}-config-primary`), 'data'), 'color'),
    shares: sharesOf(state),
    apex: selectedOf(world),
  });
}
