import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../base/random.ts';
import { parseTime } from '../../../base/time.ts';
import { fieldErrorMessage } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { jsonClone } from '../../../machinery/json.ts';
import type { WriteContext } from '../resource-definition.ts';
import { objectAt, objectsAt } from './fields.ts';
import { pod } from './pod.ts';

function context(accounts: Readonly<Record<string, JsonObject>> = {}): WriteContext {
  return {
    now: '2026-01-01T00:00:00Z',
    random: seededRandom('pods'),
    user: { name: 'test', groups: [] },
    dryRun: false,
    read: (key, _namespace, name) => (key === 'serviceaccounts' ? accounts[name] : undefined),
    list: () => [],
  };
}

function created(spec: JsonObject, of = context()): JsonObject {
  const object: JsonObject = { metadata: { name: 'p', namespace: 'ns' }, spec: jsonClone(spec) };
  pod.setDefaults(object);
  pod.prepareForCreate?.(object, of);
  return object;
}

function problems(spec: JsonObject): string[] {
  return pod.validate(created(spec), undefined, undefined, context()).map(fieldErrorMessage);
}

const container = { name: 'app', image: 'app:1' };

describe('what the server fills in', () => {
  test('a token of the service account, where there is one', () => {
    const with_ = created({ containers: [container] }, context({ default: {} }));
    const [mount] = objectsAt(objectsAt(objectAt(with_, 'spec'), 'containers')[0] ?? {}, 'volumeMounts');
    expect(mount).toMatchObject({
      mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
      readOnly: true,
    });
    expect(objectAt(with_, 'spec')['volumes']).toHaveLength(1);
    const without = created(
      { containers: [container], automountServiceAccountToken: false },
      context({ default: {} }),
    );
    expect(objectAt(without, 'spec')['volumes']).toBeUndefined();
  });

  test.each([
    ['app', 'Always'],
    ['app:latest', 'Always'],
    ['app:1', 'IfNotPresent'],
    ['registry:5000/app', 'Always'],
    ['app@sha256:0', 'IfNotPresent'],
    ['', 'IfNotPresent'],
  ])('the pull policy of %j is %s', (image, policy) => {
    const [first] = objectsAt(
      objectAt(created({ containers: [{ name: 'a', image }] }), 'spec'),
      'containers',
    );
    expect(first?.['imagePullPolicy']).toBe(policy);
  });

  test.each([
    [{}, 'BestEffort'],
    [{ requests: { cpu: '1' } }, 'Burstable'],
    [{ limits: { cpu: '1' } }, 'Burstable'],
    [{ limits: { cpu: '1', memory: '1Gi' } }, 'Guaranteed'],
    [{ limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } }, 'Burstable'],
  ])('%j is %s', (resources, quality) => {
    const object = created({ containers: [{ ...container, resources }] });
    expect(objectAt(object, 'status')).toEqual({ phase: 'Pending', qosClass: quality });
  });
});

