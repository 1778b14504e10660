import { InvalidInputError } from '../base/errors.ts';

/** Which family of suffixes a quantity is written with: `12M`, `12Mi` or `12e6`. */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

const nanoDigits = 9;
const nanosPerUnit = 10n ** 9n;
/** Values in binary suffixes are capped at the largest int64, as upstream. */
const maxBinary = (2n ** 63n - 1n) * nanosPerUnit;

// Kubernetes leaves both open; a few bytes of input must not cost gigabytes.
const maxLength = 1024;
const maxExponent = 1024;

/** Powers of ten, and of 1024, by suffix. */
const decimalSuffixes: ReadonlyMap<string, number> = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

/**
 * An amount of a resource: `100m`, `1.5Gi`, `12e6`. Exact, down to 10⁻⁹ (finer amounts are rounded away from
 * zero when parsed). Immutable. Behaves like apimachinery's `resource.Quantity`.
 */
export class Quantity {
  static readonly zero = new Quantity(0n, 'DecimalSI');

  /** The amount in billionths. */
  readonly #nanos: bigint;
  readonly format: QuantityFormat;
  readonly #text: string | undefined;

  /**
   * @param nanos the amount in billionths
   * @param text how to print it, where that is not to be worked out
   */
  constructor(nanos: bigint, format: QuantityFormat, text?: string) {
    this.#nanos = nanos;
    this.format = format;
    this.#text = text;
  }

