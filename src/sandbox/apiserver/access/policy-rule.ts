import { goQuote } from '../../../machinery/field-errors.ts';
import type { Json } from '../../../machinery/json.ts';
import { isObject } from '../../../machinery/json.ts';
import type { Attributes } from './attributes.ts';
import { textsAt } from './fields.ts';

/** `rbac.authorization.k8s.io/v1` PolicyRule, every list there. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
  readonly nonResourceURLs: readonly string[];
}

/** The `rules` of a Role or of a ClusterRole. */
export function policyRules(rules: Json | undefined): PolicyRule[] {
  return (Array.isArray(rules) ? rules : []).filter(isObject).map((rule) => ({
    verbs: textsAt(rule, 'verbs'),
    apiGroups: textsAt(rule, 'apiGroups'),
    resources: textsAt(rule, 'resources'),
    resourceNames: textsAt(rule, 'resourceNames'),
    nonResourceURLs: textsAt(rule, 'nonResourceURLs'),
  }));
}

function hasAny(list: readonly string[], wanted: string): boolean {
  return list.includes('*') || list.includes(wanted);
}

export function ruleAllows(rule: PolicyRule, wanted: Attributes): boolean {
  if (!hasAny(rule.verbs, wanted.verb)) return false;
  if ('path' in wanted) return rule.nonResourceURLs.some((url) => urlMatches(url, wanted.path));
  const { group, resource, subresource, name = '' } = wanted;
  if (!hasAny(rule.apiGroups, group)) return false;
  const full = subresource === '' ? resource : `${resource}/${subresource}`;
  const ofAny = subresource !== '' && rule.resources.includes(`*/${subresource}`);
  if (!ofAny && !hasAny(rule.resources, full)) return false;
  return rule.resourceNames.length === 0 || rule.resourceNames.includes(name);
}

function urlMatches(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true;
  return pattern.endsWith('*') && path.startsWith(pattern.replace(/\*+$/, ''));
}

/**
 * What of `wanted` is not in `held`, in the smallest pieces.
 * Source: k8s.io/component-helpers/auth/rbac/validation, Covers.
 */
export function missingRules(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(smallestPieces).filter((piece) => !held.some((rule) => ruleCovers(rule, piece)));
}

/** One rule for each combination of verb, group, resource and name. */
function smallestPieces(rule: PolicyRule): PolicyRule[] {
  const none: readonly string[] = [];
  const names = rule.resourceNames.length === 0 ? [none] : rule.resourceNames.map((name) => [name]);
  const pieces: PolicyRule[] = [];
  for (const verb of rule.verbs) {
    for (const url of rule.nonResourceURLs) {
      pieces.push({ verbs: [verb], apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: [url] });
    }
    for (const group of rule.apiGroups) {
      for (const resource of rule.resources) {
        for (const resourceNames of names) {
          pieces.push({
            verbs: [verb],
            apiGroups: [group],
            resources: [resource],
            resourceNames,
            nonResourceURLs: [],
          });
        }
      }
    }
  }
  return pieces;
}

function ruleCovers(held: PolicyRule, piece: PolicyRule): boolean {
  const all = (have: readonly string[], want: readonly string[]): boolean =>
    have.includes('*') || want.every((item) => have.includes(item));
  const names =
    piece.resourceNames.length === 0
      ? held.resourceNames.length === 0
      : held.resourceNames.length === 0 ||
        piece.resourceNames.every((name) => held.resourceNames.includes(name));
  return (
    all(held.verbs, piece.verbs) &&
    all(held.apiGroups, piece.apiGroups) &&
    piece.resources.every((resource) => coversResource(held.resources, resource)) &&
    piece.nonResourceURLs.every((url) => held.nonResourceURLs.some((pattern) => urlMatches(pattern, url))) &&
    names
  );
}

function coversResource(held: readonly string[], resource: string): boolean {
  if (hasAny(held, resource)) return true;
  const slash = resource.indexOf('/');
  return slash >= 0 && held.includes(`*${resource.slice(slash)}`);
}

/** As messages show rules: the pieces of one resource together, in order of the alphabet. */
export function describeRules(pieces: readonly PolicyRule[]): string[] {
  const merged = new Map<string, PolicyRule>();
  for (const piece of pieces) {
    const key = JSON.stringify({ ...piece, verbs: [] });
    const verbs = [...(merged.get(key)?.verbs ?? []), ...piece.verbs];
    merged.set(key, { ...piece, verbs: [...new Set(verbs)] });
  }
  return [...merged.values()].map(describeRule).sort();
}

function describeRule(rule: PolicyRule): string {
  const parts: [string, readonly string[]][] = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ];
  const shown = parts
    .filter(([, list]) => list.length > 0)
    .map(([name, list]) => `${name}:${quoteAll(list)}`);
  return `{${shown.join(', ')}}`;
}

/** A list as Go's `%q` prints it. */
export function quoteAll(list: readonly string[]): string {
  return `[${list.map((item) => goQuote(item)).join(' ')}]`;
}
