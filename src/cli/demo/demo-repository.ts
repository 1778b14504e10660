import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidInputError } from '../../base/errors.ts';
import { runProgram } from '../../base/run-program.ts';
import { listenEdge } from '../../sandbox/edge.ts';
import { gitServer, parseServed } from '../git-server.ts';

const examples = new URL('../../../examples/', import.meta.url).pathname;
/** Below the repository's root, as the walkthrough has it. */
const backend = 'deploy/webapp/backend/deployment.yaml';

/** The version that manifests begin with. */
export const firstVersion = '6.5.4';

/** What the backend is to be. */
export interface Backend {
  readonly version: string;
  /** Whether a third of its answers are errors. */
  readonly isFaulty?: boolean;
}

/** A git repository with our examples, laid out as the walkthrough's, and served over HTTP. */
export interface DemoRepository {
  readonly url: string;
  /** Changes the backend and commits that. @returns the first characters of the commit's name */
  commit(backend: Backend): Promise<string>;
  close(): Promise<void>;
}

/** @param folder an empty one, for this alone */
export async function openRepository(folder: string, path: string): Promise<DemoRepository> {
  await mkdir(join(folder, 'deploy'), { recursive: true });
  await cp(join(examples, 'webapp'), join(folder, 'deploy/webapp'), { recursive: true });
  await cp(join(examples, 'kustomize'), join(folder, 'kustomize'), { recursive: true });
  const git = gitIn(folder, path);
  await git('init', '-q', '-b', 'master');
  const commitAll = async (message: string): Promise<string> => {
    await git('add', '-A');
    await git('commit', '-q', '-m', message);
    return (await git('rev-parse', '--short', 'HEAD')).trim();
  };
  await commitAll(`podinfo ${firstVersion}`);
  const first = await readFile(join(folder, backend), 'utf8');
  const server = await listenEdge(0, gitServer(new Map([await parseServed(`podinfo=${folder}`)])), true);
  return {
    url: `http://${server.address}:${server.port}/podinfo`,
    commit: async (wanted) => {
      await writeFile(join(folder, backend), withBackend(first, wanted));
      return commitAll(`backend: podinfo ${wanted.version}`);
    },
    close: () => server.close(AbortSignal.abort()),
  };
}

/** The manifest of another version. @throws Error for a manifest that is not shaped like ours */
export function withBackend(manifest: string, { version, isFaulty = false }: Backend): string {
  const image = /(image: ghcr\.io\/stefanprodan\/podinfo:)\S+/;
  const flag = /--random-error=(true|false)/;
  if (!image.test(manifest) || !flag.test(manifest)) {
    throw new Error(`${backend} has no image of podinfo, or no --random-error`);
  }
  return manifest.replace(image, `$1${version}`).replace(flag, `--random-error=${isFaulty}`);
}

/** The machine's git. What this machine or its user configures does not count. */
function gitIn(folder: string, path: string): (...args: readonly string[]) => Promise<string> {
  const env = {
    PATH: path,
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
  };
  const author = ['-c', 'user.name=Demo', '-c', 'user.email=demo@example.com', '-c', 'gc.auto=0'];
  const { signal } = new AbortController();
  return async (...args) => {
    let finished;
    try {
      finished = await runProgram('git', ['-C', folder, ...author, ...args], env, '', signal);
    } catch (error) {
      throw new InvalidInputError('there is no git on this machine: install git', 'InvalidInput', error);
    }
    if (finished.code !== 0) throw new Error(`git ${args.join(' ')} ended with ${finished.code}`);
    return finished.stdout;
  };
}
