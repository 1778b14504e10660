import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';

/** What a role has used and asked for so far; watches and Leases do not count. */
export interface RoleUse {
  /** Bytes, after collection. */
  readonly heap: number;
  readonly requests: number;
  readonly writes: number;
  /** Some of the requests since the last question. */
  readonly last: readonly string[];
}

/** A role as a process of its own, over TLS, as a person runs it outside a cluster. */
export class RoleProcess {
  readonly #child: ChildProcess;
  readonly #answers: Interface;

  constructor(program: URL, kubeconfig: string, flags: readonly string[]) {
    this.#child = spawn(process.execPath, ['--expose-gc', program.pathname, kubeconfig, ...flags], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (this.#child.stdout === null) throw new Error('a pipe was asked for');
    this.#answers = createInterface(this.#child.stdout);
  }

  async ask(): Promise<RoleUse> {
    const answer = new Promise<string>((resolve) => this.#answers.once('line', resolve));
    this.#child.stdin?.write('\n');
    return JSON.parse(await answer) as RoleUse;
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin?.end();
    await ended;
  }
}
