import type { z } from 'zod';
import type { httpMatchRequest } from '../../api/istio-fields.ts';

export type MatchRequest = z.infer<typeof httpMatchRequest>;

const maps = ['headers', 'withoutHeaders', 'queryParams', 'sourceLabels'] as const;

/**
 * What matches one of `narrow` and one of `wide`; of conditions on the same thing, the narrow one counts. (Flagger
 * drops everything of `narrow` except headers and source labels, and the headers of `wide`.)
 */
export function mergeMatches(
  narrow: readonly MatchRequest[],
  wide: readonly MatchRequest[] = [],
): readonly MatchRequest[] {
  if (wide.length === 0) return narrow;
  return narrow.flatMap((one) => wide.map((base) => mergeMatch(one, base)));
}

function mergeMatch(one: MatchRequest, base: MatchRequest): MatchRequest {
  const merged: MatchRequest = { ...base, ...one };
  for (const name of maps) {
    if (one[name] === undefined || base[name] === undefined) continue;
    Object.assign(merged, { [name]: { ...base[name], ...one[name] } });
  }
  return merged;
}
