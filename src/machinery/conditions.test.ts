import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTime } from '../base/time.ts';
import { computeStatus, getCondition, isConditionTrue, removeCondition, setCondition } from './conditions.ts';
import type { Condition } from './conditions.ts';
import type { Json, JsonObject } from './json.ts';

const start = parseTime('2026-01-01T00:00:00Z');
const readyFalse = { type: 'Ready', status: 'False', reason: 'Waiting', message: 'wait' } as const;

describe('setting conditions', () => {
  const first = setCondition([], readyFalse, start);

  test('a new one gets the time', () => {
    expect(first).toEqual([{ ...readyFalse, lastTransitionTime: '2026-01-01T00:00:00Z' }]);
    expect(getCondition(first, 'Ready')?.reason).toBe('Waiting');
    expect(getCondition(undefined, 'Ready')).toBeUndefined();
    expect(isConditionTrue(first, 'Ready')).toBe(false);
  });

  test('the time moves with the status only', () => {
    const reworded = setCondition(
      first,
      { ...readyFalse, message: 'still', observedGeneration: 2 },
      start + 60_000,
    );
    expect(reworded).toEqual([
      { ...readyFalse, message: 'still', observedGeneration: 2, lastTransitionTime: '2026-01-01T00:00:00Z' },
    ]);
    const turned = setCondition(reworded, { ...readyFalse, status: 'True' }, start + 60_000);
    expect(turned[0]?.lastTransitionTime).toBe('2026-01-01T00:01:00Z');
    expect(isConditionTrue(turned, 'Ready')).toBe(true);
  });

  test('removing takes the type away', () => {
    expect(removeCondition(first, 'Ready')).toEqual([]);
    expect(removeCondition(first, 'Stalled')).toBe(first);
  });

  test('law: types stay sorted and unique, and setting twice changes nothing', () => {
    const conditions = fc.record({
      type: fc.constantFrom('A', 'B', 'C', 'D'),
      status: fc.constantFrom('True' as const, 'False' as const, 'Unknown' as const),
      reason: fc.constantFrom('X', 'Y'),
      message: fc.constantFrom('', 'm'),
    });
    fc.assert(
      fc.property(fc.array(conditions), (sets) => {
        let list: readonly Condition[] = [];
        for (const [i, condition] of sets.entries()) {
          list = setCondition(list, condition, start + i * 1000);
          expect(setCondition(list, condition, start + 1e9)).toBe(list);
        }
        const types = list.map(({ type }) => type);
        expect(types).toEqual([...new Set(sets.map(({ type }) => type))].sort());
      }),
    );
  });
});

