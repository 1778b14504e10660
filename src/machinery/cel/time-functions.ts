import { LRUCache } from 'lru-cache';
import type { Budget } from './errors.ts';
import { CelEvaluationError } from './errors.ts';
import type { FunctionTable } from './function-table.ts';
import { floorDivide } from './standard-functions.ts';
import type { Duration, Timestamp } from './values.ts';

interface Civil {
  readonly year: number;
  /** From 0. */
  readonly month: number;
  /** From 1. */
  readonly day: number;
  /** From 0. */
  readonly dayOfYear: number;
  /** Sunday is 0. */
  readonly weekday: number;
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
}

const msPerDay = 86_400_000;

/** The date of a day. Source: http://howardhinnant.github.io/date_algorithms.html#civil_from_days. */
function civilFromDays(days: number): Pick<Civil, 'year' | 'month' | 'day'> {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const ofEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * ofYear + 2) / 153);
  const day = ofYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1;
  const month = (monthFromMarch + 2) % 12;
  return { year: yearOfEra + era * 400 + (month < 2 ? 1 : 0), month, day };
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

const daysBefore = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/** @param ms local time, in milliseconds since the Unix epoch */
function civil(ms: number): Civil {
  const days = Math.floor(ms / msPerDay);
  const date = civilFromDays(days);
  const leapDay = date.month > 1 && isLeap(date.year) ? 1 : 0;
  const inDay = ms - days * msPerDay;
  return {
    ...date,
    dayOfYear: (daysBefore[date.month] ?? 0) + date.day - 1 + leapDay,
    weekday: (((days + 4) % 7) + 7) % 7,
    hours: Math.floor(inDay / 3_600_000),
    minutes: Math.floor(inDay / 60_000) % 60,
    seconds: Math.floor(inDay / 1000) % 60,
  };
}

const zoneFormats = new LRUCache<string, Intl.DateTimeFormat>({ max: 50 });

function zoneFormat(zone: string): Intl.DateTimeFormat {
  const known = zoneFormats.get(zone);
  if (known !== undefined) return known;
  try {
    const made = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
    zoneFormats.set(zone, made);
    return made;
  } catch {
    throw new CelEvaluationError(`unknown time zone ${zone}`);
  }
}

/** How far a zone is from UTC at a time, in milliseconds. */
function zoneOffset(zone: string, ms: number): number {
  const fixed = /^([+-]?)(\d\d):(\d\d)$/.exec(zone);
  if (fixed !== null) {
    const minutes = Number(fixed[2]) * 60 + Number(fixed[3]);
    return (fixed[1] === '-' ? -minutes : minutes) * 60_000;
  }
  const parts = zoneFormat(zone).formatToParts(ms);
  const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? '';
  const [, sign, hours = '0', minutes = '0', seconds = '0'] =
    /^GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(name) ?? [];
  const size = (Number(hours) * 60 + Number(minutes)) * 60_000 + Number(seconds) * 1000;
  return sign === '-' ? -size : size;
}

/** Parts of timestamps and durations. */
export function defineTimeFunctions(table: FunctionTable): void {
  const part = (name: string, read: (date: Civil) => number): void => {
    const at = (time: Timestamp, zone: string): bigint => {
      const ms = Number(floorDivide(time.nanos, 1_000_000n));
      return BigInt(read(civil(ms + (zone === 'UTC' ? 0 : zoneOffset(zone, ms)))));
    };
    table.define(`timestamp.${name}(): int`, (time: Timestamp) => at(time, 'UTC'));
    table.define(`timestamp.${name}(string): int`, (time: Timestamp, zone: string, budget: Budget) => {
      // The tables of a zone are slow to get at.
      budget.charge(100);
      return at(time, zone);
    });
  };
  part('getFullYear', (date) => date.year);
  part('getMonth', (date) => date.month);
  part('getDate', (date) => date.day);
  part('getDayOfMonth', (date) => date.day - 1);
  part('getDayOfYear', (date) => date.dayOfYear);
  part('getDayOfWeek', (date) => date.weekday);
  part('getHours', (date) => date.hours);
  part('getMinutes', (date) => date.minutes);
  part('getSeconds', (date) => date.seconds);

  const milliseconds = ({ nanos }: Timestamp): bigint =>
    floorDivide(nanos, 1_000_000n) - floorDivide(nanos, 1_000_000_000n) * 1000n;
  table
    .define('timestamp.getMilliseconds(): int', milliseconds)
    .define('timestamp.getMilliseconds(string): int', milliseconds)
    .define('duration.getHours(): int', ({ nanos }: Duration) => nanos / 3_600_000_000_000n)
    .define('duration.getMinutes(): int', ({ nanos }: Duration) => nanos / 60_000_000_000n)
    .define('duration.getSeconds(): int', ({ nanos }: Duration) => nanos / 1_000_000_000n)
    .define('duration.getMilliseconds(): int', ({ nanos }: Duration) => nanos / 1_000_000n);
}
