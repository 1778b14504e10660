import { expect, test } from 'vitest';
import { VirtualClock } from '../../../base/clock.ts';
import { silentLog } from '../../../base/log.ts';
import { seededRandom } from '../../../base/random.ts';
import { isForbidden } from '../../../kube/api-error.ts';
import { startCluster } from '../cluster.ts';

const kinds = {
  roles: {
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    resource: 'roles',
    kind: 'Role',
    namespaced: true,
  },
  bindings: {
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    resource: 'rolebindings',
    kind: 'RoleBinding',
    namespaced: true,
  },
  configMaps: { group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap', namespaced: true },
};

const metadata = { name: 'patcher', namespace: 'default' };

test('an apply or a PUT that makes the object takes the right to create it', async () => {
  const cluster = await startCluster({ clock: new VirtualClock(), random: seededRandom(1), log: silentLog });
  const admin = cluster.client();
  await admin.resource(kinds.roles).create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata,
    rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['patch', 'update'] }],
  });
  await admin.resource(kinds.bindings).create({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'patcher' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'pat' }],
  });
  const pat = cluster.client({ name: 'pat', groups: [] }).resource(kinds.configMaps);
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'c', namespace: 'default' },
    data: { a: '1' },
  };

  await expect(pat.apply(object, { fieldManager: 'pat' })).rejects.toSatisfy(isForbidden);
  await admin.resource(kinds.configMaps).create(object);
  await expect(pat.apply(object, { fieldManager: 'pat' })).resolves.toMatchObject({ data: { a: '1' } });

  await cluster.close();
});
