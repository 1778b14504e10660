import { InvalidInputError } from '../../base/errors.ts';
import { type HttpRequest, readBody } from '../../base/network.ts';
import { parseTime } from '../../base/time.ts';
import { PromqlParseError } from './promql/errors.ts';
import { parseFloatText, parsePromDuration } from './promql/go-values.ts';
import type { Matcher } from './promql/matcher.ts';
import { parseSelector } from './promql/parse.ts';

/** A request that cannot be understood: what Prometheus calls `bad_data`. */
export class BadDataError extends InvalidInputError {}

const maxFormBytes = 1024 * 1024;

/** The parameters of a request: those of its form first, then those of its URL. */
export class Params {
  readonly #params: URLSearchParams;

  constructor(params: URLSearchParams) {
    this.#params = params;
  }

  /** @throws BadDataError for a form that is too large */
  static async of(request: HttpRequest, query: URLSearchParams): Promise<Params> {
    const isForm = /^application\/x-www-form-urlencoded\b/i.test(request.headers['content-type'] ?? '');
    if (request.method !== 'POST' || !isForm) return new Params(query);
    try {
      const body = Buffer.from(await readBody(request.body(), maxFormBytes)).toString('utf8');
      return new Params(new URLSearchParams([...new URLSearchParams(body), ...query]));
    } catch (error) {
      if (error instanceof RangeError) throw new BadDataError(`error parsing form values: ${error.message}`);
      throw error;
    }
  }

  /** Empty where it is absent. */
  text(name: string): string {
    return this.#params.get(name) ?? '';
  }

  /**
   * Milliseconds since the Unix epoch, from seconds or RFC 3339.
   * @throws BadDataError
   */
  time(name: string): number {
    const value = this.text(name);
    const timeMs = readTime(value);
    if (timeMs === undefined) throw invalidParameter(name, `cannot parse "${value}" to a valid timestamp`);
    return timeMs;
  }

  /** Like {@link time}, for a parameter that may be absent. */
  timeOr(name: string, fallbackMs: number): number {
    const value = this.text(name);
    if (value === '') return fallbackMs;
    const timeMs = readTime(value);
    if (timeMs !== undefined) return timeMs;
    throw invalidParameter(
      name,
      `Invalid time value for '${name}': cannot parse "${value}" to a valid timestamp`,
    );
  }

  /**
   * Milliseconds, from seconds or a duration such as `1m`.
   * @throws BadDataError
   */
  duration(name: string): number {
    const value = this.text(name);
    const seconds = parseFloatText(value);
    const ms = seconds === undefined ? parsePromDuration(value) : seconds * 1000;
    if (ms === undefined || Number.isNaN(ms)) {
      throw invalidParameter(name, `cannot parse "${value}" to a valid duration`);
    }
    if (Math.abs(ms) > 2 ** 63 / 1e6) {
      throw invalidParameter(name, `cannot parse "${value}" to a valid duration. It overflows int64`);
    }
    return Math.trunc(ms);
  }

  /** What `limit` says; undefined where it is absent. @throws BadDataError */
  limit(): number | undefined {
    const value = this.text('limit');
    if (value === '') return undefined;
    if (!/^[+-]?\d+$/.test(value)) throw new BadDataError('limit must be a number');
    return Number(value) < 0 ? undefined : Number(value);
  }

  /**
   * The selectors of `match[]`.
   * @param prefix says which parameter is wrong, where Prometheus does
   * @throws BadDataError
   */
  selectors(prefix: string): (readonly Matcher[])[] {
    return this.#params.getAll('match[]').map((text) => {
      try {
        return parseSelector(text);
      } catch (error) {
        if (error instanceof PromqlParseError) throw new BadDataError(prefix + error.message);
        throw error;
      }
    });
  }
}

export function invalidParameter(name: string, message: string): BadDataError {
  return new BadDataError(`invalid parameter "${name}": ${message}`);
}

/** The ends of time, as clients of Go send them. */
const endsOfTime = new Map([
  ['-292273086-05-16T16:47:06Z', Number.MIN_SAFE_INTEGER],
  ['292277025-08-18T07:12:54.999999999Z', Number.MAX_SAFE_INTEGER],
]);

function readTime(text: string): number | undefined {
  const seconds = parseFloatText(text);
  if (seconds !== undefined) {
    const ms = Math.round(seconds * 1000);
    return Number.isSafeInteger(ms) ? ms : undefined;
  }
  const end = endsOfTime.get(text);
  if (end !== undefined) return end;
  try {
    return Math.floor(parseTime(text));
  } catch (error) {
    if (error instanceof InvalidInputError) return undefined;
    throw error;
  }
}
