import { expect, test } from 'vitest';
import { VirtualClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import { type GitRepositoryStatus, gitRepositoryStatus } from './git-repository-status.ts';
import { failedState, type SourceState } from './git-source.ts';
import { MemoryGit } from './memory-git.test-double.ts';
import { checkoutError } from './source-error.ts';
import { type GitRepositorySpec, SourcePool } from './source-pool.ts';

const url = 'https://example.org/app';
const spec: GitRepositorySpec = { url, interval: '1m' };
const owner = { namespace: 'default', name: 'demo', generation: 3 };

function setUp() {
  const clock = new VirtualClock();
  const git = new MemoryGit();
  const pool = new SourcePool({ clock, random: seededRandom(1), log: silentLog, transport: git });
  return { clock, git, pool };
}

test('the first poll brings the files, and later ones download only what is new', async () => {
  const { clock, git, pool } = setUp();
  const first = git.push(url, 'refs/heads/master', { 'a.yaml': 'one' });
  const source = pool.acquire(spec);
  expect(source.state).toEqual({ fetching: true });
  await clock.settle();
  const { artifact } = source.state;
  expect(artifact).toMatchObject({
    revision: `master@sha1:${first}`,
    commit: first,
    lastUpdateTime: '2026-01-01T00:00:00Z',
  });
  const states: SourceState[] = [];
  source.subscribe(() => states.push(source.state));
  await clock.advance(10 * 60_000);
  expect(git.resolves).toBeGreaterThanOrEqual(10);
  expect(git.resolves).toBeLessThanOrEqual(12);
  expect(git.fetches).toBe(1);
  expect(states).toEqual([]);
  expect(source.state.artifact).toBe(artifact);

  const second = git.push(url, 'refs/heads/master', { 'a.yaml': 'two' });
  await clock.advance(64_000);
  expect(states.length).toBe(2);
  expect(states[0]).toEqual({ artifact, fetching: true, upcoming: `master@sha1:${second}` });
  expect(states[1]).toMatchObject({ artifact: { commit: second }, fetching: false });
  await clock.run(pool[Symbol.asyncDispose]());
  expect(clock.pending).toBe(0);
});

test('asked to, it polls at once, and once more after a poll that is going on', async () => {
  const { clock, git, pool } = setUp();
  git.push(url, 'refs/heads/master', {});
  const source = pool.acquire({ ...spec, interval: '0s' });
  await clock.advance(3_600_000);
  expect(git.resolves).toBe(1);
  git.before = () => clock.sleep(5000);
  source.pollNow();
  await clock.advance(1000);
  for (let i = 0; i < 10; i += 1) source.pollNow();
  await clock.advance(60_000);
  expect(git.resolves).toBe(3);
});

test('a failure keeps the last artifact, is tried again ever slower, and ends by itself', async () => {
  const { clock, git, pool } = setUp();
  git.push(url, 'refs/heads/master', { a: '' });
  const source = pool.acquire(spec);
  await clock.settle();
  const { artifact } = source.state;
  git.failure = checkoutError(`unable to list remote for '${url}': no route`);
  await clock.advance(64_000);
  expect(source.state).toEqual({
    artifact,
    fetching: false,
    error: {
      reason: 'GitOperationFailed',
      message: `failed to checkout and determine revision: unable to list remote for '${url}': no route`,
      isStalled: false,
    },
  });
  const before = git.resolves;
  await clock.advance(3_600_000);
  // At least once per interval, after a few fast tries.
  expect(git.resolves - before).toBeGreaterThanOrEqual(60);
  expect(git.resolves - before).toBeLessThanOrEqual(68);
  git.failure = undefined;
  await clock.advance(60_000);
  expect(source.state).toEqual({ artifact, fetching: false });
  expect(git.fetches).toBe(1);
});

test('a source that nobody wants any more stops in the middle of an operation', async () => {
  const { clock, git, pool } = setUp();
  git.before = (_operation, signal) => clock.sleep(Infinity, signal);
  const source = pool.acquire(spec);
  await clock.advance(21_000);
  source[Symbol.dispose]();
  await clock.run(pool[Symbol.asyncDispose]());
  expect(source.state).toEqual({ fetching: true });
  expect(clock.pending).toBe(0);
});

test('what can never work is not tried again until somebody asks', async () => {
  const { clock, git, pool } = setUp();
  git.failure = checkoutError('wrong for good', 'stalled');
  const source = pool.acquire(spec);
  await clock.advance(3_600_000);
  expect(git.resolves).toBe(1);
  source.pollNow();
  await clock.settle();
  expect(git.resolves).toBe(2);
});

test('who wants the same shares one source; the last to go ends it', async () => {
  const { clock, git, pool } = setUp();
  git.push(url, 'refs/heads/master', { a: '' });
  const slow = pool.acquire({ ...spec, interval: '10m' });
  const fast = pool.acquire({ ...spec, interval: '1m' });
  await clock.advance(10 * 60_000);
  expect(pool.size).toBe(1);
  expect(fast.state.artifact?.files).toBe(slow.state.artifact?.files);
  expect(git.resolves).toBeGreaterThanOrEqual(10);
  expect(git.fetches).toBe(1);
  fast[Symbol.dispose]();
  fast[Symbol.dispose]();
  const before = git.resolves;
  await clock.advance(30 * 60_000);
  expect(git.resolves - before).toBeLessThanOrEqual(4);
  expect(git.resolves - before).toBeGreaterThanOrEqual(2);
  slow[Symbol.dispose]();
  expect(pool.size).toBe(0);
  await clock.settle();
  expect(clock.pending).toBe(0);
});

test('other credentials, references or ignore rules are another source', () => {
  const { pool } = setUp();
  const secret = (password: string) => ({
    name: 'default/git',
    data: new Map([
      ['username', Buffer.from('kate')],
      ['password', Buffer.from(password)],
    ]),
  });
  pool.acquire(spec);
  pool.acquire(spec, secret('a'));
  pool.acquire(spec, secret('b'));
  pool.acquire({ ...spec, ref: { branch: 'main' } });
  pool.acquire({ ...spec, ignore: '/*' });
  expect(pool.size).toBe(5);
  pool.acquire(spec, secret('b'));
  expect(pool.size).toBe(5);
});

test('the same reference, repository and credentials are one source, however they are written', () => {
  const { pool } = setUp();
  const data = new Map([
    ['username', Buffer.from('kate')],
    ['password', Buffer.from('p')],
  ]);
  pool.acquire(spec, { name: 'default/git', data });
  pool.acquire({ ...spec, url: 'https://kate:p@EXAMPLE.org:443/app', ref: { branch: 'master', tag: '' } });
  expect(pool.size).toBe(1);
  pool.acquire({ ...spec, ref: { tag: 'v1', semver: '>=1.0.0', branch: 'main' } });
  pool.acquire({ ...spec, ref: { tag: 'v1' } });
  expect(pool.size).toBe(2);
});

test('neither a short interval nor somebody who never stops asking polls more than once a second', async () => {
  const { clock, git, pool } = setUp();
  git.push(url, 'refs/heads/master', {});
  const source = pool.acquire({ ...spec, interval: '1ms' });
  for (let i = 0; i < 100; i += 1) {
    source.pollNow();
    await clock.advance(100);
  }
  expect(git.resolves).toBeGreaterThanOrEqual(10);
  expect(git.resolves).toBeLessThanOrEqual(11);
});

test.each([
  [{ recurseSubmodules: true }, 'recurseSubmodules: not supported yet'],
  [{ verify: { mode: 'head' } }, 'verify: not supported yet'],
  [{ include: [{}] }, 'include: not supported yet'],
  [{ url: 'ssh://git@example.org/x' }, 'ssh is not supported yet'],
  [{ url: 'https://kate:hunter-2@ex ample/x' }, "failed to parse url 'https://ex ample/x'"],
])('a spec with %j is refused, not half obeyed', (part, message) => {
  const { pool } = setUp();
  expect(() => pool.acquire({ ...spec, ...part })).toThrow(message);
  expect(pool.size).toBe(0);
});

function conditions(status: GitRepositoryStatus) {
  return status.conditions?.map(({ type, status: is, reason, message }) => [type, is, reason, message]);
}

test('the status is the one that Flux writes', async () => {
  const { clock, git, pool } = setUp();
  const source = pool.acquire(spec);
  const fresh = gitRepositoryStatus(source.state, owner, undefined, clock.now());
  expect(fresh.observedGeneration).toBe(-1);
  expect(conditions(fresh)).toEqual([
    ['Reconciling', 'True', 'Progressing', 'reconciliation in progress'],
    ['Ready', 'Unknown', 'Progressing', 'reconciliation in progress'],
  ]);
  const commit = git.push(url, 'refs/heads/master', { a: '' });
  await clock.settle();
  const { artifact } = source.state;
  const host = 'http://source-controller.fluxcd-system.svc.cluster.local./gitrepository/default/demo';
  const stored = {
    status: 'True',
    reason: 'Succeeded',
    message: `stored artifact for revision 'master@sha1:${commit}'`,
    observedGeneration: 3,
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  const ready = gitRepositoryStatus(source.state, owner, fresh, clock.now());
  expect(ready).toEqual({
    artifact: {
      digest: artifact?.digest,
      lastUpdateTime: '2026-01-01T00:00:00Z',
      path: `gitrepository/default/demo/${commit}.tar.gz`,
      revision: `master@sha1:${commit}`,
      size: artifact?.size,
      url: `${host}/${commit}.tar.gz`,
    },
    conditions: [
      { type: 'Ready', ...stored },
      { type: 'ArtifactInStorage', ...stored },
    ],
    observedGeneration: 3,
    url: `${host}/latest.tar.gz`,
  });
  git.failure = checkoutError('no route');
  await clock.advance(64_000);
  const failed = gitRepositoryStatus(source.state, { ...owner, generation: 4 }, ready, clock.now());
  const message = 'failed to checkout and determine revision: no route';
  expect(conditions(failed)).toEqual([
    ['Reconciling', 'True', 'ProgressingWithRetry', 'reconciliation in progress'],
    ['Ready', 'False', 'GitOperationFailed', message],
    ['ArtifactInStorage', 'True', 'Succeeded', stored.message],
    ['FetchFailed', 'True', 'GitOperationFailed', message],
  ]);
  expect(failed).toMatchObject({ observedGeneration: 3, artifact: ready.artifact, url: ready.url });
  expect(failed.conditions?.map(({ lastTransitionTime }) => lastTransitionTime)[2]).toBe(
    stored.lastTransitionTime,
  );
  expect(failed.conditions?.map(({ lastTransitionTime }) => lastTransitionTime)[1]).not.toBe(
    stored.lastTransitionTime,
  );
});

test('while a new revision is downloaded the status names it', () => {
  const state = { fetching: true, upcoming: 'master@sha1:1' };
  const building = "building artifact: new upstream revision 'master@sha1:1'";
  const begun = [
    ['Reconciling', 'True', 'Progressing', building],
    ['Ready', 'Unknown', 'Progressing', building],
  ];
  expect(conditions(gitRepositoryStatus(state, owner, undefined, 0))).toEqual(begun);
  const before = { observedGeneration: 2, artifact: { revision: 'master@sha1:0' } };
  expect(conditions(gitRepositoryStatus(state, owner, before, 0))).toEqual([
    ...begun,
    ['ArtifactInStorage', 'True', 'Succeeded', "stored artifact for revision 'master@sha1:0'"],
    ['ArtifactOutdated', 'True', 'NewRevision', "new upstream revision 'master@sha1:1'"],
  ]);
});

test('what is wrong with a commit is not downloaded again: the next commit is awaited', async () => {
  const { clock, git, pool } = setUp();
  git.push(url, 'refs/heads/master', { '.sourceignore': 'x'.repeat(600) });
  const source = pool.acquire({ ...spec, interval: '1s' });
  await clock.advance(60_000);
  expect(source.state).toMatchObject({
    error: { message: expect.stringContaining('longer than 512 characters') as unknown, isStalled: false },
    fetching: false,
  });
  expect(git.resolves).toBeGreaterThan(20);
  expect(git.fetches).toBe(1);
  const better = git.push(url, 'refs/heads/master', { '.sourceignore': 'x' });
  await clock.advance(2000);
  expect(source.state).toMatchObject({ artifact: { commit: better }, fetching: false });
  expect(source.state.error).toBeUndefined();
  await clock.run(pool[Symbol.asyncDispose]());
});

test('what has failed otherwise is downloaded again', async () => {
  const { clock, git, pool } = setUp();
  git.push(url, 'refs/heads/master', {});
  git.before = async (operation) => {
    if (operation === 'fetch') throw checkoutError('the connection was lost');
  };
  pool.acquire({ ...spec, interval: '1s' });
  await clock.advance(10_000);
  expect(git.fetches).toBeGreaterThan(3);
  await clock.run(pool[Symbol.asyncDispose]());
});

test('a source that waits for a person says so', () => {
  const state = failedState(checkoutError('verify: not supported yet', 'stalled'));
  const status = gitRepositoryStatus(state, owner, undefined, 0);
  expect(status.observedGeneration).toBe(3);
  expect(conditions(status)?.map(([type, is]) => `${type}=${is}`)).toEqual([
    'Stalled=True',
    'Ready=False',
    'FetchFailed=True',
  ]);
});
