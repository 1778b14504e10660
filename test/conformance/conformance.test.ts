import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kubectlPath } from '../../scripts/kubectl.mjs';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { type Cluster, startCluster } from '../../src/sandbox/apiserver/cluster.ts';
import { readDeviations } from './deviations.ts';
import { failedOf, runConformance } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'viridian-conformance-test-'));
const kubeconfig = join(folder, 'config');
let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({ clock: realClock(), random: systemRandom(), log: silentLog, listen: {} });
  writeFileSync(kubeconfig, await cluster.kubeconfig(), { mode: 0o600 });
});

afterAll(async () => {
  await cluster.close();
  rmSync(folder, { recursive: true });
});

test('the embedded API server answers as the recorded one, but for what is set aside', async () => {
  const kubectl = kubectlPath();
  const report = await runConformance({
    connection: ['--kubeconfig', kubeconfig],
    deviations: readDeviations(),
    kubectl,
  });
  expect(report.failures).toBe('');
  expect(failedOf([...report.api, ...report.kubectl])).toEqual([]);
  expect(report.api.length).toBeGreaterThan(100);
  if (kubectl !== undefined) expect(report.kubectl.length).toBeGreaterThan(170);
}, 120_000);

test('every deviation is about a recording', async () => {
  const cases = new Set(readDeviations().map(({ kind, name }) => `${kind} ${name}`));
  expect(cases.size).toBe(readDeviations().length);
  expect(cases.size).toBeGreaterThan(0);
});
