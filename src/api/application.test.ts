import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { VirtualClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { seededRandom } from '../base/random.ts';
import { ensureCustomResourceDefinitions } from '../kube/custom-resource-definitions.ts';
import { fieldErrorMessage } from '../machinery/field-errors.ts';
import { type Json, jsonClone, type JsonObject } from '../machinery/json.ts';
import { asJson } from '../machinery/object.ts';
import { type Cluster, inProcessServer, startCluster } from '../sandbox/apiserver/cluster.ts';
import { fleetOf, policyName, validateApplication } from './application-validation.ts';
import type { Application } from './application.ts';
import { fleetDefinitions } from './custom-resource-definitions.ts';

const clock = new VirtualClock();
const random = seededRandom('application');
let cluster: Cluster;

beforeAll(async () => {
  const seams = { clock, random, log: silentLog };
  cluster = await clock.run(startCluster(seams));
  const definitions = Object.values(fleetDefinitions);
  const { signal } = new AbortController();
  const client = cluster.client();
  await clock.run(ensureCustomResourceDefinitions({ ...seams, client, definitions, signal }));
});

afterAll(() => cluster.close());

interface Answer {
  readonly message?: string;
  readonly spec: JsonObject;
  readonly metadata: { readonly generation: number };
  readonly details?: { readonly causes: readonly { readonly field: string }[] };
}

async function send(method: string, path: string, body?: unknown, type = 'application/json') {
  const response = await clock.run(
    cluster.fetch(`${inProcessServer}${path}`, {
      method,
      headers: { 'content-type': type },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }),
  );
  return { status: response.status, body: (await response.json()) as Answer };
}

function example(path: string): JsonObject {
  return parse(readFileSync(new URL(`../../examples/${path}`, import.meta.url), 'utf8')) as JsonObject;
}

const applications = '/apis/apps.kurator.dev/v1alpha1/namespaces/default/applications';
const seed = example('rollout/blue_green.yaml') as unknown as Application;
/** Values by path below `spec`; undefined takes away. */
type Changes = Readonly<Record<string, unknown>>;

/** The walkthrough's Application, changed. */
function changed(changes: Changes, name = 'changed'): Application {
  const application = jsonClone(seed);
  application.metadata.name = name;
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split('.');
    const last = keys.pop() ?? '';
    let at = asJson(application)['spec'];
    for (const key of keys) at = (at as JsonObject)[key];
    if (value === undefined) delete (at as JsonObject)[last];
    else (at as JsonObject)[last] = value as Json;
  }
  return application;
}

const rollout = 'syncPolicies.0.rollout';
/** A path of {@link Changes} as messages have it. */
const inSpec = (path: string): string => `spec.${path.replace('.0', '[0]')}`;
const custom = (name: string) => ({ name, customMetric: { provider: { type: 'prometheus' }, query: '1' } });
const routing = `${rollout}.rolloutPolicy.trafficRouting`;
const analysis = `${rollout}.rolloutPolicy.trafficAnalysis`;

