import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kubectlPath } from '../../scripts/kubectl.mjs';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { type Cluster, startCluster } from '../../src/sandbox/apiserver/cluster.ts';
import { readDeviations } from './deviations.ts';
import { failedOf, type Group, runConformance, stepName } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'viridian-conformance-test-'));
const kubeconfig = join(folder, 'config');
let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({ clock: realClock(), random: systemRandom(), log: silentLog, listen: {} });
  writeFileSync(kubeconfig, cluster.kubeconfig(), { mode: 0o600 });
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

test('every deviation is about one recording', () => {
  const names = readDeviations().map(({ kind, name }) => `${kind} ${name}`);
  expect(new Set(names).size).toBe(names.length);
  const recorded = new Set(recordings());
  expect(names.filter((name) => !recorded.has(name))).toEqual([]);
});

function recordings(): string[] {
  const here = new URL('.', import.meta.url).pathname;
  const { groups } = JSON.parse(readFileSync(join(here, 'kubectl.json'), 'utf8')) as { groups: Group[] };
  return [
    ...readdirSync(join(here, 'cases')).map((file) => `case ${file.replace(/\.json$/, '')}`),
    ...groups.flatMap((group) => group.steps.map((step) => `kubectl ${stepName(group, step)}`)),
  ];
}
