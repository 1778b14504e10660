import type { Clock } from './clock.ts';
import type { Fetch, Upgrade } from './fetch.ts';
import type { Log } from './log.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';

/** Every way in which code reaches the world. */
export interface Seams {
  readonly clock: Clock;
  readonly random: Random;
  /** HTTP to the API server and to whatever else lies outside the pod's network. */
  readonly fetch: Fetch;
  readonly upgrade: Upgrade;
  readonly network: Network;
  readonly log: Log;
}

/** The file system of a container. Paths are absolute, with `/`. */
export interface Files {
  /** @throws InvalidInputError `FileNotFound` */
  read(path: string): Promise<Uint8Array>;
  /** Names in a folder, sorted; of a folder that does not exist, none. */
  list(path: string): Promise<readonly string[]>;
  /** Creates or replaces a file, with its folders. */
  write(path: string, data: Uint8Array): Promise<void>;
}

/** What a container starts with. */
export interface ProgramContext {
  /** Arguments without the program's own name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly files: Files;
  /** Bytes typed to the program; ends at once where nobody types. */
  readonly stdin: AsyncIterable<Uint8Array>;
  /** Text for the container's log. */
  readonly stdout: (text: string) => void;
  /** SIGTERM: finish what you have and return. */
  readonly signal: AbortSignal;
  readonly seams: Seams;
}

/** What a container runs. Resolves with the exit code; what it throws is exit code 1 and a line in its log. */
export type Program = (context: ProgramContext) => Promise<number>;
