import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../machinery/object.ts';
import { injectSidecar, proxyRole, wantsSidecar } from './injection.ts';
import { workloadOf } from './workload.ts';

function namespace(label?: string, name = 'webapp'): KubeObject {
  const labels = label === undefined ? {} : { 'istio-injection': label };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

function pod(metadata: object = {}, spec: object = {}): KubeObject {
  const containers = [{ name: 'app', image: 'podinfo' }];
  const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'webapp', ...metadata } };
  return { ...object, spec: { containers, ...spec } } as KubeObject;
}

const label = (value: string): object => ({ labels: { 'sidecar.istio.io/inject': value } });
const annotation = (value: string): object => ({ annotations: { 'sidecar.istio.io/inject': value } });

describe('who gets a sidecar', () => {
  test.each([
    ['an enabled namespace', pod(), namespace('enabled'), true],
    ['a namespace that says nothing', pod(), namespace(), false],
    ['a namespace that says nothing, a pod that asks', pod(label('true')), namespace(), true],
    ['a namespace that says no, a pod that asks', pod(label('true')), namespace('disabled'), false],
    ['a pod that refuses by label', pod(label('false')), namespace('enabled'), false],
    ['a pod that refuses by annotation', pod(annotation('false')), namespace('enabled'), false],
    [
      'the label before the annotation',
      pod({ ...label('true'), ...annotation('false') }),
      namespace('enabled'),
      true,
    ],
    ['a pod on the network of its node', pod({}, { hostNetwork: true }), namespace('enabled'), false],
    ['kube-system', pod(), namespace('enabled', 'kube-system'), false],
    ['a pod that has one', injectSidecar(pod(), namespace('enabled')), namespace('enabled'), false],
  ])('%s: %#', (_name, object, of, wanted) => {
    expect(wantsSidecar(object, of)).toBe(wanted);
  });

  test('the injected pod has the proxy, and its metrics lead to those of the application', () => {
    const plain = pod({ annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '9797' } });
    const before = JSON.stringify(plain);
    const injected = injectSidecar(plain, namespace('enabled'));
    expect(JSON.stringify(plain)).toBe(before);
    expect(injected).toMatchObject({
      metadata: {
        labels: { 'security.istio.io/tlsMode': 'istio', 'service.istio.io/canonical-name': 'p' },
        annotations: {
          'kubectl.kubernetes.io/default-container': 'app',
          'prometheus.io/port': '15020',
          'prometheus.io/path': '/stats/prometheus',
        },
      },
      spec: {
        containers: [{ name: 'app' }, { name: 'istio-proxy' }],
        initContainers: [{ name: 'istio-init' }],
      },
    });
    expect(JSON.stringify(injected)).toContain('{\\"scrape\\":\\"true\\",\\"port\\":\\"9797\\"}');
    expect(proxyRole(injected)).toBe('sidecar');
    expect(injectSidecar(pod(), namespace())).toEqual(pod());
  });
});

describe('the workload of a pod', () => {
  const owned = (kind: string, name: string, labels: Record<string, string> = {}): KubeObject =>
    pod({
      generateName: `${name}-`,
      labels,
      ownerReferences: [{ apiVersion: 'v1', kind, name, uid: '1', controller: true }],
    });
  test.each([
    [
      'a Deployment',
      owned('ReplicaSet', 'backend-primary-5d8', { 'pod-template-hash': '5d8' }),
      'backend-primary',
    ],
    ['a ReplicaSet of its own', owned('ReplicaSet', 'backend-5d8'), 'backend-5d8'],
    ['a DaemonSet', owned('DaemonSet', 'agent'), 'agent'],
    ['a CronJob', owned('Job', 'backup-29012345'), 'backup'],
    ['a Job', owned('Job', 'migrate'), 'migrate'],
    ['nobody', pod(), 'p'],
  ])('of %s', (_name, object, expected) => {
    expect(workloadOf(object).name).toBe(expected);
  });
});
