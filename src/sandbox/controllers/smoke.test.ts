import { expect, test } from 'vitest';
import { VirtualClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import { startCluster } from '../apiserver/cluster.ts';
test('x', async () => {
  const clock = new VirtualClock();
  const t = process.hrtime.bigint();
  const cluster = await clock.run(startCluster({ clock, random: seededRandom(1), log: silentLog }));
  const c = cluster.client().resource({ group: '', version: 'v1', resource: 'namespaces', kind: 'Namespace', namespaced: false });
  const l = await clock.run(c.list());
  console.log(l.items.map((i) => i.metadata.name), Number(process.hrtime.bigint()-t)/1e6);
  await clock.run(cluster.close());
});
