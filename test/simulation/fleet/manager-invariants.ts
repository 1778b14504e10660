import type { Clock } from '../../../src/base/clock.ts';
import { apex, sides } from '../kinds.ts';
import { at, type State, textAt, type Write } from '../state.ts';
import { sharesOf } from '../traffic-invariants.ts';

/**
 * What must hold after every write of the manager to a member: what the engine made there is the engine's; users stay
 * where the engine has sent them; nothing goes that nobody took away.
 */
export class ManagerInvariants {
  readonly violations: string[] = [];
  /** Set by whoever takes something away: an Application, its rollout, a member. */
  mayRemove = false;
  readonly #member: string;
  readonly #state: State;
  readonly #clock: Clock;
  #before = { primary: 0, canary: 0 };

  constructor(member: string, state: State, clock: Clock) {
    this.#member = member;
    this.#state = state;
    this.#clock = clock;
    state.listen((write) => this.#check(write));
  }

  #check({ actor, kind, name, after }: Write): void {
    const before = this.#before;
    this.#before = sharesOf(this.#state);
    if (actor !== 'manager') return;
    if (kind === 'VirtualService' || sides.some((side) => name === `${apex}-${side}`)) {
      this.#violated(`writes ${kind} ${name}, which is the engine’s`);
    }
    if (after === undefined && !this.mayRemove) this.#violated(`removes ${kind} ${name}`);
    const canary = this.#state.get('Canary', apex);
    const phase = textAt(at(canary, 'status'), 'phase');
    if (['', 'Initializing', 'Terminating', 'Terminated'].includes(phase)) return;
    const isMoved = sides.some((side) => before[side] > 0 && this.#before[side] !== before[side]);
    if (isMoved) this.#violated(`${kind} ${name}: sends users from ${json(before)} to ${json(this.#before)}`);
  }

  #violated(what: string): void {
    const seconds = (this.#clock.monotonic() / 1000).toFixed(3);
    this.violations.push(`${this.#member}: at ${seconds} s: the manager ${what}`);
  }
}

const json = (value: object): string => JSON.stringify(value);
