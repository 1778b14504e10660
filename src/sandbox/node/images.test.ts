import { expect, test } from 'vitest';
import { findImage, fullReference, imageId, type ImageEntry } from './images.ts';

test.each([
  ['nginx', 'docker.io/library/nginx:latest'],
  ['nginx:1.25', 'docker.io/library/nginx:1.25'],
  ['prom/prometheus', 'docker.io/prom/prometheus:latest'],
  ['ghcr.io/stefanprodan/podinfo:6.0.0', 'ghcr.io/stefanprodan/podinfo:6.0.0'],
  ['localhost/app', 'localhost/app:latest'],
  ['registry:5000/app:1', 'registry:5000/app:1'],
  ['app@sha256:abc', 'docker.io/library/app@sha256:abc'],
])('%s is %s', (reference, full) => {
  expect(fullReference(reference)).toBe(full);
});

test('a catalogue is a map by any way to write a reference, or a function of it', () => {
  const entry: ImageEntry = { program: async () => 0, entrypoint: ['/app'] };
  expect(findImage(new Map([['docker.io/library/app:latest', entry]]), 'app')).toBe(entry);
  expect(findImage(new Map([['app:latest', entry]]), 'app')).toBe(entry);
  const anyTag = (reference: string): ImageEntry | undefined =>
    reference.startsWith('app:') ? entry : undefined;
  expect(findImage(anyTag, 'app:6.1')).toBe(entry);
  expect(findImage(anyTag, 'other:6.1')).toBeUndefined();
  expect(imageId('app')).toBe(imageId('docker.io/library/app:latest'));
});
