import { realClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { systemRandom } from '../../base/random.ts';
import { inProcessServer, startCluster } from './cluster.ts';
const cluster = await startCluster({ clock: realClock(), random: systemRandom(), log: silentLog });
const cm = '/api/v1/namespaces/default/configmaps';
const which = process.argv[2];
for (let i = 0; i < 4; i++) {
  const t = performance.now();
  const body = which === 'bad' ? `{"data":{${Array.from({ length: 150_000 }, (_, i) => `"k ${i}":"v"`).join(',')}},"metadata":{"name":"wide${i}"}}` : `{"data":{${Array.from({ length: 150_000 }, (_, i) => `"k${i}":"v"`).join(',')}},"metadata":{"name":"wide${i}"}}`;
  const r = await cluster.fetch(`${inProcessServer}${cm}`, { method: 'POST', body, headers: { 'content-type': 'application/json' } } as never);
  await r.text();
  console.log(r.status, performance.now() - t);
}
await cluster.close();
