import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { FetchResponse } from '../../base/fetch.ts';
import { gitServer, type Repositories } from '../../cli/git-server.ts';

/** A server of local repositories on a port of its own, whose requests can be counted and taken away. */
export interface TestGitServer extends Disposable {
  /** `http://127.0.0.1:PORT` */
  readonly base: string;
  /** Method and path, in the order in which they came. */
  readonly requests: string[];
  /** Takes requests away: one for which it returns true is answered by it, or not at all. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export async function startGitServer(
  repositories: Repositories,
  tls?: { readonly key: string; readonly cert: string },
): Promise<TestGitServer> {
  const handler = gitServer(repositories);
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    running.requests.push(`${request.method} ${request.url}`);
    if (running.intercept(request, response)) return;
    const headers = Object.fromEntries(Object.entries(request.headers).map(([k, v]) => [k, String(v)]));
    const stop = new AbortController();
    response.once('close', () => stop.abort());
    const answer = async (): Promise<FetchResponse> =>
      handler({
        method: request.method ?? '',
        url: request.url ?? '',
        headers,
        remoteAddress: '127.0.0.1',
        signal: stop.signal,
        body: () => request as AsyncIterable<Uint8Array>,
      });
    void answer().then(async (result) => {
      response.writeHead(result.status, Object.fromEntries(result.headers));
      for await (const chunk of result.body()) response.write(chunk);
      response.end();
    });
  };
  const server = tls === undefined ? createHttpServer(listener) : createHttpsServer(tls, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const running: TestGitServer = {
    base: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    requests: [],
    intercept: () => false,
    [Symbol.dispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
  return running;
}
