import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { realClock } from '../../base/clock.ts';
import { sha256 } from '../../base/hash.ts';
import { noCredentials, type Credentials } from './credentials.ts';
import { defaultTreeLimits } from './file-tree.ts';
import { startGitServer, type TestGitServer } from './git-server.test-double.ts';
import { withoutUserInfo } from './parse-remote.ts';
import { type GitCommand, runGit } from './run-git.ts';
import { systemGit } from './system-git.ts';

const path = process.env['PATH'] ?? '';
let folder: string;
let work: string;
let server: TestGitServer;
let base: string;
const commands: GitCommand[] = [];
const repositories = new Map<string, string>();
const never = new AbortController().signal;

function git(args: readonly string[], input = '', date?: string): string {
  const env = {
    PATH: path,
    HOME: folder,
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@example.org',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@example.org',
    ...(date === undefined ? {} : { GIT_COMMITTER_DATE: date }),
  };
  return execFileSync('git', args, { cwd: work, env, input, stdio: ['pipe', 'pipe', 'pipe'] })
    .toString()
    .trim();
}

function write(name: string, text: string): void {
  mkdirSync(dirname(join(work, name)), { recursive: true });
  writeFileSync(join(work, name), text);
}

/** Commits what is in the work tree. */
function commit(message = 'change'): string {
  git(['add', '--all']);
  git(['commit', '--quiet', '--allow-empty', '-m', message]);
  return git(['rev-parse', 'HEAD']);
}

function blob(text: string): string {
  return git(['hash-object', '-w', '--stdin'], text);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'viridian-source-'));
  work = join(folder, 'work');
  mkdirSync(work);
  mkdirSync(join(folder, 'scratch'));
  git(['init', '-q', '-b', 'master']);
  mkdirSync(join(folder, 'empty'));
  execFileSync('git', ['init', '-q', '--bare', join(folder, 'empty')]);
  repositories.set('app', join(work, '.git')).set('empty', join(folder, 'empty'));
  server = await startGitServer(repositories);
  base = server.base;
});

afterEach(() => {
  server.intercept = () => false;
  // Then nothing is left behind, whatever happened.
  expect(readdirSync(join(folder, 'scratch'))).toEqual([]);
  expect(processesOf(join(folder, 'scratch'))).toEqual([]);
});

