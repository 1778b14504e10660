import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { realClock, VirtualClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import {
  type CertificateAuthority,
  createCertificateAuthority,
} from '../../sandbox/apiserver/access/certificates.ts';
import { parseCredentials } from './credentials.ts';
import { startGitServer } from './git-server.test-double.ts';
import { type GitCommand, runGit } from './run-git.ts';
import { SourcePool } from './source-pool.ts';
import { systemGit } from './system-git.ts';

const path = process.env['PATH'] ?? '';
const never = new AbortController().signal;
let folder: string;
let work: string;

function git(...args: readonly string[]): string {
  const identity = ['-c', 'user.name=a', '-c', 'user.email=a@example.org'];
  const options = { cwd: work, env: { PATH: path, HOME: folder } };
  return execFileSync('git', [...identity, ...args], options)
    .toString()
    .trim();
}

function commit(text: string): string {
  writeFileSync(join(work, 'a.yaml'), text);
  git('add', '--all');
  git('commit', '--quiet', '-m', text);
  return git('rev-parse', 'HEAD');
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'traffic-'));
  work = join(folder, 'work');
  mkdirSync(work);
  mkdirSync(join(folder, 'scratch'));
  git('init', '-q', '-b', 'master');
});

afterEach(() => {
  expect(readdirSync(join(folder, 'scratch'))).toEqual([]);
  rmSync(folder, { recursive: true });
});

/** The git that works on behalf of a manager, with what it was asked to do. */
function countedGit(clock: VirtualClock | ReturnType<typeof realClock>) {
  const commands: GitCommand[] = [];
  const transport = systemGit({
    clock,
    run: (command, signal) => {
      commands.push(command);
      return runGit(command, signal);
    },
    scratchFolder: join(folder, 'scratch'),
    path,
  });
  return { commands, transport };
}

const question = ['GET /app/info/refs?service=git-upload-pack', 'POST /app/git-upload-pack'];

test('ten Applications that follow one branch cost one poll, and a download only when it has moved', async () => {
  const first = commit('one');
  using server = await startGitServer(new Map([['app', join(work, '.git')]]));
  const clock = new VirtualClock();
  const { commands, transport } = countedGit(clock);
  const pool = new SourcePool({ clock, random: seededRandom(1), log: silentLog, transport });
  const spec = { url: `${server.base}/app`, interval: '1m' };
  const handles = Array.from({ length: 10 }, () => pool.acquire(spec));
  await clock.settle();
  expect(handles.map(({ state }) => state.artifact?.commit)).toEqual(Array(10).fill(first));
  // Asked once, downloaded once.
  expect(server.requests).toEqual([...question, ...question]);
  expect(commands.map(({ args }) => args[2])).toEqual([
    'ls-remote',
    'init',
    'fetch',
    'cat-file',
    'ls-tree',
    'cat-file',
  ]);

  server.requests.length = 0;
  commands.length = 0;
  await clock.advance(10 * 64_000);
  const polls = server.requests.length / question.length;
  expect(polls).toBeGreaterThanOrEqual(10);
  expect(polls).toBeLessThanOrEqual(11);
  expect(server.requests).toEqual(Array.from({ length: polls }, () => question).flat());
  expect(commands.map(({ args }) => args[2])).toEqual(Array(polls).fill('ls-remote'));

  const second = commit('two');
  server.requests.length = 0;
  await clock.advance(64_000);
  expect(handles.map(({ state }) => state.artifact?.commit)).toEqual(Array(10).fill(second));
  expect(server.requests).toEqual([...question, ...question]);
  await clock.run(pool[Symbol.asyncDispose]());
});

test('a server with a certificate of its own is trusted by the CA of the secret, and by nothing else', async () => {
  const revision = commit('one');
  const [authority, other] = ['one', 'other'].map((name) =>
    createCertificateAuthority(realClock(), seededRandom(name.length), name),
  ) as [CertificateAuthority, CertificateAuthority];
  const tls = authority.issueServer({ commonName: 'git' }, ['127.0.0.1']);
  using server = await startGitServer(new Map([['app', join(work, '.git')]]), tls);
  let header: string | undefined;
  server.intercept = (request) => {
    header = request.headers.authorization;
    return false;
  };
  const { transport } = countedGit(realClock());
  const as = (data: Readonly<Record<string, string>>) => ({
    url: `${server.base}/app`,
    timeoutMs: 60_000,
    credentials: parseCredentials(
      new Map(Object.entries(data).map(([key, text]) => [key, Buffer.from(text)])),
      'default/git',
    ),
  });
  const ca = authority.certificate;
  for (const [data, expected] of [
    [{ caFile: ca }, undefined],
    [{ 'ca.crt': ca, username: 'kate', password: 'p' }, 'Basic a2F0ZTpw'],
    [{ 'ca.crt': ca, caFile: other.certificate, bearerToken: 't' }, 'Bearer t'],
  ] as const) {
    const resolved = await transport.resolve(as(data), {}, never);
    expect(resolved.commit).toBe(revision);
    const { files } = await transport.fetch(as(data), resolved, undefined, never);
    expect([...files.keys()]).toEqual(['a.yaml']);
    expect(header).toBe(expected);
  }
  for (const data of [{}, { caFile: other.certificate }, { caFile: 'no certificate' }]) {
    header = undefined;
    await expect(
      transport.resolve(as({ username: 'kate', password: 'p', ...data }), {}, never),
    ).rejects.toThrow(/unable to list remote for 'https:\/\/127\.0\.0\.1:\d+\/app': .*certificate/);
    expect(header).toBeUndefined();
  }
});
