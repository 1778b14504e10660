import { expect, test } from 'vitest';
import { parse } from 'semver';
import { authorization, parseCredentials } from './credentials.ts';
import { chooseRef, rivalTags } from './git-ref.ts';
import { matchesConstraint } from './semver-constraint.ts';

test.each([
  ['>=1.0.0, <2.0.0', '1.9.9', true],
  ['>=1.0.0 <2.0.0', '2.0.0', false],
  ['=>1.0.0', '1.0.0', true],
  ['~1.2', '1.2.9', true],
  ['^1.2.3', '2.0.0', false],
  ['1.x', '1.5.0', true],
  ['*', '0.0.1', true],
  ['*', '1.0.0-rc.1', false],
  ['1.0.0 - 1.4.0', '1.3.0', true],
  ['>=1.0.0 !=1.3.0', '1.3.0', false],
  ['>=1.0.0 !=1.3.0', '1.4.0', true],
  ['1.0.0 || ^3.0.0', '3.1.0', true],
  ['>=1.0.0-0', '1.2.0-beta.1', true],
  ['>=1.0.0-0 <2.0.0', '1.2.0-beta.1', true],
  ['>=1.0.0-0 <2.0.0', '2.0.0-rc.1', true],
  ['>=1.0.0-0 || <0.5.0', '0.4.0-rc.1', false],
  ['<=2.0.0-rc.1', '2.0.0-rc.2', false],
  ['^1.2.3-rc.1', '2.0.0-rc.1', false],
  ['!=1.3.0-rc.1, >=1.3.0-0', '1.3.0-rc.2', true],
  ['1.0.0 - 2.0.0, !=1.5.0', '1.5.0', false],
  ['1.0 - 2', '2.9.9', true],
  ['<=1.2', '1.2.9', true],
  ['>1.2', '1.2.9', false],
  ['>1', '2.0.0', true],
  ['!=1.2.x', '1.2.9', false],
  ['~1', '1.9.0', true],
  ['~> 1.2.3', '1.3.0', false],
  ['^0.2.3', '0.3.0', false],
  ['^0.0.3', '0.0.4', false],
  ['^0', '0.9.0', true],
  ['=1.2', '1.2.7', true],
  ['v1.2.3', '1.2.3+build.7', true],
  ['>=1.0.0', '1.2.0-beta.1', false],
])('%j takes %s: %j', (constraint, version, isMatch) => {
  const parsed = parse(version);
  expect(parsed !== null && matchesConstraint(constraint)(parsed)).toBe(isMatch);
});

test.each(['', ' ', 'latest', '>=1.0.0 ||', '1.2.3.4', '>=1, ,<2', '==1', '>=1 - 2', '>'.repeat(300)])(
  'the constraint %j is refused',
  (constraint) => {
    expect(() => matchesConstraint(constraint)).toThrow('semver parse error: improper constraint: ');
  },
);

test('of tags, only whole versions count, and the highest is taken', () => {
  const names = ['v1.2.0', '1.10.0', 'v1.9', 'release', 'v2.0.0-rc.1', 'v0.1.0'];
  const refs = new Map(names.map((name, i) => [`refs/tags/${name}`, String(i).repeat(40)]));
  expect(chooseRef(refs, { semver: '*' }, '').revision).toBe(`1.10.0@sha1:${'1'.repeat(40)}`);
});

test('of tags of one version, the one with the youngest commit is taken', () => {
  const names = ['1.0.0+b', '1.0.0+a', 'v1.0.0', '0.9.0'];
  const refs = new Map(names.map((name, i) => [`refs/tags/${name}`, String(i).repeat(40)]));
  refs.set('refs/tags/1.0.0+a^{}', 'a'.repeat(40));
  expect([...rivalTags(refs, { semver: '*' })]).toEqual([
    ['0'.repeat(40), '1.0.0+b'],
    ['a'.repeat(40), '1.0.0+a'],
    ['2'.repeat(40), 'v1.0.0'],
  ]);
  const times = new Map([
    ['a'.repeat(40), 30],
    ['2'.repeat(40), 20],
  ]);
  const timeOf = (commit: string): number => times.get(commit) ?? 10;
  expect(chooseRef(refs, { semver: '*' }, '', timeOf).revision).toBe(`1.0.0+a@sha1:${'a'.repeat(40)}`);
  expect(chooseRef(refs, { semver: '*' }, '').revision).toBe(`v1.0.0@sha1:${'2'.repeat(40)}`);
  // Then there is nothing to be asked.
  for (const ref of [{ semver: '0.9.x' }, { semver: '*', tag: 'v1.0.0' }, {}])
    expect(rivalTags(refs, ref).size).toBe(0);
});

test('a commit must be a whole hash, of either kind', () => {
  for (const commit of ['abc', 'g'.repeat(40), 'a'.repeat(41)]) {
    expect(() => chooseRef(new Map(), { commit }, '')).toThrow(
      `unable to resolve commit object for '${commit}'`,
    );
  }
  expect(chooseRef(new Map(), { commit: 'AB'.repeat(20) }, '').revision).toBe(`sha1:${'ab'.repeat(20)}`);
  const long = 'ab'.repeat(32);
  expect(chooseRef(new Map(), { commit: long, branch: 'main' }, '').revision).toBe(`main@sha256:${long}`);
});

test('a secret of a GitHub App is refused, not taken for none', () => {
  const data = secret({ githubAppID: '7', githubAppPrivateKey: 'hunter-2' });
  expect(() => parseCredentials(data, 'a/b')).toThrow(
    "secretRef 'a/b' has github app data but provider is not set to github",
  );
});

function secret(data: Readonly<Record<string, string>>): ReadonlyMap<string, Uint8Array> {
  return new Map(Object.entries(data).map(([key, text]) => [key, Buffer.from(text)]));
}

test('a secret holds a name and a password, or a token, and perhaps a CA', () => {
  const basic = parseCredentials(secret({ username: 'kate', password: 'x', caFile: 'PEM' }), 'a/b');
  expect(basic).toEqual({ username: 'kate', password: 'x', ca: 'PEM' });
  expect(authorization(basic)).toBe('Basic a2F0ZTp4');
  expect(authorization(parseCredentials(secret({ bearerToken: 't' }), 'a/b'))).toBe('Bearer t');
  expect(authorization(parseCredentials(secret({}), 'a/b'))).toBeUndefined();
});

test.each([
  [{ password: 'hunter-2' }, 'password without username'],
  [{ username: 'a', password: 'hunter-2', bearerToken: 'hunter-2' }, 'cannot be set at the same time'],
  [{ username: 'a', password: 'hunter-2\nX-Header: 1' }, 'holds a line break'],
  [{ identity: 'hunter-2', known_hosts: 'x' }, 'ssh, which is not supported yet'],
  [{ 'tls.crt': 'hunter-2', 'tls.key': 'hunter-2' }, 'client certificate, which is not supported yet'],
])('a secret that cannot be used is refused without being shown: %j', (data, message) => {
  let error: unknown;
  try {
    parseCredentials(secret(data), 'a/b');
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ reason: 'AuthenticationFailed' });
  expect(String(error)).toContain(message);
  expect(String(error)).not.toContain('hunter');
});
