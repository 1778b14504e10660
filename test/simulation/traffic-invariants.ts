import type { Clock } from '../../src/base/clock.ts';
import { type Json, type JsonObject, own } from '../../src/machinery/json.ts';
import { apex, type Side, sides, type WorkloadKind, workloadOf } from './kinds.ts';
import { at, listAt, numberAt, type State, textAt, type Write } from './state.ts';
import { qualityOf, versionOf, wantedPods } from './workload-view.ts';

/** The largest share of any kind of request that goes to a side, in percent. */
export type Shares = Readonly<Record<Side, number>>;

/**
 * How long the engine may not know of what others did, in milliseconds: its watch may have been cut just before. What
 * it did itself it has to know at once.
 */
const graceMs = 35_000;
/** The same where nothing fails. */
const faultlessGraceMs = 100;

/** Who gets the requests to the apex: the routes, where there are some; otherwise whom the Service selects. */
export function sharesOf(state: State): Shares {
  const routes = listAt(at(state.get('VirtualService', apex), 'spec'), 'http');
  const selector = textAt(at(state.get('Service', apex), 'spec', 'selector'), 'app');
  const selected: Side = selector === workloadOf('primary') ? 'primary' : 'canary';
  const plain = { primary: 0, canary: 0, [selected]: selector === '' ? 0 : 100 };
  if (routes.length === 0) return plain;
  const shares = { primary: 0, canary: 0 };
  for (const route of routes) {
    const destinations = listAt(route, 'route');
    for (const destination of destinations) {
      const weight = destinations.length === 1 ? 100 : numberAt(destination, 'weight');
      const host = textAt(at(destination, 'destination'), 'host');
      const to = sides.find((side) => host.startsWith(`${apex}-${side}`)) ?? selected;
      shares[to] = Math.max(shares[to], weight);
    }
  }
  return shares;
}

/** Weights of each route that splits traffic. */
function sumsOf(routes: Json | undefined): number[] {
  return listAt({ routes: routes ?? [] }, 'routes')
    .map((route) => listAt(route, 'route'))
    .filter((destinations) => destinations.length > 1)
    .map((destinations) => destinations.reduce((sum, to) => sum + numberAt(to, 'weight'), 0));
}

export interface TrafficInvariantsOptions {
  readonly state: State;
  readonly clock: Clock;
  readonly workload: WorkloadKind;
  readonly isFaultless: boolean;
}

/**
 * What must hold after every write of the engine, whatever fails: weights add up to 100; no side without ready
 * endpoints gets more traffic; nobody is scaled down or removed who still gets some; what was promoted is never lost.
 */
export class TrafficInvariants {
  readonly violations: string[] = [];
  readonly #state: State;
  readonly #clock: Clock;
  /** When a side last had ready endpoints: now, where it has some. */
  readonly #readyAt: Record<Side, number> = { primary: -Infinity, canary: -Infinity };
  readonly #hasEndpoints: Record<Side, boolean> = { primary: false, canary: false };
  readonly #workload: WorkloadKind;
  readonly #graceMs: number;
  #shares: Shares = { primary: 0, canary: 0 };
  /** When somebody else than the engine last changed the shares. */
  #movedAt = -Infinity;
  #skippableAt = -Infinity;

  constructor({ state, clock, workload, isFaultless }: TrafficInvariantsOptions) {
    this.#state = state;
    this.#clock = clock;
    this.#workload = workload;
    this.#graceMs = isFaultless ? faultlessGraceMs : graceMs;
    state.listen((write) => this.#check(write));
  }

  #check(write: Write): void {
    const now = this.#clock.monotonic();
    for (const side of sides) {
      const hadEndpoints = this.#hasEndpoints[side];
      this.#hasEndpoints[side] = this.#endpoints(side) > 0;
      if (hadEndpoints || this.#hasEndpoints[side]) this.#readyAt[side] = now;
    }
    const canary = this.#state.get('Canary', apex);
    if (own(at(canary, 'spec'), 'skipAnalysis') === true) this.#skippableAt = now;
    const shares = sharesOf(this.#state);
    const before = this.#shares;
    this.#shares = shares;
    const isMoved = sides.some((side) => shares[side] !== before[side]);
    if (write.actor !== 'engine') {
      if (isMoved) this.#movedAt = now;
      return;
    }
    if (write.kind === 'Canary' && write.after === undefined) this.#checkRevert(write.before);
    // With a Canary that is gone, everything that was made for it goes, in any order.
    if (canary === undefined) return;
    this.#checkRoutes(write, before, shares);
    if (write.kind === 'Deployment' || write.kind === 'DaemonSet') this.#checkWorkload(write, shares);
  }

  #endpoints(side: Side): number {
    const slice = this.#state.get('EndpointSlice', `${apex}-${side}-1`);
    return slice === undefined ? 0 : listAt(slice, 'endpoints').length;
  }

  #isRecent(when: number): boolean {
    return this.#clock.monotonic() - when <= this.#graceMs;
  }

