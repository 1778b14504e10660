import { Channel } from '../../base/channel.ts';
import { CancelledError, TypedError } from '../../base/errors.ts';
import type { Files, Seams } from '../../base/program.ts';
import { builtins } from './builtins.ts';
import { type Command, type CommandContext, type Streams, UsageError } from './command.ts';
import { Exit, LoopControl } from './control-flow.ts';
import { Expander } from './expand.ts';
import { parseScript } from './parser.ts';
import { type RedirectWorld, withRedirects } from './redirects.ts';
import { BrokenPipe, Collector, Input, longestText, OutOfMemory, type Output, type Pace } from './streams.ts';
import { type Node, type Sequence, ShellSyntaxError, type Simple } from './syntax.ts';
import type { ShellState } from './variables.ts';

/** What the scripts of one container share. */
export interface ShellWorld {
  readonly files: Files;
  readonly seams: Seams;
  readonly tty: boolean;
  readonly processes: readonly string[];
  readonly pace: Pace;
  readonly find: (name: string) => Command | undefined;
}

/** Scripts within scripts: `sh -c`, `eval`, `watch`. */
const deepest = 30;
/** Of a pipe: pieces that wait to be read. */
const pipeCapacity = 16;
const commandCost = 256;

/** Runs parsed scripts on the variables of one shell. */
export class Interpreter {
  readonly state: ShellState;
  readonly #world: ShellWorld;
  readonly #depth: number;
  /** How many conditions we are inside of: there `set -e` ends nothing. */
  #guards = 0;
  /** Code of the last `$(…)`. */
  #substituted: number | undefined;

  constructor(world: ShellWorld, state: ShellState, depth = 0) {
    this.#world = world;
    this.state = state;
    this.#depth = depth;
  }

