import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kubectlPath } from '../../scripts/kubectl.mjs';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { podinfoImages } from '../../src/sandbox/podinfo/podinfo-images.ts';
import { shell } from '../../src/cli/shell.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { failedOf, runConformance } from '../conformance/run.ts';

const folder = mkdtempSync(join(tmpdir(), 'viridian-sandbox-conformance-'));
const kubeconfig = join(folder, 'config');
let sandbox: Sandbox;

beforeAll(async () => {
  const random = systemRandom();
  sandbox = await startSandbox({
    clock: realClock(),
    random,
    log: silentLog,
    members: 1,
    images: podinfoImages(),
    shell,
    listen: {},
  });
  writeFileSync(kubeconfig, sandbox.members[0]?.kubeconfig() ?? '', { mode: 0o600 });
});

afterAll(async () => {
  await sandbox.close();
  rmSync(folder, { recursive: true });
});

test('a cluster of the sandbox does everything that was recorded, nothing set aside', async () => {
  const kubectl = kubectlPath();
  const report = await runConformance({ connection: ['--kubeconfig', kubeconfig], deviations: [], kubectl });
  expect(report.failures).toBe('');
  expect(failedOf([...report.api, ...report.kubectl])).toEqual([]);
  expect(report.api.length).toBeGreaterThan(115);
  if (kubectl !== undefined) expect(report.kubectl.length).toBeGreaterThan(210);
}, 240_000);
