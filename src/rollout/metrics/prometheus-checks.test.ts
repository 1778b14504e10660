import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../base/clock.ts';
import { FetchError, type FetchResponse } from '../../base/fetch.ts';
import { silentLog } from '../../base/log.ts';
import { MemoryNetwork } from '../../base/memory-network.ts';
import type { CanaryMetric } from '../../api/canary-analysis.ts';
import type { CanarySpec } from '../../api/canary.ts';
import { prometheusApi } from '../../sandbox/prometheus/api.ts';
import { Labels } from '../../sandbox/prometheus/promql/labels.ts';
import { Tsdb } from '../../sandbox/prometheus/tsdb.ts';
import { answered, canaryOf, type Heard, outside, silence, sources } from '../outside.test-double.ts';
import { observerOf, providerKey } from './builtin-queries.ts';
import { prometheusChecks } from './prometheus-checks.ts';

const signal = new AbortController().signal;
const template = (rest: object = {}) => ({
  provider: { type: 'prometheus' as const, address: 'http://prom.custom/base/?dropped=1', ...rest },
  query: 'errors{pod=~"{{ target }}-.*"}[{{ interval }}]',
});
const vector = (...values: string[]): FetchResponse =>
  answered(
    200,
    JSON.stringify({ data: { resultType: 'vector', result: values.map((v) => ({ value: [1, v] })) } }),
  );

/** Measures with a Prometheus that answers with `answer`. */
async function measure(
  metrics: CanaryMetric[],
  answer: (heard: Heard) => FetchResponse | Promise<FetchResponse>,
  { has = {}, spec = {} }: { has?: Parameters<typeof sources>[0]; spec?: Partial<CanarySpec> } = {},
) {
  const clock = new VirtualClock();
  const values: [string, number][] = [];
  const { fetch, heard } = outside(answer);
  const checks = prometheusChecks({
    cluster: sources(has),
    fetch,
    clock,
    log: silentLog,
    metricsServer: 'http://prometheus:9090',
    meshProvider: 'istio',
    onValue: (_canary, name, value) => values.push([name, value]),
  });
  const canary = canaryOf({ metrics }, spec);
  const result = await clock.run(checks.metrics(canary, signal));
  const probe = () => clock.run(checks.probe(canary, signal));
  return { result, heard, values, probe, clock };
}

const successRate = { name: 'request-success-rate', thresholdRange: { min: 99 } };
const duration = { name: 'request-duration', thresholdRange: { max: 500 }, interval: '30s' };
const custom = { name: 'errors', thresholdRange: { max: 5 }, templateRef: { name: 'errors' } };
const passed = { verdict: 'passed', message: '' };
const queryOf = ({ url }: Heard): string | null => new URL(url).searchParams.get('query');

