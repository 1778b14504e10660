import { describe, expect, test } from 'vitest';
import type { Rollout } from '../../api/application.ts';
import { blueGreen, custom, place } from './member-world.test-double.ts';
import {
  publicTestLoaderService,
  renderCanary,
  renderMetricTemplates,
  renderTestLoader,
} from './render-rollout.ts';

type Analysis = Rollout['rolloutPolicy']['trafficAnalysis'];
type Routing = Rollout['rolloutPolicy']['trafficRouting'];

const { labels } = place;
const annotations = { 'kurator.dev/rollout': 'blue-green-demo-0' };

function changed(
  rest: Partial<Rollout>,
  routing: Partial<Routing> = {},
  analysis: Partial<Analysis> = {},
): Rollout {
  const { rolloutPolicy } = blueGreen;
  return {
    ...blueGreen,
    rolloutPolicy: {
      ...rolloutPolicy,
      trafficRouting: { ...rolloutPolicy.trafficRouting, ...routing },
      trafficAnalysis: { ...rolloutPolicy.trafficAnalysis, ...analysis },
    },
    ...rest,
  };
}

const canaryOf = (rollout: Rollout, targetPort?: string | number): Record<string, Record<string, unknown>> =>
  renderCanary(rollout, place, targetPort)['spec'] as Record<string, Record<string, unknown>>;
const minimal: Rollout = {
  trafficRoutingProvider: 'istio',
  workload: { apiVersion: 'apps/v1', name: 'backend', kind: 'Deployment' },
  serviceName: 'backend',
  port: 80,
  rolloutPolicy: {
    trafficRouting: { canaryStrategy: { stepWeight: 10 } },
    trafficAnalysis: { checkIntervalSeconds: 60, checkFailedTimes: 0 },
  },
};

describe('the Canary', () => {
  test('of the walkthrough is what the reference says, to the letter', () => {
    expect(renderCanary(blueGreen, place, 'http')).toStrictEqual({
      apiVersion: 'flagger.app/v1beta1',
      kind: 'Canary',
      metadata: { name: 'backend', namespace: 'webapp', labels, annotations },
      spec: {
        provider: 'istio',
        targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'backend' },
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
          threshold: 2,
          iterations: 3,
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
    });
  });

  test('leaves out all that is not given', () => {
    expect(renderCanary(minimal, place, undefined)).toStrictEqual({
      apiVersion: 'flagger.app/v1beta1',
      kind: 'Canary',
      metadata: { name: 'backend', namespace: 'default', labels, annotations },
      spec: {
        provider: 'istio',
        targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'backend' },
        service: { name: 'backend', port: 80, portDiscovery: false },
        analysis: { interval: '60s', threshold: 0, stepWeight: 10 },
      },
    });
  });

  test('is called like the workload, and its Service like the Service', () => {
    const rollout = changed({ serviceName: 'api' });
    expect(renderCanary(rollout, place, 'http').metadata.name).toBe('backend');
    expect(canaryOf(rollout)['service']).toMatchObject({ name: 'api' });
    expect(canaryOf(rollout)['analysis']?.['webhooks']).toMatchObject([
      { url: 'http://backend-testloader.webapp/' },
    ]);
  });

  test.each([
    ['deployment', 'Deployment'],
    ['DAEMONSET', 'DaemonSet'],
    ['DaemonSet', 'DaemonSet'],
  ])('has the kind %s as %s', (kind, canonical) => {
    const rollout = changed({ workload: { ...blueGreen.workload, kind } });
    expect(canaryOf(rollout)['targetRef']).toEqual({
      apiVersion: 'apps/v1',
      kind: canonical,
      name: 'backend',
    });
  });

  test('has the flags of the policy only where they are true', () => {
    const flags = { skipTrafficAnalysis: true, revertOnDeletion: true, suspend: true };
    const rolloutPolicy = { ...blueGreen.rolloutPolicy, ...flags };
    expect(canaryOf(changed({ rolloutPolicy }))).toMatchObject({
      skipAnalysis: true,
      revertOnDeletion: true,
      suspend: true,
    });
    const off = { skipTrafficAnalysis: false, revertOnDeletion: false, suspend: false };
    const spec = canaryOf(changed({ rolloutPolicy: { ...blueGreen.rolloutPolicy, ...off } }));
    expect(Object.keys(spec)).toEqual([
      'provider',
      'targetRef',
      'progressDeadlineSeconds',
      'service',
      'analysis',
    ]);
  });

  test('takes over what Istio can do, verbatim', () => {
    const istio = {
      retries: { attempts: 3, perTryTimeout: '1s', retryOn: '5xx' },
      headers: { request: { add: { a: 'b' } }, response: { remove: ['c'] } },
      corsPolicy: { allowOrigins: [{ exact: 'https://a.example' }], maxAge: '1h' },
    };
    expect(canaryOf(changed({}, istio))['service']).toMatchObject(istio);
    const service = canaryOf(changed({ trafficRoutingProvider: 'kuma' }, istio))['service'] ?? {};
    expect(Object.keys(service)).toEqual(['name', 'port', 'portDiscovery', 'timeout']);
  });

  test('has the metadata of both Services', () => {
    const metadata = { primary: { labels: { a: '1' } }, preview: { annotations: { b: '2' } } };
    expect(canaryOf(changed(metadata))['service']).toMatchObject({
      primary: { labels: { a: '1' } },
      canary: { annotations: { b: '2' } },
    });
  });

  test('has steps, matches and session affinity as they were given', () => {
    const canaryStrategy = { maxWeight: 50, stepWeights: [1, 2, 50], stepWeightPromotion: 25 };
    const steps = canaryOf(changed({}, { canaryStrategy, analysisTimes: 0 }))['analysis'];
    expect(steps).toMatchObject(canaryStrategy);
    expect(steps).not.toHaveProperty('iterations');
    const zeros = { maxWeight: 0, stepWeight: 0, stepWeights: [1, 2], stepWeightPromotion: 0 };
    const fromZeros = canaryOf(changed({}, { canaryStrategy: zeros, analysisTimes: 0 }))['analysis'];
    expect(fromZeros).toMatchObject({ stepWeights: [1, 2] });
    for (const field of ['maxWeight', 'stepWeight', 'stepWeightPromotion']) {
      expect(fromZeros).not.toHaveProperty(field);
    }
    const match = [{ headers: { 'user-agent': { regex: '.*Firefox.*' } } }];
    const sessionAffinity = { cookieName: 'c', maxAge: 60 };
    expect(canaryOf(changed({}, { match }, { sessionAffinity }))['analysis']).toMatchObject({
      iterations: 3,
      match,
      sessionAffinity,
    });
  });

  test('asks a template for every metric that is not built in, with or without one of ours', () => {
    const metrics = [{ name: 'errors' }, { name: 'request-duration' }];
    expect(canaryOf(changed({}, {}, { metrics }))['analysis']?.['metrics']).toStrictEqual([
      { name: 'errors', interval: '60s', templateRef: { name: 'errors', namespace: 'webapp' } },
      { name: 'request-duration', interval: '60s' },
    ]);
  });

  test('calls the public test loader of the member where there is no private one', () => {
    const webhooks = { commands: ['a', 'b'] };
    const rollout = changed({ testLoader: false }, {}, { webhooks });
    const url = 'http://istio-system-testloader-kurator-member1-loadtester.istio-system/';
    const hook = { type: '', url, timeout: '60s', muteAlert: false };
    expect(canaryOf(rollout)['analysis']?.['webhooks']).toStrictEqual([
      { name: 'generated-testload-0', ...hook, metadata: { type: 'cmd', cmd: 'a' } },
      { name: 'generated-testload-1', ...hook, metadata: { type: 'cmd', cmd: 'b' } },
    ]);
    expect(publicTestLoaderService('istio-system', 'c'.repeat(60))).toHaveLength(63);
  });
});

