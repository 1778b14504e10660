import type { z } from 'zod';
import type { corsPolicy, httpMatchRequest } from '../../api/istio-fields.ts';

export type MatchRequest = z.infer<typeof httpMatchRequest>;
type CorsPolicy = z.infer<typeof corsPolicy>;

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

type TextMatch = NonNullable<MatchRequest['uri']>;

/**
 * The same condition for Istio, which has no suffixes: its definitions prune them, and what is left would match
 * everything.
 */
export function withoutSuffixes(match: MatchRequest): MatchRequest {
  const result: MatchRequest = { ...match };
  for (const name of ['uri', 'scheme', 'method', 'authority'] as const) {
    const text = match[name];
    if (text !== undefined) result[name] = withoutSuffix(text);
  }
  for (const name of ['headers', 'withoutHeaders', 'queryParams'] as const) {
    const texts = match[name];
    if (texts === undefined) continue;
    result[name] = Object.fromEntries(
      Object.entries(texts).map(([key, text]): [string, TextMatch] => [key, withoutSuffix(text)]),
    );
  }
  return result;
}

/** The same origins for Istio. */
export function originsWithoutSuffixes(policy: CorsPolicy): CorsPolicy {
  const { allowOrigins } = policy;
  return allowOrigins === undefined ? policy : { ...policy, allowOrigins: allowOrigins.map(withoutSuffix) };
}

function withoutSuffix(text: TextMatch): TextMatch {
  const { suffix, ...others } = text;
  return suffix === undefined
    ? text
    : { ...others, regex: `.*${suffix.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')}` };
}