describe('builtin metrics', () => {
  test("ask Istio's questions to the letter, in order", async () => {
    const { result, heard, values } = await measure([successRate, duration], () => vector('100'));
    expect(result).toEqual(passed);
    const labels =
      'reporter="destination", destination_workload_namespace="test", destination_workload=~"podinfo"';
    expect(heard.map(queryOf)).toEqual([
      ` sum( rate( istio_requests_total{ ${labels}, response_code!~"5.*" }[1m] ) ) / sum( rate( istio_requests_total{ ${labels} }[1m] ) ) * 100`,
      ` histogram_quantile( 0.99, sum( rate( istio_request_duration_milliseconds_bucket{ ${labels} }[30s] ) ) by (le) )`,
    ]);
    expect(heard[0]?.url).toMatch(/^http:\/\/prometheus:9090\/api\/v1\/query\?query=\+sum%28\+rate/);
    expect(values).toEqual([
      ['request-success-rate', 100],
      ['request-duration', 0.1],
    ]);
  });

  test('11.4.7: those of a DaemonSet without a mesh are those of its own pods, not of the primary', () => {
    const selector = (kind: string): string =>
      observerOf('kubernetes', kind)?.successRate.split('"')[3] ?? '';
    const matches = (kind: string, pod: string): boolean =>
      new RegExp(`^(?:${selector(kind).replace('{{ target }}', 'podinfo')})$`).test(pod);
    expect(selector('Deployment')).toBe('{{ target }}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)');
    expect(matches('Deployment', 'podinfo-6d8f-x2x4x')).toBe(true);
    expect(matches('DaemonSet', 'podinfo-x2x4x')).toBe(true);
    expect(matches('DaemonSet', 'podinfo-primary-x2x4x')).toBe(false);
  });

  test('without a mesh durations are seconds', async () => {
    const { result, values } = await measure([duration], () => vector('0.75'), {
      spec: { provider: 'kubernetes' },
    });
    expect(result.message).toBe('Halt podinfo.test advancement request duration 750ms > 500ms');
    expect(values).toEqual([['request-duration', 0.75]]);
  });

  test('the key of the provider', () => {
    const service = { apiVersion: 'v1', kind: 'Service' as const, name: 'podinfo' };
    expect(providerKey(canaryOf(), 'istio')).toBe('istio');
    expect(providerKey(canaryOf({}, { provider: 'nginx' }), 'istio')).toBe('nginx');
    expect(providerKey(canaryOf({}, { provider: 'nginx' }), 'smi:linkerd')).toBe('linkerd');
    expect(providerKey(canaryOf(), 'appmesh:crossover')).toBe('crossover');
    expect(providerKey(canaryOf({}, { targetRef: service }), 'kubernetes')).toBe('kubernetes:service');
    expect(observerOf('kubernetes:service', 'Service')).toBe(observerOf('istio', 'Deployment'));
  });

  test.each([
    [
      'no traffic',
      successRate,
      () => vector(),
      'Halt advancement no values found for istio metric request-success-rate probably podinfo.test is not receiving traffic: running query failed: no values found',
    ],
    [
      'no traffic',
      successRate,
      () => vector('NaN'),
      'Halt advancement no values found for istio metric request-success-rate probably podinfo.test is not receiving traffic: running query failed: no values found',
    ],
    [
      'no traffic',
      duration,
      () => vector(),
      'Halt advancement no values found for istio metric request-duration probably podinfo.test is not receiving traffic',
    ],
    [
      'errors',
      successRate,
      () => vector('100', '98.5'),
      'Halt podinfo.test advancement success rate 98.50% < 99%',
    ],
    [
      'slowness',
      duration,
      () => vector('1500'),
      'Halt podinfo.test advancement request duration 1.5s > 500ms',
    ],
    [
      'a bad query',
      successRate,
      () => answered(400, 'parse error'),
      'Prometheus query failed: running query failed: error response: Status 400 Bad Request: parse error',
    ],
  ])('%s fails the check', async (_what, metric, answer, message) => {
    const { result } = await measure([metric, successRate], answer);
    expect(result).toEqual({ verdict: 'failed', message });
  });
});

describe('a provider that cannot be asked', () => {
  test.each([
    ['refuses', () => Promise.reject(new FetchError('Unreachable', 'no answer from prometheus'))],
    ['breaks', () => answered(502, 'bad gateway')],
    ['is overloaded', () => answered(429)],
    ['is a login page', () => answered(200, '<html>')],
    ['says nothing for 5 s', silence],
  ])('%s: no verdict', async (_what, answer) => {
    const { result, clock } = await measure([successRate], answer);
    expect(result.verdict).toBe('unavailable');
    expect(result.message).toMatch(/^Prometheus query failed: running query failed: /);
    expect(clock.monotonic()).toBeLessThanOrEqual(5_000);
    expect(clock.pending).toBe(0);
  });

  test('an answer without end is no memory', async () => {
    const { result } = await measure([successRate], () => answered(200, 'x'.repeat(2_000_000)));
    expect(result.verdict).toBe('failed');
    expect(result.message).toContain('larger than 1048576 bytes');
  });

  test('cancelled: rejects instead of a verdict', async () => {
    const clock = new VirtualClock();
    const { fetch } = outside(silence);
    const gone = new AbortController();
    const options = { cluster: sources({}), fetch, clock, log: silentLog };
    const checks = prometheusChecks({
      ...options,
      metricsServer: 'http://prometheus',
      meshProvider: 'istio',
    });
    const measured = checks.metrics(canaryOf({ metrics: [successRate] }), gone.signal);
    gone.abort();
    await expect(clock.run(measured)).rejects.toMatchObject({ code: 'Cancelled' });
  });
});

