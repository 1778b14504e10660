import type { AuthHeaders } from './credentials.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { VirtualClock } from '../base/clock.ts';
import { InvalidInputError, TypedError } from '../base/errors.ts';
import { connectionOf, type ConnectionOptions, inClusterConnection, loadKubeconfig } from './connection.ts';
import type { Run } from './exec-credentials.ts';
import { parseKubeconfig } from './kubeconfig.ts';

const pem = (name: string): string => `-----BEGIN ${name}-----\nAA==\n-----END ${name}-----\n`;
const base64 = (text: string): string => Buffer.from(text).toString('base64');

function missing(path: string): Error {
  return Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: 'ENOENT' });
}

/** A machine with `files`, whose credential plugins answer with `run`; reads are counted. */
function given(files: Record<string, string> = {}, run?: Run, env: Record<string, string | undefined> = {}) {
  const clock = new VirtualClock();
  const reads: string[] = [];
  const readFile = async (path: string): Promise<string> => {
    reads.push(path);
    const content = files[path];
    if (content === undefined) throw missing(path);
    return content;
  };
  return { clock, files, reads, effects: { readFile, clock, env, run } };
}

const kubeconfig = (user: object, cluster: object = {}) =>
  parseKubeconfig(
    stringify({
      'current-context': 'a',
      clusters: [{ name: 'a', cluster: { server: 'https://k:6443', ...cluster } }],
      users: [{ name: 'a', user }],
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
    }),
  );

function connect(user: object, cluster: object = {}, options: ConnectionOptions = {}, world = given()) {
  return connectionOf(kubeconfig(user, cluster), world.effects, options);
}

describe('which files are read', () => {
  const file = (name: string) => stringify({ contexts: [{ name, context: {} }], 'current-context': name });
  const load = async (env: Record<string, string>, files: Record<string, string>, path?: string) => {
    const { effects } = given(files, undefined, env);
    const config = await loadKubeconfig(effects, path);
    return [config.currentContext, [...config.contexts.keys()].sort()];
  };

  test('those of KUBECONFIG, without the missing ones; else the one at home; a named one alone', async () => {
    const files = { '/a': file('a'), '/b': file('b'), '/home/.kube/config': file('home') };
    expect(await load({ HOME: '/home', KUBECONFIG: '/x:/b:/a::/b' }, files)).toEqual(['b', ['a', 'b']]);
    expect(await load({ HOME: '/home', KUBECONFIG: '' }, files)).toEqual(['home', ['home']]);
    expect(await load({ HOME: '/home', KUBECONFIG: '/a' }, files, '/b')).toEqual(['b', ['b']]);
  });

  test('paths inside count from the file', async () => {
    const { effects } = given({
      '/etc/k/config': stringify({ clusters: [{ name: 'a', cluster: { 'certificate-authority': 'ca' } }] }),
    });
    const config = await loadKubeconfig(effects, '/etc/k/config');
    expect(config.clusters.get('a')?.['certificate-authority']).toBe('/etc/k/ca');
  });

  test('none at all is said clearly', async () => {
    await expect(load({}, {})).rejects.toMatchObject({ code: 'NoKubeconfig' });
    await expect(load({ HOME: '/h' }, {})).rejects.toThrow('no kubeconfig found: /h/.kube/config');
    await expect(load({ KUBECONFIG: '/a' }, { '/a': '[' })).rejects.toThrow('/a: not YAML');
  });
});