const object = (kind: string, apiVersion: string, rest: JsonObject): JsonObject => ({
  apiVersion,
  kind,
  metadata: { name: 'x', generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' },
  ...rest,
});
const condition = (type: string, status: string, reason = '', message = ''): JsonObject => ({
  type,
  status,
  reason,
  message,
});
const now = start + 60_000;

function checkStatus(of: JsonObject | undefined, status: string, message: string): void {
  expect(computeStatus(of, now)).toEqual({ status, message });
}

describe('objects of any kind', () => {
  const canary = (rest: JsonObject): JsonObject => object('Canary', 'flagger.app/v1beta1', rest);

  test('an absent object is not found', () => checkStatus(undefined, 'NotFound', 'Resource not found'));

  test('one without any sign is current', () => checkStatus(canary({}), 'Current', 'Resource is current'));

  test('one being deleted is terminating, whatever else holds', () => {
    const metadata = { deletionTimestamp: '2026-01-01T00:00:00Z', generation: 2 };
    const status = { observedGeneration: 1, conditions: [condition('Stalled', 'True')] };
    checkStatus(canary({ metadata, status }), 'Terminating', 'Resource scheduled for deletion');
  });

  test('one whose generation nobody has seen is in progress', () => {
    const stale = canary({ metadata: { generation: 2 }, status: { observedGeneration: 1 } });
    checkStatus(stale, 'InProgress', 'Canary generation is 2, but latest observed generation is 1');
  });

  test.each([
    ['Reconciling', 'True', 'InProgress', 'why'],
    ['Stalled', 'True', 'Failed', 'why'],
    ['Ready', 'True', 'Current', 'Resource is Ready'],
    ['Ready', 'False', 'InProgress', 'why'],
    ['Ready', 'Unknown', 'InProgress', 'why'],
    ['Ready', 'Maybe', 'Current', 'Resource is current'],
    ['Stalled', 'False', 'Current', 'Resource is current'],
  ])('condition %s=%s: %s', (type, value, status, message) => {
    checkStatus(canary({ status: { conditions: [condition(type, value, '', 'why')] } }), status, message);
  });
});

describe('workloads', () => {
  const deployment = (status: JsonObject, spec: JsonObject = {}): JsonObject =>
    object('Deployment', 'apps/v1', { spec: { replicas: 2, progressDeadlineSeconds: 600, ...spec }, status });
  const available = condition('Available', 'True');
  const progressed = condition('Progressing', 'True', 'NewReplicaSetAvailable');
  const full = { replicas: 2, updatedReplicas: 2, availableReplicas: 2, readyReplicas: 2 };

  test.each<[JsonObject, string, string]>([
    [{ ...full, conditions: [available, progressed] }, 'Current', 'Deployment is available. Replicas: 2'],
    [{}, 'InProgress', 'Replicas: 0/2'],
    [{ ...full, updatedReplicas: 1 }, 'InProgress', 'Updated: 1/2'],
    [{ ...full, replicas: 3 }, 'InProgress', 'Pending termination: 1'],
    [{ ...full, availableReplicas: 1 }, 'InProgress', 'Available: 1/2'],
    [{ ...full, readyReplicas: 1 }, 'InProgress', 'Ready: 1/2'],
    [{ ...full, conditions: [available] }, 'InProgress', 'ReplicaSet not Available'],
    [{ ...full, conditions: [progressed] }, 'InProgress', 'Deployment not Available'],
    [
      { ...full, conditions: [condition('Progressing', 'False', 'ProgressDeadlineExceeded')] },
      'Failed',
      'Progress deadline exceeded',
    ],
  ])('Deployment %#', (status, expected, message) => checkStatus(deployment(status), expected, message));

  test('a Deployment without a deadline need not report progress', () => {
    const spec = { progressDeadlineSeconds: 2 ** 31 - 1 };
    checkStatus(
      deployment({ ...full, conditions: [available] }, spec),
      'Current',
      'Deployment is available. Replicas: 2',
    );
  });

  const set = { replicas: 3, readyReplicas: 3, currentReplicas: 3, updatedReplicas: 1 };
  const partition = (n: number): JsonObject => ({ updateStrategy: { rollingUpdate: { partition: n } } });
  test.each<[JsonObject, JsonObject, string, string]>([
    [{}, { ...set }, 'Current', 'All replicas scheduled as expected. Replicas: 3'],
    [
      { updateStrategy: { type: 'OnDelete' } },
      {},
      'Current',
      'StatefulSet is using the ondelete update strategy',
    ],
    [{}, {}, 'InProgress', 'Replicas: 0/3'],
    [{}, { ...set, readyReplicas: 2 }, 'InProgress', 'Ready: 2/3'],
    [{}, { ...set, replicas: 4 }, 'InProgress', 'Pending termination: 1'],
    [partition(1), set, 'InProgress', 'updated: 1/2'],
    [partition(2), set, 'Current', 'Partition rollout complete. updated: 1'],
    [{}, { ...set, currentReplicas: 2 }, 'InProgress', 'current: 2/3'],
    [
      {},
      { ...set, currentRevision: 'a', updateRevision: 'b' },
      'InProgress',
      'Waiting for updated revision to match current',
    ],
  ])('StatefulSet %#', (spec, status, expected, message) => {
    checkStatus(
      object('StatefulSet', 'apps/v1', { spec: { replicas: 3, ...spec }, status }),
      expected,
      message,
    );
  });

  const daemons = {
    observedGeneration: 1,
    desiredNumberScheduled: 2,
    currentNumberScheduled: 2,
    updatedNumberScheduled: 2,
    numberAvailable: 2,
    numberReady: 2,
  };
  test.each<[JsonObject, string, string]>([
    [daemons, 'Current', 'All replicas scheduled as expected. Replicas: 2'],
    [{}, 'InProgress', 'DaemonSet status.observedGeneration not found'],
    [{ observedGeneration: 1 }, 'InProgress', 'Missing .status.desiredNumberScheduled'],
    [{ ...daemons, currentNumberScheduled: 1 }, 'InProgress', 'Current: 1/2'],
    [{ ...daemons, updatedNumberScheduled: 1 }, 'InProgress', 'Updated: 1/2'],
    [{ ...daemons, numberAvailable: 1 }, 'InProgress', 'Available: 1/2'],
    [{ ...daemons, numberReady: 0 }, 'InProgress', 'Ready: 0/2'],
  ])('DaemonSet %#', (status, expected, message) => {
    checkStatus(object('DaemonSet', 'apps/v1', { status }), expected, message);
  });

  test('a DaemonSet without a generation', () => {
    const fresh = object('DaemonSet', 'apps/v1', { metadata: {} });
    checkStatus(fresh, 'InProgress', 'DaemonSet metadata.generation not found');
  });

  const replicas = { replicas: 1, fullyLabeledReplicas: 1, availableReplicas: 1, readyReplicas: 1 };
  test.each<[JsonObject, string, string]>([
    [replicas, 'Current', 'ReplicaSet is available. Replicas: 1'],
    [{}, 'InProgress', 'Labelled: 0/1'],
    [{ ...replicas, availableReplicas: 0 }, 'InProgress', 'Available: 0/1'],
    [{ ...replicas, readyReplicas: 0 }, 'InProgress', 'Ready: 0/1'],
    [{ ...replicas, replicas: 2 }, 'InProgress', 'Pending termination: 1'],
    [
      { conditions: [condition('ReplicaFailure', 'True')] },
      'InProgress',
      'Replica Failure condition. Check Pods',
    ],
  ])('ReplicaSet %#', (status, expected, message) => {
    checkStatus(object('ReplicaSet', 'apps/v1', { status }), expected, message);
  });

  test.each<[JsonObject, JsonObject, string, string]>([
    [{}, {}, 'InProgress', 'Job not started'],
    [{}, { startTime: 't', active: 1 }, 'InProgress', 'Job in progress. success:0, active: 1, failed: 0'],
    [
      { completions: 3 },
      { succeeded: 3, conditions: [condition('Complete', 'True')] },
      'Current',
      'Job Completed. succeeded: 3/3',
    ],
    [{}, { failed: 1, conditions: [condition('Failed', 'True')] }, 'Failed', 'Job Failed. failed: 1/1'],
    [{ suspend: true }, {}, 'Current', 'Job is suspended'],
  ])('Job %#', (spec, status, expected, message) => {
    checkStatus(object('Job', 'batch/v1', { spec, status }), expected, message);
  });
});

describe('other built-in kinds', () => {
  const crashing = { name: 'app', state: { waiting: { reason: 'CrashLoopBackOff' } } };
  const unscheduled = [condition('PodScheduled', 'False', 'Unschedulable')];
  test.each<[JsonObject, string, string]>([
    [{}, 'InProgress', 'Pod phase not available'],
    [{ phase: 'Succeeded' }, 'Current', 'Pod has completed successfully'],
    [{ phase: 'Failed' }, 'Current', 'Pod has completed, but not successfully'],
    [{ phase: 'Running', conditions: [condition('Ready', 'True')] }, 'Current', 'Pod is Ready'],
    [{ phase: 'Running' }, 'InProgress', 'Pod is running but is not Ready'],
    [{ phase: 'Running', containerStatuses: [crashing] }, 'Failed', 'Containers in CrashLoop state: app'],
    [{ phase: 'Pending' }, 'InProgress', 'Pod is in the Pending phase'],
    [{ phase: 'Pending', conditions: unscheduled }, 'Failed', 'Pod could not be scheduled'],
    [{ phase: 'Odd' }, 'Unknown', 'unknown phase Odd'],
  ])('Pod %#', (status, expected, message) => {
    checkStatus(object('Pod', 'v1', { status }), expected, message);
  });

  test('a pod has 15 seconds to be scheduled', () => {
    const pod = object('Pod', 'v1', { status: { phase: 'Pending', conditions: unscheduled } });
    expect(computeStatus(pod, start + 14_999).status).toBe('InProgress');
    expect(computeStatus(pod, start + 15_000).status).toBe('Failed');
    expect(computeStatus({ ...pod, metadata: { creationTimestamp: 'soon' } }, start).status).toBe('Failed');
  });

  test.each<[string, string, JsonObject, string, string]>([
    ['PersistentVolumeClaim', 'v1', { status: { phase: 'Bound' } }, 'Current', 'PVC is Bound'],
    ['PersistentVolumeClaim', 'v1', {}, 'InProgress', 'PVC is not Bound. phase: unknown'],
    ['Service', 'v1', {}, 'Current', 'Service is ready'],
    [
      'Service',
      'v1',
      { spec: { type: 'LoadBalancer', clusterIP: '10.0.0.1' } },
      'Current',
      'Service is ready',
    ],
    [
      'Service',
      'v1',
      { spec: { type: 'LoadBalancer' } },
      'InProgress',
      'ClusterIP not set. Service type: LoadBalancer',
    ],
    ['ConfigMap', 'v1', {}, 'Current', 'Resource is always ready'],
    ['CronJob', 'batch/v1', {}, 'Current', 'Resource is always ready'],
    ['PodDisruptionBudget', 'policy/v1', {}, 'Current', 'AllowedDisruptions has been computed.'],
    // The rules of a kind hold in its own group only.
    [
      'Service',
      'serving.knative.dev/v1',
      { status: { conditions: [condition('Ready', 'False')] } },
      'InProgress',
      '',
    ],
  ])('%s of %s', (kind, apiVersion, rest, expected, message) => {
    checkStatus(object(kind, apiVersion, rest), expected, message);
  });

  test.each<[JsonObject[], string, string]>([
    [[], 'InProgress', 'Install in progress'],
    [[condition('Established', 'False', 'Installing')], 'InProgress', 'Install in progress'],
    [[condition('NamesAccepted', 'True'), condition('Established', 'True')], 'Current', 'CRD is established'],
    [[condition('NamesAccepted', 'False', 'Conflict', 'taken')], 'Failed', 'taken'],
    [[condition('Established', 'False', 'Broken', 'broken')], 'Failed', 'broken'],
  ])('CustomResourceDefinition %#', (conditions, expected, message) => {
    const crd = object('CustomResourceDefinition', 'apiextensions.k8s.io/v1', { status: { conditions } });
    checkStatus(crd, expected, message);
  });
});

test('law: an object of any shape has a status', () => {
  const kinds = fc.constantFrom(
    'apps/v1/Deployment',
    'apps/v1/DaemonSet',
    'v1/Pod',
    'batch/v1/Job',
    'x/v1/Other',
  );
  const parts = fc.dictionary(
    fc.constantFrom(
      'replicas',
      'phase',
      'conditions',
      'containerStatuses',
      'generation',
      'observedGeneration',
    ),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(kinds, parts, parts, fc.jsonValue(), (id, metadata, status, spec) => {
      const kind = id.slice(id.lastIndexOf('/') + 1);
      const apiVersion = id.slice(0, id.lastIndexOf('/'));
      const odd = { apiVersion, kind, metadata, status, spec } as { [key: string]: Json };
      expect(typeof computeStatus(odd, now).message).toBe('string');
      expect(
        computeStatus({ kind, apiVersion, status: spec, metadata: spec } as JsonObject, now),
      ).toBeDefined();
    }),
  );
});
