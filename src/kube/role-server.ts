import type { Registry } from '@prometheus-io/client';
import { type FetchResponse, headersOf, parseJsonBody, parseJsonLines } from '../base/fetch.ts';
import type { HttpHandler } from '../base/network.ts';

/**
 * `/healthz`, `/readyz` and `/metrics`.
 *
 * @param isReady whether the work goes on; a candidate for leadership is ready to take over
 */
export function roleServer(registry: Registry, isReady: () => boolean): HttpHandler {
  return async ({ url, method }) => {
    const [path] = url.split('?');
    if (method !== 'GET' && method !== 'HEAD') return textResponse(405, 'method not allowed\n');
    if (path === '/healthz') return textResponse(200, 'OK');
    if (path === '/readyz') return isReady() ? textResponse(200, 'OK') : textResponse(503, 'not yet\n');
    if (path !== '/metrics') return textResponse(404, 'not found\n');
    return textResponse(200, await registry.metrics(), registry.contentType);
  };
}

function textResponse(status: number, text: string, type = 'text/plain; charset=utf-8'): FetchResponse {
  const bytes = Buffer.from(text, 'utf8');
  async function* body(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  return {
    status,
    headers: headersOf({ 'content-type': type, 'content-length': String(bytes.length) }),
    body,
    text: async () => text,
    json: async () => parseJsonBody(text),
    jsonLines: () => parseJsonLines(body()),
    cancel: () => {},
  };
}
