import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { openRepository } from './repository.ts';
import { at } from './values.ts';
import { fileOf } from './world.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'viridian-acceptance-repository-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

const backend = 'deploy/webapp/backend/deployment.yaml';

test.each([
  ['our examples', undefined],
  ["podinfo's own repository", fileOf('test/testdata/podinfo')],
])('%s: served with a DaemonSet beside them, and open to commits', async (_, given) => {
  const repository = await openRepository(given, folder);
  try {
    const clone = async (name: string): Promise<string> => {
      const target = join(folder, name);
      await promisify(execFile)('git', ['clone', '-q', '--branch', 'master', repository.url, target]);
      return target;
    };
    const first = await clone('first');
    const manifest = (file: string): unknown => parse(readFileSync(join(first, file), 'utf8'));
    const deployment = manifest(backend);
    const daemonSet = manifest('acceptance/daemonset/daemonset.yaml');
    expect(at(deployment, 'kind')).toBe('Deployment');
    expect(at(daemonSet, 'kind')).toBe('DaemonSet');
    expect(at(daemonSet, 'spec', 'template')).toEqual(at(deployment, 'spec', 'template'));
    for (const field of ['replicas', 'strategy', 'progressDeadlineSeconds']) {
      expect(at(daemonSet, 'spec')).not.toHaveProperty(field);
    }

    await repository.commit?.(backend, (text) => text.replace('podinfo:6.5.4', 'podinfo:6.5.0'));
    expect(readFileSync(join(await clone('second'), backend), 'utf8')).toContain('podinfo:6.5.0');
    await expect(repository.commit?.(backend, (text) => text)).rejects.toThrow(`nothing in ${backend}`);
  } finally {
    await repository.close();
  }
});

test('a URL is taken as it is; what is neither is refused', async () => {
  const url = 'https://github.com/stefanprodan/podinfo';
  expect(await openRepository(url, folder)).toMatchObject({ url });
  await expect(openRepository(join(folder, 'none'), folder)).rejects.toThrow('neither a URL nor a folder');
});