test('MetricTemplates are those of metrics that bring their own', () => {
  expect(renderMetricTemplates(blueGreen, place)).toEqual([]);
  expect(renderMetricTemplates(custom, place)).toStrictEqual([
    {
      apiVersion: 'flagger.app/v1beta1',
      kind: 'MetricTemplate',
      metadata: { name: 'errors', namespace: 'webapp', labels, annotations },
      spec: { provider: { type: 'prometheus', address: 'http://prometheus:9090' }, query: 'up' },
    },
  ]);
});

test('the private test loader is what the reference says', () => {
  const [deployment, service] = renderTestLoader(blueGreen, place);
  const app = { app: 'backend-testloader' };
  const metadata = {
    name: 'backend-testloader',
    namespace: 'webapp',
    labels: { ...labels, ...app },
    annotations,
  };
  expect(service).toStrictEqual({
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: {
      type: 'ClusterIP',
      selector: app,
      ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 'http' }],
    },
  });
  const command = [
    'wget',
    '--quiet',
    '--tries=1',
    '--timeout=4',
    '--spider',
    'http://localhost:8080/healthz',
  ];
  const probe = { exec: { command }, timeoutSeconds: 5 };
  expect(deployment).toStrictEqual({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: {
      selector: { matchLabels: app },
      template: {
        metadata: {
          labels: app,
          annotations: {
            'prometheus.io/scrape': 'true',
            'prometheus.io/port': '8080',
            'openservicemesh.io/inbound-port-exclusion-list': '80, 8080',
          },
        },
        spec: {
          containers: [
            {
              name: 'loadtester',
              image: place.image,
              imagePullPolicy: 'IfNotPresent',
              args: [
                'loadtester',
                '-port=8080',
                '-log-level=info',
                '-timeout=1h',
                '--state=/state/gates.json',
              ],
              ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
              livenessProbe: probe,
              readinessProbe: probe,
              resources: {
                requests: { cpu: '10m', memory: '32Mi' },
                limits: { cpu: '1', memory: '512Mi' },
              },
              securityContext: { readOnlyRootFilesystem: true, runAsUser: 10_001 },
              volumeMounts: [{ name: 'state', mountPath: '/state' }],
            },
          ],
          volumes: [{ name: 'state', emptyDir: {} }],
        },
      },
    },
  });
});