afterAll(() => {
  server[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

/** What still runs for an operation, git's own children included: all have its folder in their environment. */
function processesOf(scratch: string): string[] {
  // Only Linux tells.
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').filter((id) => {
    try {
      return /^\d+$/.test(id) && readFileSync(`/proc/${id}/environ`, 'utf8').includes(`HOME=${scratch}/`);
    } catch {
      return false;
    }
  });
}

function transport(limits: Partial<typeof defaultTreeLimits> = {}) {
  return systemGit({
    clock: realClock(),
    run: (command, signal) => {
      commands.push(command);
      return runGit(command, signal);
    },
    scratchFolder: join(folder, 'scratch'),
    path,
    limits: { ...defaultTreeLimits, ...limits },
    listings: 2,
  });
}

const remote = (name = 'app', credentials: Credentials = noCredentials) => ({
  url: `${base}/${name}`,
  credentials,
  timeoutMs: 60_000,
});

async function fetchAt(ref: Parameters<ReturnType<typeof transport>['resolve']>[1], limits = {}) {
  const source = transport(limits);
  const resolved = await source.resolve(remote(), ref, never);
  const { files } = await source.fetch(remote(), resolved, undefined, never);
  return { resolved, files: new Map([...files].map(([name, data]) => [name, Buffer.from(data).toString()])) };
}

test('every kind of reference leads to its commit and is written as Flux writes it', async () => {
  write('a.yaml', 'one\n');
  write('deep/er/b.yaml', 'two\n');
  const first = commit();
  git(['tag', 'v1.0.0']);
  git(['branch', 'feature/x']);
  write('a.yaml', 'three\n');
  const second = commit();
  git(['tag', '-a', 'v1.1.0', '-m', 'annotated']);
  git(['tag', 'v2.0.0-rc.1']);
  const cases = [
    [{}, `master@sha1:${second}`],
    [{ branch: 'feature/x' }, `feature/x@sha1:${first}`],
    [{ tag: 'v1.0.0' }, `v1.0.0@sha1:${first}`],
    [{ tag: 'v1.1.0' }, `v1.1.0@sha1:${second}`],
    [{ semver: '>=1.0.0 <2.0.0' }, `v1.1.0@sha1:${second}`],
    [{ semver: '~1.0', tag: 'v1.1.0' }, `v1.1.0@sha1:${second}`],
    [{ name: 'refs/tags/v1.1.0^{}' }, `refs/tags/v1.1.0^{}@sha1:${second}`],
    [{ name: 'refs/heads/feature/x', branch: 'master' }, `refs/heads/feature/x@sha1:${first}`],
    [{ commit: first }, `sha1:${first}`],
    [{ commit: first, branch: 'master' }, `master@sha1:${first}`],
  ] as const;
  for (const [ref, revision] of cases) {
    const { resolved, files } = await fetchAt(ref);
    expect(resolved.revision).toBe(revision);
    expect([...files]).toEqual([
      ['a.yaml', resolved.commit === first ? 'one\n' : 'three\n'],
      ['deep/er/b.yaml', 'two\n'],
    ]);
  }
});

test('it downloads one commit, not the history', async () => {
  const source = transport();
  commands.length = 0;
  await source.fetch(remote(), await source.resolve(remote(), {}, never), undefined, never);
  expect(commands.flatMap(({ args }) => args)).toContain('--depth=1');
});

test.each([
  [
    { branch: 'nothing' },
    `unable to clone: couldn't find remote ref "refs/heads/nothing": git repository: 'BASE/app'`,
  ],
  [{ tag: 'nope' }, `unable to clone: couldn't find remote ref "refs/tags/nope": git repository: 'BASE/app'`],
  [{ name: 'refs/pull/1/head' }, `unable to resolve ref 'refs/pull/1/head' to a specific commit`],
  [{ semver: '>=9.0.0' }, 'no match found for semver: >=9.0.0'],
  [{ semver: 'not a range' }, 'semver parse error: improper constraint: not a range'],
  [{ branch: '--upload-pack=evil' }, undefined],
  [{ branch: '../../config' }, `'refs/heads/../../config' is not the name of a git reference`],
  [{ branch: 'a*' }, `'refs/heads/a*' is not the name of a git reference`],
])('a reference that is not there says so: %j', async (ref, message) => {
  const failed = transport().resolve(remote(), ref, never);
  await expect(failed).rejects.toMatchObject({
    reason: 'GitOperationFailed',
    ...(message === undefined
      ? {}
      : { message: `failed to checkout and determine revision: ${message.replace('BASE', base)}` }),
  });
});

test('a commit of another branch, or of none that is there, is not one of the branch', async () => {
  const other = git(['commit-tree', git(['rev-parse', 'HEAD^{tree}']), '-m', 'of another branch']);
  git(['update-ref', 'refs/heads/other', other]);
  expect((await fetchAt({ commit: other, branch: 'other' })).resolved.revision).toBe(`other@sha1:${other}`);
  await expect(fetchAt({ commit: other, branch: 'master' })).rejects.toThrow(
    `unable to resolve commit object for '${other}': it is not in the history of refs/heads/master`,
  );
  await expect(fetchAt({ commit: other, branch: 'nothing' })).rejects.toThrow(
    `unable to clone: couldn't find remote ref "refs/heads/nothing": git repository: '${base}/app'`,
  );
});

test.each([true, false])(
  'of one version, the youngest is taken, and asked for once (filters: %j)',
  async (filters) => {
    git(['config', 'uploadpack.allowFilter', String(filters)]);
    const tree = git(['rev-parse', 'HEAD^{tree}']);
    const at = (seconds: number) => git(['commit-tree', tree, '-m', `${seconds}`], '', `${seconds} +0000`);
    const [old, young, between] = [at(1_700_000_000), at(1_700_009_000), at(1_700_005_000)];
    git(['tag', '--force', 'v3.0.0+c', old]);
    git(['tag', '--force', '-a', 'v3.0.0+a', '-m', 'made last', young]);
    git(['tag', '--force', '3.0.0', between]);
    const source = transport();
    expect((await source.resolve(remote(), { semver: '3.x' }, never)).revision).toBe(
      `v3.0.0+a@sha1:${young}`,
    );
    commands.length = 0;
    expect((await source.resolve(remote(), { semver: '3.x' }, never)).commit).toBe(young);
    expect(commands.map(({ args }) => args[2])).toEqual(['ls-remote']);
    git(['tag', '--delete', 'v3.0.0+c', 'v3.0.0+a', '3.0.0']);
  },
);

test('a repository of SHA-256 hashes', async () => {
  const of256 = join(folder, 'sha256');
  const inside = (...args: readonly string[]) => git(['-C', of256, ...args]);
  git(['init', '-q', '-b', 'master', '--object-format=sha256', of256]);
  writeFileSync(join(of256, 'a.yaml'), 'one\n');
  inside('add', '--all');
  inside('commit', '-q', '-m', 'one');
  const commit256 = inside('rev-parse', 'HEAD');
  repositories.set('sha256', join(of256, '.git'));
  const source = transport();
  for (const [ref, revision] of [
    [{}, `master@sha256:${commit256}`],
    [{ commit: commit256, branch: 'master' }, `master@sha256:${commit256}`],
  ] as const) {
    const resolved = await source.resolve(remote('sha256'), ref, never);
    expect(resolved.revision).toBe(revision);
    expect([...(await source.fetch(remote('sha256'), resolved, undefined, never)).files.keys()]).toEqual([
      'a.yaml',
    ]);
  }
});

test('what is no commit is refused: a tag may point to anything', async () => {
  git(['tag', 'tree', 'HEAD^{tree}']);
  git(['tag', '-a', 'blob', '-m', 'annotated', blob('x')]);
  for (const tag of ['tree', 'blob']) {
    await expect(fetchAt({ tag })).rejects.toThrow(
      /unable to resolve commit object for '\w{40}': there is no such commit/,
    );
  }
  git(['tag', '--delete', 'tree', 'blob']);
});

test('a machine without git', async () => {
  const source = systemGit({
    clock: realClock(),
    run: runGit,
    scratchFolder: join(folder, 'scratch'),
    path: join(folder, 'nothing'),
  });
  await expect(source.resolve(remote(), {}, never)).rejects.toThrow('unable to run git: it is not installed');
});

test('a commit that the remote does not have', async () => {
  const wanted = { commit: '0123456789012345678901234567890123456789', revision: '', fullName: undefined };
  await expect(transport().fetch(remote(), wanted, undefined, never)).rejects.toThrow(
    "unable to resolve commit object for '0123456789012345678901234567890123456789'",
  );
});

test('an empty repository, a missing one, and nobody there', async () => {
  await expect(transport().resolve(remote('empty'), {}, never)).rejects.toMatchObject({
    reason: 'EmptyGitRepository',
    message: 'git repository is empty',
  });
  await expect(transport().resolve(remote('missing'), {}, never)).rejects.toThrow(
    `unable to clone: repository not found: git repository: '${base}/missing'`,
  );
  const nobody = { url: 'http://127.0.0.1:1/app', credentials: noCredentials, timeoutMs: 60_000 };
  await expect(transport().resolve(nobody, {}, never)).rejects.toThrow(
    /^failed to checkout and determine revision: unable to list remote for 'http:\/\/127\.0\.0\.1:1\/app': .*Failed to connect/,
  );
});

test('a web page is no empty repository', async () => {
  for (const page of ['<html>Please log in</html>', '<html>\nPlease log in\n</html>\n']) {
    server.intercept = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end(page);
      return true;
    };
    await expect(transport().resolve(remote(), {}, never)).rejects.toMatchObject({
      reason: 'GitOperationFailed',
      message: expect.stringMatching(
        /unable to list remote for .*: (?:the server answers, but not as a git server|.*is this a git repository)/,
      ) as unknown,
    });
  }
});

