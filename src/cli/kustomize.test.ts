import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { exitCode, startCommand } from './running-command.test-double.ts';

const podinfo = new URL('../../test/testdata/podinfo', import.meta.url).pathname;
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'viridian-kustomize-'));
});

afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

async function kustomizeBuild(...args: string[]): Promise<{ code: number | null; output: string }> {
  const { child, output } = startCommand('kustomize', 'build', ...args);
  return { code: await exitCode(child), output: output() };
}

test('it prints what a folder makes; bases lie anywhere in the git repository around it', async () => {
  cpSync(podinfo, root, { recursive: true });
  mkdirSync(join(root, '.git'));
  const { code, output } = await kustomizeBuild(join(root, 'deploy/overlays/dev'));
  expect(code).toBe(0);
  expect(output).toMatch(/^apiVersion: v1\nkind: Namespace\nmetadata:\n {2}labels:\n/);
  expect(output.split('\n---\n')).toHaveLength(10);
});

test('it tells what is wrong, and where', async () => {
  write('app/kustomization.yaml', 'resources: [../base]');
  write('base/kustomization.yaml', 'resources: [a.yaml]');
  write('base/a.yaml', 'kind: [');
  const app = join(root, 'app');
  const alone = await kustomizeBuild(app);
  expect(alone.output).toMatch(/^viridian: cannot build .*app: \.\.\/base.*leads out of the tree\n$/);
  const within = await kustomizeBuild(app, '--root', root);
  expect(within.output).toMatch(/: base\/a\.yaml, document 1: line 1: /);
  const missing = await kustomizeBuild(join(root, 'missing'));
  expect(missing.output).toMatch(/^viridian: cannot build .*missing/);
  expect([alone.code, within.code, missing.code]).toEqual([1, 1, 1]);
});

test('it follows no links', async () => {
  write('app/kustomization.yaml', 'configMapGenerator: [{name: a, files: [secret]}]');
  symlinkSync('/etc/hostname', join(root, 'app/secret'));
  const { code, output } = await kustomizeBuild(join(root, 'app'));
  expect(output).toMatch(/secret: no such file\n$/);
  expect(code).toBe(1);
});
