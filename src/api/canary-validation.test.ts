import { describe, expect, test } from 'vitest';
import type { CanarySpec } from './canary.ts';
import { validateCanary } from './canary-validation.ts';

const good: CanarySpec = {
  targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'podinfo' },
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
      { analysis: { stepWeight: 1, metrics: [{ name: 'a', interval: '1sec' }] } },
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

  test('needs no steps where nothing is analysed', () => {
    expect(problems({ skipAnalysis: true, analysis: {} })).toEqual([]);
  });
});