describe('an Application', () => {
  test.each(['blue_green', 'canary', 'ab-testing'])(
    '%s comes back from the server with two defaults more, and nothing less',
    async (file) => {
      const input = example(`rollout/${file}.yaml`) as unknown as Application;
      const path = `${applications}/${input.metadata.name}?fieldManager=kubectl&fieldValidation=Strict`;

      const { status, body } = await send('PATCH', path, input, 'application/apply-patch+yaml');

      expect(body.message).toBeUndefined();
      expect(status).toBe(201);
      expect(body.spec).toEqual({
        ...input.spec,
        source: { gitRepository: { ...input.spec.source.gitRepository, gitImplementation: 'go-git' } },
        syncPolicies: input.spec.syncPolicies.map(({ kustomization, ...policy }) => ({
          ...policy,
          kustomization: { ...kustomization, force: false },
        })),
      });
      expect(validateApplication({ ...input, spec: body.spec } as never)).toEqual([]);

      const again = await send('PATCH', path, input, 'application/apply-patch+yaml');
      expect(again.body.metadata.generation).toBe(1);
    },
  );

  test('gets the defaults of helm and OCI sources, inside what was given only', async () => {
    const helm = { chart: { spec: { chart: 'podinfo' } }, interval: '50m' };
    const source = { helmRepository: { url: 'https://example.com', interval: '5m' } };
    const syncPolicies = [{ helm: { ...helm, values: { a: { b: [1] } } } }];
    const application = changed({ source, syncPolicies }, 'helm');

    const { body } = await send('POST', applications, application);

    expect(body.spec).toEqual({
      source: { helmRepository: { ...source.helmRepository, provider: 'generic', timeout: '60s' } },
      syncPolicies: [
        {
          helm: {
            ...helm,
            chart: { spec: { chart: 'podinfo', version: '*', reconcileStrategy: 'ChartVersion' } },
            values: { a: { b: [1] } },
          },
        },
      ],
    });
  });

  const consistent = 'because fleet must be consistent throughout the application';
  const refused: [string, Changes, string, string?][] = [
    ['no source', { source: {} }, 'exactly one of gitRepository'],
    [
      'two sources',
      { 'source.ociRepository': { url: 'oci://a', interval: '1m' } },
      'exactly one of gitRepository',
    ],
    ['no policies', { syncPolicies: [] }, 'spec.syncPolicies'],
    ['a policy that does nothing', { 'syncPolicies.1.kustomization': undefined }, 'exactly one of'],
    [
      'policies of one name',
      { 'syncPolicies.0.name': 'a', 'syncPolicies.1.name': 'A' },
      'unique',
      'spec.syncPolicies[1].name: Duplicate value: "a"',
    ],
    [
      'a policy with another fleet than the Application',
      { destination: { fleet: 'quickstart' }, 'syncPolicies.1.destination.fleet': 'other' },
      `must be same as application.spec.destination.fleet:quickstart, ${consistent}`,
      `spec.syncPolicies[1].destination.fleet: Invalid value: "other": must be same as application.spec.destination.fleet:quickstart, ${consistent}`,
    ],
    [
      'policies with two fleets',
      { 'syncPolicies.1.destination.fleet': 'other' },
      `must be same as firstPolicyFleet:quickstart, ${consistent}`,
      `spec.syncPolicies[1].destination.fleet: Invalid value: "other": must be same as firstPolicyFleet:quickstart, ${consistent}`,
    ],
    [
      'a fleet in some policies',
      { 'syncPolicies.0.destination': undefined },
      'must be set when application.spec.destination.fleet is not set',
      'spec.syncPolicies.destination.fleet: Required value: must be set when application.spec.destination.fleet is not set',
    ],
    [
      'a StatefulSet',
      { [`${rollout}.workload.kind`]: 'StatefulSet' },
      'must be Deployment or DaemonSet',
      'spec.syncPolicies[0].rollout.workload.kind: Unsupported value: "StatefulSet": supported values: "Deployment", "DaemonSet"',
    ],
    [
      'nginx without a host',
      { [`${rollout}.trafficRoutingProvider`]: 'nginx' },
      'spec.syncPolicies[0].rollout.rolloutPolicy.trafficRouting.host: Required value: nginx needs rolloutPolicy.trafficRouting.host',
      'expected application.syncPolicies.Rollout.RolloutPolicy.TrafficRouting.Host in index 0',
    ],
    ['an unknown provider', { [`${rollout}.trafficRoutingProvider`]: 'isto' }, 'trafficRoutingProvider'],
    [
      'two strategies',
      { [`${routing}.canaryStrategy`]: { stepWeight: 10 } },
      'exactly one of canaryStrategy and analysisTimes',
    ],
    [
      'no strategy',
      { [`${routing}.analysisTimes`]: undefined },
      'exactly one of canaryStrategy and analysisTimes',
    ],
    [
      'two ways to step',
      {
        [`${routing}.analysisTimes`]: undefined,
        [`${routing}.canaryStrategy`]: { stepWeight: 10, stepWeights: [1, 2] },
      },
      'exactly one of stepWeight (above 0) and stepWeights',
    ],
    [
      'steps that fall',
      { [`${routing}.analysisTimes`]: undefined, [`${routing}.canaryStrategy`]: { stepWeights: [2, 1] } },
      'trafficRouting.canaryStrategy.stepWeights: Invalid value: stepWeights must rise',
      'spec.syncPolicies[0].rollout.rolloutPolicy.trafficRouting.canaryStrategy.stepWeights: Invalid value: [2,1]: must rise: each step has more traffic than the one before',
    ],
    [
      'steps of 0',
      { [`${routing}.analysisTimes`]: undefined, [`${routing}.canaryStrategy`]: { stepWeight: 0 } },
      'exactly one of stepWeight (above 0) and stepWeights',
    ],
    ['no routing', { [routing]: undefined }, 'trafficRouting'],
    ['no analysis', { [analysis]: undefined }, 'trafficAnalysis'],
    [
      'a range upside down',
      { [`${analysis}.metrics.0.thresholdRange`]: { min: 2, max: 1 } },
      'min must not exceed max',
    ],
    ['commands twice', { [`${analysis}.webhooks.commands`]: ['a'] }, 'command and commands are the same'],
    [
      'two metrics that make one MetricTemplate',
      { [`${analysis}.metrics`]: [custom('errors'), { name: 'errors' }, custom('errors')] },
      'names of metrics with a customMetric must be unique',
      'trafficAnalysis.metrics[2].name: Duplicate value: "errors"',
    ],
    [
      'a metric whose template could not exist',
      { [`${analysis}.metrics`]: [custom('My_Errors')] },
      'trafficAnalysis.metrics[0].name',
      'trafficAnalysis.metrics[0].name: Invalid value',
    ],
    ['a check every 300 years', { [`${analysis}.checkIntervalSeconds`]: 1e10 }, 'checkIntervalSeconds'],
    [
      'a condition that matches nothing',
      { [`${routing}.match`]: [{ headers: { cookie: {} } }] },
      'must validate one and only one schema (oneOf)',
    ],
    [
      'a Service whose second and third could not exist',
      { [`${rollout}.serviceName`]: 'a'.repeat(56) },
      'serviceName',
    ],
    [
      'a Secret whose name is a path',
      { 'source.gitRepository.secretRef': { name: '../b' } },
      'spec.source.gitRepository.secretRef.name: Invalid value: "../b"',
      'spec.source.gitRepository.secretRef.name: Invalid value',
    ],
    ['an address of scp', { 'source.gitRepository.url': 'git@host:path' }, 'url'],
  ];

  test.each(refused)(
    'is refused with %s, by the server and by the program',
    async (_title, change, text, ours) => {
      const application = changed(change);

      const { status, body } = await send('POST', applications, application);
      expect(status).toBe(422);
      expect(body.message).toContain(text);

      const messages = validateApplication(application).map(fieldErrorMessage);
      expect(messages.length).toBeGreaterThan(0);
      if (ours !== undefined) expect(messages.join('\n')).toContain(ours);
    },
  );

  const accepted: [string, Changes][] = [
    [
      'zeros, which are defaults',
      {
        [`${routing}.analysisTimes`]: 0,
        [`${routing}.timeoutSeconds`]: 0,
        [`${routing}.canaryStrategy`]: {
          maxWeight: 0,
          stepWeight: 0,
          stepWeights: [10, 50],
          stepWeightPromotion: 0,
        },
        [`${analysis}.checkIntervalSeconds`]: 0,
        [`${analysis}.checkFailedTimes`]: 0,
      },
    ],
    ['kinds in any case', { [`${rollout}.workload.kind`]: 'deployment' }],
    ['the alias of command', { [`${analysis}.webhooks`]: { commands: ['hey http://a'] } }],
    [
      'no fleet at all: the host cluster',
      { 'syncPolicies.0.destination': undefined, 'syncPolicies.1.destination': undefined },
    ],
    [
      'the fleet of the Application',
      { destination: { fleet: 'quickstart' }, 'syncPolicies.1.destination': undefined },
    ],
  ];

  test.each(accepted)('is accepted with %s', async (title, change) => {
    const application = changed(change, title.toLowerCase().replaceAll(/[^a-z]+/g, '-'));

    const { status, body } = await send('POST', `${applications}?fieldValidation=Strict`, application);

    expect(body.message).toBeUndefined();
    expect(status).toBe(201);
    expect(validateApplication(application)).toEqual([]);
  });

  test('is refused by the program with what Services and routes could not have', () => {
    const odd = changed({
      [`${rollout}.primary`]: { labels: { 'a b': 'c d' }, annotations: { 'Fine.example/Key': 'any text' } },
      [`${rollout}.preview`]: { annotations: { 'a//b': '' } },
      [`${routing}.retries`]: { perTryTimeout: 'soon' },
      [`${routing}.corsPolicy`]: { maxAge: '1d' },
    });

    expect(validateApplication(odd).map(({ field }) => field)).toEqual([
      `${inSpec(rollout)}.primary.labels.a b`,
      `${inSpec(rollout)}.primary.labels.a b`,
      `${inSpec(rollout)}.preview.annotations.a//b`,
      `${inSpec(routing)}.retries.perTryTimeout`,
      `${inSpec(routing)}.corsPolicy.maxAge`,
    ]);
  });

  test('is refused by the program with a duration that no clock can count', () => {
    const long = changed({
      'source.gitRepository.timeout': '1000000000000000m',
      'syncPolicies.0.kustomization.interval': '1000000000000000h',
    });

    expect(validateApplication(long).map(fieldErrorMessage)).toEqual([
      expect.stringMatching(/^spec.source.gitRepository.timeout: .*must be at most 292 years$/),
      expect.stringMatching(/^spec.syncPolicies\[0\].kustomization.interval: .*must be at most 292 years$/),
    ]);
  });

  test('names its policies by their place, and another one cannot take such a name', () => {
    const application = changed({ 'syncPolicies.1.name': 'Changed-0' });

    expect(policyName('changed', application.spec, 0)).toBe('changed-0');
    expect(validateApplication(application).map(fieldErrorMessage)).toEqual([
      'spec.syncPolicies[1].name: Duplicate value: "changed-0"',
    ]);
    expect(fleetOf(application.spec)).toBe('quickstart');
  });

  test('keeps a status with both spellings and the zeros of the Canary', async () => {
    const path = `${applications}/blue-green-demo`;
    const canary = {
      phase: 'Initialized',
      canaryWeight: 0,
      failedChecks: 0,
      iterations: 0,
      trackedConfigs: {},
    };
    const rolloutStatus = {
      backupNameInCluster: 'backend',
      backupStatusInCluster: canary,
      clusterName: 'kurator-member1',
      rolloutNameInCluster: 'backend',
      rolloutStatusInCluster: canary,
    };
    const status = { sourceStatus: {}, syncStatus: [{ name: 'a', rolloutStatus }] };

    await send('PATCH', `${path}/status`, { status }, 'application/merge-patch+json');
    const { body } = await send('GET', path);

    expect(body).toMatchObject({ status });
  });
});

