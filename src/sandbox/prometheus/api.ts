import type { Clock } from '../../base/clock.ts';
import { type FetchResponse, headersOf, jsonResponse } from '../../base/fetch.ts';
import type { HttpHandler, HttpRequest } from '../../base/network.ts';
import { metadataOf, targetsOf } from './api-targets.ts';
import { BadDataError, invalidParameter, Params } from './api-params.ts';
import { type Expr } from './promql/ast.ts';
import {
  PromqlCancelledError,
  PromqlExecutionError,
  PromqlParseError,
  PromqlTimeoutError,
} from './promql/errors.ts';
import { formatValue } from './promql/go-values.ts';
import { compareLabels, isLabelName } from './promql/labels.ts';
import { parseExpr } from './promql/parse.ts';
import {
  defaultQueryOptions,
  type InstantResult,
  queryInstant,
  type QueryOptions,
  queryRange,
} from './promql/query.ts';
import type { PointSeries } from './promql/series.ts';
import type { Scraper } from './scrape.ts';
import type { Series, Tsdb } from './tsdb.ts';

export interface ApiOptions {
  readonly clock: Clock;
  readonly tsdb: Tsdb;
  readonly scraper: Pick<Scraper, 'statuses' | 'intervalMs' | 'timeoutMs'>;
  readonly query?: QueryOptions;
  /** The longest time a query may take, in milliseconds. */
  readonly queryTimeoutMs?: number;
}

/** The version whose language and answers these are. */
const buildInfo = {
  version: '2.42.0',
  revision: 'viridian',
  branch: 'sandbox',
  buildUser: 'viridian',
  buildDate: '',
  goVersion: '',
};

/** Points of one series in one answer. */
const maxPoints = 11_000;

/** Prometheus's HTTP API over the embedded store: the part that dashboards and analysis ask. */
export function prometheusApi(options: ApiOptions): HttpHandler {
  return async (request) => {
    const { pathname, searchParams } = new URL(request.url, 'http://prometheus');
    if (pathname === '/-/healthy') return text(200, 'Prometheus Server is Healthy.\n');
    if (pathname === '/-/ready') return text(200, 'Prometheus Server is Ready.\n');
    const endpoint = endpointAt(pathname);
    if (endpoint === undefined) return text(404, '404 page not found\n');
    if (!endpoint.methods.includes(request.method)) return text(405, 'Method Not Allowed\n');
    try {
      const params = await Params.of(request, searchParams);
      return jsonResponse(200, { status: 'success', data: endpoint.answer(options, params, request) });
    } catch (error) {
      return failure(error);
    }
  };
}

interface Endpoint {
  readonly methods: readonly string[];
  readonly answer: (options: ApiOptions, params: Params, request: HttpRequest) => unknown;
}

const readOrForm = ['GET', 'HEAD', 'POST'];
const read = ['GET', 'HEAD'];

const endpoints: ReadonlyMap<string, Endpoint> = new Map<string, Endpoint>([
  ['query', { methods: readOrForm, answer: query }],
  ['query_range', { methods: readOrForm, answer: range }],
  ['series', { methods: readOrForm, answer: series }],
  ['labels', { methods: readOrForm, answer: labelNames }],
  ['targets', { methods: read, answer: ({ scraper }, params) => targetsOf(scraper, params) }],
  ['metadata', { methods: read, answer: ({ scraper }, params) => metadataOf(scraper, params) }],
  ['status/buildinfo', { methods: read, answer: () => buildInfo }],
]);