describe('inline queries', () => {
  const inline = { name: 'requests', query: 'sum(x{ns="{{ namespace }}"})', threshold: 5 };

  test('of a metrics server of their own, whose password is used and not told', async () => {
    const spec = { metricsServer: 'http://me:geheim@own:9090/prom/' };
    const { result, heard } = await measure([inline], () => vector('6'), { spec });
    expect(heard[0]?.url).toBe('http://own:9090/prom/api/v1/query?query=sum%28x%7Bns%3D%22test%22%7D%29');
    expect(heard[0]?.headers).toEqual({ authorization: `Basic ${btoa('me:geheim')}` });
    expect(result.message).toBe('Halt podinfo.test advancement requests 6.00 > 5');
  });

  test.each([
    [() => vector(), 'Halt advancement no values found for metric: requests'],
    [
      () => answered(422, 'x'),
      'Prometheus query failed for requests: error response: Status 422 Unprocessable Entity: x',
    ],
    [
      () => answered(200, '{"data":{"resultType":"matrix","result":[]}}'),
      'Prometheus query failed for requests: query returned multiple values',
    ],
    [
      () => answered(200, '{"data":{"result":[{"values":[[1,"2"]]}]}}'),
      'Prometheus query failed for requests: query returned multiple values',
    ],
    [() => answered(200, '[]'), 'Prometheus query failed for requests: the answer has no result'],
    [() => vector('+Inf'), 'Halt podinfo.test advancement requests +Inf > 5'],
  ])('%#: fails', async (answer, message) => {
    expect((await measure([inline], answer)).result).toEqual({ verdict: 'failed', message });
  });

  test('no usable metric, and a metrics server that is none', async () => {
    const { result } = await measure([{ name: 'x' }, inline], () => vector('1'));
    expect(result.message).toBe(
      'Metric query failed for no usable metrics template and query were configured',
    );
    const bad = await measure([inline], () => vector('1'), { spec: { metricsServer: 'geheim@nowhere' } });
    expect(bad.result.message).toBe(
      'Error building Prometheus client for spec.metricsServer the address is not a valid URL',
    );
  });
});

describe('metric templates', () => {
  test('11.4.5: their interval is 1m if none is set', async () => {
    const { heard } = await measure([custom], () => vector('1'), {
      has: { templates: { errors: template() } },
    });
    expect(heard[0]?.url).toMatch(/^http:\/\/prom\.custom\/base\/api\/v1\/query\?query=errors/);
    expect(queryOf(heard[0]!)).toBe('errors{pod=~"podinfo-.*"}[1m]');
  });

  test('11.4.8: headers and a token go together, and stay what they are', async () => {
    const headers = { 'X-Scope-OrgID': ['a'], Authorization: ['none'] };
    const spec = template({ headers, secretRef: { name: 'prom' } });
    const has = { templates: { errors: spec }, secrets: { prom: { token: 'geheim\n' } } };
    const { heard } = await measure([custom, custom], () => vector('1'), { has });
    const expected = { 'x-scope-orgid': ['a'], authorization: 'Bearer geheim' };
    expect(heard.map((request) => request.headers)).toEqual([expected, expected]);
    expect(headers.Authorization).toEqual(['none']);
  });

  test('the credentials of one server are not told to another that it redirects to', async () => {
    const spec = template({ secretRef: { name: 'prom' } });
    const has = { templates: { errors: spec }, secrets: { prom: { username: 'me', password: 'geheim' } } };
    const moved = { location: 'https://elsewhere/api/v1/query?query=up' };
    const { result, heard } = await measure(
      [custom],
      ({ url }) => (url.startsWith('http://prom') ? answered(302, '', moved) : vector('1')),
      { has },
    );
    expect(result).toEqual(passed);
    expect(heard.map(({ headers }) => headers)).toEqual([
      { authorization: `Basic ${btoa('me:geheim')}` },
      {},
    ]);
  });

  test('come after all others, also those that are named like builtin ones', async () => {
    const both = { ...successRate, templateRef: { name: 'errors' } };
    const has = { templates: { errors: template() } };
    const { heard } = await measure([both, { name: 'x', query: 'up', threshold: 100 }], () => vector('100'), {
      has,
    });
    expect(heard.map((request) => queryOf(request)?.slice(0, 6))).toEqual([' sum( ', 'up', 'errors']);
  });

  test.each([
    ['no template', {}, 'Metric template errors.test error: metrictemplate.flagger.app "errors" not found'],
    [
      'no secret',
      { templates: { errors: template({ secretRef: { name: 's' } }) } },
      'Metric template errors.test secret s error: secrets "s" not found',
    ],
    [
      'no credentials',
      { templates: { errors: template({ secretRef: { name: 's' } }) }, secrets: { s: {} } },
      'Metric template errors.test provider prometheus error: prometheus credentials does not contain a username',
    ],
    [
      'another provider',
      { templates: { errors: template({ type: 'datadog' }) } },
      'Metric template errors.test provider datadog error: provider type datadog is not supported',
    ],
    [
      'no address',
      { templates: { errors: template({ address: '' }) } },
      'Metric template errors.test provider prometheus error: prometheus address is not a valid URL',
    ],
    [
      'a bad query',
      { templates: { errors: { ...template(), query: '{{ nope }}' } } },
      /^Metric template errors\.test query render error: template: line 1: "nope" is not supported/,
    ],
  ])('%s: a failed check, which the probe has told before', async (_what, has, message) => {
    const { result, heard, probe } = await measure([custom], () => vector('1'), {
      has,
    });
    expect(result.verdict).toBe('failed');
    expect(result.message).toMatch(message);
    expect(heard).toEqual([]);
    expect((await probe()).error).toBe(result.message);
  });

  test('that skip verification say so where that is not supported', async () => {
    const spec = template({ address: 'https://prom', insecureSkipVerify: true });
    const { result } = await measure([custom], () => vector('1'), { has: { templates: { errors: spec } } });
    expect(result.verdict).toBe('failed');
    expect(result.message).toContain('skipping the verification of TLS certificates is not supported here');
  });
});