test.each([
  ['apps.kurator.dev/v1alpha1', 'Application', 'Application brings manifests'],
  ['cluster.kurator.dev/v1alpha1', 'AttachedCluster', 'AttachedCluster is a cluster'],
  ['fleet.kurator.dev/v1alpha1', 'Fleet', 'Fleet is a set of clusters'],
])('kubectl explain finds all fields of %s %s', async (version, kind, description) => {
  const { status, body } = await send('GET', `/openapi/v3/apis/${version}`);
  const { components } = body as unknown as { components: { schemas: Record<string, JsonObject> } };
  const schema = Object.entries(components.schemas).find(([name]) => name.endsWith(`.${kind}`))?.[1];

  expect(status).toBe(200);
  expect(schema?.['description']).toContain(description);
  const { properties = {} } = schema as { properties?: Record<string, JsonObject> };
  expect(Object.keys(properties).sort()).toEqual(['apiVersion', 'kind', 'metadata', 'spec', 'status']);
  const unexplained = Object.entries(properties).filter(([, property]) => !property['description']);
  expect(unexplained).toEqual([]);
  expect(properties['apiVersion']?.['description']).toContain('versioned schema');
});

describe('kubectl get', () => {
  test.each([
    ['apps.kurator.dev/v1alpha1', 'applications', 'Name Phase Ready Age', 'Revision Message'],
    ['cluster.kurator.dev/v1alpha1', 'attachedclusters', 'Name Ready', 'Reason Message Age'],
    ['fleet.kurator.dev/v1alpha1', 'fleets', 'Name Phase', 'Ready UnReady Message Age'],
  ])('has for %s %s the columns %s, and with -o wide also %s', async (version, plural, columns, wide) => {
    const response = await clock.run(
      cluster.fetch(`${inProcessServer}/apis/${version}/${plural}`, {
        headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
      }),
    );
    const table = (await response.json()) as { columnDefinitions: { name: string; priority: number }[] };
    const shown = (priority: number): string =>
      table.columnDefinitions
        .flatMap((column) => (column.priority === priority ? [column.name] : []))
        .join(' ');

    expect([shown(0), shown(1)]).toEqual([columns, wide]);
  });
});

