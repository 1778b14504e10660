import { delimiter, dirname, join } from 'node:path';
import { TypedError } from '../base/errors.ts';
import type { TlsClientOptions } from '../base/socket-client.ts';
import {
  bearer,
  type Credentials,
  fixedCredentials,
  impersonationHeaders,
  headerValue,
  tokenFileCredentials,
  withHeaders,
} from './credentials.ts';
import { type ExecEffects, execCredentials, type Run } from './exec-credentials.ts';
import { invalidKubeconfig } from './kubeconfig-error.ts';
import {
  assertSelfContained,
  type ContextOverrides,
  type Kubeconfig,
  type KubeconfigCluster,
  type KubeconfigUser,
  mergeKubeconfigs,
  parseKubeconfig,
  quoteName,
  resolvePaths,
  selectContext,
} from './kubeconfig.ts';

/** How to reach one cluster as one user. */
export interface ConnectionConfig extends Credentials {
  /** `http(s)://host[:port][/path]`, no slash at the end. */
  readonly server: string;
  /** Without `ca`, the machine's authorities count. */
  readonly tls: TlsClientOptions;
  /** Where namespaced requests go that name no namespace. */
  readonly namespace: string;
}

/** What loading a kubeconfig does to the world. */
export interface KubeconfigEffects extends Omit<ExecEffects, 'run'> {
  /** Rejects with an error whose `code` is `ENOENT` or `FileNotFound` when there is no such file. */
  readonly readFile: (path: string) => Promise<string>;
  /** Runs credential plugins; needed with `allowExec`. */
  readonly run?: Run | undefined;
}

export interface ConnectionOptions extends ContextOverrides {
  /** Run the credential plugin that the kubeconfig names. Its author can run anything then. Default: refuse. */
  readonly allowExec?: boolean | undefined;
  /** The kubeconfig comes from a Secret: refuse programs and files. */
  readonly restrict?: boolean | undefined;
}

/**
 * Loads what kubectl would: `path` alone, or else the files of the variable KUBECONFIG, or else
 * `~/.kube/config`. Of several files, missing ones are skipped.
 *
 * @throws InvalidInputError `NoKubeconfig` when there is none
 */
export async function loadKubeconfig(effects: KubeconfigEffects, path?: string): Promise<Kubeconfig> {
  const paths = path === undefined ? defaultPaths(effects.env) : [path];
  const configs: Kubeconfig[] = [];
  for (const file of paths) {
    const content = await effects.readFile(file).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw invalidKubeconfig(`the kubeconfig ${file} cannot be read`);
    });
    if (content !== undefined) configs.push(resolvePaths(parseKubeconfig(content, file), dirname(file)));
  }
  if (configs.length === 0) {
    const where = paths.length === 0 ? 'KUBECONFIG and HOME are not set' : paths.join(', ');
    throw invalidKubeconfig(`no kubeconfig found: ${where}`, 'NoKubeconfig');
  }
  return mergeKubeconfigs(configs);
}

function defaultPaths(env: KubeconfigEffects['env']): readonly string[] {
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  if (listed.length > 0) return [...new Set(listed)];
  return env['HOME'] === undefined ? [] : [join(env['HOME'], '.kube', 'config')];
}

function isMissing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'FileNotFound';
}

/**
 * The connection that a context of a kubeconfig describes. Certificates are read now and once; tokens in files
 * and of plugins are renewed as needed.
 *
 * @throws InvalidInputError `InvalidKubeconfig`, `KubeconfigNotSelfContained`, `ExecNotAllowed`,
 * `ProxyUnsupported`, …: names the field, never its value
 */
export async function connectionOf(
  config: Kubeconfig,
  effects: KubeconfigEffects,
  options: ConnectionOptions = {},
): Promise<ConnectionConfig> {
  if (options.restrict === true) assertSelfContained(config);
  const { cluster, user, namespace = 'default' } = selectContext(config, options);
  if (cluster['proxy-url'] !== undefined) {
    throw invalidKubeconfig(
      'proxy-url is not supported: the API server must be reachable directly',
      'ProxyUnsupported',
    );
  }
  const server = parseServer(cluster.server);
  const ca = await pemOf(cluster, 'certificate-authority', effects);
  const cert = await pemOf(user, 'client-certificate', effects);
  const key = await pemOf(user, 'client-key', effects);
  if ((cert === undefined) !== (key === undefined)) {
    throw invalidKubeconfig('client-certificate and client-key need each other: one of them is missing');
  }
  // As kubectl: credentials do not travel in clear text.
  const secure = server.startsWith('https:');
  const credentials = secure
    ? credentialsOf(user, cluster, ca, effects, options.allowExec === true)
    : fixedCredentials({});
  return {
    server,
    tls: {
      ca,
      cert: secure ? cert : undefined,
      key: secure ? key : undefined,
      serverName: cluster['tls-server-name'],
      insecureSkipTlsVerify: cluster['insecure-skip-tls-verify'],
    },
    namespace,
    ...withHeaders(credentials, impersonationHeaders(user)),
  };
}

