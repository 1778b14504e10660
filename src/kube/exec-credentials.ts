import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { TypedError } from '../base/errors.ts';
import { parseTime } from '../base/time.ts';
import { bearer, type Credentials, type AuthHeaders, renewedCredentials } from './credentials.ts';
import { invalidKubeconfig } from './kubeconfig-error.ts';
import { type KubeconfigCluster, type KubeconfigExec, quoteName } from './kubeconfig.ts';

/**
 * Runs a program without a shell. Rejects when it cannot be started or `signal` aborts; what it writes to
 * standard error is for the person at the terminal, not for us.
 */
export type Run = (
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  stdin: string,
  signal: AbortSignal,
) => Promise<{ readonly stdout: string; readonly code: number }>;

export interface ExecEffects {
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly run: Run;
}

const apiVersions: readonly string[] = [
  'client.authentication.k8s.io/v1',
  'client.authentication.k8s.io/v1beta1',
];

/** A plugin that hangs must not hang every request behind it. */
const longestRunMs = 60_000;
const longestAnswer = 1024 * 1024;

const credentialSchema = z.object({
  apiVersion: z.string(),
  kind: z.literal('ExecCredential'),
  status: z.object({
    token: z.string().nullish(),
    expirationTimestamp: z.string().nullish(),
    clientCertificateData: z.string().nullish(),
    clientKeyData: z.string().nullish(),
  }),
});

/**
 * Bearer tokens of a credential plugin (client.authentication.k8s.io). The plugin runs when the first request is
 * made, when its token has expired, and once after a 401; it never gets a terminal.
 *
 * @param ca PEM, for plugins that want to know the cluster
 * @throws InvalidInputError when the plugin cannot be used at all
 */
export function execCredentials(
  exec: KubeconfigExec,
  cluster: KubeconfigCluster,
  ca: string | undefined,
  { clock, env, run }: ExecEffects,
): Credentials {
  const { command, apiVersion } = exec;
  if (command === undefined) throw invalidKubeconfig('exec.command is missing');
  if (apiVersion === undefined || !apiVersions.includes(apiVersion)) {
    throw invalidKubeconfig(`exec.apiVersion must be one of ${apiVersions.join(', ')}`);
  }
  checkInteractive(exec);
  const info = {
    kind: 'ExecCredential',
    apiVersion,
    spec: {
      ...(exec.provideClusterInfo ? { cluster: clusterInfo(cluster, ca) } : {}),
      interactive: false,
    },
  };
  const pluginEnv = {
    ...definedOf(env),
    ...Object.fromEntries(exec.env.map(({ name, value }) => [name, value])),
  };
  pluginEnv['KUBERNETES_EXEC_INFO'] = JSON.stringify(info);
  return renewedCredentials(clock, async () => {
    using deadline = clock.timeout(longestRunMs);
    const { stdout, code } = await run(command, exec.args, pluginEnv, '', deadline.signal).catch(
      (error: unknown) => {
        throw failed(exec, `cannot run (${reasonOf(error)})${hintOf(exec)}`);
      },
    );
    if (code !== 0) throw failed(exec, `ended with code ${code}${hintOf(exec)}`);
    return parseCredential(exec, apiVersion, stdout, clock);
  });
}

function checkInteractive({ apiVersion, interactiveMode }: KubeconfigExec): void {
  const mode = interactiveMode ?? (apiVersion?.endsWith('/v1beta1') ? 'IfAvailable' : undefined);
  if (mode === undefined) throw invalidKubeconfig('exec.interactiveMode is missing');
  if (mode === 'Always') {
    throw invalidKubeconfig(
      'exec.interactiveMode is Always, but there is no terminal here to ask at',
      'ExecInteractive',
    );
  }
  if (mode !== 'Never' && mode !== 'IfAvailable') {
    throw invalidKubeconfig('exec.interactiveMode must be Never, IfAvailable or Always');
  }
}

/** The part of an ExecCredential that tells a plugin which cluster it is for. */
function clusterInfo(cluster: KubeconfigCluster, ca: string | undefined): Record<string, unknown> {
  const config = cluster.extensions.find(({ name }) => name === 'client.authentication.k8s.io/exec');
  return {
    server: cluster.server,
    'tls-server-name': cluster['tls-server-name'],
    'insecure-skip-tls-verify': cluster['insecure-skip-tls-verify'] || undefined,
    'certificate-authority-data': ca === undefined ? undefined : Buffer.from(ca, 'utf8').toString('base64'),
    config: config?.extension,
  };
}

function definedOf(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function parseCredential(
  exec: KubeconfigExec,
  apiVersion: string,
  stdout: string,
  clock: Clock,
): { headers: AuthHeaders; forMs: number } {
  const credential = credentialSchema.safeParse(
    stdout.length > longestAnswer ? undefined : parseJson(stdout),
  );
  if (!credential.success) throw failed(exec, 'did not print an ExecCredential with a status');
  const { status } = credential.data;
  if (credential.data.apiVersion !== apiVersion) {
    throw failed(exec, `did not answer in ${apiVersion}, as the kubeconfig says it would`);
  }
  if (status.token == null || status.token === '') {
    if (status.clientCertificateData == null) throw failed(exec, 'printed no token');
    throw invalidKubeconfig(
      `the credential plugin ${quoteName(exec.command ?? '')} answers with a client certificate; only tokens are supported`,
      'ExecCertificateUnsupported',
    );
  }
  return { headers: bearer(status.token, 'the token of the plugin'), forMs: lifetimeOf(exec, status, clock) };
}

function lifetimeOf(
  exec: KubeconfigExec,
  { expirationTimestamp }: { readonly expirationTimestamp?: string | null | undefined },
  clock: Clock,
): number {
  if (expirationTimestamp == null) return Number.POSITIVE_INFINITY;
  try {
    return parseTime(expirationTimestamp) - clock.now();
  } catch {
    throw failed(exec, 'printed an expirationTimestamp that is no RFC 3339 time');
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The code of an error; its message could quote arguments, which may be secret. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'it could not be started';
}

/** The hint of the kubeconfig's author: one line, no terminal escapes. */
function hintOf({ installHint }: KubeconfigExec): string {
  if (installHint === undefined) return '';
  return `; the kubeconfig says: ${installHint
    .replaceAll(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, 500)}`;
}

function failed(exec: KubeconfigExec, what: string): TypedError {
  return new TypedError(`the credential plugin ${quoteName(exec.command ?? '')} ${what}`, {
    code: 'ExecPluginFailed',
    next: 'retry',
  });
}
