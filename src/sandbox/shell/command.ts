import type { Files, Seams } from '../../base/program.ts';
import type { Input, Output } from './streams.ts';

/** What a command is connected to. */
export interface Streams {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborts to stop the command: Ctrl-C, or the end of the container. */
  readonly signal: AbortSignal;
}

/** What a command of the shell starts with. */
export interface CommandContext extends Streams {
  readonly name: string;
  /** Arguments without the name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The folder it is in: absolute. */
  readonly folder: string;
  readonly files: Files;
  readonly seams: Seams;
  readonly tty: boolean;
  /** Command lines of the container's processes, the first of them the main one. */
  readonly processes: readonly string[];
  /** Whether the shell knows a command of this name. */
  readonly knows: (name: string) => boolean;
  /** Runs another command, with other streams or variables where given. */
  readonly run: (
    argv: readonly string[],
    other?: Partial<Streams> & { readonly env?: Readonly<Record<string, string>> },
  ) => Promise<number>;
}

/** A command: resolves with its exit code. */
export type Command = (context: CommandContext) => Promise<number>;

/** The command line of a command is wrong: its exit code, and what it says. */
export class UsageError extends Error {
  readonly code: number;

  constructor(message: string, code = 1) {
    super(message);
    this.code = code;
  }
}

/** An absolute path without `.` and `..`. */
export function resolvePath(folder: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${folder}/${path}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

export async function readText(context: CommandContext, path: string): Promise<string | undefined> {
  const absolute = resolvePath(context.folder, path);
  if (absolute === '/dev/null') return '';
  try {
    return Buffer.from(await context.files.read(absolute)).toString('utf8');
  } catch {
    return undefined;
  }
}

export async function isFolder(context: Pick<CommandContext, 'files'>, path: string): Promise<boolean> {
  return path === '/' || path === '/tmp' || (await context.files.list(path)).length > 0;
}