describe('a connection', () => {
  test('has the data before the file, and the file where there is no data', async () => {
    const world = given({ '/ca': pem('CA FILE'), '/cert': pem('CERT FILE'), '/key': pem('KEY FILE') });
    const connection = await connect(
      { 'client-certificate': '/cert', 'client-key': '/key', 'client-key-data': base64(pem('KEY')) },
      {
        'certificate-authority': '/nowhere',
        'certificate-authority-data': base64(pem('CA')),
        'tls-server-name': 'kubernetes',
        server: 'https://k:6443/clusters/one/?x=1#y',
      },
      { namespace: 'ns' },
      world,
    );
    expect(connection).toMatchObject({
      server: 'https://k:6443/clusters/one',
      namespace: 'ns',
      tls: {
        ca: pem('CA'),
        cert: pem('CERT FILE'),
        key: pem('KEY'),
        serverName: 'kubernetes',
        insecureSkipTlsVerify: false,
      },
    });
    expect(await connection.authorize()).toEqual({});
  });

  test.each<[object, AuthHeaders]>([
    [{ token: 't' }, { authorization: 'Bearer t' }],
    [{ username: 'u', password: 'p:ü' }, { authorization: `Basic ${base64('u:p:ü')}` }],
    [
      {
        token: 't',
        as: 'jane',
        'as-uid': '1',
        'as-groups': ['dev', 'ops'],
        'as-user-extra': { 'Acme.com/Scope': ['x', 'y'] },
      },
      {
        authorization: 'Bearer t',
        'impersonate-user': 'jane',
        'impersonate-uid': '1',
        'impersonate-group': ['dev', 'ops'],
        'impersonate-extra-acme.com%2Fscope': ['x', 'y'],
      },
    ],
    [{}, {}],
  ])('as %j', async (user, headers) => {
    expect(await (await connect(user)).authorize()).toEqual(headers);
  });

  test('over http sends no credentials', async () => {
    const key = { 'client-certificate-data': base64(pem('C')), 'client-key-data': base64(pem('K')) };
    const connection = await connect({ token: 't', ...key }, { server: 'http://localhost:8001' });
    expect(await connection.authorize()).toEqual({});
    expect(connection.tls).toMatchObject({ cert: undefined, key: undefined });
  });

  test.each<[string, object, object, RegExp]>([
    ['ProxyUnsupported', {}, { 'proxy-url': 'http://s3cret@p' }, /proxy-url/],
    ['InvalidKubeconfig', {}, { server: 'k:6443' }, /cluster\.server must be a URL/],
    ['InvalidKubeconfig', {}, { server: '' }, /cluster\.server/],
    ['InvalidKubeconfig', {}, { server: 'ftp://k' }, /cluster\.server/],
    ['InvalidKubeconfig', {}, { server: 'https://u:s3cret@k' }, /user name or a password/],
    ['InvalidKubeconfig', {}, { 'certificate-authority-data': 's3cret!' }, /-authority-data is not base64/],
    [
      'InvalidKubeconfig',
      {},
      { 'certificate-authority-data': base64('s3cret') },
      /-authority-data holds no PEM/,
    ],
    ['InvalidKubeconfig', {}, { 'certificate-authority': '/nowhere' }, /"\/nowhere" cannot be read/],
    ['InvalidKubeconfig', { 'client-key-data': base64(pem('s3cret')) }, {}, /need each other/],
    ['InvalidKubeconfig', { token: 's3cret', username: 'u' }, {}, /not both/],
    ['InvalidKubeconfig', { token: 's3cret\nx: y' }, {}, /token has characters/],
    ['InvalidKubeconfig', { 'as-groups': ['s3cret'] }, {}, /need as/],
    [
      'AuthProviderUnsupported',
      { 'auth-provider': { name: 'gcp', config: { a: 's3cret' } } },
      {},
      /auth-provider/,
    ],
    ['ExecNotAllowed', { exec: { command: 's3cret' } }, {}, /running programs .* not allowed/],
  ])('is refused with %s (%#)', async (code, user, cluster, message) => {
    const error: unknown = await connect(user, cluster).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(error).toMatchObject({ code, next: 'stalled' });
    expect((error as Error).message).toMatch(message);
    expect((error as Error).stack).not.toContain('s3cret');
  });

  test('out of a Secret touches neither files nor programs', async () => {
    const hostile = fc.record(
      {
        'client-certificate': fc.string(),
        'client-key': fc.string(),
        tokenFile: fc.string(),
        token: fc.string(),
        exec: fc.constant({
          command: '/bin/sh',
          apiVersion: 'client.authentication.k8s.io/v1',
          interactiveMode: 'Never',
        }),
        'auth-provider': fc.constant({ name: 'x' }),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(hostile, fc.option(fc.string(), { nil: undefined }), async (user, ca) => {
        let ran = 0;
        const world = given({}, async () => {
          ran += 1;
          return { stdout: '', code: 0 };
        });
        const cluster = ca === undefined ? {} : { 'certificate-authority': ca };
        try {
          const options = { restrict: true, allowExec: true };
          await (await connect(user, cluster, options, world)).authorize();
        } catch (error) {
          expect(error).toBeInstanceOf(TypedError);
        }
        expect([ran, world.reads]).toEqual([0, []]);
      }),
    );
  });
});

describe('a token in a file', () => {
  test('is read again after fifty seconds; while it cannot be, the last one stays', async () => {
    const world = given({ '/token': ' one\n' });
    const { authorize } = await connect({ tokenFile: '/token' }, {}, {}, world);
    const token = async () => (await authorize())['authorization'];
    expect(await token()).toBe('Bearer one');
    world.files['/token'] = 'two';
    await world.clock.advance(49_999);
    expect(await token()).toBe('Bearer one');
    await world.clock.advance(1);
    expect(await token()).toBe('Bearer two');
    for (const broken of ['', undefined]) {
      if (broken === undefined) delete world.files['/token'];
      else world.files['/token'] = broken;
      await world.clock.advance(50_000);
      expect(await token()).toBe('Bearer two');
    }
  });

  test('is read again at once after it was refused, unless another one is in use by then', async () => {
    const world = given({ '/token': 'one' });
    const { authorize, unauthorized } = await connect({ tokenFile: '/token', as: 'jane' }, {}, {}, world);
    const used = await authorize();
    world.files['/token'] = 'two';
    unauthorized?.(used);
    expect((await authorize())['authorization']).toBe('Bearer two');
    unauthorized?.(used);
    await authorize();
    expect(world.reads).toHaveLength(2);
  });

  test('is read once for all who ask at once', async () => {
    const world = given({ '/token': 'one' });
    const { authorize } = await connect({ tokenFile: '/token' }, {}, {}, world);
    await Promise.all([authorize(), authorize(), authorize()]);
    expect(world.reads).toHaveLength(1);
  });

  test('goes before the token beside it, which serves until it can be read', async () => {
    const world = given();
    const { authorize } = await connect({ tokenFile: '/token', token: 'beside' }, {}, {}, world);
    expect((await authorize())['authorization']).toBe('Bearer beside');
    world.files['/token'] = 'one';
    await world.clock.advance(50_000);
    expect((await authorize())['authorization']).toBe('Bearer one');
  });

  test('that was never there is an error worth another try', async () => {
    const { authorize } = await connect({ tokenFile: '/token' });
    await expect(authorize()).rejects.toMatchObject({ code: 'TokenUnreadable', next: 'retry' });
  });
});

describe('a credential plugin', () => {
  const apiVersion = 'client.authentication.k8s.io/v1';
  const exec = { apiVersion, command: 'aws', args: ['get-token'], interactiveMode: 'Never' };
  const credential = (status: object, version = apiVersion) =>
    JSON.stringify({ apiVersion: version, kind: 'ExecCredential', status });

  /** A plugin that answers `answers` in turn, the last one for good. */
  function plugin(...answers: string[]) {
    const calls: Parameters<Run>[] = [];
    const run: Run = async (...call) => {
      calls.push(call);
      return { stdout: answers[Math.min(calls.length, answers.length) - 1] ?? '', code: 0 };
    };
    const world = given({}, run, { PATH: '/bin', AWS_PROFILE: 'mine', GONE: undefined });
    return {
      calls,
      world,
      connect: (more: object = {}, cluster: object = {}) =>
        connect({ exec: { ...exec, ...more } }, cluster, { allowExec: true }, world),
    };
  }

  test('runs without a shell, told about the cluster if it wants', async () => {
    const { calls, connect: start } = plugin(credential({ token: 't' }));
    const connection = await start(
      { env: [{ name: 'AWS_PROFILE', value: 'theirs' }], provideClusterInfo: true },
      {
        'certificate-authority-data': base64(pem('CA')),
        'tls-server-name': 'x',
        extensions: [{ name: 'client.authentication.k8s.io/exec', extension: { audience: 'me' } }],
      },
    );
    expect(calls).toEqual([]);
    expect(await connection.authorize()).toEqual({ authorization: 'Bearer t' });
    const [command, args, env, stdin] = calls[0] ?? [];
    expect([command, args, stdin]).toEqual(['aws', ['get-token'], '']);
    const { KUBERNETES_EXEC_INFO: info = '', ...rest } = env ?? {};
    expect(rest).toEqual({ PATH: '/bin', AWS_PROFILE: 'theirs' });
    expect(JSON.parse(info)).toEqual({
      apiVersion,
      kind: 'ExecCredential',
      spec: {
        interactive: false,
        cluster: {
          server: 'https://k:6443',
          'tls-server-name': 'x',
          'certificate-authority-data': base64(pem('CA')),
          config: { audience: 'me' },
        },
      },
    });
  });

  test('runs again when its token has expired, and once when it was refused', async () => {
    const {
      calls,
      world,
      connect: start,
    } = plugin(
      credential({ token: 'one', expirationTimestamp: '2026-01-01T00:10:00Z' }),
      credential({ token: 'two' }),
      credential({ token: 'three' }),
    );
    const { authorize, unauthorized } = await start();
    await Promise.all([authorize(), authorize()]);
    await world.clock.advance(599_999);
    expect(await authorize()).toEqual({ authorization: 'Bearer one' });
    await world.clock.advance(1);
    const two = await authorize();
    expect(two).toEqual({ authorization: 'Bearer two' });
    await world.clock.advance(1e9);
    await authorize();
    expect(calls).toHaveLength(2);
    unauthorized?.(two);
    unauthorized?.(two);
    expect(await authorize()).toEqual({ authorization: 'Bearer three' });
    unauthorized?.(two);
    await authorize();
    expect(calls).toHaveLength(3);
  });

  test('is left alone where a token or a certificate says who it is', async () => {
    const { calls, world } = plugin('');
    const certificate = { 'client-certificate-data': base64(pem('C')), 'client-key-data': base64(pem('K')) };
    for (const user of [{ token: 't' }, certificate]) {
      await (await connect({ ...user, exec }, {}, { allowExec: true }, world)).authorize();
    }
    expect(calls).toEqual([]);
  });

  test.each([
    [
      { apiVersion: 'client.authentication.k8s.io/v1alpha1' },
      'InvalidKubeconfig',
      /exec\.apiVersion must be one of/,
    ],
    [{ command: '' }, 'InvalidKubeconfig', /exec\.command is missing/],
    [{ interactiveMode: '' }, 'InvalidKubeconfig', /exec\.interactiveMode is missing/],
    [{ interactiveMode: 'Maybe' }, 'InvalidKubeconfig', /must be Never, IfAvailable or Always/],
    [{ interactiveMode: 'Always' }, 'ExecInteractive', /no terminal/],
  ])('that cannot be used is refused before it runs: %j', async (more, code, message) => {
    const { calls, connect: start } = plugin('');
    await expect(start(more)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
    expect(calls).toEqual([]);
  });

  test('of the older version need not say whether it is interactive', async () => {
    const beta = 'client.authentication.k8s.io/v1beta1';
    const { connect: start } = plugin(credential({ token: 't' }, beta));
    const connection = await start({ apiVersion: beta, interactiveMode: undefined });
    expect(await connection.authorize()).toEqual({ authorization: 'Bearer t' });
  });

  const secret = 's3cr3tV4lue';
  test.each<[string, string | { code: number } | Error, string]>([
    ['prints nothing', '', 'did not print an ExecCredential'],
    ['prints no JSON', `token: ${secret}`, 'did not print an ExecCredential'],
    ['prints something else', JSON.stringify({ token: secret }), 'did not print an ExecCredential'],
    [
      'prints no status',
      JSON.stringify({ apiVersion, kind: 'ExecCredential' }),
      'did not print an ExecCredential',
    ],
    ['prints too much', `${credential({ token: 't' })}${' '.repeat(2e6)}`, 'did not print an ExecCredential'],
    ['prints another version', credential({ token: secret }, 'x/v1'), 'did not answer in client.auth'],
    ['prints no token', credential({ token: '' }), 'printed no token'],
    ['prints a broken time', credential({ token: secret, expirationTimestamp: secret }), 'no RFC 3339 time'],
    [
      'prints a broken token',
      credential({ token: `${secret}\n` }),
      'characters that no HTTP header can carry',
    ],
    [
      'prints a certificate',
      credential({ clientCertificateData: secret, clientKeyData: secret }),
      'only tokens',
    ],
    ['fails', { code: 3 }, 'ended with code 3; the kubeconfig says: install [31maws'],
    [
      'is not there',
      Object.assign(new Error(secret), { code: 'ENOENT' }),
      'cannot run (ENOENT); the kubeconfig',
    ],
  ])(
    'that %s is an error without what it printed, and runs again for the next request',
    async (_name, answer, message) => {
      let calls = 0;
      const run: Run = async () => {
        calls += 1;
        if (answer instanceof Error) throw answer;
        return typeof answer === 'string' ? { stdout: answer, code: 0 } : { stdout: secret, ...answer };
      };
      const user = { exec: { ...exec, installHint: 'install\n\u001b[31maws' } };
      const { authorize } = await connect(user, {}, { allowExec: true }, given({}, run));
      for (let i = 0; i < 2; i += 1) {
        const error: unknown = await authorize().catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(TypedError);
        expect((error as TypedError).message).toContain(message);
        expect(`${(error as Error).stack}${JSON.stringify(error)}`).not.toContain(secret);
      }
      expect(calls).toBe(2);
    },
  );

  test('that hangs is given up after a minute', async () => {
    const run: Run = (_command, _args, _env, _stdin, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('killed')));
      });
    const world = given({}, run);
    const { authorize } = await connect({ exec }, {}, { allowExec: true }, world);
    await expect(world.clock.run(authorize())).rejects.toMatchObject({
      code: 'ExecPluginFailed',
      next: 'retry',
    });
    expect(world.clock.monotonic()).toBe(60_000);
  });
});

