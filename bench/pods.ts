import type { JsonObject } from '../src/machinery/json.ts';

/** A pod as a real cluster holds it: about 3 KB, a third of it managed fields. */
export function pod(i: number): JsonObject {
  const name = `backend-6d5f8c9b7-${i.toString(36).padStart(5, '0')}`;
  const container = {
    name: 'backend',
    image: 'ghcr.io/example/backend:6.9.2',
    env: [{ name: 'PODINFO_UI_COLOR', value: '#34577c' }],
    ports: [{ name: 'http', containerPort: 9898, protocol: 'TCP' }],
    resources: { limits: { memory: '512Mi' }, requests: { cpu: '100m', memory: '32Mi' } },
    livenessProbe: {
      exec: { command: ['podcli', 'check', 'http', 'localhost:9898/healthz'] },
      periodSeconds: 10,
    },
    terminationMessagePath: '/dev/termination-log',
    imagePullPolicy: 'IfNotPresent',
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: `team-${i % 50}`,
      uid: `00000000-0000-4000-8000-${i.toString(16).padStart(12, '0')}`,
      resourceVersion: String(100_000 + i),
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: 'backend', 'pod-template-hash': '6d5f8c9b7' },
      annotations: {
        'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({ spec: container }),
      },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'backend-6d5f8c9b7', uid: 'u', controller: true },
      ],
      managedFields: [
        {
          manager: 'kube-controller-manager',
          operation: 'Update',
          apiVersion: 'v1',
          time: '2026-01-01T00:00:00Z',
          fieldsType: 'FieldsV1',
          fieldsV1: {
            'f:metadata': {
              'f:labels': { '.': {}, 'f:app': {}, 'f:pod-template-hash': {} },
              'f:ownerReferences': { '.': {} },
            },
            'f:spec': {
              'f:containers': {
                'k:{"name":"backend"}': { '.': {}, 'f:env': {}, 'f:image': {}, 'f:ports': {} },
              },
            },
          },
        },
      ],
    },
    spec: {
      nodeName: `node-${i % 20}`,
      serviceAccountName: 'default',
      restartPolicy: 'Always',
      containers: [container],
    },
    status: {
      phase: 'Running',
      podIP: `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`,
      startTime: '2026-01-01T00:00:01Z',
      conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
        type,
        status: 'True',
        lastTransitionTime: '2026-01-01T00:00:05Z',
      })),
    },
  };
}
