import { isAbsolute, join, sep } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { InvalidInputError } from '../base/errors.ts';
import { invalidKubeconfig } from './kubeconfig-error.ts';

const longestText = 4 * 1024 * 1024;
/** Aliases multiply: a few lines could otherwise expand to gigabytes. */
const mostAliases = 100;

/** Go writes absent strings as `""` or null, and absent lists as null. */
const text = z
  .string()
  .nullish()
  .transform((value) => (value === '' || value === null ? undefined : value));
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value === true);
const list = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullish()
    .transform((items) => items ?? []);
/** An entry may be there without its value. */
const orEmpty = <T extends z.ZodType>(value: T) => z.preprocess((raw) => raw ?? {}, value);

const clusterSchema = z.object({
  server: text,
  'tls-server-name': text,
  'insecure-skip-tls-verify': flag,
  'certificate-authority': text,
  'certificate-authority-data': text,
  'proxy-url': text,
  'disable-compression': flag,
  extensions: list(z.object({ name: z.string(), extension: z.unknown().optional() })),
});

const execSchema = z.object({
  apiVersion: text,
  command: text,
  args: list(z.string()),
  env: list(z.object({ name: z.string().min(1), value: z.string() })),
  installHint: text,
  provideClusterInfo: flag,
  interactiveMode: text,
});

const userSchema = z.object({
  'client-certificate': text,
  'client-certificate-data': text,
  'client-key': text,
  'client-key-data': text,
  token: text,
  tokenFile: text,
  username: text,
  password: text,
  as: text,
  'as-uid': text,
  'as-groups': list(z.string()),
  'as-user-extra': z.record(z.string(), z.array(z.string())).nullish(),
  'auth-provider': z.unknown().optional(),
  exec: execSchema.nullish(),
});

const contextSchema = z.object({ cluster: text, user: text, namespace: text });

const kubeconfigSchema = z.object({
  'current-context': text,
  clusters: list(z.object({ name: z.string(), cluster: orEmpty(clusterSchema) })),
  users: list(z.object({ name: z.string(), user: orEmpty(userSchema) })),
  contexts: list(z.object({ name: z.string(), context: orEmpty(contextSchema) })),
});

/** Entries of a kubeconfig, with the field names of the file. */
export type KubeconfigCluster = z.infer<typeof clusterSchema>;
export type KubeconfigUser = z.infer<typeof userSchema>;
type KubeconfigContext = z.infer<typeof contextSchema>;
export type KubeconfigExec = z.infer<typeof execSchema>;

export interface Kubeconfig {
  readonly currentContext: string | undefined;
  readonly clusters: ReadonlyMap<string, KubeconfigCluster>;
  readonly users: ReadonlyMap<string, KubeconfigUser>;
  readonly contexts: ReadonlyMap<string, KubeconfigContext>;
}

/** A name out of a kubeconfig, fit for a message. */
export function quoteName(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}

/**
 * Parses one kubeconfig (YAML or JSON).
 *
 * @param source how messages call it: a path, a Secret
 * @throws InvalidInputError `InvalidKubeconfig`; the message quotes nothing of the text
 */
export function parseKubeconfig(content: string, source = 'kubeconfig'): Kubeconfig {
  const parsed = kubeconfigSchema.safeParse(parseYaml(content, source));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue === undefined ? '' : pathOf(issue.path);
    throw invalidKubeconfig(`${source}: ${field === '' ? 'the document' : field} has the wrong type`);
  }
  const { clusters, users, contexts } = parsed.data;
  return {
    currentContext: parsed.data['current-context'],
    clusters: byName(clusters, (entry) => entry.cluster, `${source}: clusters`),
    users: byName(users, (entry) => entry.user, `${source}: users`),
    contexts: byName(contexts, (entry) => entry.context, `${source}: contexts`),
  };
}

function parseYaml(content: string, source: string): unknown {
  if (content.length > longestText)
    throw invalidKubeconfig(`${source}: longer than ${longestText} characters`);
  const lines = new LineCounter();
  try {
    // Pretty errors quote the text around the mistake, which may be a key.
    const document = parseDocument(content, { prettyErrors: false, logLevel: 'silent', lineCounter: lines });
    const [error] = document.errors;
    if (error !== undefined) {
      const { line } = lines.linePos(error.pos[0]);
      throw invalidKubeconfig(`${source}: not YAML (${error.code} in line ${line})`);
    }
    // An empty file is an empty kubeconfig, as kubectl has it.
    return document.toJS({ maxAliasCount: mostAliases }) ?? {};
  } catch (error) {
    if (error instanceof InvalidInputError) throw error;
    // Too many aliases, an alias without its anchor, too deep: the message could quote the text.
    throw invalidKubeconfig(`${source}: not YAML (bad aliases, or nested too deeply)`);
  }
}

/** `users[0].user.token`. Keys of maps are left out: they come from the file. */
function pathOf(path: readonly PropertyKey[]): string {
  let result = '';
  for (const part of path) {
    if (typeof part === 'number') result += `[${part}]`;
    else result += result === '' ? String(part) : `.${String(part)}`;
    if (part === 'as-user-extra') break;
  }
  return result;
}

