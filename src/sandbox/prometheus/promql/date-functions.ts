// Parts of a date in UTC, from any number of seconds since the Unix epoch.

/** What Go makes of a float that no int64 can hold. */
const outOfRange = -(2n ** 63n);
const secondsPerDay = 86_400n;
/** Days in 400 years, after which the calendar repeats. */
const daysPerEra = 146_097n;
/**
 * Seconds from Go's earliest date, the first of January of -292277022399 (which is a Monday, and begins an era), to
 * the Unix epoch. Go counts from there in an unsigned 64-bit number that wraps around: so do we, for equal answers.
 */
const epoch = 62_135_596_800n + 9_223_371_966_579_724_800n;
const firstYear = -292_277_022_399;

interface Moment {
  readonly year: number;
  /** 0 to 11. */
  readonly month: number;
  readonly day: number;
  /** 1 to 366. */
  readonly dayOfYear: number;
  /** 0 is Sunday. */
  readonly weekday: number;
  readonly secondOfDay: number;
}

function momentAt(seconds: number): Moment {
  const whole = Math.trunc(seconds);
  const inRange = Math.abs(whole) < 2 ** 63;
  const absolute = BigInt.asUintN(64, (inRange ? BigInt(whole) : outOfRange) + epoch);
  const days = absolute / secondsPerDay;
  let rest = Number(days % daysPerEra);
  let year = 0;
  // Centuries, fours of years, years: the last of each is a day longer, so none counts a fifth (fourth) time.
  for (const [length, count, years] of [
    [36_524, 4, 100],
    [1_461, 25, 4],
    [365, 4, 1],
  ] as const) {
    const periods = Math.min(Math.floor(rest / length), count - 1);
    year += periods * years;
    rest -= periods * length;
  }
  const dayOfYear = rest;
  const fullYear = firstYear + Number(days / daysPerEra) * 400 + year;
  let month = 0;
  while (rest >= daysIn(month, fullYear)) {
    rest -= daysIn(month, fullYear);
    month += 1;
  }
  return {
    year: fullYear,
    month,
    day: rest + 1,
    dayOfYear: dayOfYear + 1,
    weekday: Number((days + 1n) % 7n),
    secondOfDay: Number(absolute % secondsPerDay),
  };
}

const monthLengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function daysIn(month: number, year: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return (monthLengths[month] ?? 31) + (leap && month === 1 ? 1 : 0);
}

/** From seconds since the epoch. */
export const dateFunctions: ReadonlyMap<string, (seconds: number) => number> = new Map([
  ['year', (seconds) => momentAt(seconds).year],
  ['month', (seconds) => momentAt(seconds).month + 1],
  ['day_of_month', (seconds) => momentAt(seconds).day],
  ['day_of_week', (seconds) => momentAt(seconds).weekday],
  ['day_of_year', (seconds) => momentAt(seconds).dayOfYear],
  ['hour', (seconds) => Math.floor(momentAt(seconds).secondOfDay / 3600)],
  ['minute', (seconds) => Math.floor((momentAt(seconds).secondOfDay % 3600) / 60)],
  [
    'days_in_month',
    (seconds) => {
      const { month, year } = momentAt(seconds);
      return daysIn(month, year);
    },
  ],
] as [string, (seconds: number) => number][]);