test.runIf(process.platform === 'linux')(
  'an answer that grows when it is unpacked does not take the memory of others',
  async () => {
    const packed = gzipSync(Buffer.alloc(400 * 2 ** 20));
    server.intercept = (_request, response) => {
      const type = 'application/x-git-upload-pack-advertisement';
      response.writeHead(200, { 'content-type': type, 'content-encoding': 'gzip' }).end(packed);
      return true;
    };
    await expect(transport().resolve(remote(), {}, never)).rejects.toThrow(
      `unable to list remote for '${base}/app': it takes more memory than git gets here`,
    );
  },
);

test('a server of the old protocol gives only what references lead to: then that is searched', async () => {
  server.intercept = (request) => {
    delete request.headers['git-protocol'];
    return false;
  };
  const old = git(['rev-list', '--max-parents=0', 'HEAD']);
  for (const ref of [{ commit: old }, { commit: old, branch: 'master' }, { tag: 'v1.1.0' }]) {
    const { files } = await fetchAt(ref);
    expect(files.get('a.yaml')).toBe('tag' in ref ? 'three\n' : 'one\n');
  }
});

test('credentials reach the server, but no argument and no error', async () => {
  const seen: (string | undefined)[] = [];
  server.intercept = (request, response) => {
    seen.push(request.headers.authorization);
    const isKnown = request.headers.authorization === `Basic ${btoa('kate:hunter-2')}`;
    // A server that says back what it got.
    if (!isKnown) response.writeHead(401, { 'www-authenticate': 'Basic realm="hunter-3"' }).end('hunter-3');
    return !isKnown;
  };
  commands.length = 0;
  const right = remote('app', { username: 'kate', password: 'hunter-2' });
  const source = transport();
  await source.fetch(right, await source.resolve(right, {}, never), undefined, never);
  expect(seen).not.toContain(undefined);

  const inUrl = {
    url: base.replace('//', '//kate:hunter-2@') + '/app',
    credentials: noCredentials,
    timeoutMs: 60_000,
  };
  await source.resolve(inUrl, {}, never);

  for (const wrong of [
    remote('app', { username: 'kate', password: 'hunter-3' }),
    remote('app', { bearerToken: 'hunter-3' }),
    { url: base.replace('//', '//kate:hunter-3@') + '/app', credentials: noCredentials, timeoutMs: 60_000 },
    remote(),
  ]) {
    const failed = await source.resolve(wrong, {}, never).catch((error: unknown) => String(error));
    expect(failed).toContain(`unable to list remote for '${base}/app': authentication required`);
    expect(failed).not.toContain('hunter');
  }
  expect(JSON.stringify(commands.map(({ args }) => args))).not.toMatch(/hunter|Basic|Bearer/);
});

