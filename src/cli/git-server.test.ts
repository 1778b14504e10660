import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FetchResponse } from '../base/fetch.ts';
import { gitServer, parseServed, type Repositories } from './git-server.ts';

let folder: string;
let repositories: Repositories;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'viridian-git-'));
  execFileSync('git', ['init', '-q', '--bare', join(folder, 'bare.git')]);
  repositories = new Map([await parseServed(`app=${join(folder, 'bare.git')}`)]);
});

afterAll(() => rmSync(folder, { recursive: true }));

function ask(method: string, url: string): Promise<FetchResponse> {
  const signal = new AbortController().signal;
  return gitServer(repositories)({
    method,
    url,
    headers: {},
    remoteAddress: '127.0.0.1',
    signal,
    async *body() {},
  });
}

test('it advertises what there is to fetch, with or without .git', async () => {
  for (const name of ['app', 'app.git']) {
    const response = await ask('GET', `/${name}/info/refs?service=git-upload-pack`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/x-git-upload-pack-advertisement');
    expect(await response.text()).toMatch(/^001e# service=git-upload-pack\n/);
  }
});

test.each([
  ['GET', '/app/HEAD'],
  ['GET', '/app/config'],
  ['GET', '/app/objects/info/packs'],
  ['GET', '/app/info/refs'],
  ['GET', '/app/info/refs?service=git-receive-pack'],
  ['POST', '/app/git-receive-pack'],
  ['GET', '/app/../bare.git/info/refs?service=git-upload-pack'],
  ['GET', '/../app/info/refs?service=git-upload-pack'],
  ['GET', '/app%2f..%2fbare.git/info/refs?service=git-upload-pack'],
  ['GET', '/bare.git/info/refs?service=git-upload-pack'],
  ['GET', '/__proto__/info/refs?service=git-upload-pack'],
  ['GET', '/'],
])('it does not let through %s %s', async (method, url) => {
  expect((await ask(method, url)).status).toBe(404);
});

test('it takes no other method than the two requests have', async () => {
  expect((await ask('POST', '/app/info/refs?service=git-upload-pack')).status).toBe(405);
  expect((await ask('GET', '/app/git-upload-pack')).status).toBe(405);
});

test.each([
  ['app', 'NAME=FOLDER'],
  ['=x', 'NAME=FOLDER'],
  ['../x=.', 'NAME=FOLDER'],
  ['app=', 'NAME=FOLDER'],
  ['app=/does/not/exist', 'there is no folder /does/not/exist'],
  ['app=/', 'is not a git repository'],
])('--serve %s is refused', async (given, why) => {
  await expect(parseServed(given)).rejects.toThrow(why);
});
