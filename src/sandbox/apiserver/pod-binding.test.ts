import { expect, test } from 'vitest';
import { VirtualClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import type { Unstructured } from '../../machinery/object.ts';
import { startCluster } from './cluster.ts';

const podKind = { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true };

test('a pod is bound to a node once, and only the very pod that was meant', async () => {
  const clock = new VirtualClock();
  const cluster = await clock.run(startCluster({ clock, random: seededRandom('binding'), log: silentLog }));
  const pods = cluster.client().resource(podKind);
  const metadata = { name: 'p', namespace: 'default' };
  const spec = { containers: [{ name: 'app', image: 'app:1' }] };
  const binding = (node: string, uid?: string): Unstructured => ({
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { ...metadata, labels: { zone: 'z' }, ...(uid !== undefined && { uid }) },
    target: { apiVersion: 'v1', kind: 'Node', name: node },
  });
  const bind = (node: string, uid?: string): Promise<unknown> =>
    clock.run(pods.create(binding(node, uid), { subresource: 'binding' }));
  await expect(bind('node-1')).rejects.toMatchObject({ code: 'NotFound' });
  await clock.run(pods.create({ apiVersion: 'v1', kind: 'Pod', metadata, spec }));
  await expect(bind('')).rejects.toThrow('target.name');
  await expect(bind('node-1', 'another')).rejects.toMatchObject({ code: 'Conflict' });
  await clock.run(pods.create(binding('node-1'), { subresource: 'binding', dryRun: true }));
  expect((await clock.run(pods.get(metadata)))['spec']).not.toHaveProperty('nodeName');
  await bind('node-1');
  const bound = await clock.run(pods.get(metadata));
  expect(bound).toMatchObject({
    metadata: { labels: { zone: 'z' } },
    spec: { nodeName: 'node-1' },
    status: { conditions: [{ type: 'PodScheduled', status: 'True' }] },
  });
  await expect(bind('node-2')).rejects.toThrow('pod p is already assigned to node "node-1"');
  await clock.run(cluster.close());
});
