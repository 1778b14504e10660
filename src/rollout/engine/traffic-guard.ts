import { TypedError } from '../../base/errors.ts';
import type { Observation, Routes } from '../observation.ts';
import { allToPrimary } from '../routes.ts';

/** A step that users would have noticed. The decision came from an outdated view, or is a mistake of ours. */
class TrafficAtRiskError extends TypedError {
  constructor(message: string) {
    super(`refused: ${message}`, { code: 'TrafficAtRisk', next: 'retry' });
  }
}

/**
 * Refuses routes that would lose requests: weights that do not add up, and more weight than now for a side that has
 * no ready endpoint. Less is always fine.
 *
 * @param live undefined: there are no routes, and all goes to the primary
 */
export function guardRoutes(
  wanted: Routes,
  live: Routes | undefined,
  endpoints: Observation['endpoints'],
): void {
  const { primary, canary } = wanted;
  const isWeight = (weight: number): boolean => Number.isInteger(weight) && weight >= 0;
  if (!isWeight(primary) || !isWeight(canary) || primary + canary !== 100) {
    throw new TrafficAtRiskError(`weights ${primary} and ${canary} do not add up to 100`);
  }
  const now = live ?? allToPrimary;
  for (const side of ['primary', 'canary'] as const) {
    if (wanted[side] > now[side] && endpoints[side] === 0) {
      throw new TrafficAtRiskError(
        `the ${side} has no ready endpoint, so its weight must not rise from ${now[side]} to ${wanted[side]}`,
      );
    }
  }
}

/** Refuses to take pods away that a route still sends requests to. */
export function guardScaleDown(live: Routes | undefined): void {
  if (live === undefined || live.canary === 0) return;
  throw new TrafficAtRiskError(
    `the canary has ${live.canary} % of the traffic, so its pods must not be scaled down`,
  );
}
