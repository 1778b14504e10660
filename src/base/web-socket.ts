import type { WebSocket } from 'ws';
import { Channel } from './channel.ts';
import { FetchError, type WebSocketConnection } from './fetch.ts';

/** Messages that may wait before the socket is paused. */
const maxWaitingMessages = 256;

/** The seam's view of a `ws` socket, of either side. */
export function webSocketConnection(socket: WebSocket): WebSocketConnection {
  const incoming = new Channel<string | Uint8Array>(Number.POSITIVE_INFINITY);
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    void incoming.push(isBinary ? data : data.toString('utf8'));
    if (incoming.size >= maxWaitingMessages) socket.pause();
  });
  socket.once('close', () => incoming.close());
  // Always followed by 'close'; whoever waits for the handshake has a listener of its own.
  socket.on('error', () => {});
  return {
    get protocol() {
      return socket.protocol;
    },
    send: (message) =>
      new Promise((resolve, reject) => {
        socket.send(message, (error) => {
          if (error == null) resolve();
          else reject(new FetchError('Unreachable', `the WebSocket is closed: ${error.message}`, error));
        });
      }),
    async *messages() {
      try {
        for await (const message of incoming) {
          if (socket.isPaused && incoming.size < maxWaitingMessages / 2) socket.resume();
          yield message;
        }
      } finally {
        // Else its end would not be seen either.
        socket.resume();
      }
    },
    close: (code, reason) => {
      incoming.close();
      socket.resume();
      socket.close(code, reason);
    },
  };
}