  /** Runs a script to its end or its `exit`. What is wrong with it is written to its standard error. */
  async script(text: string, streams: Streams): Promise<number> {
    try {
      await this.#world.pace.spend(text.length, streams.signal);
      if (this.#depth > deepest) throw new ShellSyntaxError('scripts are nested too deeply');
      return await this.#toEnd(parseScript(text), streams);
    } catch (error) {
      if (!(error instanceof ShellSyntaxError)) throw error;
      await streams.stderr.write(`sh: ${error.message}\n`);
      return 2;
    }
  }

  /** Runs one piece of a script that is typed; what fails ends only that piece. @throws Exit */
  async interactive(sequence: Sequence, streams: Streams): Promise<number> {
    return this.#toEnd(sequence, streams, (exit) => {
      throw exit;
    });
  }

  /** Runs a command line without parsing it. */
  async command(argv: readonly string[], streams: Streams, env = this.state.env): Promise<number> {
    const [name = ''] = argv;
    const { signal, stderr } = streams;
    if (signal.aborted) throw new CancelledError('interrupted');
    await this.#world.pace.spend(commandCost, signal);
    try {
      const builtin = builtins.get(name);
      if (builtin !== undefined) return await builtin(this, argv.slice(1), streams);
      const command = this.#world.find(name);
      if (command !== undefined) return await command(this.#context(argv, streams, env));
      await stderr.write(`sh: ${name}: not found\n`);
      return 127;
    } catch (error) {
      if (signal.aborted) throw error;
      if (error instanceof UsageError) {
        await stderr.write(`${name}: ${error.message}\n`);
        return error.code;
      }
      if (error instanceof OutOfMemory || error instanceof TypedError) {
        await stderr.write(`${name}: ${error.message}\n`);
        return 1;
      }
      throw error;
    }
  }

  /** A shell whose changes stay its own. */
  subshell(state = this.state.copy()): Interpreter {
    return new Interpreter(this.#world, state, this.#depth + 1);
  }

  knows(name: string): boolean {
    return builtins.has(name) || this.#world.find(name) !== undefined;
  }

  get files(): Files {
    return this.#world.files;
  }

  #context(argv: readonly string[], streams: Streams, env: Readonly<Record<string, string>>): CommandContext {
    const { files, seams, tty, processes } = this.#world;
    const paced = (output: Output): Output => ({
      write: async (text) => {
        await this.#world.pace.spend(text.length, streams.signal);
        await output.write(text);
      },
    });
    return {
      ...streams,
      stdout: paced(streams.stdout),
      stderr: paced(streams.stderr),
      name: argv[0] ?? '',
      argv: argv.slice(1),
      env,
      folder: this.state.folder,
      files,
      seams,
      tty,
      processes,
      knows: (name) => this.knows(name),
      run: (inner, { env: innerEnv = env, ...other } = {}) =>
        this.subshell().command(inner, { ...streams, ...other }, innerEnv),
    };
  }

  /** The code of a script that may `exit`. */
  async #toEnd(
    sequence: Sequence,
    streams: Streams,
    onExit = (exit: Exit): number => exit.code,
  ): Promise<number> {
    try {
      return await this.#sequence(sequence, streams);
    } catch (error) {
      if (error instanceof Exit) return onExit(error);
      if (error instanceof LoopControl) return 0;
      if (error instanceof BrokenPipe) return 141;
      if (streams.signal.aborted) throw error;
      if (error instanceof UsageError || error instanceof OutOfMemory) {
        await streams.stderr.write(`sh: ${error.message}\n`);
        return 2;
      }
      throw error;
    }
  }

  async #sequence({ items }: Sequence, streams: Streams): Promise<number> {
    let code = 0;
    for (const item of items) {
      code = await this.#node(item, streams);
      this.state.status = code;
    }
    return code;
  }

  async #node(node: Node, streams: Streams): Promise<number> {
    switch (node.kind) {
      case 'simple':
        return this.#checked(await this.#simple(node, streams));
      case 'sequence':
        return this.#sequence(node, streams);
      case 'pipeline':
        return this.#pipeline(node, streams);
      case 'chain':
        return this.#chain(node, streams);
      case 'for':
        return this.#for(node, streams);
      case 'while':
        return this.#while(node, streams);
      case 'if':
        return this.#if(node, streams);
      default:
        return withRedirects(node.redirects, streams, this.#redirectWorld(streams), (inner) =>
          node.subshell ? this.subshell().#toEnd(node.body, inner) : this.#sequence(node.body, inner),
        );
    }
  }

  /** With `set -e`, a command that fails outside of a condition ends the shell. */
  #checked(code: number): number {
    if (code !== 0 && this.state.exitOnError && this.#guards === 0) throw new Exit(code);
    return code;
  }

  async #guarded(run: () => Promise<number>): Promise<number> {
    this.#guards += 1;
    try {
      return await run();
    } finally {
      this.#guards -= 1;
    }
  }

  /** Expands words; what they substitute runs on these streams. */
  #expander(streams: Streams): Expander {
    return new Expander(this.state, async (body) => {
      const stdout = new Collector(longestText);
      this.#substituted = await this.subshell().#toEnd(body, { ...streams, stdout });
      this.state.status = this.#substituted;
      return stdout.text;
    });
  }

  #redirectWorld(streams: Streams): RedirectWorld {
    return { expander: this.#expander(streams), files: this.#world.files, folder: this.state.folder };
  }

  async #simple({ assignments, words, redirects }: Simple, streams: Streams): Promise<number> {
    if (streams.signal.aborted) throw new CancelledError('interrupted');
    this.#substituted = undefined;
    const expander = this.#expander(streams);
    const argv = await expander.words(words);
    const values: [string, string][] = [];
    for (const { name, value } of assignments) {
      const text = await expander.text(value);
      if (argv.length === 0) this.state.set(name, text);
      else values.push([name, text]);
    }
    const env = values.length === 0 ? this.state.env : { ...this.state.env, ...Object.fromEntries(values) };
    return withRedirects(redirects, streams, this.#redirectWorld(streams), async (inner) =>
      argv.length === 0 ? (this.#substituted ?? 0) : this.command(argv, inner, env),
    );
  }

  async #chain({ first, rest }: Extract<Node, { kind: 'chain' }>, streams: Streams): Promise<number> {
    const links = [{ operator: undefined, node: first }, ...rest];
    let code = 0;
    for (const [i, { operator, node }] of links.entries()) {
      if (operator === '&&' ? code !== 0 : operator === '||' && code === 0) continue;
      const last = i === links.length - 1;
      code = await (last ? this.#node(node, streams) : this.#guarded(() => this.#node(node, streams)));
      this.state.status = code;
    }
    return code;
  }

  async #pipeline(
    { negated, stages }: Extract<Node, { kind: 'pipeline' }>,
    streams: Streams,
  ): Promise<number> {
    const [only] = stages;
    const run = (): Promise<number> =>
      stages.length === 1 && only !== undefined ? this.#node(only, streams) : this.#piped(stages, streams);
    if (!negated) return this.#checked(await run());
    return (await this.#guarded(run)) === 0 ? 1 : 0;
  }

  async #piped(stages: readonly Node[], streams: Streams): Promise<number> {
    const pipes = stages.slice(1).map(() => new Channel<string>(pipeCapacity));
    const codes = await Promise.all(
      stages.map(async (stage, i) => {
        const from = pipes[i - 1];
        const into = pipes[i];
        const inner: Streams = {
          ...streams,
          ...(from === undefined ? {} : { stdin: new Input(from, streams.signal) }),
          ...(into === undefined ? {} : { stdout: pipeOutput(into) }),
        };
        try {
          return await this.subshell().#toEnd({ kind: 'sequence', items: [stage] }, inner);
        } finally {
          into?.close();
          from?.close();
        }
      }),
    );
    return codes.at(-1) ?? 0;
  }

  async #for({ name, words, body }: Extract<Node, { kind: 'for' }>, streams: Streams): Promise<number> {
    const values = await this.#expander(streams).words(words);
    let code = 0;
    for (const value of values) {
      this.state.set(name, value);
      await this.#world.pace.turn(streams.signal);
      const result = await loopTurn(() => this.#sequence(body, streams));
      if (result === 'break') return 0;
      code = result;
    }
    return code;
  }

  async #while(
    { until, condition, body }: Extract<Node, { kind: 'while' }>,
    streams: Streams,
  ): Promise<number> {
    let code = 0;
    for (;;) {
      await this.#world.pace.turn(streams.signal);
      const result = await loopTurn(async () => {
        const met = (await this.#guarded(() => this.#sequence(condition, streams))) === 0;
        if (met === until) throw new LoopControl('break', 1);
        return this.#sequence(body, streams);
      });
      if (result === 'break') return code;
      code = result;
    }
  }

  async #if({ branches, otherwise }: Extract<Node, { kind: 'if' }>, streams: Streams): Promise<number> {
    for (const { condition, body } of branches) {
      const code = await this.#guarded(() => this.#sequence(condition, streams));
      if (code === 0) return this.#sequence(body, streams);
    }
    return otherwise === undefined ? 0 : this.#sequence(otherwise, streams);
  }
}

function pipeOutput(pipe: Channel<string>): Output {
  return {
    write: async (text) => {
      if (text !== '' && !(await pipe.push(text))) throw new BrokenPipe('broken pipe');
    },
  };
}

/** One turn of a loop: its code, or that it was the last. */
async function loopTurn(run: () => Promise<number>): Promise<number | 'break'> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof LoopControl)) throw error;
    if (error.levels > 1) throw new LoopControl(error.kind, error.levels - 1);
    return error.kind === 'break' ? 'break' : 0;
  }
}
