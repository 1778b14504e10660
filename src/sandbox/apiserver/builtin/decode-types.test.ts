import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../machinery/json.ts';
import { jsonClone } from '../../../machinery/json.ts';
import { builtInSchema } from '../openapi/built-in-schemas.ts';
import { decodeTypes, setSchemaDefaults } from './decode-types.ts';

const deployment = builtInSchema('io.k8s.api.apps.v1.Deployment');
const pod = builtInSchema('io.k8s.api.core.v1.Pod');

describe('values of another type are told as Go tells them', () => {
  test.each<[string, JsonObject, string]>([
    [
      'a text for a number',
      { spec: { replicas: 'two' } },
      'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'a fraction for a whole number',
      { spec: { replicas: 1.5 } },
      'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'a number that does not fit',
      { spec: { replicas: 3e9 } },
      'json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'an object for a list',
      { spec: { template: { spec: { containers: {} } } } },
      'json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container',
    ],
    [
      'a number in labels',
      { metadata: { labels: { a: 1 } } },
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    [
      'a flag for an int-or-string',
      { spec: { strategy: { rollingUpdate: { maxSurge: true } } } },
      'json: cannot unmarshal bool into Go struct field RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32',
    ],
    [
      'a list for the spec',
      { spec: [] },
      'json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec',
    ],
    [
      'no time',
      { metadata: { creationTimestamp: 'yesterday' } },
      'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
    ],
    [
      'half a time',
      { metadata: { creationTimestamp: '2024-05-01 10:00' } },
      'parsing time "2024-05-01 10:00" as "2006-01-02T15:04:05Z07:00": cannot parse " 10:00" as "T"',
    ],
  ])('%s', (_name, object, message) => {
    expect(decodeTypes(deployment, object)).toBe(message);
  });

  test('no base64', () => {
    const secret = builtInSchema('io.k8s.api.core.v1.Secret');
    expect(decodeTypes(secret, { data: { k: '***' } })).toBe('illegal base64 data at input byte 0');
  });

  test('no quantity', () => {
    const resources = { limits: { cpu: 'much' } };
    expect(decodeTypes(pod, { spec: { containers: [{ resources }] } })).toMatch(/^quantities must match/);
  });
});

describe('values come out in the form in which Go writes them', () => {
  test('quantities, times and what is empty', () => {
    const object: JsonObject = {
      metadata: { creationTimestamp: '2024-05-01T12:00:00.5+02:00', labels: {}, generation: 0 },
      spec: {
        hostNetwork: false,
        nodeSelector: null,
        volumes: [{ name: 'tmp', emptyDir: {} }],
        containers: [
          { name: 'a', env: [{ name: 'E', value: '' }], resources: { limits: { cpu: '0.1' } }, args: [] },
        ],
      },
    };
    expect(decodeTypes(pod, object)).toBeUndefined();
    expect(object).toEqual({
      metadata: { creationTimestamp: '2024-05-01T10:00:00Z' },
      spec: {
        volumes: [{ name: 'tmp', emptyDir: {} }],
        containers: [{ name: 'a', env: [{ name: 'E' }], resources: { limits: { cpu: '100m' } } }],
      },
    });
  });

  test('pointers keep zero', () => {
    const object = { spec: { replicas: 0, paused: false, minReadySeconds: 0 } };
    decodeTypes(deployment, object);
    expect(object).toEqual({ spec: { replicas: 0 } });
  });

  test('structs that are no pointers are always there', () => {
    const object: JsonObject = { spec: { template: { spec: { containers: [{ name: 'a' }] } } } };
    setSchemaDefaults(deployment, object);
    expect(object).toEqual({
      metadata: {},
      spec: {
        strategy: {},
        template: { metadata: {}, spec: { containers: [{ name: 'a', resources: {} }] } },
      },
      status: {},
    });
  });

  test('twice is once', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('metadata', 'spec', 'status', 'x'), fc.jsonValue()),
        (value) => {
          const object = jsonClone(value) as JsonObject;
          if (decodeTypes(pod, object) !== undefined) return;
          const once = jsonClone(object);
          expect(decodeTypes(pod, object)).toBeUndefined();
          expect(object).toEqual(once);
        },
      ),
    );
  });
});
