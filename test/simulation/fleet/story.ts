import type { Application } from '../../../src/api/application.ts';
import type { Fleet } from '../../../src/api/fleet.ts';
import type { VirtualClock } from '../../../src/base/clock.ts';
import { applicationKind, fleetKind } from '../../../src/fleet/kinds.ts';
import { getCondition } from '../../../src/machinery/conditions.ts';
import { apex } from '../kinds.ts';
import { at, textAt } from '../state.ts';
import type { Trace } from '../trace.ts';
import { versionOf, wantedPods } from '../workload-view.ts';
import { applicationName, fleetName, hostNamespace } from './manifests.ts';
import type { Member } from './member.ts';
import { Person } from './person.ts';
import type { FleetScenario } from './scenario.ts';
import { allPlans, type FleetPlans, type FleetWorld } from './world.ts';

/** How long a step may take to its end, whatever has failed before, in milliseconds of virtual time. */
const reachMs = 40 * 60_000;
/** How long it must stay there without a request. */
const stayMs = 3 * 60_000;

type Holds = () => boolean | Promise<boolean>;

/** What happens to a fleet, from its first cluster to its last version. */
export class FleetStory {
  readonly #world: FleetWorld;
  readonly #scenario: FleetScenario;
  readonly #plans: FleetPlans;
  readonly #clock: VirtualClock;
  readonly #trace: Trace;
  readonly #person: Person;

  constructor(
    world: FleetWorld,
    scenario: FleetScenario,
    plans: FleetPlans,
    clock: VirtualClock,
    trace: Trace,
  ) {
    this.#world = world;
    this.#scenario = scenario;
    this.#plans = plans;
    this.#clock = clock;
    this.#trace = trace;
    this.#person = new Person(world, scenario, clock);
  }

