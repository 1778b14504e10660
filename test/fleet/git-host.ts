import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Clock } from '../../src/base/clock.ts';
import type { HttpHandler, Listener } from '../../src/base/network.ts';
import { gitServer } from '../../src/cli/git-server.ts';
import { defaultTreeLimits, type TreeLimits } from '../../src/gitops/source/file-tree.ts';
import type { GitTransport } from '../../src/gitops/source/git-transport.ts';
import { runGit } from '../../src/gitops/source/run-git.ts';
import { systemGit } from '../../src/gitops/source/system-git.ts';
import { bytesResponse } from '../../src/sandbox/apiserver/bytes-response.ts';
import { listenEdge } from '../../src/sandbox/edge.ts';

const path = process.env['PATH'] ?? '';

/** A repository that somebody fills, with whatever git lets them put there. */
export class Repository {
  readonly #folder: string;
  readonly #home: string;

  constructor(folder: string, home: string) {
    this.#folder = folder;
    this.#home = home;
    mkdirSync(folder);
    this.git(['init', '-q', '-b', 'master']);
  }

  git(args: readonly string[], input: string | Buffer = ''): string {
    const author = ['-c', 'user.name=a', '-c', 'user.email=a@example.org'];
    const env = { PATH: path, HOME: this.#home };
    return execFileSync('git', [...author, ...args], { cwd: this.#folder, env, input, stdio: 'pipe' })
      .toString()
      .trim();
  }

  write(name: string, text: string): this {
    mkdirSync(dirname(join(this.#folder, name)), { recursive: true });
    writeFileSync(join(this.#folder, name), text);
    return this;
  }

  link(name: string, target: string): this {
    symlinkSync(target, join(this.#folder, name));
    return this;
  }

  commit(): this {
    this.git(['add', '--all']);
    this.git(['commit', '--quiet', '-m', 'change']);
    return this;
  }

  /** A commit of entries that git would not add by itself. @param entries `MODE NAME` and the object's id */
  forge(...entries: readonly (readonly [entry: string, id: string])[]): this {
    const tree = Buffer.concat(
      entries.flatMap(([entry, id]) => [Buffer.from(`${entry}\0`), Buffer.from(id, 'hex')]),
    );
    const id = this.git(['hash-object', '-t', 'tree', '--literally', '-w', '--stdin'], tree);
    this.git(['update-ref', 'refs/heads/master', this.git(['commit-tree', id, '-m', 'forged'])]);
    return this;
  }

  blob(text: string): string {
    return this.git(['hash-object', '-w', '--stdin'], text);
  }
}

/** A git server on this machine, with repositories of anybody. */
export class GitHost {
  readonly #folder = mkdtempSync(join(tmpdir(), 'viridian-git-host-'));
  readonly #repositories = new Map<string, string>();
  readonly #answers = new Map<string, HttpHandler>();
  #listener: Listener | undefined;

  async listen(): Promise<this> {
    const serve = gitServer(this.#repositories);
    const handler: HttpHandler = (request) => {
      const name = request.url.split('/')[1] ?? '';
      return (this.#answers.get(name) ?? serve)(request);
    };
    this.#listener = await listenEdge(0, handler, true);
    return this;
  }

  async close(): Promise<void> {
    await this.#listener?.close(AbortSignal.abort());
    rmSync(this.#folder, { recursive: true });
  }

  url(name: string): string {
    return `http://127.0.0.1:${this.#listener?.port}/${name}`;
  }

  make(name: string): Repository {
    const folder = join(this.#folder, name);
    this.#repositories.set(name, join(folder, '.git'));
    return new Repository(folder, this.#folder);
  }

  /** Answers all requests for a repository. */
  answer(name: string, handler: HttpHandler): void {
    this.#answers.set(name, handler);
  }

  /** Says the same to everybody. */
  say(name: string, status: number, text: string, headers: Readonly<Record<string, string>> = {}): void {
    this.answer(name, async () => bytesResponse(status, headers, Buffer.from(text)));
  }

  /** The manager's git. */
  transport(clock: Clock, limits: Partial<TreeLimits>): GitTransport {
    const scratchFolder = join(this.#folder, 'scratch');
    mkdirSync(scratchFolder, { recursive: true });
    return systemGit({
      clock,
      run: runGit,
      scratchFolder,
      path,
      limits: { ...defaultTreeLimits, ...limits },
    });
  }
}