function byName<E extends { readonly name: string }, T>(
  entries: readonly E[],
  valueOf: (entry: E) => T,
  where: string,
): ReadonlyMap<string, T> {
  const result = new Map<string, T>();
  for (const entry of entries) {
    if (result.has(entry.name)) throw invalidKubeconfig(`${where}: ${quoteName(entry.name)} is there twice`);
    result.set(entry.name, valueOf(entry));
  }
  return result;
}

/**
 * Makes relative paths count from `folder`, where their file is. A plugin's command without a slash is looked up
 * in PATH and stays as it is.
 */
export function resolvePaths(config: Kubeconfig, folder: string): Kubeconfig {
  const at = (path: string | undefined): string | undefined =>
    path === undefined || isAbsolute(path) ? path : join(folder, path);
  return {
    ...config,
    clusters: mapValues(config.clusters, (cluster) => ({
      ...cluster,
      'certificate-authority': at(cluster['certificate-authority']),
    })),
    users: mapValues(config.users, (user) => ({
      ...user,
      'client-certificate': at(user['client-certificate']),
      'client-key': at(user['client-key']),
      tokenFile: at(user.tokenFile),
      exec: user.exec?.command?.includes(sep) ? { ...user.exec, command: at(user.exec.command) } : user.exec,
    })),
  };
}

function mapValues<T>(map: ReadonlyMap<string, T>, change: (value: T) => T): ReadonlyMap<string, T> {
  return new Map(Array.from(map, ([key, value]) => [key, change(value)]));
}

/** As kubectl merges the files of `KUBECONFIG`: the first that names a thing wins, whole entries at a time. */
export function mergeKubeconfigs(configs: readonly Kubeconfig[]): Kubeconfig {
  const lastFirst = configs.toReversed();
  return {
    currentContext: configs.find((config) => config.currentContext !== undefined)?.currentContext,
    clusters: new Map(lastFirst.flatMap((config) => [...config.clusters])),
    users: new Map(lastFirst.flatMap((config) => [...config.users])),
    contexts: new Map(lastFirst.flatMap((config) => [...config.contexts])),
  };
}

/** Which entries to use instead of those that the current context names. */
export interface ContextOverrides {
  readonly context?: string | undefined;
  readonly cluster?: string | undefined;
  readonly user?: string | undefined;
  readonly namespace?: string | undefined;
}

/** The cluster and the user of one context. */
export interface SelectedContext {
  readonly cluster: KubeconfigCluster;
  readonly user: KubeconfigUser;
  readonly namespace: string | undefined;
}

/** @throws InvalidInputError when the context or something it names is missing */
export function selectContext(config: Kubeconfig, overrides: ContextOverrides = {}): SelectedContext {
  const name = overrides.context ?? config.currentContext;
  const context = name === undefined ? undefined : config.contexts.get(name);
  if (name !== undefined && context === undefined) {
    const known = [...config.contexts.keys()].slice(0, 10).map(quoteName).join(', ');
    throw invalidKubeconfig(
      `the kubeconfig has no context ${quoteName(name)}; it has ${known === '' ? 'none' : known}`,
    );
  }
  const clusterName = overrides.cluster ?? context?.cluster;
  const userName = overrides.user ?? context?.user;
  if (clusterName === undefined || userName === undefined) {
    throw invalidKubeconfig(
      name === undefined
        ? 'the kubeconfig has no current-context: name a context'
        : `context ${quoteName(name)} must name a cluster and a user`,
    );
  }
  const cluster = config.clusters.get(clusterName);
  if (cluster === undefined)
    throw invalidKubeconfig(`the kubeconfig has no cluster ${quoteName(clusterName)}`);
  const user = config.users.get(userName);
  if (user === undefined) throw invalidKubeconfig(`the kubeconfig has no user ${quoteName(userName)}`);
  return { cluster, user, namespace: overrides.namespace ?? context?.namespace };
}

/**
 * Refuses whatever would make a kubeconfig of foreign origin (out of a Secret) reach into this machine: programs
 * and files.
 *
 * @throws InvalidInputError `KubeconfigNotSelfContained`
 */
export function assertSelfContained(config: Kubeconfig): void {
  const refuse = (where: string, field: string): void => {
    throw invalidKubeconfig(
      `${where}: ${field} is not allowed in a kubeconfig of a Secret; put the data itself into it (…-data, token)`,
      'KubeconfigNotSelfContained',
    );
  };
  for (const [name, cluster] of config.clusters) {
    if (cluster['certificate-authority'] !== undefined)
      refuse(`cluster ${quoteName(name)}`, 'certificate-authority');
  }
  for (const [name, user] of config.users) {
    for (const field of ['exec', 'auth-provider', 'client-certificate', 'client-key', 'tokenFile'] as const) {
      if (user[field] != null) refuse(`user ${quoteName(name)}`, field);
    }
  }
}
