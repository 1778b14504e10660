import { expect, test } from 'vitest';
import { podinfoImages } from './podinfo/podinfo-images.ts';
import { findImage } from './node/images.ts';
import { imageName, imageTag, sandboxImages } from './sandbox-images.ts';
import { MeshWorld } from './mesh/mesh-world.test-double.ts';
import { VirtualClock } from '../base/clock.ts';

test.each([
  ['ghcr.io/stefanprodan/podinfo:6.5.4', 'ghcr.io/stefanprodan/podinfo', '6.5.4'],
  ['localhost:5000/a/b', 'localhost:5000/a/b', 'latest'],
  ['localhost:5000/a:1@sha256:00', 'localhost:5000/a', '1'],
  ['a@sha256:00', 'a', 'latest'],
])('%s is %s at %s', (reference, name, tag) => {
  expect([imageName(reference), imageTag(reference)]).toEqual([name, tag]);
});

test('the manifests of podinfo, Istio and its Prometheus addon find their images; nothing else does', () => {
  const { mesh } = new MeshWorld(new VirtualClock());
  const catalogue = sandboxImages(podinfoImages(), mesh, () => []);
  const known = [
    'ghcr.io/stefanprodan/podinfo:6.5.4',
    'stefanprodan/podinfo:5.0.0',
    'istio/proxyv2:1.18.0',
    'docker.io/istio/pilot:1.27.3',
    'gcr.io/istio-release/proxyv2:1.20.1',
    'prom/prometheus:v2.41.0',
    'quay.io/prometheus/prometheus:v3.5.0',
    'jimmidyson/configmap-reload:v0.8.0',
    'ghcr.io/prometheus-operator/prometheus-config-reloader:v0.86.1',
    'registry.k8s.io/pause:3.10',
  ];
  expect(known.filter((reference) => findImage(catalogue, reference) === undefined)).toEqual([]);
  for (const unknown of ['nginx', 'example.com/podinfo:1', 'evil/istio/proxyv2']) {
    expect(findImage(catalogue, unknown)).toBeUndefined();
  }
});
