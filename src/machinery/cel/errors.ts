import { TypedError } from '../../base/errors.ts';

/** An expression that does not parse or whose types do not fit. */
export class CelCompileError extends TypedError {
  constructor(message: string) {
    super(message, { code: 'CelCompile', next: 'stalled' });
  }
}

/** An expression that cannot be evaluated for these values: `no such key: a`, `division by zero`. */
export class CelEvaluationError extends TypedError {
  constructor(message: string) {
    super(message, { code: 'CelEvaluation', next: 'stalled' });
  }
}

/** An evaluation was stopped because it cost too much. No operator absorbs this error. */
export class CelCostError extends TypedError {
  constructor() {
    super('operation cancelled: actual cost limit exceeded', { code: 'CelCostLimit', next: 'stalled' });
  }
}

/**
 * What evaluations may still cost. One unit is about one step of an expression, or ten characters of a text
 * that a function reads or writes; a million units take about a tenth of a second.
 */
export class Budget {
  #left: number;
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
    this.#left = limit;
  }

  get spent(): number {
    return this.#limit - this.#left;
  }

  /** @throws CelCostError when nothing is left */
  charge(cost: number): void {
    this.#left -= cost;
    if (this.#left < 0) throw new CelCostError();
  }

  /** Charges for `size` characters, bytes or items that are gone through at once. */
  chargeSize(size: number): void {
    this.charge(Math.ceil(size / 10));
  }
}