  /** Less than 0, 0, or more than 0, as `this` is smaller than, equal to, or greater than `other`. */
  compare(other: Quantity): number {
    if (this.#nanos === other.#nanos) return 0;
    return this.#nanos < other.#nanos ? -1 : 1;
  }

  isZero(): boolean {
    return this.#nanos === 0n;
  }

  /** Keeps the format of `this`, unless that is zero: then of `other`. */
  add(other: Quantity): Quantity {
    return new Quantity(this.#nanos + other.#nanos, this.isZero() ? other.format : this.format);
  }

  /** Format as for {@link add}. */
  sub(other: Quantity): Quantity {
    return new Quantity(this.#nanos - other.#nanos, this.isZero() ? other.format : this.format);
  }

  neg(): Quantity {
    return new Quantity(-this.#nanos, this.format);
  }

  /** In whole units, rounded away from zero. */
  value(): bigint {
    return divideAwayFromZero(this.#nanos, nanosPerUnit);
  }

  /** In thousandths, rounded away from zero. */
  milliValue(): bigint {
    return divideAwayFromZero(this.#nanos, 10n ** 6n);
  }

  asApproximateFloat(): number {
    return Number(this.#nanos / nanosPerUnit) + Number(this.#nanos % nanosPerUnit) / 1e9;
  }

  /**
   * The canonical form: the largest suffix of the format that leaves a whole number. As upstream, a parsed text
   * that is already close to it stays as it was written (`1E6`, `1.500`).
   */
  toString(): string {
    if (this.#text !== undefined) return this.#text;
    if (this.isZero()) return '0';
    return this.format === 'BinarySI' && this.#fitsBinary() ? this.#binary() : this.#decimal();
  }

  toJSON(): string {
    return this.toString();
  }

  /** Small amounts and fractions would be rounded by a binary suffix. */
  #fitsBinary(): boolean {
    const size = this.#nanos < 0n ? -this.#nanos : this.#nanos;
    return size >= 1024n * nanosPerUnit && size % nanosPerUnit === 0n;
  }

  #binary(): string {
    let amount = this.#nanos / nanosPerUnit;
    let power = 0;
    while (amount % 1024n === 0n && power < binarySuffixes.length - 1) {
      amount /= 1024n;
      power += 1;
    }
    return `${amount}${binarySuffixes[power] ?? ''}`;
  }

  #decimal(): string {
    let amount = this.#nanos;
    let exponent = -nanoDigits;
    // Upstream drops the suffix of more than 999E, and with it the amount: stop there instead.
    const limit = this.format === 'DecimalExponent' ? Number.POSITIVE_INFINITY : 18;
    while (amount % 1000n === 0n && exponent < limit) {
      amount /= 1000n;
      exponent += 3;
    }
    if (this.format === 'DecimalExponent') return exponent === 0 ? `${amount}` : `${amount}e${exponent}`;
    const suffix = decimalSuffixes.entries().find(([, power]) => power === exponent);
    return `${amount}${suffix?.[0] ?? ''}`;
  }
}

function divideAwayFromZero(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  if (dividend % divisor === 0n) return quotient;
  return dividend < 0n ? quotient - 1n : quotient + 1n;
}

interface Scale {
  readonly format: QuantityFormat;
  readonly base: 10 | 2;
  readonly exponent: number;
}

/**
 * Parses the text of a quantity, or the number that JSON has in its place.
 *
 * @throws InvalidInputError with the message of a Kubernetes API server
 */
export function parseQuantity(input: string | number): Quantity {
  const text = String(input);
  if (text === '0') return Quantity.zero;
  const match = /^([+-]?)(\d*)(?:\.(\d*))?((?:[eEinumkKMGTP]+[-+]?|[-+])\d*)?$/.exec(text);
  const [, sign, digits = '', fraction = '', suffix = ''] = match ?? [];
  // Upstream takes some texts without any digit for 0.
  if (digits + fraction === '') {
    throw invalid(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  }
  const whole = digits.replace(/^0+/, '');
  const scale = parseSuffix(suffix);
  if (text.length > maxLength || scale.exponent > maxExponent) {
    throw invalid('unable to parse numeric part of quantity');
  }
  const size = scaled(BigInt(whole + fraction), fraction.length, scale);
  const capped = scale.base === 2 && size > maxBinary ? maxBinary : size;
  // Less than one would be rounded by a binary suffix.
  const format = scale.base === 2 && size > 0n && size < nanosPerUnit ? 'DecimalSI' : scale.format;
  const kept = keepsText(whole, fraction, scale) ? text : undefined;
  return new Quantity(sign === '-' ? -capped : capped, format, kept);
}

function invalid(message: string): InvalidInputError {
  return new InvalidInputError(message, 'InvalidQuantity');
}

function parseSuffix(suffix: string): Scale {
  const decimal = decimalSuffixes.get(suffix);
  if (decimal !== undefined) return { format: 'DecimalSI', base: 10, exponent: decimal };
  const binary = binarySuffixes.indexOf(suffix);
  if (binary !== -1) return { format: 'BinarySI', base: 2, exponent: 10 * binary };
  if (!/^[eE][-+]?\d+$/.test(suffix)) throw invalid("unable to parse quantity's suffix");
  return { format: 'DecimalExponent', base: 10, exponent: Number(suffix.slice(1)) };
}

/** In billionths: `digits` × 10^-`fractionDigits` × the scale, rounded up. */
function scaled(digits: bigint, fractionDigits: number, { base, exponent }: Scale): bigint {
  const amount = base === 2 ? digits << BigInt(exponent) : digits;
  const power = (base === 2 ? 0 : exponent) - fractionDigits + nanoDigits;
  if (power >= 0) return amount * 10n ** BigInt(power);
  // Further down than the input has digits nothing changes any more.
  return divideAwayFromZero(amount, 10n ** BigInt(Math.min(-power, 2 * maxLength)));
}

/** Whether upstream takes the text over as it is. Larger numbers it always puts in canonical form. */
function keepsText(whole: string, fraction: string, { base, exponent }: Scale): boolean {
  const digits = (whole === '' ? '0' : whole) + fraction;
  if (base === 2) {
    const short = fraction === '' && digits.length <= 14 - (exponent / 10) * 3;
    return short && BigInt(digits) % 8n !== 0n;
  }
  const power = exponent - fraction.length;
  const short = digits.length <= 18 && power >= -nanoDigits;
  return short && power % 3 === 0 && !digits.endsWith('000') && !digits.startsWith('0');
}
