import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { VirtualClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { seededRandom } from '../base/random.ts';
import { type Cluster, inProcessServer, startCluster } from '../sandbox/apiserver/cluster.ts';
import { type CanarySpec, canarySpec } from './canary.ts';
import { validateCanary } from './canary-validation.ts';
import { customResourceDefinitions } from './custom-resource-definitions.ts';

interface Answer {
  readonly status: number;
  readonly body: {
    readonly message?: string;
    readonly spec?: Record<string, unknown>;
    readonly [key: string]: unknown;
  };
}

const clock = new VirtualClock();
let cluster: Cluster;

const types: Readonly<Record<string, string>> = { PATCH: 'application/merge-patch+json' };

async function send(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await clock.run(
    cluster.fetch(`${inProcessServer}${path}`, {
      method,
      headers: { 'content-type': types[method] ?? 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }),
  );
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

beforeAll(async () => {
  cluster = await clock.run(startCluster({ clock, random: seededRandom('crds'), log: silentLog }));
});

afterAll(() => cluster.close());

const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const served = '/apis/flagger.app/v1beta1/namespaces/default';

const target = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'podinfo' };
const knative = { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name: 'podinfo' };
const scaler = { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', name: 'podinfo' };
const byWeight = { interval: '1m', threshold: 5, maxWeight: 50, stepWeight: 10 };

function canary(name: string, spec: object): object {
  const whole = { targetRef: target, service: { port: 9898 }, analysis: byWeight, ...spec };
  return { apiVersion: 'flagger.app/v1beta1', kind: 'Canary', metadata: { name }, spec: whole };
}

describe('the definitions', () => {
  test.each(Object.entries(customResourceDefinitions))('%s is what src/api generates', (file, definition) => {
    const text = readFileSync(new URL(`../../deploy/crds/${file}`, import.meta.url), 'utf8');

    // When this fails: node scripts/generate-crds.mjs
    expect(parse(text)).toEqual(definition);
  });

  test.each(Object.entries(customResourceDefinitions))(
    '%s is accepted and served',
    async (_file, definition) => {
      const created = await send('POST', crds, definition);
      expect(created.body.message).toBeUndefined();
      expect(created.status).toBe(201);

      await clock.advance(1000);
      const { name } = (created.body as { metadata: { name: string } }).metadata;
      const { body } = await send('GET', `${crds}/${name}`);
      const { conditions } = body['status'] as { conditions: { type: string; status: string }[] };
      const isTrue = (type: string): boolean =>
        conditions.some((condition) => condition.type === type && condition.status === 'True');
      expect(isTrue('Established')).toBe(true);
      expect(isTrue('NonStructuralSchema')).toBe(false);
    },
  );
});

const examples: Record<string, object> = {
  'the canary of the Istio tutorial': {
    provider: 'istio',
    progressDeadlineSeconds: 60,
    autoscalerRef: scaler,
    service: {
      port: 9898,
      targetPort: 'http',
      gateways: ['istio-system/public-gateway'],
      hosts: ['app.example.com'],
      trafficPolicy: { tls: { mode: 'DISABLE' } },
      retries: { attempts: 3, perTryTimeout: '1s', retryOn: 'gateway-error,connect-failure,refused-stream' },
      headers: { request: { add: { 'x-some-header': 'value' } } },
      corsPolicy: { allowOrigins: [{ regex: '.*' }], maxAge: '24h', allowCredentials: true },
    },
    analysis: {
      ...byWeight,
      metrics: [
        { name: 'request-success-rate', thresholdRange: { min: 99 }, interval: '1m' },
        {
          name: 'latency',
          templateRef: { name: 'latency', namespace: 'istio-system' },
          thresholdRange: { max: 500 },
        },
      ],
      webhooks: [
        {
          name: 'load-test',
          url: 'http://flagger-loadtester.test/',
          timeout: '5s',
          metadata: { cmd: 'hey -z 1m -q 10 -c 2 http://podinfo-canary.test:9898/' },
        },
        { name: 'gate', type: 'confirm-promotion', url: 'http://flagger-loadtester.test/gate/approve' },
      ],
      alerts: [
        { name: 'on-call', severity: 'error', providerRef: { name: 'on-call', namespace: 'flagger' } },
      ],
    },
  },
  'the blue green rollout of an application': {
    provider: 'istio',
    targetRef: { ...target, name: 'backend' },
    progressDeadlineSeconds: 600,
    service: {
      name: 'backend',
      port: 9898,
      targetPort: 'http',
      portDiscovery: false,
      timeout: '60s',
      gateways: ['istio-system/public-gateway'],
      hosts: ['backend.webapp'],
    },
    analysis: {
      interval: '90s',
      iterations: 3,
      threshold: 2,
      metrics: [
        { name: 'request-success-rate', interval: '90s', thresholdRange: { min: 99 } },
        { name: 'request-duration', interval: '90s', thresholdRange: { max: 500 } },
      ],
      webhooks: [
        {
          name: 'generated-testload-0',
          type: '',
          url: 'http://backend-testloader.webapp/',
          timeout: '60s',
          muteAlert: false,
          metadata: { type: 'cmd', cmd: 'hey -z 1m -q 10 -c 2 http://backend-canary.webapp:9898/' },
        },
      ],
    },
  },
  'an A/B test by header and cookie': {
    analysis: {
      interval: '1m',
      threshold: 10,
      iterations: 10,
      match: [
        { headers: { 'x-canary': { regex: '.*insider.*' } } },
        { headers: { cookie: { regex: '^(.*?;)?(canary=always)(;.*)?$' } } },
      ],
    },
  },
  'a mirrored blue/green': {
    provider: 'istio',
    service: { port: 80, targetPort: 9898, portDiscovery: true },
    analysis: { interval: '30s', threshold: 3, iterations: 5, mirror: true, mirrorWeight: 50 },
  },
  'steps and session affinity': {
    analysis: {
      interval: '1m30s',
      threshold: 0,
      stepWeights: [1, 2, 10, 80],
      stepWeightPromotion: 20,
      sessionAffinity: { cookieName: 'flagger-cookie' },
    },
  },
  'a DaemonSet behind a gateway': {
    provider: 'gatewayapi:v1',
    targetRef: { ...target, kind: 'DaemonSet' },
    service: {
      port: 80,
      gatewayRefs: [{ name: 'gateway', namespace: 'default' }],
      match: [{ uri: { prefix: '/' } }],
    },
    skipAnalysis: true,
    revertOnDeletion: true,
    suspend: false,
  },
};

describe('a Canary', () => {
  test.each(Object.entries(examples))('is accepted and nothing of it is pruned: %s', async (title, spec) => {
    const { status, body } = await send(
      'POST',
      `${served}/canaries?fieldValidation=Strict`,
      canary(title.toLowerCase().replaceAll(/[^a-z]+/g, '-'), spec),
    );

    expect(body.message).toBeUndefined();
    expect(status).toBe(201);
    expect(body.spec).toMatchObject(spec);
    // The program agrees with the API server.
    const parsed: CanarySpec = canarySpec.parse(body.spec);
    expect(validateCanary(parsed, { namespace: 'default' })).toEqual([]);
  });

  test('gets the defaults of its schema', async () => {
    const { body } = await send('GET', `${served}/canaries/steps-and-session-affinity`);
    const { analysis } = body.spec as { analysis: { sessionAffinity: object } };

    expect(analysis.sessionAffinity).toEqual({ cookieName: 'flagger-cookie', maxAge: 86_400 });
  });

  const bad: [string, object, string][] = [
    ['no analysis', { analysis: undefined }, 'spec.analysis: Required value'],
    [
      'a kind that is no target',
      { targetRef: { ...target, kind: 'StatefulSet' } },
      'spec.targetRef.kind: Unsupported value: "StatefulSet"',
    ],
    ['a provider that does not exist', { provider: 'isto' }, 'spec.provider: Unsupported value: "isto"'],
    [
      'iterations beside weights',
      { analysis: { ...byWeight, iterations: 3 } },
      'spec.analysis: Invalid value: give exactly one of iterations, stepWeight and stepWeights',
    ],
    [
      'no steps',
      { analysis: { interval: '1m', threshold: 3 } },
      'spec.analysis: Invalid value: give exactly one of iterations, stepWeight and stepWeights',
    ],
    ['no interval', { analysis: { threshold: 3, stepWeight: 1 } }, 'spec.analysis.interval: Required value'],
    [
      'no threshold',
      { analysis: { interval: '1m', stepWeight: 1 } },
      'spec.analysis.threshold: Required value',
    ],
    [
      'no Service',
      { service: undefined },
      'spec.service: Required value: must be given: the port of the Services that users call',
    ],
    [
      'a Deployment for Knative',
      { provider: 'knative' },
      "spec.targetRef: Invalid value: can't use apps/v1/Deployment as target if provider is set to knative",
    ],
    [
      'a Knative Service for Istio',
      { provider: 'istio', targetRef: knative },
      "spec.provider: Invalid value: can't use istio provider with Knative Service as target",
    ],
    [
      'a Knative Service with an autoscaler',
      { provider: 'knative', targetRef: knative, autoscalerRef: scaler },
      "spec.autoscalerRef: Invalid value: can't use autoscaler with Knative Service",
    ],
    [
      'fewer replicas at most than at least',
      { autoscalerRef: { ...scaler, primaryScalerReplicas: { minReplicas: 3, maxReplicas: 2 } } },
      'spec.autoscalerRef.primaryScalerReplicas: Invalid value: minReplicas must not exceed maxReplicas',
    ],
    [
      'steps of 0',
      { analysis: { ...byWeight, stepWeight: 0 } },
      'spec.analysis.stepWeight: Invalid value: stepWeight must be above 0',
    ],
    [
      'steps that fall',
      { analysis: { interval: '1m', threshold: 3, stepWeights: [10, 5] } },
      'stepWeights must rise',
    ],
    [
      'a step twice',
      { analysis: { interval: '1m', threshold: 3, stepWeights: [5, 5] } },
      'stepWeights must rise',
    ],
    ['a weight above 100', { analysis: { ...byWeight, maxWeight: 101 } }, 'spec.analysis.maxWeight'],
    ['an interval in hours', { analysis: { ...byWeight, interval: '1h' } }, 'spec.analysis.interval'],
    ['no port', { service: {} }, 'spec.service.port: Required value'],
    [
      'hosts beside delegation',
      { service: { port: 80, delegation: true, hosts: ['a'] } },
      'cannot have hosts and gateways when delegation is enabled',
    ],
    [
      'two ways to match a header',
      {
        analysis: {
          interval: '1m',
          threshold: 1,
          iterations: 1,
          match: [{ headers: { a: { exact: 'a', prefix: 'a' } } }],
        },
      },
      'must validate one and only one schema (oneOf)',
    ],
    [
      'one cookie for both',
      { analysis: { ...byWeight, sessionAffinity: { cookieName: 'a', primaryCookieName: 'a' } } },
      "can't use the same cookie name",
    ],
    [
      'a range upside down',
      { analysis: { ...byWeight, metrics: [{ name: 'a', thresholdRange: { min: 2, max: 1 } }] } },
      'min must not exceed max',
    ],
    [
      'a hook without a URL',
      { analysis: { ...byWeight, webhooks: [{ name: 'a' }] } },
      'spec.analysis.webhooks[0].url: Required value',
    ],
  ];

  test.each(bad)('is refused with %s', async (_title, spec, message) => {
    const { status, body } = await send('POST', `${served}/canaries`, canary('bad', spec));

    expect(status).toBe(422);
    expect(body.message).toContain(message);
  });

  test('has a status of its own, with its zeros', async () => {
    const path = `${served}/canaries/a-mirrored-blue-green`;
    const status = {
      phase: 'Progressing',
      failedChecks: 0,
      canaryWeight: 0,
      iterations: 2,
      trackedConfigs: {},
    };

    await send('PATCH', `${path}/status`, { status });
    const { body } = await send('GET', path);

    expect(body['status']).toEqual(status);
  });

  test('is shown by the columns of Flagger', async () => {
    const lastTransitionTime = '2024-01-15T08:10:40Z';
    const path = `${served}/canaries/steps-and-session-affinity`;
    await send('PATCH', `${path}/status`, {
      status: { phase: 'Progressing', canaryWeight: 2, lastTransitionTime },
    });

    const response = await clock.run(
      cluster.fetch(`${inProcessServer}${path}`, {
        headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
      }),
    );
    const { columnDefinitions, rows } = (await response.json()) as {
      columnDefinitions: { name: string; priority: number }[];
      rows: { cells: unknown[] }[];
    };

    expect(columnDefinitions.map(({ name, priority }, i) => [name, priority, rows[0]?.cells[i]])).toEqual([
      ['Name', 0, 'steps-and-session-affinity'],
      ['Status', 0, 'Progressing'],
      ['Weight', 0, '2'],
      ['Suspended', 1, null],
      ['FailedChecks', 1, null],
      ['Interval', 1, '1m30s'],
      ['Mirror', 1, null],
      ['StepWeight', 1, null],
      ['StepWeights', 1, '[1,2,10,80]'],
      ['MaxWeight', 1, null],
      ['LastTransitionTime', 0, lastTransitionTime],
    ]);
  });
});

describe('the other kinds', () => {
  const object = (kind: string, name: string, spec: object): object => ({
    apiVersion: 'flagger.app/v1beta1',
    kind,
    metadata: { name },
    spec,
  });

  test('a MetricTemplate needs a known provider and a query', async () => {
    const provider = { type: 'prometheus', address: 'http://prometheus:9090', headers: { 'x-scope': ['a'] } };
    const good = await send(
      'POST',
      `${served}/metrictemplates`,
      object('MetricTemplate', 'a', { provider, query: 'up' }),
    );
    const bad = await send(
      'POST',
      `${served}/metrictemplates`,
      object('MetricTemplate', 'b', { provider: { type: 'x' } }),
    );

    expect(good.status).toBe(201);
    expect(bad.body.message).toContain('spec.provider.type: Unsupported value: "x"');
    expect(bad.body.message).toContain('spec.query: Required value');
  });

  test('an AlertProvider has an address or a secret, not both', async () => {
    const path = `${served}/alertproviders`;
    const address = 'https://hooks.example.com';
    const secretRef = { name: 'hook' };

    expect((await send('POST', path, object('AlertProvider', 'a', { type: 'slack', address }))).status).toBe(
      201,
    );
    expect(
      (await send('POST', path, object('AlertProvider', 'b', { type: 'slack', secretRef }))).status,
    ).toBe(201);
    expect(
      (await send('POST', path, object('AlertProvider', 'c', { type: 'slack', address, secretRef }))).status,
    ).toBe(422);
    const neither = await send('POST', path, object('AlertProvider', 'd', { type: 'slack' }));
    expect(neither.status).toBe(422);
    expect(neither.body.message).toContain('spec: Invalid value: give exactly one of address and secretRef');
  });
});