  /** @returns what went wrong */
  async tell(): Promise<string | undefined> {
    const person = this.#person;
    const { last, farewell } = this.#scenario;
    const chapters: readonly [string, () => Promise<void>, Holds][] = [
      ['the fleet', () => this.#attach(), () => this.#isFleetReady()],
      ['the first version', () => person.begin(), () => this.#isPromoted()],
      ['the good version', () => this.#trouble(), () => this.#isPromoted()],
      [
        `the ${last} version`,
        () => person.push(last),
        () => (last === 'good' ? this.#isPromoted() : this.#isFailed()),
      ],
      ...(farewell === 'nothing' ? [] : [this.#farewell()]),
    ];
    for (const [what, act, holds] of chapters) {
      this.#trace.add('person', `now: ${what}`);
      await act();
      const failure = await this.#settled(what, holds);
      if (failure !== undefined) return failure;
    }
    for (const plan of allPlans(this.#plans)) plan.end();
    if (farewell === 'plugin') await person.removePlugin();
    return (await this.#stays()) ?? this.#wrongEnd();
  }

  async #attach(): Promise<void> {
    this.#world.manager.run();
    await this.#person.attach();
  }

  /** What people do while all may fail; then a version that all get. */
  async #trouble(): Promise<void> {
    for (const { afterMs, action } of this.#scenario.steps) {
      await this.#clock.sleep(afterMs);
      this.#trace.add('person', JSON.stringify(action));
      await this.#person.do(action);
    }
    await this.#person.rest();
    // From here on the end does not depend on when faults happen: what is measured is true.
    for (const plan of allPlans(this.#plans)) plan.mendOutside();
    await this.#clock.sleep(60_000);
    await this.#person.push('good');
  }

  #farewell(): [string, () => Promise<void>, Holds] {
    const person = this.#person;
    const { farewell, last, isAtOnce } = this.#scenario;
    if (farewell !== 'rollout') {
      const removeAll = async (): Promise<void> => {
        if (farewell === 'plugin' && isAtOnce) await person.removePlugin();
        await person.removeApplication();
      };
      return ['the deletion', removeAll, () => person.isApplicationGone()];
    }
    const remove = async (): Promise<void> => {
      await person.removeRollout();
      // A target that cannot serve would leave users with nothing: its Canary waits until it can.
      if (last === 'crashing') await person.push('good');
    };
    return ['the removal of the rollout', remove, () => this.#are('')];
  }

  get #members(): readonly Member[] {
    return [...this.#world.members.values()];
  }

  /** Phase of the Canaries of all members; empty: there are none. */
  #are(phase: string): boolean {
    return this.#members.every(({ world: { state, workloads } }) => {
      const canary = state.get('Canary', apex);
      return textAt(at(canary, 'status'), 'phase') === phase && !workloads.isBusy;
    });
  }

  /** With users on the newest version, tested or, where a Canary has just begun, as its first one. */
  async #isPromoted(): Promise<boolean> {
    const areThere = this.#members.every(({ world: { state, workloads } }) => {
      const [target, primary] = [apex, `${apex}-primary`].map((name) => state.get('Deployment', name));
      const phase = textAt(at(state.get('Canary', apex), 'status'), 'phase');
      const { version } = this.#person;
      return (
        versionOf(target) === version &&
        versionOf(primary) === version &&
        ['Initialized', 'Succeeded'].includes(phase) &&
        !workloads.isBusy
      );
    });
    return areThere && (await this.#applicationSays()).startsWith('Ready 4/4');
  }

  async #isFailed(): Promise<boolean> {
    return this.#are('Failed') && (await this.#applicationSays()).startsWith('Failed');
  }

  async #isFleetReady(): Promise<boolean> {
    const fleets = this.#world.host.resource<Fleet>(fleetKind);
    const { status } = await fleets.get({ namespace: hostNamespace, name: fleetName });
    return status?.phase === 'Ready';
  }

  async #settled(what: string, holds: Holds): Promise<string | undefined> {
    const end = this.#clock.monotonic() + reachMs;
    // Whatever was there before is left first.
    await this.#clock.sleep(60_000);
    while (this.#clock.monotonic() < end) {
      if (await holds()) return undefined;
      await this.#clock.sleep(1000);
    }
    return `never gets there with ${what}: ${await this.#whereItIs()}`;
  }

  async #whereItIs(): Promise<string> {
    const phases = this.#members.map(({ world: { state } }) =>
      textAt(at(state.get('Canary', apex), 'status'), 'phase'),
    );
    return `the Canaries are ${phases.join(', ')}; the Application is ${await this.#applicationSays()}`;
  }

  async #applicationSays(): Promise<string> {
    if (await this.#person.isApplicationGone()) return 'gone';
    const applications = this.#world.host.resource<Application>(applicationKind);
    const { status } = await applications.get({ namespace: hostNamespace, name: applicationName });
    const ready = getCondition(status?.conditions, 'Ready');
    return `${status?.phase} ${status?.ready} ${ready?.reason}: ${ready?.message}`;
  }

  async #stays(): Promise<string | undefined> {
    const end = this.#clock.monotonic() + reachMs;
    while (this.#clock.monotonic() < end) {
      if (this.#clock.monotonic() - this.#world.lastRequestAt >= stayMs) return undefined;
      await this.#clock.sleep(10_000);
    }
    return `never comes to rest: ${await this.#whereItIs()}`;
  }

  /** What no story may end with, whatever its twin does. */
  async #wrongEnd(): Promise<string | undefined> {
    const { farewell, last } = this.#scenario;
    for (const { world } of this.#members) {
      const target = world.state.get('Deployment', apex);
      const primary = world.state.get('Deployment', `${apex}-primary`);
      if (farewell === 'application' || farewell === 'plugin') {
        if (target !== undefined || primary !== undefined) return 'workloads were left behind';
        continue;
      }
      if (farewell === 'rollout') {
        if (primary !== undefined) return 'the primary was left behind';
        if (wantedPods(target) === 0) return 'the target was left without pods';
        continue;
      }
      if (wantedPods(primary) === 0) return 'the primary has no pods';
      if (wantedPods(target) > 0) return 'the target has pods to the end';
      const isNewest = versionOf(primary) === this.#person.version;
      if (isNewest !== (last === 'good')) return `the primary ends with ${versionOf(primary)}`;
    }
    return undefined;
  }
}
