/** Validation was given up: the object, or its schema, costs too much. */
export class StepsError extends Error {
  constructor() {
    super('validating this object takes too long: make it smaller, or its schema simpler');
  }
}

/** About a second's worth; the largest real objects take a hundredth of it. */
const maxSteps = 10_000_000;

/** Counts the work of one validation. */
export class Steps {
  #left = maxSteps;

  /** @throws StepsError when there are none left */
  take(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) throw new StepsError();
  }
}
