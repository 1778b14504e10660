import { VirtualClock } from '../../../src/base/clock.ts';
import { errorMessage } from '../../../src/base/errors.ts';
import { type Random, seededRandom } from '../../../src/base/random.ts';
import { drawPlan, type FaultKind, type FaultPlan } from '../faults.ts';
import type { SeedOptions, SeedResult } from '../seed-run.ts';
import { Trace } from '../trace.ts';
import { endOf } from './digest.ts';
import { drawFleetScenario, type FleetScenario, type MemberName, memberNames } from './scenario.ts';
import { FleetStory } from './story.ts';
import { allPlans, type FleetPlans, FleetWorld, noPlans } from './world.ts';

/** How much each process under test writes. */
type Writes = Readonly<Record<'manager' | MemberName, number>>;

interface History {
  readonly failures: readonly string[];
  readonly end: readonly string[];
  readonly writes: Writes;
  readonly trace: readonly string[];
}

/** Runs the story of a seed twice, first without faults, and compares the ends. */
export async function runFleetSeed(options: SeedOptions<FleetWorld>): Promise<SeedResult<FleetScenario>> {
  const random = seededRandom(`fleet simulation ${options.seed}`);
  const scenario = drawFleetScenario(random.stream('scenario'));
  const twin = await history({ ...options, sabotage: undefined }, scenario, noPlans(random));
  const plans = drawPlans(random, twin.writes);
  const told = await history(options, scenario, plans);
  const failures = [
    ...twin.failures.map((failure) => `without faults: ${failure}`),
    ...told.failures,
    ...(told.failures.length === 0 ? differences(twin.end, told.end) : []),
  ];
  const faults = new Map<FaultKind, number>();
  for (const { counts } of allPlans(plans)) {
    for (const [kind, count] of counts) faults.set(kind, (faults.get(kind) ?? 0) + count);
  }
  const { trace } = twin.failures.length > 0 ? twin : told;
  return { seed: options.seed, failures, faults, trace, scenario };
}

function differences(twin: readonly string[], told: readonly string[]): readonly string[] {
  const missing = twin.filter((line) => !told.includes(line));
  const more = told.filter((line) => !twin.includes(line));
  return [...missing.map((line) => `ends without: ${line}`), ...more.map((line) => `ends with: ${line}`)];
}

/** Each process has its own bad luck. */
function drawPlans(random: Random, writes: Writes): FleetPlans {
  const planOf = (name: 'manager' | MemberName): FaultPlan => {
    const streams = { draw: random.stream(`plan ${name}`), random: random.stream(`faults ${name}`) };
    return drawPlan(streams, writes[name], { planned: 3, drawn: 40 });
  };
  const [member1, member2] = memberNames;
  return {
    manager: planOf('manager'),
    agents: { [member1]: planOf(member1), [member2]: planOf(member2) },
  };
}

async function history(
  { seed, sabotage, keepTrace = false }: SeedOptions<FleetWorld>,
  scenario: FleetScenario,
  plans: FleetPlans,
): Promise<History> {
  const clock = new VirtualClock();
  const trace = new Trace(clock, keepTrace);
  trace.add('story', JSON.stringify(scenario));
  const work = async (): Promise<History> => {
    const random = seededRandom(`fleet world ${seed}`);
    const world = await FleetWorld.start({ clock, random, plans, trace });
    sabotage?.(world);
    try {
      const failure = await new FleetStory(world, scenario, plans, clock, trace).tell();
      const failures = [...(failure === undefined ? [] : [failure]), ...world.failures];
      const { manager } = world;
      const [member1, member2] = memberNames.map((name) => world.member(name).world.engine.writes);
      const writes = { manager: manager.writes, member1: member1 ?? 0, member2: member2 ?? 0 };
      return { failures, end: await endOf(world), writes, trace: trace.lines };
    } finally {
      await world.close();
    }
  };
  try {
    return await clock.run(work());
  } catch (error) {
    const failures = [`the simulation ends: ${errorMessage(error)}`];
    return { failures, end: [], writes: { manager: 0, member1: 0, member2: 0 }, trace: trace.lines };
  }
}
