import type { FaultKind } from './faults.ts';

export interface SeedOptions<World> {
  readonly seed: number;
  readonly keepTrace?: boolean;
  /** A bug to be found: changes the world before the story begins. */
  readonly sabotage?: ((world: World) => void) | undefined;
}

export interface SeedResult<Scenario = unknown> {
  readonly seed: number;
  /** Nothing: it passed. */
  readonly failures: readonly string[];
  readonly faults: ReadonlyMap<FaultKind, number>;
  /** Of the run without faults where that has failed. */
  readonly trace: readonly string[];
  readonly scenario: Scenario;
}
