import { linkAbort } from '../../base/abort.ts';
import type { Program } from '../../base/program.ts';
import type { Command } from './command.ts';

/** A program as a command: stopping the command is its SIGTERM, and so is the end of whoever reads it. */
export function fromProgram(program: Program): Command {
  return async ({ argv, env, files, seams, signal, stdin, stdout }) => {
    using abort = linkAbort(signal);
    let written = Promise.resolve();
    let failure: unknown;
    const code = await program({
      argv,
      env,
      files,
      seams,
      signal: abort.signal,
      stdin: bytesOf(stdin.pieces()),
      stdout: (text) => {
        written = written
          .then(() => (failure === undefined ? stdout.write(text) : undefined))
          .catch((error: unknown) => {
            failure = error;
            abort.abort();
          });
      },
    });
    await written;
    // Not an error of ours to wrap: the pipe's or the clock's own.
    if (failure instanceof Error) throw failure;
    return code;
  };
}

async function* bytesOf(pieces: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield Buffer.from(piece, 'utf8');
}