describe('what is refused', () => {
  test.each<[string, JsonObject, string]>([
    [
      'the same name twice',
      { containers: [container, container] },
      'spec.containers[1].name: Duplicate value: "app"',
    ],
    [
      'a mount of no volume',
      { containers: [{ ...container, volumeMounts: [{ name: 'v', mountPath: '/v' }] }] },
      'spec.containers[0].volumeMounts[0].name: Not found: "v"',
    ],
    [
      'a probe without a handler',
      { containers: [{ ...container, livenessProbe: {} }] },
      'spec.containers[0].livenessProbe: Required value: must specify a handler type',
    ],
    [
      'more than the limit',
      { containers: [{ ...container, resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }] },
      'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ],
    [
      'two sources of a volume',
      { containers: [container], volumes: [{ name: 'v', emptyDir: {}, configMap: { name: 'c' } }] },
      'spec.volumes[0].configMap: Forbidden: may not specify more than 1 volume type',
    ],
    [
      'two sources of a variable',
      {
        containers: [
          {
            ...container,
            env: [{ name: 'E', value: 'v', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
          },
        ],
      },
      'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
    ],
    [
      'a port out of range',
      { containers: [{ ...container, ports: [{ containerPort: 70_000 }] }] },
      'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ],
    [
      'another restart policy',
      { containers: [container], restartPolicy: 'Sometimes' },
      'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
    ],
    [
      'a toleration of everything that is not one',
      { containers: [container], tolerations: [{ effect: 'NoSchedule' }] },
      'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
  ])('%s', (_name, spec, message) => {
    expect(problems(spec)).toEqual([message]);
  });

  test('a change of anything but images, deadline and tolerations', () => {
    const old = created({ containers: [container] });
    const next = jsonClone(old);
    objectsAt(objectAt(next, 'spec'), 'containers')[0]!['image'] = 'app:2';
    expect(pod.validate(next, old, undefined, context())).toEqual([]);
    objectAt(next, 'spec')['hostname'] = 'other';
    const [error] = pod.validate(next, old, undefined, context()).map(fieldErrorMessage);
    expect(error).toMatch(/^spec: Forbidden: pod updates may not change fields other than `spec.containers/);
  });
});

describe('the row', () => {
  function row(status: JsonObject, metadata: JsonObject = {}, spec: JsonObject = {}): unknown[] {
    const object = {
      metadata: { name: 'p', ...metadata },
      spec: { containers: [container], ...spec },
      status,
    };
    return pod.cells?.(object, parseTime('2026-01-02T00:00:00Z')).slice(1, 4) ?? [];
  }
  const terminated = { state: { terminated: { exitCode: 1, reason: 'Error' } } };

  test.each<[string, unknown[], unknown[]]>([
    [
      'running',
      row({ phase: 'Running', containerStatuses: [{ ready: true, state: { running: {} } }] }),
      ['1/1', 'Running', '0'],
    ],
    [
      'being pulled',
      row({ phase: 'Pending', containerStatuses: [{ state: { waiting: { reason: 'ErrImagePull' } } }] }),
      ['0/1', 'ErrImagePull', '0'],
    ],
    ['failed', row({ phase: 'Failed', containerStatuses: [terminated] }), ['0/1', 'Error', '0']],
    [
      'done',
      row({
        phase: 'Succeeded',
        containerStatuses: [{ state: { terminated: { exitCode: 0, reason: 'Completed' } } }],
      }),
      ['0/1', 'Completed', '0'],
    ],
    ['evicted', row({ phase: 'Failed', reason: 'Evicted' }), ['0/1', 'Evicted', '0']],
    [
      'initializing',
      row(
        { phase: 'Pending', initContainerStatuses: [{ name: 'i', state: { running: {} } }] },
        {},
        { initContainers: [{ name: 'i' }] },
      ),
      ['0/1', 'Init:0/1', '0'],
    ],
    [
      'failing to initialize',
      row(
        { phase: 'Pending', initContainerStatuses: [{ name: 'i', ...terminated }] },
        {},
        { initContainers: [{ name: 'i' }] },
      ),
      ['0/1', 'Init:Error', '0'],
    ],
    [
      'with a sidecar',
      row(
        {
          phase: 'Running',
          initContainerStatuses: [{ name: 'i', ready: true, started: true, state: { running: {} } }],
          containerStatuses: [{ ready: true, state: { running: {} } }],
        },
        {},
        { initContainers: [{ name: 'i', restartPolicy: 'Always' }] },
      ),
      ['2/2', 'Running', '0'],
    ],
    [
      'on its way out',
      row({ phase: 'Running' }, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
      ['0/1', 'Terminating', '0'],
    ],
    [
      'restarted',
      row({
        phase: 'Running',
        containerStatuses: [
          {
            ready: true,
            restartCount: 2,
            state: { running: {} },
            lastState: { terminated: { finishedAt: '2026-01-01T23:00:00Z' } },
          },
        ],
      }),
      ['1/1', 'Running', '2 (60m ago)'],
    ],
  ])('%s', (_name, actual, expected) => {
    expect(actual).toEqual(expected);
  });
});

describe('what is warned of', () => {
  test.each<[string, JsonObject, string[]]>([
    ['nothing', { containers: [container] }, []],
    [
      'a variable that hides another',
      {
        containers: [
          {
            ...container,
            env: [
              { name: 'A', value: '1' },
              { name: 'A', value: '2' },
            ],
          },
        ],
      },
      ['spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply'],
    ],
    [
      'one that builds on the other',
      {
        containers: [
          {
            ...container,
            env: [
              { name: 'A', value: '1' },
              { name: 'A', value: '$(A)2' },
            ],
          },
        ],
      },
      [],
    ],
  ])('%s', (_name, spec, expected) => {
    expect(pod.warnings?.(created(spec), undefined)).toEqual(expected);
  });
});