  #checkRoutes({ kind, after }: Write, before: Shares, shares: Shares): void {
    if (kind === 'VirtualService' && after !== undefined) {
      for (const sum of sumsOf(own(at(after, 'spec'), 'http'))) {
        if (sum !== 100) this.#violated(`weights add up to ${sum}`);
      }
    }
    for (const side of sides) {
      if (shares[side] <= before[side] || this.#isRecent(this.#readyAt[side])) continue;
      // Before there is a primary the apex may select nobody yet; that is for the target's owner to see to.
      if (side === 'canary' && kind === 'Service') continue;
      this.#violated(
        `the ${side} gets ${shares[side]} % (before: ${before[side]} %) and has no ready endpoint`,
      );
    }
  }

  /** The workload serves again before a Canary goes that was to revert it. */
  #checkRevert(canary: JsonObject | undefined): void {
    if (own(at(canary, 'spec'), 'revertOnDeletion') !== true) return;
    const target = this.#state.get(this.#workload, apex);
    if (target === undefined) return;
    if (wantedPods(target) === 0) this.#violated('the Canary was let go with its target scaled down');
    const service = this.#state.get('Service', apex);
    // One that was made for the Canary goes with it.
    if (listAt(at(service, 'metadata'), 'ownerReferences').length > 0) return;
    if (textAt(at(service, 'spec', 'selector'), 'app') === workloadOf('primary'))
      this.#violated('the Canary was let go with users on its primary');
  }

  #checkWorkload({ kind, name, before, after }: Write, shares: Shares): void {
    const side = sides.find((one) => workloadOf(one) === name);
    if (side === undefined || before === undefined) return;
    const isShrunk = wantedPods(before) > 0 && wantedPods(after) === 0;
    if (isShrunk && side === 'primary') this.#violated(`the primary ${kind} was scaled down or removed`);
    if (isShrunk && side === 'canary' && shares.canary > 0 && !this.#isRecent(this.#movedAt)) {
      this.#violated(`the target was scaled down or removed with ${shares.canary} % of the traffic`);
    }
    if (side === 'primary') this.#checkPromotion(before, after);
  }

  #checkPromotion(before: JsonObject, after: JsonObject | undefined): void {
    const version = versionOf(after);
    if (version === versionOf(before) || this.#isRecent(this.#skippableAt)) return;
    const canary = this.#state.get('Canary', apex);
    const phase = textAt(at(canary, 'status'), 'phase');
    // With a new Canary begins a new history: its first version is what its owner has deployed.
    if (madeFor(before) !== textAt(at(canary, 'metadata'), 'uid')) return;
    // A first version that never served may give way to any other.
    if (phase === 'Initializing' && qualityOf(versionOf(before)) === 'crashing') return;
    if (qualityOf(version) !== 'good') this.#violated(`${version} was promoted, over ${versionOf(before)}`);
  }

  #violated(what: string): void {
    this.violations.push(`at ${(this.#clock.monotonic() / 1000).toFixed(3)} s: ${what}`);
  }
}

/** The uid of the Canary that a primary belongs to. */
function madeFor(primary: JsonObject): string {
  const [owner = {}] = listAt(at(primary, 'metadata'), 'ownerReferences');
  return textAt(owner, 'uid');
}