function endpointAt(path: string): Endpoint | undefined {
  const name = /^\/api\/v1\/(.+)$/.exec(path)?.[1] ?? '';
  const label = /^label\/([^/]+)\/values$/.exec(name)?.[1];
  if (label === undefined) return endpoints.get(name);
  return { methods: read, answer: (options, params) => labelValues(options, params, decoded(label)) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function query(options: ApiOptions, params: Params, request: HttpRequest): unknown {
  const timeMs = params.timeOr('time', options.clock.now());
  const limits = queryOptions(options, params, request);
  const expr = parsed(params.text('query'), 'invalid parameter "query": ');
  return instantData(queryInstant(options.tsdb, expr, timeMs, limits), timeMs);
}

function range(options: ApiOptions, params: Params, request: HttpRequest): unknown {
  const startMs = params.time('start');
  const endMs = params.time('end');
  if (endMs < startMs) throw invalidParameter('end', 'end timestamp must not be before start time');
  const stepMs = params.duration('step');
  if (stepMs <= 0) {
    throw invalidParameter(
      'step',
      'zero or negative query resolution step widths are not accepted. Try a positive integer',
    );
  }
  if (Math.trunc((endMs - startMs) / stepMs) > maxPoints) {
    throw new BadDataError(
      'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)',
    );
  }
  const limits = queryOptions(options, params, request);
  const expr = parsed(params.text('query'), '');
  return matrixData(queryRange(options.tsdb, expr, { startMs, endMs, stepMs }, limits));
}

function parsed(text: string, prefix: string): Expr {
  try {
    return parseExpr(text);
  } catch (error) {
    if (error instanceof PromqlParseError) throw new BadDataError(prefix + error.message);
    throw error;
  }
}

function queryOptions(options: ApiOptions, params: Params, request: HttpRequest): QueryOptions {
  const { clock, query: base = defaultQueryOptions, queryTimeoutMs: longest = 10_000 } = options;
  const wanted = params.text('timeout') === '' ? longest : params.duration('timeout');
  const deadline = clock.monotonic() + Math.min(wanted, longest);
  return { ...base, signal: request.signal, expired: () => clock.monotonic() > deadline };
}

function instantData(result: InstantResult, timeMs: number): unknown {
  switch (result.type) {
    case 'vector':
      return {
        resultType: 'vector',
        result: result.samples.map(({ labels, value }) => ({
          metric: labels.toJSON(),
          value: point(timeMs, value),
        })),
      };
    case 'matrix':
      return matrixData(result.series);
    case 'scalar':
      return { resultType: 'scalar', result: point(timeMs, result.value) };
    default:
      return { resultType: 'string', result: [timeMs / 1000, result.value] };
  }
}

function matrixData(list: readonly PointSeries[]): unknown {
  const result = list.map(({ labels, points }) => ({
    metric: labels.toJSON(),
    values: points.times.map((timeMs, i) => point(timeMs, points.values[i] ?? Number.NaN)),
  }));
  return { resultType: 'matrix', result };
}

function point(timeMs: number, value: number): [number, string] {
  return [timeMs / 1000, formatValue(value)];
}

function timeRange(params: Params): [number, number] {
  return [params.timeOr('start', Number.MIN_SAFE_INTEGER), params.timeOr('end', Number.MAX_SAFE_INTEGER)];
}

/** The series that any of the selectors selects and that have samples in the range. */
function selected({ tsdb }: ApiOptions, params: Params, prefix: string): Set<Series> {
  const [startMs, endMs] = timeRange(params);
  const found = params.selectors(prefix).flatMap((matchers) => tsdb.select(matchers));
  return new Set(found.filter((one) => one.overlaps(startMs, endMs)));
}

function series(options: ApiOptions, params: Params): unknown {
  if (params.text('match[]') === '') throw new BadDataError('no match[] parameter provided');
  const found = selected(options, params, 'invalid parameter "match[]": ');
  return [...found]
    .map(({ labels }) => labels)
    .sort(compareLabels)
    .map((labels) => labels.toJSON());
}

function labelNames(options: ApiOptions, params: Params): unknown {
  timeRange(params);
  if (params.text('match[]') === '') return options.tsdb.labelNames();
  const names = [...selected(options, params, '')].flatMap(({ labels }) =>
    labels.pairs.map(([name]) => name),
  );
  return [...new Set(names)].sort();
}

function labelValues(options: ApiOptions, params: Params, name: string): unknown {
  if (!isLabelName(name)) throw new BadDataError(`invalid label name: ${JSON.stringify(name)}`);
  timeRange(params);
  if (params.text('match[]') === '') return options.tsdb.labelValues(name);
  const values = [...selected(options, params, '')].map(({ labels }) => labels.get(name));
  return [...new Set(values)].filter((value) => value !== '').sort();
}

function failure(error: unknown): FetchResponse {
  const answer = (status: number, errorType: string, message: string): FetchResponse =>
    jsonResponse(status, { status: 'error', errorType, error: message });
  if (error instanceof BadDataError) return answer(400, 'bad_data', error.message);
  if (error instanceof PromqlParseError) return answer(400, 'bad_data', error.message);
  if (error instanceof PromqlExecutionError) return answer(422, 'execution', error.message);
  if (error instanceof PromqlTimeoutError) return answer(503, 'timeout', error.message);
  if (error instanceof PromqlCancelledError) return answer(503, 'canceled', error.message);
  throw error;
}

function text(status: number, body: string): FetchResponse {
  const bytes = Buffer.from(body);
  return {
    status,
    headers: headersOf({ 'content-type': 'text/plain; charset=utf-8' }),
    async *body() {
      yield bytes;
    },
    text: async () => body,
    json: async () => body,
    async *jsonLines() {
      yield body;
    },
    cancel() {},
  };
}