test('a token that stands alone in an address is a secret too', async () => {
  server.intercept = (_request, response) => {
    response.writeHead(500).end('hunter-4');
    return true;
  };
  for (const info of ['hunter-4', 'hunter-4:', 'hunter-4:x-oauth-basic']) {
    const url = base.replace('//', `//${info}@`) + '/app';
    const failed = await transport()
      .resolve({ url, credentials: noCredentials, timeoutMs: 60_000 }, {}, never)
      .catch((error: unknown) => String(error));
    expect(failed).toContain(`unable to list remote for '${base}/app'`);
    expect(failed).not.toContain('hunter');
  }
});

test.each([
  'https://kate:hunter-5@ex ample/x',
  'https:///kate:hunter-5@ex ample/x',
  'https:kate:hunter-5@ex ample/x',
  'https://kate:hunter/5@example.org/x',
  'https://kate:hunter#5@example.org/x',
  'https://\\kate:hunter-5@example.org:port/x',
  'kate:hunter-5@example.org',
  'https://example.org/x?access_token=hunter-5',
  'https://kate:8080?hunter-5@example.org/x',
])('an address that cannot be read is not shown with its password: %s', async (url) => {
  const failed = await transport()
    .resolve({ url, credentials: noCredentials, timeoutMs: 60_000 }, {}, never)
    .catch((error: unknown) => String(error));
  expect(failed).toContain('failed to parse url');
  expect(failed).not.toContain('hunter');
});

test('redirects are not followed: credentials stay with whom they are for', async () => {
  let followed = 0;
  server.intercept = (request, response) => {
    if (request.url?.startsWith('/elsewhere') === true) followed += 1;
    if (request.url?.startsWith('/app') !== true) return false;
    response.writeHead(302, { location: `${base}/elsewhere${request.url.slice(4)}` }).end();
    return true;
  };
  await expect(transport().resolve(remote(), {}, never)).rejects.toThrow('unable to list remote');
  expect(followed).toBe(0);
});

test.each([
  ['ext::sh -c touch% /tmp/pwned', 'URLInvalid'],
  ['file:///etc', 'URLInvalid'],
  ['git://example.org/x', 'URLInvalid'],
  ['--upload-pack=evil', 'URLInvalid'],
  ['ssh://git@example.org/x', 'GitOperationFailed'],
])('it reaches nothing by %s', async (url, reason) => {
  commands.length = 0;
  await expect(
    transport().resolve({ url, credentials: noCredentials, timeoutMs: 60_000 }, {}, never),
  ).rejects.toMatchObject({
    reason,
    next: 'stalled',
  });
  expect(commands).toEqual([]);
});

