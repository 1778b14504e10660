import { formatTime, parseTime } from '../../../base/time.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** Source: https://pkg.go.dev/github.com/robfig/cron/v3, which CronJobs are read with. */
const macros: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const epochWeekday = 4;

interface Field {
  readonly values: ReadonlySet<number>;
  readonly isAny: boolean;
}

/** The times that a CronJob names, in UTC. */
export class Schedule {
  readonly #minutes: Field;
  readonly #hours: Field;
  readonly #daysOfMonth: Field;
  readonly #months: Field;
  readonly #daysOfWeek: Field;

  private constructor(fields: readonly [Field, Field, Field, Field, Field]) {
    [this.#minutes, this.#hours, this.#daysOfMonth, this.#months, this.#daysOfWeek] = fields;
  }

  /** @returns undefined for a text that is no schedule */
  static parse(text: string): Schedule | undefined {
    const trimmed = text.trim();
    const parts = (macros[trimmed] ?? trimmed).split(/\s+/);
    if (parts.length !== 5) return undefined;
    const [minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = ''] = parts;
    const fields = [
      parseField(minute, 0, 59),
      parseField(hour, 0, 23),
      parseField(dayOfMonth, 1, 31),
      parseField(month, 1, 12, months),
      parseField(dayOfWeek, 0, 7, days),
    ] as const;
    const [a, b, c, d, e] = fields;
    if (a === undefined || b === undefined || c === undefined || d === undefined || e === undefined)
      return undefined;
    // Sunday is 0 and 7.
    const weekdays = new Set([...e.values].map((day) => day % 7));
    return new Schedule([a, b, c, d, { ...e, values: weekdays }]);
  }

  /**
   * The first time after `ms`, in milliseconds since the Unix epoch; undefined when there is none within five years
   * (30 February).
   */
  next(ms: number): number | undefined {
    const first = (Math.floor(ms / minuteMs) + 1) * minuteMs;
    let day = Math.floor(first / dayMs);
    for (let i = 0; i < 5 * 366; i += 1, day += 1) {
      if (!this.#isDay(day * dayMs)) continue;
      for (const hour of this.#hours.values) {
        for (const minute of this.#minutes.values) {
          const at = day * dayMs + (hour * 60 + minute) * minuteMs;
          if (at >= first) return at;
        }
      }
    }
    return undefined;
  }

  #isDay(ms: number): boolean {
    const [, month = '', day = ''] = formatTime(ms).slice(0, 10).split('-');
    const weekday = (Math.floor(ms / dayMs) + epochWeekday) % 7;
    const isDayOfMonth = this.#daysOfMonth.values.has(Number(day));
    const isDayOfWeek = this.#daysOfWeek.values.has(weekday);
    const either = !this.#daysOfMonth.isAny && !this.#daysOfWeek.isAny;
    const fits = either ? isDayOfMonth || isDayOfWeek : isDayOfMonth && isDayOfWeek;
    return fits && this.#months.values.has(Number(month));
  }
}

// Any, a number, a range, each with a step, and lists of those; names of months and days. Values in order.
function parseField(
  text: string,
  min: number,
  max: number,
  names: readonly string[] = [],
): Field | undefined {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(\*|\?|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(part);
    if (match === null) return undefined;
    const [, from = '', to, step] = match;
    const isAny = from === '*' || from === '?';
    const first = isAny ? min : numberOf(from, min, names);
    const last = to === undefined ? (isAny || step !== undefined ? max : first) : numberOf(to, min, names);
    const every = step === undefined ? 1 : Number(step);
    if (first === undefined || last === undefined || first < min || last > max || first > last || every < 1) {
      return undefined;
    }
    for (let value = first; value <= last; value += every) values.add(value);
  }
  return {
    values: new Set([...values].sort((a, b) => a - b)),
    isAny: text.startsWith('*') || text.startsWith('?'),
  };
}

function numberOf(text: string, min: number, names: readonly string[]): number | undefined {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const at = names.indexOf(text.toLowerCase());
  return at === -1 ? undefined : at + min;
}

/** The latest time of a schedule in (`after`, `now`], if any. */
export function latest(schedule: Schedule, after: number, now: number): number | undefined {
  let found: number | undefined;
  // Whoever was away for long has missed at most this many.
  for (let at = schedule.next(after), i = 0; at !== undefined && at <= now && i < 10_000; i += 1) {
    found = at;
    at = schedule.next(at);
  }
  return found;
}

/** @returns milliseconds, or undefined */
export function timeOf(text: string | null | undefined): number | undefined {
  return typeof text === 'string' ? parseTime(text) : undefined;
}
