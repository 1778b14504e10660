import { compare, SemVer } from 'semver';
import { checkoutError } from './source-error.ts';

const maxLength = 256;

/** A version with what must hold about it. */
interface Bound {
  readonly operator: string;
  /** What is left open counts as 0. */
  readonly version: SemVer;
  /** How many of major, minor and patch are not left open. */
  readonly given: number;
}

/**
 * A range of versions as Masterminds/semver writes it: `>=1.2.0, <2.0.0 || ~3.1`. Pre-releases match only where one of
 * the bounds that must hold together names one.
 *
 * @throws SourceError when it cannot be parsed
 */
export function matchesConstraint(constraint: string): (version: SemVer) => boolean {
  const alternatives = constraint.slice(0, maxLength + 1).split('||');
  try {
    if (constraint.length > maxLength) throw new TypeError('too long');
    const matchers = alternatives.map(parseAlternative);
    return (version) => matchers.some((matches) => matches(version));
  } catch (error) {
    const shown = constraint.slice(0, maxLength);
    throw checkoutError(`semver parse error: improper constraint: ${shown}`, 'stalled', error);
  }
}

function parseAlternative(text: string): (version: SemVer) => boolean {
  const bounds = text
    .replaceAll(/([^\s,]+)\s+-\s+([^\s,]+)/g, '>=$1 <=$2')
    .replaceAll(/([=!<>~^])\s+/g, '$1')
    .trim()
    .split(/\s*,\s*|\s+/)
    .map(parseBound);
  const takesPrereleases = bounds.some(({ version }) => version.prerelease.length > 0);
  return (version) =>
    (takesPrereleases || version.prerelease.length === 0) && bounds.every((bound) => holds(bound, version));
}

const boundPattern =
  /^(|=|!=|>|<|>=|=>|<=|=<|~|~>|\^)v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(-[\dA-Za-z.-]+)?(?:\+[\dA-Za-z.-]+)?$/;

function parseBound(text: string): Bound {
  const match = boundPattern.exec(text);
  if (match === null) throw new TypeError(`not a bound: ${text}`);
  const [, operator = '', major, minor, patch, prerelease = ''] = match;
  const parts = [major, minor, patch];
  const open = parts.findIndex((part) => part === undefined || /^[xX*]$/.test(part));
  const given = open === -1 ? 3 : open;
  const numbers = parts.map((part, i) => (i < given ? part : '0'));
  return { operator, version: new SemVer(numbers.join('.') + prerelease), given };
}

function holds({ operator, version: bound, given }: Bound, version: SemVer): boolean {
  const isAtLeast = compare(version, bound) >= 0;
  const order = given === 3 ? compare(version, bound) : comparePrefixes(version, bound, given);
  const isSame = (count: number): boolean => comparePrefixes(version, bound, Math.min(given, count)) === 0;
  switch (operator) {
    case '!=':
      return order !== 0;
    case '>':
      return order > 0;
    case '<':
      return !isAtLeast;
    case '>=':
    case '=>':
      return isAtLeast;
    case '<=':
    case '=<':
      return order <= 0;
    case '~':
    case '~>':
      return isAtLeast && isSame(2);
    case '^':
      // The first number that is not 0 stays.
      return isAtLeast && isSame(bound.major > 0 ? 1 : bound.minor > 0 ? 2 : 3);
    default:
      return isAtLeast && order === 0;
  }
}

/** Compares the first `count` of major, minor and patch. */
function comparePrefixes(a: SemVer, b: SemVer, count: number): number {
  const differences = [a.major - b.major, a.minor - b.minor, a.patch - b.patch];
  return differences.slice(0, count).find((difference) => difference !== 0) ?? 0;
}