function parseServer(server: string | undefined): string {
  const url = server === undefined ? null : URL.parse(server);
  if (url === null || !(url.protocol === 'https:' || url.protocol === 'http:')) {
    throw invalidKubeconfig('cluster.server must be a URL, as in https://host:6443');
  }
  if (url.username !== '' || url.password !== '') {
    throw invalidKubeconfig('cluster.server must not hold a user name or a password');
  }
  return (url.origin + url.pathname).replace(/\/+$/, '');
}

type DataFields<F extends string> = { readonly [K in F | `${F}-data`]?: string | undefined };

/** The PEM text of `…-data`, or else of the file. */
async function pemOf<F extends string>(
  entry: DataFields<F>,
  field: F,
  { readFile }: KubeconfigEffects,
): Promise<string | undefined> {
  const data = entry[`${field}-data` as const];
  const path = entry[field];
  if (data === undefined && path === undefined) return undefined;
  const pem =
    data === undefined ? await readPem(readFile, path ?? '', field) : decodeBase64(data, `${field}-data`);
  if (!pem.includes('-----BEGIN ')) {
    throw invalidKubeconfig(`${data === undefined ? field : `${field}-data`} holds no PEM block`);
  }
  return pem;
}

async function readPem(
  readFile: KubeconfigEffects['readFile'],
  path: string,
  field: string,
): Promise<string> {
  try {
    return await readFile(path);
  } catch {
    throw invalidKubeconfig(`${field}: the file ${quoteName(path)} cannot be read`);
  }
}

function decodeBase64(data: string, field: string): string {
  const compact = data.replaceAll(/[\r\n]/g, '');
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) {
    throw invalidKubeconfig(`${field} is not base64`);
  }
  return Buffer.from(compact, 'base64').toString('utf8');
}

function credentialsOf(
  user: KubeconfigUser,
  cluster: KubeconfigCluster,
  ca: string | undefined,
  { clock, env, readFile, run }: KubeconfigEffects,
  allowExec: boolean,
): Credentials {
  const basic = user.username !== undefined || user.password !== undefined;
  if (basic && (user.token !== undefined || user.tokenFile !== undefined)) {
    throw invalidKubeconfig('a user has either a token or username and password, not both');
  }
  if (user.tokenFile !== undefined) return tokenFileCredentials(clock, readFile, user.tokenFile, user.token);
  if (user.token !== undefined) return fixedCredentials(bearer(user.token));
  if (basic) {
    const pair = Buffer.from(`${user.username ?? ''}:${user.password ?? ''}`, 'utf8').toString('base64');
    return fixedCredentials({ authorization: headerValue('username', `Basic ${pair}`) });
  }
  if (user['auth-provider'] != null) {
    throw invalidKubeconfig(
      'auth-provider is not supported (kubectl dropped it too): use exec or a token',
      'AuthProviderUnsupported',
    );
  }
  if (user.exec == null) return fixedCredentials({});
  // A client certificate is identity enough; client-go leaves the plugin alone then.
  if (user['client-certificate'] !== undefined || user['client-certificate-data'] !== undefined) {
    return fixedCredentials({});
  }
  if (!allowExec || run === undefined) {
    throw invalidKubeconfig(
      'exec names a program that makes the credentials, and running programs out of a kubeconfig is not allowed here; ' +
        'use a token or a client certificate',
      'ExecNotAllowed',
    );
  }
  return execCredentials(user.exec, cluster, ca, { clock, env, run });
}

const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The connection that every pod has.
 *
 * @throws TypedError `NotInCluster` outside a pod
 */
export async function inClusterConnection(
  { readFile, clock, env }: Pick<KubeconfigEffects, 'readFile' | 'clock' | 'env'>,
  folder = serviceAccountFolder,
): Promise<ConnectionConfig> {
  const host = env['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '';
  if (host === '' || port === '') {
    throw new TypedError(
      'not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set',
      { code: 'NotInCluster', next: 'stalled' },
    );
  }
  const optional = (path: string): Promise<string | undefined> =>
    readFile(path).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
  const credentials = tokenFileCredentials(clock, readFile, `${folder}/token`);
  // Fails now rather than at the first request.
  await credentials.authorize();
  return {
    server: parseServer(`https://${host.includes(':') ? `[${host}]` : host}:${port}`),
    tls: { ca: await optional(`${folder}/ca.crt`), insecureSkipTlsVerify: false },
    namespace: (await optional(`${folder}/namespace`))?.trim() || 'default',
    ...credentials,
  };
}
