import { errorMessage } from '../base/errors.ts';
import { FetchError } from '../base/fetch.ts';
import { type HttpHandler, type Listener, type Network, readBody } from '../base/network.ts';
import { listenSocket } from '../base/socket-network.ts';
import { localReply } from './mesh/responses.ts';

/** Larger bodies are refused: one is held in memory until it is sent. */
const maxBodyBytes = 64 * 1024 * 1024;
/** Of one connection alone (RFC 9110, 7.6.1). */
const hopByHop = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'te', 'upgrade'];

/** Sends what comes in from outside on to a host of a cluster's network, with its own Host header. */
export function throughNetwork(network: Network, host: string, port: number): HttpHandler {
  return async (request) => {
    const headers = { ...request.headers };
    for (const name of hopByHop) delete headers[name];
    try {
      const body = request.json === undefined ? await readBody(request.body(), maxBodyBytes) : undefined;
      return await network.fetch(`http://${host}:${port}${request.url}`, {
        method: request.method,
        headers,
        ...(request.json === undefined ? {} : { json: request.json }),
        ...(body === undefined || body.length === 0 ? {} : { body }),
        signal: request.signal,
      });
    } catch (error) {
      if (error instanceof RangeError) return localReply(413, [], 'Payload Too Large\n');
      if (!(error instanceof FetchError)) throw error;
      return localReply(
        503,
        [['content-type', 'text/plain']],
        `${host} does not answer: ${errorMessage(error)}\n`,
      );
    }
  };
}

/** A page of a browser on another site must not get at what listens at this machine alone. */
function isLocal(host: string): boolean {
  return /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(host);
}

/**
 * Serves at a port of 127.0.0.1.
 * @param guarded refuse requests for other hosts than this machine. The gateway takes any: its hosts are those of routes
 * @throws FetchError `Unreachable` when the port cannot be had
 */
export async function listenEdge(port: number, http: HttpHandler, guarded: boolean): Promise<Listener> {
  return await listenSocket(port, {
    http: async (request) =>
      guarded && (!isLocal(request.headers['host'] ?? '') || request.headers['origin'] !== undefined)
        ? localReply(403, [['content-type', 'text/plain']], 'only for this machine\n')
        : http(request),
  });
}
