import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { InvalidInputError } from '../base/errors.ts';
import { formatKubeconfig } from './format-kubeconfig.ts';
import {
  assertSelfContained,
  type Kubeconfig,
  mergeKubeconfigs,
  parseKubeconfig,
  resolvePaths,
  selectContext,
} from './kubeconfig.ts';

/** A kubeconfig with one context, whose parts are all called `name`. */
function given(name: string, parts: { cluster?: object; user?: object; context?: object } = {}): Kubeconfig {
  return parseKubeconfig(
    stringify({
      'current-context': name,
      clusters: [{ name, cluster: { server: `https://${name}`, ...parts.cluster } }],
      users: [{ name, user: parts.user ?? {} }],
      contexts: [{ name, context: { cluster: name, user: name, ...parts.context } }],
    }),
  );
}

function errorOf(work: () => unknown): InvalidInputError {
  try {
    work();
  } catch (error) {
    if (error instanceof InvalidInputError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('parsing', () => {
  test.each([
    '',
    '{}',
    '# nothing',
    'clusters: null\nusers: null\ncontexts: null\ncurrent-context: ""',
    'apiVersion: v1',
  ])('%j is an empty kubeconfig', (text) => {
    const config = parseKubeconfig(text);
    expect([config.currentContext, config.clusters.size]).toEqual([undefined, 0]);
  });

  test('empty fields count as absent, unknown ones are ignored', () => {
    const config = given('a', {
      cluster: { 'certificate-authority': '', new: 1 },
      user: { token: '', exec: null },
    });
    expect(config.clusters.get('a')?.['certificate-authority']).toBeUndefined();
    expect(config.users.get('a')?.token).toBeUndefined();
    expect(config.clusters.get('a')?.['insecure-skip-tls-verify']).toBe(false);
  });

  test('an entry may be there without its value', () => {
    const config = parseKubeconfig('users: [{name: a, user: null}, {name: b}]');
    expect([...config.users.keys()]).toEqual(['a', 'b']);
  });

  test.each([
    ['a: [', /^kubeconfig: not YAML \(\w+ in line 1\)$/],
    ['- a', /^kubeconfig: the document has the wrong type$/],
    ['text', /the document has the wrong type/],
    ['users: [{name: a, user: {token: 5}}]', /^kubeconfig: users\[0\]\.user\.token has the wrong type$/],
    [
      'users: [{name: a, user: {as-user-extra: {s3cret: 5}}}]',
      /users\[0\]\.user\.as-user-extra has the wrong type$/,
    ],
    ['clusters: [{cluster: {}}]', /clusters\[0\]\.name/],
    ['users: [{name: a, user: {}}, {name: a, user: {}}]', /users: "a" is there twice/],
    ['a: 1\na: 2', /DUPLICATE_KEY in line 2/],
    ['a: *s3cret', /bad aliases/],
    [`a: &a [x]\nb: &b [${'*a,'.repeat(50)}]\nc: [${'*b,'.repeat(50)}]`, /bad aliases/],
    ['['.repeat(100_000), /not YAML/],
    ['#'.repeat(5 * 1024 * 1024), /longer than/],
  ])('%.40s is refused', (text, message) => {
    const error = errorOf(() => parseKubeconfig(text));
    expect(error.code).toBe('InvalidKubeconfig');
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('s3cret');
  });

  test('is total: any text is a kubeconfig or an InvalidInputError', () => {
    const pieces = fc.constantFrom(
      'clusters',
      'users',
      'user',
      'name',
      ': ',
      '\n',
      '  ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '&a ',
      '*a',
      '"',
      "'",
      '__proto__',
      '!!binary ',
      '!!set ',
      '<<',
      '|',
      '>',
      '#',
      '---',
      '\t',
      '\0',
      '\u2028',
      '? ',
      'exec',
      '0x',
      '~',
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(pieces).map((list) => list.join('')),
      fc.jsonValue().map((value) => JSON.stringify({ clusters: value, users: value, contexts: [value] })),
    );
    fc.assert(
      fc.property(text, (content) => {
        try {
          parseKubeconfig(content);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInputError);
        }
      }),
    );
  });

  test('no message quotes a secret, wherever the mistake is', () => {
    const secret = 's3cr3tV4lue';
    const lines = [
      'users:',
      '- name: a',
      '  user:',
      `    token: ${secret}`,
      `    password: "${secret}"`,
      `    client-key-data: ${secret}`,
    ];
    fc.assert(
      fc.property(
        fc.nat({ max: lines.length - 1 }),
        fc.nat({ max: 30 }),
        fc.constantFrom(': ', '"', '[', '\t', '\n', '- ', '&', '*', '!', '{', '%', '@', '`', '|', ', '),
        (line, column, junk) => {
          const broken = lines.map((text, i) =>
            i === line ? text.slice(0, column) + junk + text.slice(column) : text,
          );
          try {
            parseKubeconfig(broken.join('\n'));
          } catch (error) {
            expect(`${(error as Error).stack}${JSON.stringify(error)}`).not.toContain(secret);
            expect((error as Error).cause).toBeUndefined();
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('merging, as kubectl does', () => {
  const a = given('a', { cluster: { 'tls-server-name': 'first' } });
  const again = given('a', { cluster: { 'certificate-authority': '/ca' }, context: { namespace: 'late' } });
  const b = given('b');
  const noCurrent = parseKubeconfig('contexts: [{name: c, context: {cluster: a, user: b}}]');

  test.each<[string, Kubeconfig[], string | undefined, string[]]>([
    ['nothing', [], undefined, []],
    ['one', [a], 'a', ['a']],
    ['the first current context counts', [noCurrent, b, a], 'b', ['a', 'b', 'c']],
    ['contexts may name entries of other files', [a, noCurrent, b], 'a', ['a', 'b', 'c']],
  ])('%s', (_name, configs, current, contexts) => {
    const merged = mergeKubeconfigs(configs);
    expect(merged.currentContext).toBe(current);
    expect([...merged.contexts.keys()].sort()).toEqual(contexts);
  });

  test('the first file that names a thing has it all; later ones add nothing to it', () => {
    const merged = mergeKubeconfigs([a, again]);
    expect(merged.clusters.get('a')).toMatchObject({ 'tls-server-name': 'first' });
    expect(merged.clusters.get('a')?.['certificate-authority']).toBeUndefined();
    expect(merged.contexts.get('a')?.namespace).toBeUndefined();
  });

  test('paths count from their own file, a plugin without a slash from PATH', () => {
    const config = given('a', {
      cluster: { 'certificate-authority': 'pki/ca.pem' },
      user: { 'client-key': '/abs/key', tokenFile: '../token', exec: { command: './bin/aws' } },
    });
    const resolved = resolvePaths(config, '/home/me/.kube');
    expect(resolved.clusters.get('a')?.['certificate-authority']).toBe('/home/me/.kube/pki/ca.pem');
    expect(resolved.users.get('a')).toMatchObject({
      'client-key': '/abs/key',
      tokenFile: '/home/me/token',
      exec: { command: '/home/me/.kube/bin/aws' },
    });
    const plain = resolvePaths(given('a', { user: { exec: { command: 'aws' } } }), '/x');
    expect(plain.users.get('a')?.exec?.command).toBe('aws');
  });
});

describe('the context', () => {
  const config = mergeKubeconfigs([given('a', { context: { namespace: 'ns' } }), given('b')]);

  test('is the current one unless another is named; its parts can be replaced', () => {
    expect(selectContext(config)).toMatchObject({ cluster: { server: 'https://a' }, namespace: 'ns' });
    expect(selectContext(config, { context: 'b' })).toMatchObject({ cluster: { server: 'https://b' } });
    expect(selectContext(config, { cluster: 'b', namespace: 'x' })).toMatchObject({
      cluster: { server: 'https://b' },
      namespace: 'x',
    });
  });

  test.each([
    [config, { context: 'c' }, 'the kubeconfig has no context "c"; it has "b", "a"'],
    [config, { cluster: 'c' }, 'the kubeconfig has no cluster "c"'],
    [config, { user: '__proto__' }, 'the kubeconfig has no user "__proto__"'],
    [parseKubeconfig(''), {}, 'the kubeconfig has no current-context: name a context'],
    [given('a', { context: { user: '' } }), {}, 'context "a" must name a cluster and a user'],
  ])('must exist (%#)', (kubeconfig, overrides, message) => {
    expect(errorOf(() => selectContext(kubeconfig, overrides)).message).toBe(message);
  });
});

describe('a kubeconfig out of a Secret', () => {
  test.each([
    [{ cluster: { 'certificate-authority': '/etc/s3cret' } }, 'cluster "a": certificate-authority'],
    [{ user: { 'client-certificate': '/etc/s3cret' } }, 'user "a": client-certificate'],
    [{ user: { 'client-key': '/etc/s3cret' } }, 'user "a": client-key'],
    [{ user: { tokenFile: '/etc/s3cret' } }, 'user "a": tokenFile'],
    [{ user: { exec: { command: 's3cret' } } }, 'user "a": exec'],
    [{ user: { 'auth-provider': { name: 's3cret' } } }, 'user "a": auth-provider'],
  ])('must hold everything itself (%#)', (parts, field) => {
    const error = errorOf(() => assertSelfContained(mergeKubeconfigs([given('used'), given('a', parts)])));
    expect(error).toMatchObject({ code: 'KubeconfigNotSelfContained', next: 'stalled' });
    expect(error.message).toContain(`${field} is not allowed`);
    expect(error.message).not.toContain('s3cret');
  });

  test('is fine with data and tokens', () => {
    const config = given('a', {
      cluster: { 'certificate-authority-data': 'YQ==', 'certificate-authority': '' },
      user: { token: 't', exec: null },
    });
    expect(() => assertSelfContained(config)).not.toThrow();
  });
});

test('what is written can be read again', () => {
  const text = formatKubeconfig([
    { name: 'host', server: 'https://127.0.0.1:6443', ca: 'CA', cert: 'CERT', key: 'KEY', namespace: 'ns' },
    { name: 'member: 1', server: 'https://[::1]:6444', token: 'yes', tlsServerName: 'x' },
  ]);
  const config = parseKubeconfig(text);
  expect(() => assertSelfContained(config)).not.toThrow();
  expect(selectContext(config)).toMatchObject({
    cluster: { server: 'https://127.0.0.1:6443', 'certificate-authority-data': 'Q0E=' },
    user: { 'client-certificate-data': 'Q0VSVA==', 'client-key-data': 'S0VZ' },
    namespace: 'ns',
  });
  expect(selectContext(config, { context: 'member: 1' })).toMatchObject({
    cluster: { 'tls-server-name': 'x' },
    user: { token: 'yes' },
  });
  expect(text).toContain('token: "yes"');
});
