import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../base/random.ts';
import { invalidStatus } from '../../../machinery/field-errors.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, jsonClone } from '../../../machinery/json.ts';
import type { ResourceDefinition, WriteContext } from '../resource-definition.ts';
import { builtInKinds } from './all.ts';
import { decodeTypes } from './decode-types.ts';
import { ensureObject, nameOf, objectAt } from './fields.ts';

const now = '2026-01-01T00:00:00Z';

function context(): WriteContext {
  return {
    now,
    random: seededRandom('built-in'),
    user: { name: 'test', groups: [] },
    dryRun: false,
    read: () => undefined,
    list: () => [],
  };
}

const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
const selector = { matchLabels: { a: 'b' } };
const jobSpec = { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } };

/** What an object of a kind cannot do without. */
const minimal: Readonly<Record<string, JsonObject>> = {
  ControllerRevision: { data: {}, revision: 1 },
  CronJob: { spec: { schedule: '* * * * *', jobTemplate: { spec: jobSpec } } },
  DaemonSet: { spec: { selector, template } },
  Deployment: { spec: { selector, template } },
  EndpointSlice: { addressType: 'IPv4', endpoints: [] },
  HorizontalPodAutoscaler: {
    spec: { maxReplicas: 2, scaleTargetRef: { kind: 'Deployment', name: 'd', apiVersion: 'apps/v1' } },
  },
  Ingress: { spec: { defaultBackend: { service: { name: 's', port: { number: 80 } } } } },
  IngressClass: { spec: { controller: 'example.com/c' } },
  Job: { spec: jobSpec },
  PersistentVolume: {
    spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/d' } },
  },
  PersistentVolumeClaim: {
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  },
  Pod: { spec: { containers: [{ name: 'c', image: 'i' }] } },
  PodTemplate: { template },
  ReplicaSet: { spec: { selector, template } },
  ReplicationController: { spec: { template } },
  Role: { rules: [] },
  ClusterRole: { rules: [] },
  RoleBinding: { roleRef: { kind: 'Role', name: 'r' }, subjects: [{ kind: 'User', name: 'u' }] },
  ClusterRoleBinding: { roleRef: { kind: 'ClusterRole', name: 'r' } },
  Service: { spec: { ports: [{ port: 80 }] } },
  StatefulSet: { spec: { selector, template, serviceName: 's' } },
  StorageClass: { provisioner: 'example.com/p' },
};
const minimalEvent: JsonObject = {
  involvedObject: { kind: 'Pod', name: 'p', namespace: 'ns' },
  message: 'm',
  reason: 'R',
};
const minimalNewEvent: JsonObject = {
  regarding: { kind: 'Pod', name: 'p', namespace: 'ns' },
  reportingController: 'c',
  reportingInstance: 'i',
  action: 'A',
  reason: 'R',
  type: 'Normal',
  eventTime: '2026-01-01T00:00:00.000000Z',
};

function minimalOf({ kind }: ResourceDefinition): JsonObject {
  const metadata = { name: 'x', uid: 'u', ...(kind.namespaced ? { namespace: 'ns' } : {}) };
  const events = kind.group === '' ? minimalEvent : minimalNewEvent;
  const body = kind.kind === 'Event' ? events : (minimal[kind.kind] ?? {});
  return jsonClone({ metadata, ...body });
}

/** An object as the server would store it. */
function admit(definition: ResourceDefinition, object: JsonObject): string | JsonObject {
  const problem = decodeTypes(definition.schema, object);
  if (problem !== undefined) return problem;
  definition.setDefaults(object);
  if (definition.status) delete object['status'];
  definition.prepareForCreate?.(object, context());
  return object;
}

const named = builtInKinds.map((definition): [string, ResourceDefinition] => [
  `${definition.kind.kind} of ${definition.kind.group}/${definition.kind.version}`,
  definition,
]);

describe.each(named)('%s', (_name, definition) => {
  test('a minimal object is valid', () => {
    const object = admit(definition, minimalOf(definition)) as JsonObject;
    expect(definition.validate(object, undefined, undefined, context())).toEqual([]);
    expect(definition.validate(object, object, undefined, context())).toEqual([]);
  });

  test('defaults of defaults are the same, and fit the types', () => {
    const once = admit(definition, minimalOf(definition)) as JsonObject;
    // A Job takes over the labels that its selector adds to the template, the next time that it is written.
    definition.setDefaults(once);
    const twice = jsonClone(once);
    expect(decodeTypes(definition.schema, twice)).toBeUndefined();
    definition.setDefaults(twice);
    definition.prepareForUpdate?.(twice, once, context());
    expect(twice).toEqual(once);
  });

  test('the row has as many cells as there are columns', () => {
    const object = admit(definition, minimalOf(definition)) as JsonObject;
    const names = (definition.columns ?? []).map((column) => column.name);
    const expected = names.includes('Name') ? names.length : names.length + 1;
    expect(definition.cells?.(object, 0)).toHaveLength(expected);
  });

  test('what is stored comes back from another version', () => {
    const object = admit(definition, minimalOf(definition)) as JsonObject;
    const { fromStored, toStored } = definition.conversion ?? { fromStored: jsonClone, toStored: jsonClone };
    expect(fromStored(toStored(object))).toEqual(object);
  });

  test('nothing throws, whatever stands where', () => {
    const base = minimalOf(definition);
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.infiniteStream(fc.nat(1000)), (value, path) => {
        const object = jsonClone(base);
        replaceSomewhere(object, value as Json, path);
        const old = jsonClone(base);
        definition.setDefaults(object);
        definition.prepareForCreate?.(object, context());
        definition.prepareForUpdate?.(object, old, context());
        definition.prepareForStatusUpdate?.(object, old, context());
        for (const subresource of [undefined, 'status'] as const) {
          definition.validate(object, undefined, subresource, context());
          definition.validate(object, old, subresource, context());
        }
        definition.cells?.(object, 0);
        definition.warnings?.(object, undefined);
        definition.selectableFields?.of(object);
        definition.gracePeriodSeconds?.(object, undefined);
        decodeTypes(definition.schema, object);
      }),
      { numRuns: 60 },
    );
  });
});