describe('the probe', () => {
  const has = { templates: { errors: template() } };

  test('asks every provider for 1', async () => {
    const { probe, heard } = await measure([], () => vector('1'));
    expect(await probe()).toEqual({ error: undefined });
    expect(heard).toEqual([]);
    const all = await measure([successRate, custom], () => vector('1'), { has });
    all.heard.length = 0;
    expect(await all.probe()).toEqual({ error: undefined });
    expect(all.heard.map(({ url }) => url)).toEqual([
      'http://prometheus:9090/api/v1/query?query=vector%281%29',
      'http://prom.custom/base/api/v1/query?query=vector%281%29',
    ]);
  });

  test('names the one that is not there', async () => {
    const down = await measure([successRate], () => answered(503));
    expect((await down.probe()).error).toBe(
      'prometheus not avaiable: error response: Status 503 Service Unavailable: ',
    );
    const other = await measure([custom], () => vector('2'), { has });
    expect((await other.probe()).error).toBe(
      'prometheus in metric template errors.test not avaiable: vector(1) is 2 there',
    );
  });
});

test('a real Prometheus understands the builtin queries of every provider', async () => {
  const clock = new VirtualClock(600_000);
  const tsdb = new Tsdb();
  const labels = {
    istio: {
      destination_workload_namespace: 'test',
      destination_workload: 'podinfo',
      reporter: 'destination',
    },
    kubernetes: { kubernetes_namespace: 'test', kubernetes_pod_name: 'podinfo-6d8f-x2x4x' },
    nginx: { namespace: 'test', ingress: 'podinfo', canary: 'x' },
  };
  /** A counter that has risen by `perSecond` for a minute. */
  const counter = (name: string, own: object, perSecond: number): void => {
    const all: [string, string][] = Object.entries({ __name__: name, ...own });
    const series = tsdb.series(Labels.of(all.toSorted(([a], [b]) => (a < b ? -1 : 1))))!;
    for (let at = 540; at <= 600; at += 5) series.append(at * 1000, (at - 540) * perSecond);
  };
  for (const [code, rate] of [
    ['200', 9],
    ['503', 1],
  ] as const) {
    counter('istio_requests_total', { ...labels.istio, response_code: code }, rate);
    counter('http_request_duration_seconds_count', { ...labels.kubernetes, status: code }, rate);
    counter('nginx_ingress_controller_requests', { ...labels.nginx, status: code }, rate);
  }
  for (const [le, rate] of [
    ['0.1', 0],
    ['0.2', 10],
    ['+Inf', 10],
  ] as const) {
    counter('http_request_duration_seconds_bucket', { ...labels.kubernetes, le }, rate);
  }
  for (const [le, rate] of [
    ['100', 0],
    ['200', 10],
    ['+Inf', 10],
  ] as const) {
    counter('istio_request_duration_milliseconds_bucket', { ...labels.istio, le }, rate);
  }
  counter('nginx_ingress_controller_response_duration_seconds_sum', labels.nginx, 1.99);
  counter('nginx_ingress_controller_response_duration_seconds_count', labels.nginx, 10);
  const network = new MemoryNetwork();
  const scraper = { statuses: [], intervalMs: 5_000, timeoutMs: 5_000 };
  await network.host('10.0.0.1').listen(9090, { http: prometheusApi({ clock, tsdb, scraper }) });
  const values: [string, number][] = [];
  const checks = prometheusChecks({
    cluster: sources({}),
    fetch: network.host('10.0.0.2').fetch,
    clock,
    log: silentLog,
    metricsServer: 'http://10.0.0.1:9090',
    meshProvider: 'istio',
    onValue: (canary, name, value) =>
      values.push([`${canary.spec.provider} ${name}`, Number(value.toFixed(3))]),
  });
  const metrics = [{ ...successRate, thresholdRange: { min: 90 } }, duration];
  for (const provider of ['istio', 'kubernetes', 'nginx'] as const) {
    const canary = canaryOf({ metrics }, { provider });
    expect(await clock.run(checks.metrics(canary, signal))).toEqual(passed);
    expect(await clock.run(checks.probe(canary, signal))).toEqual({ error: undefined });
  }
  expect(values).toEqual(
    ['istio', 'kubernetes', 'nginx'].flatMap((provider) => [
      [`${provider} request-success-rate`, 90],
      [`${provider} request-duration`, 0.199],
    ]),
  );
});
