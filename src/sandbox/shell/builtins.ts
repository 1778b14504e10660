import type { Files } from '../../base/program.ts';
import { isFolder, resolvePath, type Streams, UsageError } from './command.ts';
import { Exit, LoopControl } from './control-flow.ts';
import type { ShellState } from './variables.ts';

/** The shell that a builtin runs in. */
export interface BuiltinShell {
  readonly state: ShellState;
  readonly files: Files;
  readonly knows: (name: string) => boolean;
  /** A shell one level further down: on variables of its own, or on these. */
  readonly subshell: (state?: ShellState) => BuiltinShell;
  readonly script: (text: string, streams: Streams) => Promise<number>;
  readonly command: (argv: readonly string[], streams: Streams) => Promise<number>;
}

/** A command that changes the shell it runs in. */
type Builtin = (shell: BuiltinShell, argv: readonly string[], streams: Streams) => Promise<number>;

function codeOf(text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  if (!/^-?\d{1,9}$/.test(text)) throw new UsageError(`Illegal number: ${text}`, 2);
  return Number(text) & 0xff;
}

function loop(kind: 'break' | 'continue'): Builtin {
  return async (_shell, [levels]) => {
    throw new LoopControl(kind, Math.max(1, codeOf(levels, 1)));
  };
}

const cd: Builtin = async (shell, [target = shell.state.get('HOME') ?? '/']) => {
  const { state } = shell;
  const wanted = target === '-' ? (state.get('OLDPWD') ?? '/') : target;
  const folder = resolvePath(state.folder, wanted);
  const known = folder === state.folder || folder === state.get('HOME') || (await isFolder(shell, folder));
  if (!known) throw new UsageError(`can't cd to ${wanted}: No such file or directory`, 2);
  state.set('OLDPWD', state.folder);
  state.set('PWD', folder);
  state.folder = folder;
  return 0;
};

const exportVariables: Builtin = async ({ state }, argv, { stdout }) => {
  for (const word of argv) {
    const [name = '', ...value] = word.split('=');
    if (!/^[A-Za-z_]\w*$/.test(name)) throw new UsageError(`${word}: bad variable name`, 2);
    if (value.length > 0) state.set(name, value.join('='));
    state.export(name);
  }
  if (argv.length === 0) {
    for (const [name, value] of Object.entries(state.env)) await stdout.write(`export ${name}='${value}'\n`);
  }
  return 0;
};

const set: Builtin = async ({ state }, argv, { stdout }) => {
  if (argv.length === 0) for (const [name, value] of state.all) await stdout.write(`${name}='${value}'\n`);
  for (const [i, word] of argv.entries()) {
    if (word === '--') {
      state.positional = [state.positional[0] ?? 'sh', ...argv.slice(i + 1)];
      return 0;
    }
    if (/^[-+][a-z]*e[a-z]*$/.test(word)) state.exitOnError = word.startsWith('-');
    else if (!/^[-+]/.test(word)) {
      state.positional = [state.positional[0] ?? 'sh', ...argv.slice(i)];
      return 0;
    }
  }
  return 0;
};

const read: Builtin = async ({ state }, argv, { stdin }) => {
  const names = argv.filter((word) => !word.startsWith('-'));
  const line = await stdin.line();
  const fields = (line ?? '').trim().split(/[ \t]+/);
  const wanted = names.length === 0 ? ['REPLY'] : names;
  for (const [i, name] of wanted.entries()) {
    const last = i === wanted.length - 1;
    state.set(name, (last ? fields.slice(i).join(' ') : fields[i]) ?? '');
  }
  return line === undefined ? 1 : 0;
};

const evaluate: Builtin = async (shell, argv, streams) => {
  // On the same variables, one level further down.
  const inner = shell.subshell(shell.state);
  return inner.script(argv.join(' '), streams);
};

const runScript: Builtin = async (shell, argv, streams) => {
  const inner = shell.subshell();
  const invocation = parseInvocation(argv);
  inner.state.exitOnError = invocation.exitOnError;
  if (invocation.script !== undefined) {
    inner.state.positional = invocation.positional;
    return inner.script(invocation.script, streams);
  }
  const [file] = invocation.positional;
  if (file === undefined) return inner.script(await streams.stdin.rest(), streams);
  try {
    const bytes = await shell.files.read(resolvePath(shell.state.folder, file));
    inner.state.positional = invocation.positional;
    return await inner.script(Buffer.from(bytes).toString('utf8'), streams);
  } catch {
    throw new UsageError(`can't open '${file}': No such file or directory`, 2);
  }
};

/** How `sh` is called: `sh -c script name args`, `sh file args`, `sh`. */
export interface Invocation {
  readonly script: string | undefined;
  /** `$0` and on; empty for neither a script nor a file. */
  readonly positional: readonly string[];
  readonly exitOnError: boolean;
}

export function parseInvocation(argv: readonly string[]): Invocation {
  let inline = false;
  let exitOnError = false;
  let at = 0;
  for (; /^-[a-z]+$/.test(argv[at] ?? ''); at++) {
    inline ||= argv[at]?.includes('c') === true;
    exitOnError ||= argv[at]?.includes('e') === true;
  }
  const [first, ...rest] = argv.slice(at);
  if (!inline)
    return { script: undefined, positional: first === undefined ? [] : [first, ...rest], exitOnError };
  if (first === undefined) throw new UsageError('-c requires an argument', 2);
  return { script: first, positional: rest.length > 0 ? rest : ['sh'], exitOnError };
}

const locate: Builtin = async (shell, argv, { stdout, stderr }) => {
  let code = 0;
  for (const name of argv.filter((word) => !word.startsWith('-'))) {
    if (shell.knows(name)) await stdout.write(`${name}\n`);
    else {
      code = 127;
      if (!argv.includes('-v')) await stderr.write(`${name}: not found\n`);
    }
  }
  return code;
};

const nothing: Builtin = async () => 0;

export const shellNames = [
  'sh',
  'ash',
  'bash',
  '/bin/sh',
  '/bin/ash',
  '/bin/bash',
  '/usr/bin/sh',
  '/usr/bin/bash',
];

export const builtins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ...shellNames.map((name): [string, Builtin] => [name, runScript]),
  [':', nothing],
  ['trap', nothing],
  ['wait', nothing],
  ['cd', cd],
  ['export', exportVariables],
  [
    'unset',
    async ({ state }, argv) => {
      for (const name of argv) state.unset(name);
      return 0;
    },
  ],
  ['set', set],
  ['read', read],
  ['eval', evaluate],
  ['break', loop('break')],
  ['continue', loop('continue')],
  [
    'exit',
    async ({ state }, [code]) => {
      throw new Exit(codeOf(code, state.status));
    },
  ],
  [
    'exec',
    async (shell, argv, streams) => {
      if (argv.length === 0) return 0;
      throw new Exit(await shell.command(argv, streams));
    },
  ],
  [
    'shift',
    async ({ state }, [count]) => {
      const [name = 'sh', ...rest] = state.positional;
      state.positional = [name, ...rest.slice(codeOf(count, 1))];
      return 0;
    },
  ],
  [
    'pwd',
    async ({ state }, _argv, { stdout }) => {
      await stdout.write(`${state.folder}\n`);
      return 0;
    },
  ],
  [
    'command',
    async (shell, argv, streams) =>
      argv[0] === '-v' ? locate(shell, argv, streams) : shell.command(argv, streams),
  ],
  ['type', locate],
]);
