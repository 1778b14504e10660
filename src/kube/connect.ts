import { socketClient } from '../base/socket-client.ts';
import type { ConnectionConfig } from './connection.ts';
import { type ClientOptions, createClient, type RestClient } from './rest-client.ts';

/** A client with the connections that it holds. */
export interface SocketConnection {
  readonly client: RestClient;
  /** Cuts what is still open. */
  readonly close: () => Promise<void>;
}

/**
 * A client over real sockets: one pool of connections for this cluster and this user.
 *
 * @param connection from {@link connectionOf} or {@link inClusterConnection}
 */
export function connect(
  connection: ConnectionConfig,
  options: Omit<ClientOptions, 'fetch' | 'upgrade' | 'server' | 'credentials'>,
): SocketConnection {
  const sockets = socketClient({ tls: connection.tls });
  const client = createClient({
    ...options,
    server: connection.server,
    credentials: connection,
    fetch: sockets.fetch,
    upgrade: sockets.upgrade,
  });
  return { client, close: () => sockets.close() };
}
