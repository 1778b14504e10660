import { Registry } from '@prometheus-io/client';
import { expect, test } from 'vitest';
import type { Canary } from '../../api/canary.ts';
import { prometheusMetrics } from '../../kube/prometheus-metrics.ts';
import { RolloutMetrics } from './rollout-metrics.ts';

const canary: Canary = {
  apiVersion: 'flagger.app/v1beta1',
  kind: 'Canary',
  metadata: { name: 'a-canary', namespace: 'test' },
  spec: {
    targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'podinfo' },
    analysis: { interval: '10s', threshold: 2, iterations: 3 },
  },
};

function samples(text: string): string[] {
  return text.split('\n').filter((line) => line.startsWith('flagger_') && !line.includes('_bucket'));
}

test('metrics are named and labelled as those of Flagger', async () => {
  const registry = new Registry();
  const metrics = new RolloutMetrics(prometheusMetrics(registry), '1.2.3', 'istio');
  metrics.counted('test', 1);
  metrics.observed(canary, 'Progressing', { primary: 80, canary: 20, mirrored: false });
  metrics.measured(canary, 'request-success-rate', 99.5);
  metrics.ticked(canary, 0.5);
  metrics.ended(canary, 'completed');
  metrics.ended(canary, 'skipped');
  metrics.ended(canary, 'failed');
  expect(samples(await registry.metrics())).toEqual([
    'flagger_info{version="1.2.3",mesh_provider="istio"} 1',
    'flagger_canary_total{namespace="test"} 1',
    'flagger_canary_status{name="podinfo",namespace="test"} 0',
    'flagger_canary_weight{workload="podinfo-primary",namespace="test"} 80',
    'flagger_canary_weight{workload="podinfo",namespace="test"} 20',
    'flagger_canary_metric_analysis{name="podinfo",namespace="test",metric="request-success-rate"} 99.5',
    'flagger_canary_duration_seconds_sum{name="podinfo",namespace="test"} 0.5',
    'flagger_canary_duration_seconds_count{name="podinfo",namespace="test"} 1',
    'flagger_canary_successes_total{name="podinfo",namespace="test",deployment_strategy="blue-green",analysis_status="completed"} 1',
    'flagger_canary_successes_total{name="podinfo",namespace="test",deployment_strategy="blue-green",analysis_status="skipped"} 1',
    'flagger_canary_failures_total{name="podinfo",namespace="test",deployment_strategy="blue-green",analysis_status="completed"} 1',
  ]);
});

test('who no longer leads knows nothing', async () => {
  const registry = new Registry();
  const metrics = new RolloutMetrics(prometheusMetrics(registry), '1.2.3', 'istio');
  metrics.counted('test', 1);
  metrics.observed(canary, 'Failed', undefined);
  metrics.clear();
  expect(samples(await registry.metrics())).toEqual([
    'flagger_info{version="1.2.3",mesh_provider="istio"} 1',
  ]);
});

test('what is deleted is forgotten', async () => {
  const registry = new Registry();
  const metrics = new RolloutMetrics(prometheusMetrics(registry), '1.2.3', 'istio');
  metrics.counted('test', 1);
  metrics.observed(canary, 'Failed', { primary: 80, canary: 20, mirrored: false });
  metrics.measured(canary, 'request-success-rate', 99.5);
  metrics.ended(canary, 'failed');
  metrics.removed('test/a-canary');
  metrics.counted('test', -1);
  expect(samples(await registry.metrics())).toEqual([
    'flagger_info{version="1.2.3",mesh_provider="istio"} 1',
    'flagger_canary_total{namespace="test"} 0',
  ]);
});