describe('inside a pod', () => {
  const folder = '/var/run/secrets/kubernetes.io/serviceaccount';
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };

  test('the service account connects', async () => {
    const world = given(
      { [`${folder}/token`]: 't\n', [`${folder}/ca.crt`]: pem('CA'), [`${folder}/namespace`]: 'ns\n' },
      undefined,
      env,
    );
    const connection = await inClusterConnection(world.effects);
    expect(connection).toMatchObject({
      server: 'https://[fd00::1]',
      namespace: 'ns',
      tls: { ca: pem('CA'), insecureSkipTlsVerify: false },
    });
    expect(await connection.authorize()).toEqual({ authorization: 'Bearer t' });
    world.files[`${folder}/token`] = 'u';
    await world.clock.advance(60_000);
    expect(await connection.authorize()).toEqual({ authorization: 'Bearer u' });
  });

  test('elsewhere it is told so; without a token too', async () => {
    await expect(inClusterConnection(given().effects)).rejects.toMatchObject({ code: 'NotInCluster' });
    await expect(inClusterConnection(given({}, undefined, env).effects)).rejects.toMatchObject({
      code: 'TokenUnreadable',
    });
    const v4 = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '6443' };
    const { server } = await inClusterConnection(given({ [`${folder}/token`]: 't' }, undefined, v4).effects);
    expect(server).toBe('https://10.0.0.1:6443');
  });
});
