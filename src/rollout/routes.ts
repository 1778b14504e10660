import type { Observation, Routes } from './observation.ts';

export const allToPrimary: Routes = { primary: 100, canary: 0, mirrored: false };
export const allToCanary: Routes = { primary: 0, canary: 100, mirrored: false };

export function weighted(canary: number): Routes {
  return { primary: 100 - canary, canary, mirrored: false };
}

export function sameRoutes(a: Routes, b: Routes): boolean {
  return a.primary === b.primary && a.canary === b.canary && a.mirrored === b.mirrored;
}

/**
 * The routes to write so that no request goes where nothing answers: the wanted ones where both sides with a
 * weight have ready endpoints; all to the primary where only the canary lacks them; otherwise none, and traffic
 * stays as it is.
 */
export function admit(wanted: Routes, { endpoints }: Observation): Routes | undefined {
  const lacksPrimary = wanted.primary > 0 && endpoints.primary === 0;
  const lacksCanary = wanted.canary > 0 && endpoints.canary === 0;
  if (!lacksPrimary && !lacksCanary) return wanted;
  return lacksCanary && endpoints.primary > 0 ? allToPrimary : undefined;
}
