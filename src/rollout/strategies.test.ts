import { expect, test } from 'vitest';
import type { CanarySpec } from '../api/canary.ts';
import { effectiveAnalysis, strategyOf } from './strategies.ts';

function specOf(analysis: Partial<CanarySpec['analysis']>, appProtocol?: string): CanarySpec {
  return {
    targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'podinfo' },
    service: { port: 9898, ...(appProtocol === undefined ? {} : { appProtocol }) },
    analysis: { interval: '10s', threshold: 2, ...analysis },
  };
}

const match = [{ headers: { cookie: { exact: 'insider' } } }];

test('connections can neither be matched nor copied: TCP runs without', () => {
  const spec = specOf({ iterations: 3, match, mirror: true }, 'TCP');
  expect(effectiveAnalysis(spec, 'istio')).toEqual({ interval: '10s', threshold: 2, iterations: 3 });
  expect(strategyOf(effectiveAnalysis(spec, 'istio')).name).toBe('blue-green');
  expect(strategyOf(effectiveAnalysis(specOf({ iterations: 3, match }), 'istio')).name).toBe('ab-testing');
});

test('plain Kubernetes can neither match nor weigh requests: it counts ten iterations', () => {
  expect(effectiveAnalysis(specOf({ stepWeight: 20, match }), 'kubernetes')).toMatchObject({
    iterations: 10,
  });
  expect(effectiveAnalysis(specOf({ iterations: 3 }), 'kubernetes')).toMatchObject({ iterations: 3 });
});
