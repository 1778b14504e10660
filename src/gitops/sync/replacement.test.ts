import { expect, test } from 'vitest';
import type { Unstructured } from '../../machinery/object.ts';
import { deployments, namespace, object, service, told, workload, World } from './sync-world.test-double.ts';

const template = {
  metadata: { labels: { app: 'db' } },
  spec: { containers: [{ name: 'db', image: 'db:1' }] },
};

function database(serviceName: string): Unstructured {
  const spec = { serviceName, selector: { matchLabels: { app: 'db' } }, template };
  return object('apps/v1', 'StatefulSet', 'db', { spec });
}

function binding(role: string): Unstructured {
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: role };
  return object('rbac.authorization.k8s.io/v1', 'RoleBinding', 'b', { roleRef, subjects: [] });
}

const headless = {
  ...service,
  spec: { ...(service as unknown as { spec: object }).spec, clusterIP: 'None' },
};
const before = [namespace, database('one'), binding('one'), service];
const after = [namespace, database('two'), binding('two'), headless];

test('with force, what no change can lead to is deleted and made anew; without, the server’s words are told', () =>
  World.run(async (world) => {
    await world.apply(before);
    const { failure } = await world.apply(after);
    expect(failure?.message).toContain('RoleBinding/web/b dry-run failed (Invalid): ');
    expect(failure?.message).toContain('cannot change roleRef');
    expect(failure?.message).toContain('may not change once set');
    expect(failure?.message).toContain('updates to statefulset spec for fields other than');
    const outcome = await world.apply(after, { force: true });
    expect(outcome.failure).toBeUndefined();
    expect(told(outcome)).toEqual([
      'Namespace/web unchanged',
      'RoleBinding/b configured',
      'Service/app configured',
      'StatefulSet/db configured',
    ]);
    expect(told(await world.apply(after))).not.toContain('StatefulSet/db configured');
  }));

test('an object may ask for force itself', () =>
  World.run(async (world) => {
    await world.apply(before);
    const mine = database('two');
    mine.metadata.labels = { 'kustomize.toolkit.fluxcd.io/force': 'Enabled' };
    const outcome = await world.apply([namespace, mine, binding('one'), service]);
    expect(told(outcome)).toContain('StatefulSet/db configured');
  }));

test('what would be refused anew too is not deleted, whatever force says', () =>
  World.run(async (world) => {
    await world.apply([namespace, workload(1)]);
    const broken = workload(1);
    const { spec } = broken as unknown as { spec: { selector: object; template: { spec: object } } };
    spec.selector = { matchLabels: { app: 'other' } };
    spec.template.spec = { containers: [{ name: 'app', image: '' }] };
    const { failure } = await world.apply([namespace, broken], { force: true });
    expect(failure?.message).toContain(
      'Deployment/web/app dry-run failed (Invalid), nor could it be made anew',
    );
    expect(await world.get(deployments, 'app')).toMatchObject({
      spec: { selector: { matchLabels: { app: 'app' } } },
    });
  }));

test('what something holds when it is to be made anew is named, and made as soon as it is let go', () =>
  World.run(async (world) => {
    await world.apply(before);
    const statefulSets = { ...deployments, resource: 'statefulsets', kind: 'StatefulSet' };
    const hold = (finalizers: readonly string[]): Promise<unknown> =>
      world.user
        .resource(statefulSets)
        .patch({ namespace: 'web', name: 'db' }, 'merge', { metadata: { finalizers } });
    await hold(['example.com/hold']);
    const { failure } = await world.apply(after, { force: true });
    expect(failure).toMatchObject({ reason: 'ReconciliationFailed', isStalled: false });
    expect(failure?.message).toContain(
      'StatefulSet/web/db was deleted to be made anew, but something holds it',
    );
    await hold([]);
    expect(told(await world.apply(after, { force: true }))).toContain('StatefulSet/db created');
  }));
