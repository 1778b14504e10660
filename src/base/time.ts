import { InvalidInputError } from './errors.ts';

const rfc3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/**
 * Parses an RFC 3339 time, with or without a fraction (metav1.Time and metav1.MicroTime).
 *
 * @returns milliseconds since the Unix epoch; finer parts become a fraction
 * @throws InvalidInputError for other formats and for dates that do not exist
 */
export function parseTime(text: string): number {
  const match = rfc3339.exec(text);
  const invalid = new InvalidInputError(
    `invalid time ${JSON.stringify(text)}: want RFC 3339, as in 2026-01-31T23:59:59Z`,
    'InvalidTime',
  );
  if (match === null) throw invalid;
  const [, year, month, day, hour, minute, second, fraction, sign, offsetHour, offsetMinute] = match;
  const at = new Date(0);
  at.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  at.setUTCHours(Number(hour), Number(minute), Number(second));
  // A date that does not exist (30 February, 24:00, second 60) rolls over to another one.
  const rolledOver =
    at.getUTCMonth() !== Number(month) - 1 || at.getUTCDate() !== Number(day) || Number(hour) > 23;
  if (rolledOver || Number(minute) > 59 || Number(second) > 59) throw invalid;
  if (Number(offsetHour ?? 0) > 23 || Number(offsetMinute ?? 0) > 59) throw invalid;
  const offset = (Number(offsetHour ?? 0) * 60 + Number(offsetMinute ?? 0)) * 60_000;
  const whole = at.getTime() - (sign === '-' ? -offset : offset);
  return fraction === undefined ? whole : whole + Number(`0.${fraction}`) * 1000;
}

/** As metav1.Time prints: whole seconds, UTC. `2026-01-31T23:59:59Z`. */
export function formatTime(ms: number): string {
  return `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

/** As metav1.MicroTime prints: microseconds, UTC. `2026-01-31T23:59:59.000000Z`. */
export function formatMicroTime(ms: number): string {
  const micros = Math.floor((ms - Math.floor(ms / 1000) * 1000) * 1000);
  return `${formatTime(ms).slice(0, -1)}.${micros.toString().padStart(6, '0')}Z`;
}
