import { expect, test } from 'vitest';
import type { Canary } from '../../api/canary.ts';
import type { Store, StoreEvent } from '../../kube/store.ts';
import { CanaryIndex } from './canary-index.ts';

function canary(name: string, spec: Partial<Canary['spec']> = {}): Canary {
  return {
    apiVersion: 'flagger.app/v1beta1',
    kind: 'Canary',
    metadata: { name, namespace: 'test' },
    spec: {
      targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      analysis: { interval: '10s', threshold: 2, iterations: 3 },
      ...spec,
    },
  };
}

function indexOf(...canaries: readonly Canary[]): {
  index: CanaryIndex;
  emit: (event: StoreEvent<Canary>) => void;
} {
  const index = new CanaryIndex();
  let emit: (event: StoreEvent<Canary>) => void = () => {};
  const store: Pick<Store<Canary>, 'subscribe'> = {
    subscribe: (handler) => {
      emit = handler;
      return () => {};
    },
  };
  index.follow(store);
  for (const object of canaries) emit({ type: 'added', object, initial: true });
  return { index, emit };
}

test('an object is of interest to the Canaries that use it, and to no other', () => {
  const service = { name: 'web', port: 80 };
  const autoscalerRef = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    name: 'scaler',
  } as const;
  const { index } = indexOf(canary('podinfo', { service, autoscalerRef }), canary('other'));
  for (const name of ['podinfo', 'podinfo-primary']) {
    expect(index.usersOf('Deployment', 'test', name)).toEqual(['test/podinfo']);
  }
  for (const name of ['web', 'web-primary', 'web-canary']) {
    expect(index.usersOf('Service', 'test', name)).toEqual(['test/podinfo']);
  }
  expect(index.usersOf('HorizontalPodAutoscaler', 'test', 'scaler-primary')).toEqual(['test/podinfo']);
  expect(index.usersOf('VirtualService', 'test', 'web')).toEqual(['test/podinfo']);
  expect(index.usersOf('Service', 'test', 'podinfo')).toEqual([]);
  expect(index.usersOf('DaemonSet', 'test', 'podinfo')).toEqual([]);
  expect(index.usersOf('Deployment', 'elsewhere', 'podinfo')).toEqual([]);
  expect(index.in('test')).toEqual(['test/podinfo', 'test/other']);
});

test('it follows changes and deletions', () => {
  const old = canary('podinfo');
  const { index, emit } = indexOf(old);
  const object = canary('podinfo', { targetRef: { ...old.spec.targetRef, name: 'another' } });
  emit({ type: 'modified', old, object });
  expect(index.usersOf('Deployment', 'test', 'podinfo')).toEqual([]);
  expect(index.sharing(canary('x', { targetRef: object.spec.targetRef }))).toEqual(['test/podinfo']);
  emit({ type: 'deleted', object });
  expect(index.sharing(object)).toEqual([]);
  expect(index.in('test')).toEqual([]);
});
