import { linkAbort } from '../../base/abort.ts';
import { Channel } from '../../base/channel.ts';
import { CancelledError, errorMessage } from '../../base/errors.ts';
import type { WebSocketConnection } from '../../base/fetch.ts';
import type { JsonObject } from '../../machinery/json.ts';
import { isObject } from '../../machinery/json.ts';
import type { RemoteStreams, TerminalSize } from './pod-runtime.ts';
import { RequestError } from './request-error.ts';

/** The first byte of a message says what it belongs to. */
const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** Best first. Version 5 can say that a stream has ended. */
const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];

/** @returns the best that both sides know, or undefined */
export function chooseProtocol(offered: readonly string[]): string | undefined {
  return protocols.find((protocol) => offered.includes(protocol));
}

export interface RemoteOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/**
 * Speaks the protocol of `kubectl exec` and `attach` over a WebSocket: streams in both directions, and at the end
 * a Status with the exit code.
 *
 * Source: k8s.io/apimachinery/pkg/util/remotecommand, KEP-4006.
 */
export async function serveRemoteCommand(
  connection: WebSocketConnection,
  options: RemoteOptions,
  signal: AbortSignal,
  run: (streams: RemoteStreams) => Promise<number>,
): Promise<void> {
  using abort = linkAbort(signal);
  const stdin = new Channel<Uint8Array>(16);
  const resizes = new Channel<TerminalSize>(16);
  if (!options.stdin) stdin.close();
  const writer = (channel: number, wanted: boolean) => async (data: Uint8Array) => {
    if (wanted && data.length > 0) await connection.send(frame(channel, data));
  };
  const received = receive(connection, stdin, resizes).finally(() => {
    stdin.close();
    resizes.close();
    abort.abort(new CancelledError('the client closed the connection'));
  });
  const status = await exitStatus(() =>
    run({
      stdin,
      resizes,
      stdout: writer(channels.stdout, options.stdout),
      stderr: writer(channels.stderr, options.stderr && !options.tty),
      tty: options.tty,
      signal: abort.signal,
    }),
  );
  // Whoever still types must not keep the connection from ending.
  stdin.close();
  resizes.close();
  await connection.send(frame(channels.error, Buffer.from(JSON.stringify(status)))).catch(() => {});
  connection.close(1000);
  await received;
}

function frame(channel: number, data: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([channel]), data]);
}

async function receive(
  connection: WebSocketConnection,
  stdin: Channel<Uint8Array>,
  resizes: Channel<TerminalSize>,
): Promise<void> {
  for await (const message of connection.messages()) {
    const bytes = typeof message === 'string' ? Buffer.from(message, 'utf8') : message;
    const data = bytes.subarray(1);
    if (bytes[0] === channels.stdin && data.length > 0) await stdin.push(data);
    else if (bytes[0] === channels.close && data[0] === channels.stdin) stdin.close();
    else if (bytes[0] === channels.resize) {
      const size = parseSize(data);
      if (size !== undefined) await resizes.push(size);
    }
  }
}

function parseSize(data: Uint8Array): TerminalSize | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(data).toString('utf8'));
    if (!isObject(value)) return undefined;
    const [width, height] = [Number(value['Width']), Number(value['Height'])];
    return width > 0 && height > 0 ? { width, height } : undefined;
  } catch {
    return undefined;
  }
}

async function exitStatus(run: () => Promise<number>): Promise<JsonObject> {
  try {
    const code = await run();
    if (code === 0) return { metadata: {}, status: 'Success' };
    return {
      metadata: {},
      status: 'Failure',
      message: `command terminated with non-zero exit code: exit status ${code}`,
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
    };
  } catch (error) {
    if (error instanceof RequestError) return { ...error.status } as unknown as JsonObject;
    const message = `error executing command in container: ${errorMessage(error)}`;
    return { metadata: {}, status: 'Failure', message, reason: 'InternalError', code: 500 };
  }
}
