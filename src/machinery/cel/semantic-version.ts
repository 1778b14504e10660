/** A semantic version (https://semver.org/spec/v2.0.0.html). */
export class SemanticVersion {
  readonly opaque = 'semver';
  readonly numbers: readonly [major: bigint, minor: bigint, patch: bigint];
  readonly #preRelease: readonly string[];

  constructor(numbers: readonly [bigint, bigint, bigint], preRelease: readonly string[]) {
    this.numbers = numbers;
    this.#preRelease = preRelease;
  }

  /** Less than 0, 0 or more than 0. Build metadata does not count. */
  compare(other: SemanticVersion): number {
    for (const [index, number] of this.numbers.entries()) {
      const theirs = other.numbers[index] ?? 0n;
      if (number !== theirs) return number < theirs ? -1 : 1;
    }
    return comparePreReleases(this.#preRelease, other.#preRelease);
  }
}

function comparePreReleases(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return Math.sign(b.length - a.length);
  for (const [index, part] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1;
    if (part !== other) return comparePart(part, other);
  }
  return a.length < b.length ? -1 : 0;
}

function comparePart(a: string, b: string): number {
  const numeric = [a, b].map((part) => /^\d+$/.test(part));
  if (numeric[0] === true && numeric[1] === true) return BigInt(a) < BigInt(b) ? -1 : 1;
  if (numeric[0] !== numeric[1]) return numeric[0] === true ? -1 : 1;
  return a < b ? -1 : 1;
}

const maxNumber = 2n ** 64n - 1n;
const identifiers = '[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*';
const pattern = new RegExp(
  `^(0|[1-9]\\d{0,19})\\.(0|[1-9]\\d{0,19})\\.(0|[1-9]\\d{0,19})(?:-(${identifiers}))?(?:\\+${identifiers})?$`,
);

/**
 * @param normalize take also `v1`, `1.2` and `01.2.3`
 * @returns why not, if it is none
 */
export function parseSemanticVersion(text: string, normalize: boolean): SemanticVersion | string {
  const match = pattern.exec(normalize ? normalized(text) : text);
  if (match === null) {
    return text.split('.').length < 3 ? 'No Major.Minor.Patch elements found' : 'Invalid semantic version';
  }
  const [, major = '', minor = '', patch = '', preRelease] = match;
  const numbers = [BigInt(major), BigInt(minor), BigInt(patch)] as const;
  const parts = preRelease?.split('.') ?? [];
  if (numbers.some((number) => number > maxNumber)) return 'Invalid semantic version';
  if (parts.some((part) => /^0\d+$/.test(part)))
    return 'Numeric PreRelease version must not contain leading zeroes';
  return new SemanticVersion(numbers, parts);
}

/** Without `v` and leading zeros, with all three numbers. */
function normalized(text: string): string {
  const match = /^v?([\d.]*)(.*)$/s.exec(text);
  const numbers = (match?.[1] ?? '').split('.').map((part) => part.replace(/^0+(?=\d)/, ''));
  // A number that is cut short can have nothing behind it.
  if (numbers.length < 3 && match?.[2] !== '') return text;
  while (numbers.length < 3) numbers.push('0');
  return numbers.join('.') + (match?.[2] ?? '');
}