test('links are left out and never followed; a submodule is an empty folder', async () => {
  git(['checkout', '-q', '-b', 'links']);
  symlinkSync('/etc/passwd', join(work, 'link.yaml'));
  symlinkSync('/etc', join(work, 'folder'));
  git(['update-index', '--add', '--cacheinfo', `160000,${git(['rev-parse', 'HEAD'])},module`]);
  git(['add', 'link.yaml', 'folder']);
  git(['commit', '-q', '-m', 'links']);
  const source = transport();
  const resolved = await source.resolve(remote(), { branch: 'links' }, never);
  const { files, folders } = await source.fetch(remote(), resolved, undefined, never);
  expect([...files.keys()]).toEqual(['a.yaml', 'deep/er/b.yaml']);
  expect([...folders].sort()).toEqual(['deep', 'deep/er', 'module']);
});

test.each(['..', '.git', '.GIT', '.', 'a/../../b'])('a tree with %j in it is refused', async (name) => {
  const id = blob('hostile\n');
  const entry = Buffer.concat([Buffer.from(`100644 ${name}\0`), Buffer.from(id, 'hex')]);
  const tree = execFileSync('git', ['hash-object', '-t', 'tree', '--literally', '-w', '--stdin'], {
    cwd: work,
    input: entry,
  })
    .toString()
    .trim();
  git(['update-ref', 'refs/heads/hostile', git(['commit-tree', tree, '-m', 'hostile'])]);
  await expect(fetchAt({ branch: 'hostile' })).rejects.toThrow('invalid path');
});

test('a repository above the limits is an error, not memory', async () => {
  await expect(fetchAt({}, { entries: 1 })).rejects.toThrow('more than 1 files');
  await expect(fetchAt({}, { fileBytes: 3 })).rejects.toThrow('"a.yaml" has 6 bytes, more than 3');
  await expect(fetchAt({}, { totalBytes: 7 })).rejects.toThrow('all files have 10 bytes together');
  await expect(fetchAt({}, { pathBytes: 8 })).rejects.toThrow('a path is longer than 8 bytes');
  await expect(fetchAt({}, { downloadBytes: 10 })).rejects.toThrow('the commit is larger than 10 bytes');
});

test('single objects of a download count, too', async () => {
  git(['checkout', '-q', '-b', 'noise', 'master']);
  write('noise.png', Array.from({ length: 10_000 }, (_, i) => sha256(String(i))).join(''));
  commit();
  git(['checkout', '-q', 'master']);
  await expect(fetchAt({ branch: 'noise' }, { downloadBytes: 200_000 })).rejects.toThrow(
    'is larger than 200000 bytes',
  );
});

test('a path that is not UTF-8 can be left out, and is not packed', async () => {
  const entries = [Buffer.from(`100644 blob ${blob('x')}\tcaf`), Buffer.from([0xe9]), Buffer.from('.txt\n')];
  const tree = execFileSync('git', ['mktree'], { cwd: work, input: Buffer.concat(entries) });
  const id = git(['commit-tree', tree.toString().trim(), '-m', 'Latin-1']);
  git(['update-ref', 'refs/heads/latin', id]);
  await expect(fetchAt({ branch: 'latin' })).rejects.toThrow(
    'a path is not UTF-8: "café.txt"; leave it out with gitRepository.ignore',
  );
  const resolved = { commit: id, revision: '', fullName: 'refs/heads/latin' };
  expect((await transport().fetch(remote(), resolved, '*.txt', never)).files.size).toBe(0);
});

test('a few objects can be a tree without end: it is given up', async () => {
  let tree = git(['mktree'], `100644 blob ${blob('x')}\tfile\n`);
  const names = Array.from({ length: 10 }, (_, i) => `d${i}`);
  for (let depth = 0; depth < 10; depth += 1) {
    tree = git(['mktree'], names.map((name) => `040000 tree ${tree}\t${name}\n`).join(''));
  }
  git(['update-ref', 'refs/heads/bomb', git(['commit-tree', tree, '-m', 'bomb'])]);
  await expect(fetchAt({ branch: 'bomb' }, { entries: 5000 })).rejects.toThrow('the repository is too large');
});

