import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kubectlPath } from '../../scripts/kubectl.mjs';
import { accept } from './acceptance.ts';
import { acceptanceRows } from './acceptance-rows.ts';
import { parseOptions } from './options.ts';
import type { Result } from './row.ts';
import { selectRows } from './run.ts';
import { Screen } from './screen.ts';
import { changed, object } from './walkthrough.ts';
import { openWorld, type World } from './world.ts';

/* The quick rows of the list, one after the other on one sandbox. Three seconds are the least for values in every window. */

const main = new URL('main.ts', import.meta.url).pathname;
const { signal } = new AbortController();
const folder = mkdtempSync(join(tmpdir(), 'viridian-acceptance-test-'));
const hasKubectl = kubectlPath() !== undefined;
if (!hasKubectl) console.warn('acceptance.test.ts is skipped: this machine has no kubectl');

afterAll(() => rmSync(folder, { recursive: true }));

interface Told {
  readonly isGood: boolean;
  readonly screen: string;
  readonly rows: readonly Result[];
}

const report = (): string => join(folder, 'report.json');

function reported(): readonly Result[] {
  return (JSON.parse(readFileSync(report(), 'utf8')) as { rows: readonly Result[] }).rows;
}

function idOrTrouble({ id, outcome, detail }: Result): string {
  return outcome === 'ok' ? id : `${outcome} ${id}: ${detail}`;
}

async function run(ids: readonly string[], on: World): Promise<Told> {
  const rows = acceptanceRows.filter(({ id }) => ids.includes(id));
  let screen = '';
  const isGood = await accept(
    rows,
    on,
    { report: report() },
    new Screen({ write: (text) => (screen += text) }),
    signal,
  );
  return { isGood, screen, rows: reported() };
}

describe.skipIf(!hasKubectl)('on a sandbox', () => {
  let world: World;
  /** Its host, and a member that nobody can reach. */
  const clusters = (): readonly string[] => [
    `--host-kubeconfig=${world.host.kubeconfig}`,
    `--member-kubeconfig=away=${folder}/none`,
  ];

  beforeAll(async () => {
    const options = parseOptions(['--members', '1', '--interval', '3']);
    if (options === undefined) throw new Error('no options');
    world = await openWorld(options, () => {}, signal);
    return () => world.close();
  });

  test('prepared, installed, promoted: every row holds', async () => {
    const ids = selectRows(acceptanceRows, ['P', 'A', 'B2', 'B3', 'B4', 'B5', 'B6', 'C1'])
      .map(({ id }) => id)
      // This one waits for nothing to happen.
      .filter((id) => id !== 'A13');
    const { isGood, screen, rows } = await run(ids, world);
    expect(rows.map(idOrTrouble)).toEqual(ids);
    expect(isGood).toBe(true);
    expect(screen).toContain(`\n${ids.length} rows in `);
  }, 180_000);

  test('an expectation that does not hold is a failed row', async () => {
    const application = changed(world.application, (copy) => {
      object(copy, 'spec', 'syncPolicies', 1, 'kustomization')['interval'] = '6m0s';
    });
    const { isGood, screen, rows } = await run(['A2', 'A4'], { ...world, application });
    expect(isGood).toBe(false);
    expect(rows.map(({ id, outcome }) => `${id} ${outcome}`)).toEqual(['A2 ok', 'A4 FAIL']);
    expect(screen).toMatch(
      /^FAIL A4 .*: spec\.syncPolicies\[1\]\.kustomization\.interval is "5m0s", not "6m0s"$/m,
    );
    expect(screen).toMatch(/^2 rows in .* s: 1 ok, 0 skipped, 1 failed$/m);
    expect(screen).toContain('the manager has said:');
  });

  test('as a program, on clusters that are there: what is there already is left alone', async () => {
    const { code, stderr } = await program(...clusters(), '--only', 'P9');
    expect(code).toBe(1);
    expect(stderr).toBe(
      'acceptance: the host has an Application blue-green-demo, which this list would change: delete it first\n',
    );
  });

  test('deleted in the middle of a rollout: everything is gone', async () => {
    const { rows } = await run(['D6'], world);
    expect(rows.map(idOrTrouble)).toEqual(['D6']);
  }, 120_000);

  test('as a program, on clusters that are there: exit code 1 for a failed row, and the others run', async () => {
    const { code, stdout, stderr } = await program(...clusters(), '--only', 'P1,P9', '--report', report());
    expect(stderr).toBe('');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^the host has a manager: /);
    expect(stdout).toMatch(/^FAIL P1 .*kubectl version/m);
    expect(reported().map(({ id, outcome }) => `${id} ${outcome}`)).toEqual(['P1 FAIL', 'P9 ok']);
  });
});

test.skipIf(!hasKubectl).each(['a sandbox starts', 'ok   P2 '])(
  'Ctrl-C after "%s": code 130, a report, nothing else left',
  async (moment) => {
    let screen = '';
    const TMPDIR = mkdtempSync(join(folder, 'interrupted-'));
    const argv = ['--members', '1', '--only', 'A13', '--report', report()];
    const child = spawn(process.execPath, [main, ...argv], { env: { ...process.env, TMPDIR } });
    child.stderr.setEncoding('utf8').on('data', (text) => (screen += String(text)));
    child.stdout.setEncoding('utf8');
    const exit = once(child, 'close');
    for await (const text of child.stdout) {
      screen += String(text);
      if (!child.killed && screen.includes(moment)) child.kill('SIGINT');
    }
    expect(await exit).toEqual([130, null]);
    expect(readdirSync(TMPDIR).filter((name) => name !== 'node-compile-cache')).toEqual([]);
    expect(screen).toMatch(/acceptance: interrupted\n$/);
    expect(reported()[0]?.id).toBe(moment.startsWith('ok') ? 'P2' : undefined);
  },
  30_000,
);

test('a mistake is told before anything is started', async () => {
  const { code, stdout, stderr } = await program('--only', 'Z9');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(/^acceptance: there is no row or group Z9: rows are P1, .*\n$/);
});

function program(...argv: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...argv], (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}
