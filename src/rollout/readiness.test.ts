import { describe, expect, test } from 'vitest';
import { parseTime } from '../base/time.ts';
import type { JsonObject } from '../machinery/json.ts';
import { daemonSetReadiness, deploymentReadiness } from './readiness.ts';

const now = parseTime('2026-01-01T01:00:00Z');
const options = { threshold: 100, deadlineSeconds: 600, now };

function deployment(status: JsonObject, replicas = 4): JsonObject {
  return {
    metadata: { name: 'podinfo', generation: 2 },
    spec: { replicas },
    status: {
      observedGeneration: 2,
      replicas,
      updatedReplicas: replicas,
      availableReplicas: replicas,
      ...status,
    },
  };
}

describe('a Deployment', () => {
  test.each([
    ['observed deployment generation less than desired generation', { observedGeneration: 1 }],
    ['1 out of 4 new replicas have been updated', { updatedReplicas: 1 }],
    ['2 old replicas are pending termination', { replicas: 6 }],
    ['3 of 4 (readyThreshold 100%) updated replicas are available', { availableReplicas: 3 }],
  ])('waits: %s', (message, status) => {
    expect(deploymentReadiness(deployment(status), options)).toEqual({
      state: 'waiting',
      message: `waiting for rollout to finish: ${message}`,
    });
  });

  test('is ready when enough of its pods are', () => {
    const threeOfFour = deployment({ availableReplicas: 3 });

    expect(deploymentReadiness(threeOfFour, { ...options, threshold: 75 }).state).toBe('ready');
    expect(deploymentReadiness(threeOfFour, { ...options, threshold: 100 }).state).toBe('waiting');
    expect(deploymentReadiness(deployment({}, 0), options).state).toBe('ready');
    expect(deploymentReadiness({}, options).state).toBe('ready');
  });

  test('is stuck when its own deadline passed', () => {
    const conditions = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }];

    expect(deploymentReadiness(deployment({ availableReplicas: 0, conditions }), options)).toEqual({
      state: 'stuck',
      message: 'deployment "podinfo" exceeded its progress deadline',
    });
  });

  test.each([
    ['waiting', '2026-01-01T00:50:00Z'],
    ['stuck', '2026-01-01T00:49:59Z'],
    ['waiting', 'whenever'],
  ])('is %s when it is unavailable since %s', (state, lastUpdateTime) => {
    const conditions = [
      { type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated' },
      { type: 'Available', status: 'False', reason: 'MinimumReplicasUnavailable', lastUpdateTime },
    ];

    expect(deploymentReadiness(deployment({ availableReplicas: 1, conditions }), options).state).toBe(state);
  });
});

describe('a DaemonSet', () => {
  const daemonSet = (status: JsonObject): JsonObject => ({
    metadata: { generation: 1 },
    status: {
      observedGeneration: 1,
      desiredNumberScheduled: 4,
      updatedNumberScheduled: 4,
      numberAvailable: 4,
      ...status,
    },
  });

  test.each([
    ['observed daemonset generation less than desired generation', { observedGeneration: 0 }],
    ['3 out of 4 new pods have been updated', { updatedNumberScheduled: 3 }],
    ['2 of 4 (readyThreshold 75%) updated pods are available', { numberAvailable: 2 }],
  ])('waits: %s', (message, status) => {
    expect(daemonSetReadiness(daemonSet(status), { ...options, threshold: 75, since: now })).toEqual({
      state: 'waiting',
      message: `waiting for rollout to finish: ${message}`,
    });
  });

  test('is ready when enough of its pods are', () => {
    expect(
      daemonSetReadiness(daemonSet({ numberAvailable: 3 }), { ...options, threshold: 75, since: 0 }).state,
    ).toBe('ready');
  });
});
