import { Range, type SemVer } from 'semver';
import { checkoutError } from './source-error.ts';

const maxLength = 256;

/**
 * A range of versions as Masterminds/semver writes it, which is npm's with commas between what must hold together, `!=`,
 * and another rule for pre-releases: they match only where every bound names one.
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
  if (text.trim() === '') throw new TypeError('empty');
  const excluded: Range[] = [];
  const bounds = text
    .replaceAll(',', ' ')
    .replaceAll('=>', '>=')
    .replaceAll('=<', '<=')
    .replaceAll(/!=\s*(\S+)/g, (_whole, version: string) => {
      excluded.push(new Range(version, { includePrerelease: true }));
      return ' ';
    });
  const takesPrereleases = bounds
    .replaceAll(/([<>=~^])\s+/g, '$1')
    .replaceAll(/\s+-\s+/g, ' ')
    .trim()
    .split(/\s+/)
    .every((bound) => /\d-[\dA-Za-z]/.test(bound));
  const range = new Range(bounds, { includePrerelease: takesPrereleases });
  return (version) =>
    (takesPrereleases || version.prerelease.length === 0) &&
    range.test(version) &&
    !excluded.some((one) => one.test(version));
}
