import type { JsonObject } from '../../machinery/json.ts';

/** One container of a stored pod. */
export interface ContainerTarget {
  /** As stored; read-only. */
  readonly pod: JsonObject;
  readonly container: string;
}

export interface ContainerLogOptions {
  /** Go on until the container ends or `signal` aborts. */
  readonly follow: boolean;
  /** Of the container before its last restart. */
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines: number | undefined;
  readonly sinceSeconds: number | undefined;
  /** RFC 3339. */
  readonly sinceTime: string | undefined;
  readonly limitBytes: number | undefined;
  readonly signal: AbortSignal;
}

export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** What a remote command is connected to. */
export interface RemoteStreams {
  /** Ends when the client closes its side; at once where it sends nothing. */
  readonly stdin: AsyncIterable<Uint8Array>;
  /** Does nothing where the client does not listen. Resolves when there is room for more. */
  readonly stdout: (data: Uint8Array) => Promise<void>;
  readonly stderr: (data: Uint8Array) => Promise<void>;
  readonly resizes: AsyncIterable<TerminalSize>;
  readonly tty: boolean;
  /** Aborts when the client has gone away. */
  readonly signal: AbortSignal;
}

/**
 * Whoever runs the pods, as the API server calls on it. What it throws as a RequestError reaches the client as it is.
 */
export interface PodRuntime {
  logs(target: ContainerTarget, options: ContainerLogOptions): AsyncIterable<Uint8Array>;
  /** Resolves with the exit code. */
  exec(target: ContainerTarget, command: readonly string[], streams: RemoteStreams): Promise<number>;
  /** Connects to what the container runs already; resolves with its exit code, or 0 when the client leaves. */
  attach(target: ContainerTarget, streams: RemoteStreams): Promise<number>;
}
