import { describe, expect, test } from 'vitest';
import type { CanarySpec } from './canary.ts';
import { validateCanary } from './canary-validation.ts';

const good: CanarySpec = {
  targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'podinfo' },
  service: { port: 80 },
  analysis: { interval: '1m', threshold: 5, stepWeight: 10 },
};
const knative = { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name: 'podinfo' } as const;

function problems(spec: Partial<CanarySpec>, noCrossNamespaceRefs = false): string[] {
  const found = validateCanary({ ...good, ...spec }, { namespace: 'test', noCrossNamespaceRefs });
  return found.map(({ field, message }) => `${field}: ${message}`);
}

describe('a Canary that a foreign CRD let pass', () => {
  test('is told nothing when it is good', () => {
    expect(problems({})).toEqual([]);
  });

  test.each<[string, Partial<CanarySpec>]>([
    ['spec.analysis.stepWeight: must be above 0', { analysis: { stepWeight: 0 } }],
    ['spec.analysis.iterations: must be above 0', { analysis: { match: [{}] } }],
    ['spec.analysis.iterations: cannot be combined', { analysis: { iterations: 1, stepWeight: 1 } }],
    ['spec.analysis.stepWeights: must rise', { analysis: { stepWeights: [5, 5] } }],
    ['spec.analysis.interval: "5mm" is not a duration', { analysis: { stepWeight: 1, interval: '5mm' } }],
    [
      'spec.analysis.metrics[0].interval: "1sec" is not a duration',
      { analysis: { stepWeight: 1, metrics: [{ name: 'request-duration', interval: '1sec' }] } },
    ],
    [
      "spec.targetRef: can't use apps/v1/Deployment as target if provider is set to knative",
      { provider: 'knative' },
    ],
    [
      "spec.provider: can't use istio provider with Knative Service",
      { provider: 'istio', targetRef: knative },
    ],
    [
      "spec.autoscalerRef: can't use autoscaler with Knative Service",
      {
        provider: 'knative',
        targetRef: knative,
        autoscalerRef: { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', name: 'a' },
      },
    ],
    ['spec.service: must be given', { service: undefined }],
    [
      'spec.service.hosts: cannot be combined with delegation',
      { service: { port: 80, delegation: true, hosts: ['a.example'] } },
    ],
    [
      'spec.service.gateways: cannot be combined with delegation',
      { service: { port: 80, delegation: true, gateways: ['mesh'] } },
    ],
    [
      'spec.analysis.match: cannot be combined with spec.service.appProtocol tcp',
      { service: { port: 80, appProtocol: 'TCP' }, analysis: { iterations: 3, match: [{}] } },
    ],
    [
      'spec.analysis.mirror: cannot be combined with spec.service.appProtocol tcp',
      { service: { port: 80, appProtocol: 'tcp' }, analysis: { stepWeight: 10, mirror: true } },
    ],
    [
      'spec.analysis.metrics[0].name: "latency" is not built in: give templateRef or query, or use request-success-rate or request-duration',
      { analysis: { stepWeight: 1, metrics: [{ name: 'latency' }] } },
    ],
    [
      'spec.analysis.metrics[0].thresholdRange: min must not exceed max',
      {
        analysis: {
          stepWeight: 1,
          metrics: [{ name: 'request-duration', thresholdRange: { min: 2, max: 1 } }],
        },
      },
    ],
    [
      'spec.analysis.metrics[0].interval: must be above 0',
      { analysis: { stepWeight: 1, metrics: [{ name: 'request-duration', interval: '0s' }] } },
    ],
    [
      'spec.analysis.webhooks[0].timeout: must be above 0',
      { analysis: { stepWeight: 1, webhooks: [{ name: 'a', url: 'http://a', timeout: '0s' }] } },
    ],
    [
      'spec.analysis.webhooks[0].url: "flagger-loadtester.test" is not an address: want http://HOST or https://HOST',
      { analysis: { stepWeight: 1, webhooks: [{ name: 'a', url: 'flagger-loadtester.test' }] } },
    ],
    [
      'spec.autoscalerRef.primaryScalerReplicas: minReplicas must not exceed maxReplicas',
      {
        autoscalerRef: {
          apiVersion: 'autoscaling/v2',
          kind: 'HorizontalPodAutoscaler',
          name: 'a',
          primaryScalerReplicas: { minReplicas: 3, maxReplicas: 2 },
        },
      },
    ],
    ['spec.analysis.stepWeight: ', { analysis: { stepWeight: 2.5 } }],
    ['spec.analysis.maxWeight: ', { analysis: { stepWeight: 10, maxWeight: 101 } }],
    ['spec.analysis: ', { analysis: undefined as never }],
    ['spec.analysis.metrics: ', { analysis: { stepWeight: 1, metrics: 'all' as never } }],
    [
      "spec.analysis.sessionAffinity.primaryCookieName: can't use the same cookie name",
      {
        analysis: { stepWeight: 1, sessionAffinity: { cookieName: 'a', primaryCookieName: 'a', maxAge: 1 } },
      },
    ],
  ])('is told %s', (message, spec) => {
    expect(problems(spec)).toHaveLength(1);
    expect(problems(spec)[0]).toContain(message);
  });

  test('may refer to other namespaces unless that is switched off', () => {
    const templateRef = { name: 'latency', namespace: 'istio-system' };
    const spec = { analysis: { stepWeight: 1, metrics: [{ name: 'a', templateRef }] } };

    expect(problems(spec)).toEqual([]);
    expect(problems(spec, true)).toEqual([
      "spec.analysis.metrics[0].templateRef: can't access metric template latency.istio-system, cross-namespace references are blocked",
    ]);
  });

  test('needs no routes to be matched or mirrored where plain Kubernetes serves', () => {
    const spec: CanarySpec = {
      ...good,
      service: { port: 80, appProtocol: 'tcp' },
      analysis: { iterations: 3, match: [{}], mirror: true },
    };

    expect(validateCanary(spec, { namespace: 'test', provider: 'kubernetes' })).toEqual([]);
  });

  test('needs no Service of its own for a Knative one', () => {
    expect(problems({ provider: 'knative', targetRef: knative, service: undefined })).toEqual([]);
  });

  test('needs no steps where nothing is analysed', () => {
    expect(problems({ skipAnalysis: true, analysis: {} })).toEqual([]);
  });
});