/** Puts `value` into the place to which `path` leads. */
function replaceSomewhere(root: JsonObject, value: Json, path: Iterable<number>): void {
  let at: JsonObject | Json[] = root;
  for (const step of path) {
    const keys: string[] = Object.keys(at);
    const key = keys[step % Math.max(keys.length, 1)] ?? 'spec';
    const child: Json | undefined = (at as JsonObject)[key];
    const isLeaf = typeof child !== 'object' || child === null;
    if (isLeaf || step % 4 === 0) {
      (at as JsonObject)[key] = value;
      return;
    }
    at = child;
  }
}

interface Step {
  readonly name: string;
  readonly request: { readonly method: string; readonly path: string; readonly body?: Json };
  readonly expect: {
    readonly status: number;
    readonly mode: string;
    readonly omit?: string[];
    readonly body?: Json;
  };
}

/** Recorded creations that a kind decides alone. */
function recordedCreations(): [string, Step, ResourceDefinition][] {
  const folder = 'test/conformance/cases';
  const files = readdirSync(folder).filter((file) => /^(crud|errors|events|lease)-/.test(file));
  return files.flatMap((file) => {
    const { steps } = JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as { steps: Step[] };
    return steps.flatMap((step): [string, Step, ResourceDefinition][] => {
      const { method, path, body } = step.request;
      const { mode, status } = step.expect;
      const definition = builtInKinds.find(({ kind }) => {
        const prefix = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
        return path === `${prefix}/namespaces/\${ns}/${kind.resource}`;
      });
      const isAlone = mode !== 'none' && (status === 201 || status === 422);
      if (method !== 'POST' || definition === undefined || !isObject(body) || !isAlone) return [];
      if (
        file.startsWith('errors-names') ||
        nameOf(body) === '' ||
        objectAt(body, 'metadata')['resourceVersion']
      )
        return [];
      return [[`${file}: ${step.name}`, step, definition]];
    });
  });
}

describe('as recorded from a real API server', () => {
  test.each(recordedCreations())('%s', (_name, step, definition) => {
    const object = jsonClone(step.request.body as JsonObject);
    const metadata = ensureObject(object, 'metadata');
    Object.assign(metadata, { namespace: '${ns}', uid: '<uid>' });
    const admitted = admit(definition, object) as JsonObject;
    const errors = definition.validate(admitted, undefined, undefined, context());
    if (step.expect.status === 201) {
      expect(errors).toEqual([]);
      expectLike(admitted, step.expect.body ?? null, step.expect.mode === 'exact', step.expect.omit ?? []);
    } else {
      const status = invalidStatus(definition.kind, nameOf(object), errors);
      expectLike(status as unknown as Json, step.expect.body ?? null, step.expect.mode === 'exact', []);
    }
  });
});

/** Metadata that the server gives, and places of random values. */
function comparable(value: Json, omit: readonly string[]): Json {
  if (Array.isArray(value)) return value.map((item) => comparable(item, []));
  if (!isObject(value))
    return typeof value === 'string' ? value.replace(/^10\.96\.\d+\.\d+$/, '<ip>') : value;
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    if (omit.includes(key)) continue;
    const inner = omit.filter((path) => path.startsWith(`${key}.`)).map((path) => path.slice(key.length + 1));
    result[key] = comparable(item, inner);
  }
  return result;
}

const given = [
  'metadata.resourceVersion',
  'metadata.creationTimestamp',
  'metadata.generation',
  'kind',
  'apiVersion',
];

function expectLike(actual: Json, expected: Json, exact: boolean, omit: readonly string[]): void {
  const left = comparable(actual, [...omit, ...given]);
  const right = comparable(expected, [...omit, ...given]);
  if (exact) expect(left).toEqual(right);
  else if (isObject(left) && isObject(right)) expect(left).toMatchObject(withLooseLists(left, right));
}

/** Recorded subsets name some items of a list of causes; the others do not matter. */
function withLooseLists(actual: JsonObject, expected: JsonObject): JsonObject {
  const causes = objectAt(expected, 'details')['causes'];
  if (!Array.isArray(causes)) return expected;
  const all = objectAt(actual, 'details')['causes'];
  for (const cause of causes) expect(all).toContainEqual(expect.objectContaining(cause as JsonObject));
  return { ...expected, details: { ...objectAt(expected, 'details'), causes: all ?? [] } };
}