describe('the other kinds', () => {
  const clusters = '/apis/cluster.kurator.dev/v1alpha1/namespaces/default/attachedclusters';
  const fleets = '/apis/fleet.kurator.dev/v1alpha1/namespaces/default/fleets';

  test('the manifests of the walkthrough are accepted as they are', async () => {
    const text = (file: string) =>
      readFileSync(new URL(`../../examples/fleet/${file}`, import.meta.url), 'utf8');
    const documents = (file: string) =>
      parseAllDocuments(text(file)).map((document) => document.toJS() as JsonObject);

    for (const cluster of documents('attachedclusters.yaml')) {
      const { body } = await send('POST', `${clusters}?fieldValidation=Strict`, cluster);
      expect(body.spec).toEqual(cluster['spec']);
    }
    for (const fleet of documents('fleet.yaml')) {
      const { body } = await send('POST', `${fleets}?fieldValidation=Strict`, fleet);
      expect(body.spec).toEqual(fleet['spec']);
    }
  });

  test('an AttachedCluster needs a Secret, whose key is "value" unless it is named', async () => {
    const object = (name: string, kubeconfig: unknown): object => ({
      apiVersion: 'cluster.kurator.dev/v1alpha1',
      kind: 'AttachedCluster',
      metadata: { name },
      spec: { kubeconfig },
    });

    const { body } = await send('POST', clusters, object('a', { name: 'a' }));
    expect(body.spec).toEqual({ kubeconfig: { name: 'a', key: 'value' } });
    expect((await send('POST', clusters, object('b', {}))).body.message).toContain(
      'spec.kubeconfig.name: Required value',
    );
    expect((await send('POST', clusters, object('b', { name: 'a', key: 'A_B' }))).status).toBe(422);
  });

  test('a Fleet has a name that can be a label of its clusters', async () => {
    const fleet = (name: string): object => ({
      apiVersion: 'fleet.kurator.dev/v1alpha1',
      kind: 'Fleet',
      metadata: { name },
      spec: {},
    });

    expect((await send('POST', fleets, fleet('a'.repeat(63)))).status).toBe(201);
    const { status, body } = await send('POST', fleets, fleet('a'.repeat(64)));
    expect(status).toBe(422);
    expect(body.message).toContain('the name of a Fleet must be at most 63 characters long');
  });

  test('a Fleet may name plugins that are not ours', async () => {
    const plugin = {
      metric: { thanos: { objectStoreConfig: { secretName: 'a' } }, prometheus: {} },
      grafana: { extraArgs: { a: { b: 1 } } },
      policy: {
        kyverno: {
          podSecurity: { standard: 'baseline', severity: 'high', validationFailureAction: 'Audit' },
        },
      },
      backup: { storage: { location: { bucket: 'a', provider: 'b', endpoint: 'c' }, secretName: 'd' } },
      distributedStorage: { storage: { dataDirHostPath: '/a', monitor: { count: 3 } } },
      submariner: {
        brokerCluster: 'a',
        clusterCidrs: { a: '10.0.0.0/8' },
        serviceCidrs: { a: '10.0.0.0/8' },
      },
      flagger: {
        trafficRoutingProvider: 'istio',
        extraArgs: { logLevel: 'debug' },
        chart: { version: '1.x' },
      },
    };
    const fleet = {
      apiVersion: 'fleet.kurator.dev/v1alpha1',
      kind: 'Fleet',
      metadata: { name: 'all' },
      spec: { plugin },
    };

    const { status, body } = await send('POST', `${fleets}?fieldValidation=Strict`, fleet);

    expect(body.message).toBeUndefined();
    expect(status).toBe(201);
    expect(body.spec).toEqual({ plugin });
  });
});
