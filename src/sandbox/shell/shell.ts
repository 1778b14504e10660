import { StringDecoder } from 'node:string_decoder';
import { CancelledError, errorMessage } from '../../base/errors.ts';
import type { Program } from '../../base/program.ts';
import type { Shell, ShellContext } from '../node/shell.ts';
import { parseInvocation, shellNames } from './builtins.ts';
import { type Command, type Streams, UsageError } from './command.ts';
import { commands as ownCommands } from './commands/commands.ts';
import { Exit } from './control-flow.ts';
import { Interpreter, type ShellWorld } from './interpreter.ts';
import { parseScript } from './parser.ts';
import { fromProgram } from './program-command.ts';
import { BrokenPipe, Input, type Output, Pace } from './streams.ts';
import { type Sequence, ShellSyntaxError } from './syntax.ts';
import { Terminal } from './terminal.ts';
import { ShellState } from './variables.ts';

export interface ShellOptions {
  /** Commands beside the shell's own, by name; they win over those. */
  readonly commands?: Readonly<Record<string, Program>>;
  /** Command lines of a container's processes, for `ps`. */
  readonly processes?: (context: ShellContext) => readonly string[];
}

/** Codes of a shell that a signal ended. */
const interrupted = 130;
const terminated = 143;

/**
 * The small shell that `exec` finds in every container, and that containers run whose command is not their image's
 * own program. `argv` is a whole command line: `sh -c SCRIPT`, `sh`, or any command directly. It is not a shell of the
 * machine: its commands live in this process, on the container's files and the pod's network. Everything that a
 * script can make grow is bounded, and a script that loops lets time pass.
 */
export function createShell({ commands = {}, processes = () => [] }: ShellOptions = {}): Shell {
  const known = new Map<string, Command>(ownCommands);
  for (const [name, program] of Object.entries(commands)) known.set(name, fromProgram(program));
  const find = (name: string): Command | undefined => known.get(name.slice(name.lastIndexOf('/') + 1));
  return async (context) => {
    const { files, seams, tty, env, workingDir, signal } = context;
    const pace = new Pace(seams.clock);
    const world: ShellWorld = { files, seams, tty, pace, find, processes: processes(context) };
    const home = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' };
    const variables = { ...home, ...env, PWD: workingDir };
    const state = new ShellState(Object.entries(variables), Object.keys(variables), workingDir, ['sh']);
    try {
      return await new Session(context, new Interpreter(world, state)).run();
    } catch (error) {
      if (error instanceof Exit) return error.code;
      if (error instanceof BrokenPipe) return 141;
      if (signal.aborted) return terminated;
      context.stderr(`sh: ${errorMessage(error)}\n`);
      return 1;
    }
  };
}

/** One call of the shell: its streams, and the terminal where there is one. */
class Session {
  readonly #context: ShellContext;
  readonly #shell: Interpreter;
  readonly #terminal: Terminal | undefined;
  readonly #streams: Streams;

  constructor(context: ShellContext, shell: Interpreter) {
    const { tty, signal, stdin } = context;
    this.#context = context;
    this.#shell = shell;
    const screen = (text: string): void => context.stdout(text.replace(/\r?\n/g, '\r\n'));
    this.#terminal = tty ? new Terminal(stdin, screen) : undefined;
    const output = (write: (text: string) => void): Output => ({ write: async (text) => write(text) });
    this.#streams = {
      stdin: new Input(this.#terminal?.typed(signal) ?? decoded(stdin), signal),
      stdout: output(tty ? screen : context.stdout),
      // A terminal has one screen.
      stderr: output(tty ? screen : context.stderr),
      signal,
    };
  }

  run(): Promise<number> {
    const { argv } = this.#context;
    const [name = ''] = argv;
    if (shellNames.includes(name)) return this.#interactiveOrScript(argv.slice(1));
    if (!this.#shell.knows(name)) {
      this.#context.stderr(
        'OCI runtime exec failed: exec failed: unable to start container process: ' +
          `exec: ${JSON.stringify(name)}: executable file not found in $PATH: unknown\n`,
      );
      return Promise.resolve(126);
    }
    return this.#foreground((streams) => this.#shell.command(argv, streams));
  }

  #interactiveOrScript(argv: readonly string[]): Promise<number> {
    try {
      const { script, positional } = parseInvocation(argv);
      if (script === undefined && positional.length === 0) return this.#typedScript();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      this.#context.stderr(`sh: ${error.message}\n`);
      return Promise.resolve(error.code);
    }
    return this.#foreground((streams) => this.#shell.command(['sh', ...argv], streams));
  }

  /** Runs `run`; Ctrl-C ends it. */
  async #foreground(run: (streams: Streams) => Promise<number>): Promise<number> {
    const terminal = this.#terminal;
    if (terminal === undefined) return run(this.#streams);
    return terminal.foreground(this.#context.signal, async (signal) => {
      const stdin = new Input(terminal.typed(signal), signal);
      try {
        return await run({ ...this.#streams, stdin, signal });
      } catch (error) {
        if (signal.aborted && !this.#context.signal.aborted) return interrupted;
        throw error;
      }
    });
  }

  /** Reads commands line by line and runs each as soon as it is complete, until there are no more, or `exit`. */
  async #typedScript(): Promise<number> {
    const { state } = this.#shell;
    let pending = '';
    for (;;) {
      const line = await this.#line(pending === '' ? `${state.folder} # ` : '> ');
      if (this.#context.signal.aborted) throw new CancelledError('the shell was ended');
      if (line === undefined && pending === '') return state.status;
      const parsed = parsedLine(`${pending}${line ?? ''}`, line === undefined);
      if (parsed === 'incomplete') {
        pending += `${line ?? ''}\n`;
        continue;
      }
      pending = '';
      if (parsed instanceof ShellSyntaxError) {
        await this.#streams.stderr.write(`sh: ${parsed.message}\n`);
        state.status = 2;
        continue;
      }
      try {
        state.status = await this.#foreground((streams) => this.#shell.interactive(parsed, streams));
      } catch (error) {
        if (error instanceof Exit) return error.code;
        throw error;
      }
    }
  }

  #line(prompt: string): Promise<string | undefined> {
    return this.#terminal?.readLine(prompt, this.#context.signal) ?? this.#streams.stdin.line();
  }
}

function parsedLine(text: string, last: boolean): Sequence | ShellSyntaxError | 'incomplete' {
  try {
    return parseScript(text);
  } catch (error) {
    if (!(error instanceof ShellSyntaxError)) throw error;
    return error.incomplete && !last ? 'incomplete' : error;
  }
}

async function* decoded(stdin: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  for await (const bytes of stdin) yield decoder.write(Buffer.from(bytes));
}
