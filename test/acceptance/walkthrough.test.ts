import { expect, test } from 'vitest';
import { canarySpec } from './expected.ts';
import { at, listAt } from './values.ts';
import { changed, customMetric, object, prose, walkthrough } from './walkthrough.ts';
import { documentsOf } from './world.ts';

const [published] = await documentsOf('examples/rollout/blue_green.yaml');
const pace = { url: 'http://127.0.0.1:1/podinfo', interval: 5 };

test('URL and pace differ from the published Application, and nothing else', () => {
  const back = changed(walkthrough(published, pace), (copy) => {
    const source = object(copy, 'spec', 'source', 'gitRepository');
    expect(source).toMatchObject({ url: pace.url, interval: '5s' });
    source['url'] = 'https://github.com/stefanprodan/podinfo';
    source['interval'] = '3m0s';
    const analysis = object(copy, 'spec', 'syncPolicies', 0, 'rollout', 'rolloutPolicy', 'trafficAnalysis');
    expect(analysis['checkIntervalSeconds']).toBe(5);
    analysis['checkIntervalSeconds'] = 90;
    for (const metric of listAt(analysis, 'metrics')) {
      expect(at(metric, 'intervalSeconds')).toBe(5);
      object(metric)['intervalSeconds'] = 90;
    }
  });
  expect(back).toEqual(published);
});

test('a metric looks back five seconds at least', () => {
  const spec = canarySpec(walkthrough(published, { ...pace, interval: 2 }));
  expect(at(spec, 'analysis', 'interval')).toBe('2s');
  expect(listAt(spec, 'analysis', 'metrics').map((metric) => at(metric, 'interval'))).toEqual(['5s', '5s']);
});

test('the second Application: a DaemonSet where the repository has one, its own metric, the public test loader', () => {
  const first = walkthrough(published, pace);
  const second = prose(first, true);
  const [policy, ...others] = listAt(second, 'spec', 'syncPolicies');
  expect(others).toEqual([]);
  expect(at(policy, 'kustomization', 'path')).toBe('./acceptance/daemonset');
  expect(at(policy, 'rollout', 'workload', 'kind')).toBe('DaemonSet');
  expect(at(policy, 'rollout', 'testLoader')).toBeUndefined();
  const metrics = listAt(policy, 'rollout', 'rolloutPolicy', 'trafficAnalysis', 'metrics');
  expect(metrics.at(-1)).toEqual({ ...customMetric, intervalSeconds: 5 });
  expect(at(prose(first, false), 'spec', 'syncPolicies', 0, 'rollout', 'workload', 'kind')).toBe(
    'Deployment',
  );
});

test('a place that is not there is an error', () => {
  expect(() => object({ spec: [] }, 'spec', 0, 'kind')).toThrow('there is no object at spec.0.kind');
});
