import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { listenEdge } from '../../src/sandbox/edge.ts';
import { gitServer, parseServed } from '../../src/cli/git-server.ts';

const run = promisify(execFile);
const root = new URL('../../', import.meta.url).pathname;

/** Where Applications get their manifests from. */
export interface Repository {
  readonly url: string;
  /** Changes a file of the branch; undefined where the repository is not ours. */
  readonly commit?: ((file: string, change: (text: string) => string) => Promise<void>) | undefined;
  close(): Promise<void>;
}

/** Below this a DaemonSet is, in repositories of ours. */
export const daemonSetPath = 'acceptance/daemonset';

/**
 * @param given a URL, a local folder, or undefined: our examples, laid out as the walkthrough's repository
 * @param folder for what has to be written
 */
export async function openRepository(given: string | undefined, folder: string): Promise<Repository> {
  if (given !== undefined && /^(https?|ssh):\/\//.test(given)) return { url: given, close: async () => {} };
  const work = join(folder, 'repository');
  await mkdir(work, { recursive: true });
  if (given === undefined) {
    await cp(join(root, 'examples/webapp'), join(work, 'deploy/webapp'), { recursive: true });
    await cp(join(root, 'examples/kustomize'), join(work, 'kustomize'), { recursive: true });
  } else {
    const found = await stat(given).catch(() => undefined);
    if (found?.isDirectory() !== true) throw new Error(`--repo ${given}: neither a URL nor a folder`);
    const isOurs = (source: string): boolean => !/(^|\/)\.git(\/|$)/.test(source.slice(given.length));
    await cp(given, work, { recursive: true, filter: isOurs });
  }
  await addDaemonSet(work);
  const git = (...args: readonly string[]): Promise<unknown> =>
    run(
      'git',
      ['-C', work, '-c', 'user.name=Acceptance', '-c', 'user.email=acceptance@example.com', ...args],
      {
        env: {
          ...process.env,
          GIT_CONFIG_NOSYSTEM: '1',
          GIT_CONFIG_GLOBAL: '/dev/null',
          GIT_TERMINAL_PROMPT: '0',
        },
      },
    );
  await git('init', '-q', '-b', 'master');
  const commitAll = async (message: string): Promise<void> => {
    await git('add', '-A');
    await git('commit', '-q', '-m', message);
  };
  await commitAll('first');
  const server = await listenEdge(0, gitServer(new Map([await parseServed(`podinfo=${work}`)])), true);
  return {
    url: `http://${server.address}:${server.port}/podinfo`,
    commit: async (file, change) => {
      const path = join(work, file);
      const before = await readFile(path, 'utf8');
      const after = change(before);
      if (after === before) throw new Error(`nothing in ${file} is to be changed`);
      await writeFile(path, after);
      await commitAll(`change ${file}`);
    },
    close: () => server.close(AbortSignal.abort()),
  };
}

/** The backend of the walkthrough as a DaemonSet. */
async function addDaemonSet(work: string): Promise<void> {
  const read = (file: string): Promise<string> => readFile(join(work, 'deploy/webapp', file), 'utf8');
  const write = async (file: string, text: string): Promise<void> => {
    const path = join(work, daemonSetPath, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  };
  await write(
    'common.yaml',
    `${await read('common/namespace.yaml')}\n---\n${await read('common/service-account.yaml')}`,
  );
  await write('service.yaml', await read('backend/service.yaml'));
  await write('daemonset.yaml', asDaemonSet(await read('backend/deployment.yaml')));
}

/** A manifest of a Deployment without replicas, as one of a DaemonSet. */
function asDaemonSet(deployment: string): string {
  return deployment
    .replace(/^kind: Deployment$/m, 'kind: DaemonSet')
    .replace(/^ {2}strategy:\n(?: {4}.*\n)+/m, '')
    .replace(/^ {2}progressDeadlineSeconds:.*\n/m, '');
}
