import { rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { realClock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import { jsonLog } from '../base/log.ts';
import type { Listener, Server } from '../base/network.ts';
import { systemRandom } from '../base/random.ts';
import { listenEdge } from '../sandbox/edge.ts';
import { type Sandbox, startSandbox } from '../sandbox/sandbox.ts';
import type { SandboxCluster } from '../sandbox/sandbox-cluster.ts';
import { gitServer, parseServed, type Repositories } from './git-server.ts';
import { images } from './images.ts';
import { interruption } from './interruption.ts';
import { makeFolder } from './make-folder.ts';
import { shell } from './shell.ts';

export interface SandboxCommandOptions {
  readonly members: number;
  /** Where the kubeconfigs go; made when it is not there. */
  readonly dir: string;
  readonly bare: boolean;
  /** `NAME=FOLDER` */
  readonly serve: readonly string[];
  /** The first of the ports to listen at; undefined: free ones. */
  readonly portBase: number | undefined;
  /** Of this program: what its pods say they are. */
  readonly version: string;
}

/** The name that pods call the machine's git server by. */
const gitHost = 'git.sandbox';

/**
 * `viridian sandbox`: a host and member clusters in the foreground, until the process is interrupted.
 * @returns the exit code
 */
export async function runSandbox(options: SandboxCommandOptions): Promise<number> {
  const interrupted = interruption();
  const fail = (error: unknown, advice: string): number => {
    console.error(`viridian: ${errorMessage(error)}. Nothing was started; ${advice}.`);
    return 1;
  };
  let repositories: Repositories;
  try {
    repositories = new Map(await Promise.all(options.serve.map(parseServed)));
  } catch (error) {
    return fail(error, 'mend --serve, or leave it out');
  }
  let folder: Folder;
  try {
    folder = await writableFolder(options.dir);
  } catch (error) {
    return fail(error, 'name another folder with --dir');
  }
  let running: Running;
  try {
    running = await start(options, repositories);
  } catch (error) {
    await folder.leave();
    return fail(error, 'name other ports with --port-base, or none to get free ones');
  }
  const files: string[] = [];
  try {
    for (const cluster of [running.sandbox.host, ...running.sandbox.members]) {
      files.push(await writeKubeconfig(options.dir, cluster));
    }
    console.log(screen(running, options, repositories));
    await interrupted;
    return 0;
  } catch (error) {
    console.error(`viridian: ${errorMessage(error)}. The sandbox is gone.`);
    return 1;
  } finally {
    // They point to nobody now.
    await Promise.all(files.map((file) => rm(file, { force: true })));
    await folder.leave();
    await running.git?.close(AbortSignal.abort());
    await running.sandbox.close();
  }
}

interface Folder {
  /** Takes away what this program has made of it, where nobody has put anything there. */
  leave(): Promise<void>;
}

/** @throws Error when nothing can be written there */
async function writableFolder(dir: string): Promise<Folder> {
  try {
    const whole = resolve(dir);
    const first = await makeFolder(whole);
    const leave = async (): Promise<void> => {
      if (first === undefined) return;
      try {
        for (let made = whole; made.length >= first.length; made = dirname(made)) await rmdir(made);
      } catch {
        // Somebody uses it.
      }
    };
    const draft = join(dir, `.draft-${process.pid}`);
    await writeFile(draft, '', { mode: 0o600 });
    await rm(draft);
    return { leave };
  } catch (error) {
    throw new Error(`cannot write to ${dir}: ${errorMessage(error)}`, { cause: error });
  }
}

interface Running {
  readonly sandbox: Sandbox;
  readonly git: Listener | undefined;
}

async function start(
  { members, bare, portBase, version }: SandboxCommandOptions,
  repositories: Repositories,
): Promise<Running> {
  const clock = realClock();
  const outside = new Map<string, Server>();
  let git: Listener | undefined;
  if (repositories.size > 0) {
    const http = gitServer(repositories);
    outside.set(gitHost, { http });
    // Behind the ports of the clusters.
    const port = portBase === undefined ? 0 : portBase + 1 + 3 * members;
    git = await listenEdge(port, http, true);
  }
  try {
    const sandbox = await startSandbox({
      clock,
      random: systemRandom(),
      log: jsonLog(() => clock.now(), 'error'),
      members,
      images: images(version),
      shell,
      bare,
      listen: { portBase },
      outside,
    });
    return { sandbox, git };
  } catch (error) {
    await git?.close(AbortSignal.abort());
    throw error;
  }
}

async function writeKubeconfig(dir: string, cluster: SandboxCluster): Promise<string> {
  const file = kubeconfigFile(dir, cluster);
  // Whole or not at all: somebody may be waiting for this file.
  await writeFile(`${file}.draft`, cluster.kubeconfig(), { mode: 0o600 });
  await rename(`${file}.draft`, file);
  return file;
}

function kubeconfigFile(dir: string, { name }: SandboxCluster): string {
  return join(dir, `${name}.config`);
}

function screen(
  { sandbox, git }: Running,
  { dir }: SandboxCommandOptions,
  repositories: Repositories,
): string {
  const file = (cluster: SandboxCluster): string => {
    const near = relative('', kubeconfigFile(dir, cluster));
    return near.startsWith('..') ? resolve(kubeconfigFile(dir, cluster)) : near;
  };
  const clusters = [sandbox.host, ...sandbox.members];
  const width = Math.max(...clusters.map(({ name }) => name.length));
  const lines = ['The sandbox is running:', ''];
  for (const cluster of clusters) {
    lines.push(`  ${cluster.name.padEnd(width)}  ${cluster.cluster.server ?? ''}  ${file(cluster)}`);
    const edge = sandbox.edges.get(cluster);
    if (edge === undefined) continue;
    const pad = ' '.repeat(width + 4);
    lines.push(`${pad}gateway     ${edge.gateway}`, `${pad}prometheus  ${edge.prometheus}`);
  }
  for (const name of repositories.keys()) {
    const here = git === undefined ? '' : `http://${git.address}:${git.port}/${name}`;
    lines.push(
      '',
      `  ${name}: git clone ${here}`,
      `  ${' '.repeat(name.length)}  in the clusters http://${gitHost}/${name}`,
    );
  }
  const member = sandbox.members[0] ?? sandbox.host;
  const to = `kubectl --kubeconfig ${file(member)}`;
  lines.push(
    '',
    'Try:',
    '',
    `  ${to} get pods -A`,
    `  ${to} create deployment podinfo --image=ghcr.io/stefanprodan/podinfo:6.5.4`,
    `  ${to} exec deploy/podinfo -- curl -s localhost:9898/version`,
    '',
    'Ctrl-C ends it; nothing of it is kept.',
  );
  return lines.join('\n');
}