test('a pack of a few bytes that stands for a huge file is not unpacked in memory', async () => {
  const zeros = Buffer.alloc(300 * 2 ** 20);
  const id = execFileSync('git', ['hash-object', '-w', '--stdin'], { cwd: work, input: zeros });
  const tree = git(['mktree'], `100644 blob ${id.toString().trim()}\thuge.bin\n`);
  const huge = git(['commit-tree', tree, '-m', 'huge']);
  git(['update-ref', 'refs/heads/huge', huge]);
  // Through index-pack, as with many objects; with less memory than the file has bytes.
  const real = execFileSync('which', ['git'], { env: { PATH: path } })
    .toString()
    .trim();
  const script = `#!/bin/sh\nulimit -v 262144\nexec ${real} -c fetch.unpackLimit=1 "$@"\n`;
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin', 'git'), script, { mode: 0o755 });
  const source = systemGit({
    clock: realClock(),
    run: runGit,
    scratchFolder: join(folder, 'scratch'),
    path: `${join(folder, 'bin')}:${path}`,
  });
  const resolved = { commit: huge, revision: '', fullName: 'refs/heads/huge' };
  await expect(source.fetch(remote(), resolved, undefined, never)).rejects.toThrow(
    '"huge.bin" has 314572800 bytes, more than 10485760',
  );
});

test('what is ignored does not count: a huge picture is never read', async () => {
  git(['checkout', '-q', '-b', 'pictures', 'master']);
  write('big.png', 'x'.repeat(1000));
  commit();
  const { files } = await fetchAt({ branch: 'pictures' }, { fileBytes: 100 });
  expect(files.has('big.png')).toBe(false);
  git(['checkout', '-q', 'master']);
});

test('a commit is fetched although its branch was pushed over meanwhile', async () => {
  const source = transport();
  git(['checkout', '-q', '-b', 'moving', 'master']);
  write('a.yaml', 'before\n');
  commit();
  const resolved = await source.resolve(remote(), { branch: 'moving' }, never);
  write('a.yaml', 'after\n');
  git(['add', '--all']);
  git(['commit', '-q', '--amend', '-m', 'forced']);
  const { files } = await source.fetch(remote(), resolved, undefined, never);
  expect(Buffer.from(files.get('a.yaml') ?? []).toString()).toBe('before\n');
  const moved = await fetchAt({ branch: 'moving' });
  expect(moved.resolved.commit).not.toBe(resolved.commit);
  expect(moved.files.get('a.yaml')).toBe('after\n');
  git(['checkout', '-q', 'master']);
});

test('a server that does not answer is given up after the timeout, which starts with its turn', async () => {
  let asked = 0;
  server.intercept = () => {
    asked += 1;
    return asked <= 2;
  };
  const source = transport();
  const silent = [0, 1].map(() => source.resolve({ ...remote(), timeoutMs: 300 }, {}, never));
  const third = source.resolve({ ...remote(), timeoutMs: 10_000 }, {}, never);
  const results = await Promise.allSettled([...silent, third]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  await expect(silent[0]).rejects.toThrow(
    `failed to checkout and determine revision: unable to list remote for '${base}/app': not done within 300ms`,
  );
});

test('a server that hangs does not hold up another one', async () => {
  using other = await startGitServer(repositories);
  const stop = new AbortController();
  server.intercept = () => true;
  const source = transport();
  const silent = Array.from({ length: 6 }, () => source.resolve(remote(), {}, stop.signal));
  const settled = Promise.allSettled(silent);
  const { commit: found } = await source.resolve({ ...remote(), url: `${other.base}/app` }, {}, never);
  expect(found).toMatch(/^[0-9a-f]{40}$/);
  stop.abort();
  await settled;
});

test('an address with a # shows nothing of what may be a password behind it', () => {
  expect(withoutUserInfo('https://kate:8080#hunter-5@example.org/x')).toBe('https://kate:8080/');
});

test('an aborted operation ends its processes at once, waiting ones included', async () => {
  const stop = new AbortController();
  let asked = 0;
  const silence = new Promise<void>((resolve) => {
    server.intercept = () => {
      asked += 1;
      if (asked === 2) resolve();
      return true;
    };
  });
  const source = transport();
  const pending = Array.from({ length: 5 }, () => source.resolve(remote(), {}, stop.signal));
  const settled = Promise.allSettled(pending);
  await silence;
  // Two at once, no more; each with a child that talks to the server.
  expect(asked).toBe(2);
  if (process.platform === 'linux')
    expect(processesOf(join(folder, 'scratch')).length).toBeGreaterThanOrEqual(4);
  stop.abort();
  expect((await settled).map(({ status }) => status)).toEqual(Array(5).fill('rejected'));
  server.intercept = () => false;
  await expect(source.resolve(remote(), {}, never)).resolves.toMatchObject({ revision: /^master@sha1:/ });
});
