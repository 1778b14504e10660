import type { Registry } from '@prometheus-io/client';
import type { RE2JS } from 're2js';
import { errorMessage } from '../base/errors.ts';
import type { FetchResponse } from '../base/fetch.ts';
import type { Log } from '../base/log.ts';
import { type HttpHandler, type HttpRequest, readBody } from '../base/network.ts';
import type { Gates } from './gates.ts';
import { parsePayload, type Payload } from './payload.ts';
import { plainResponse } from './plain-response.ts';

export interface LoadtesterServerOptions {
  readonly registry: Registry;
  readonly gates: Gates;
  readonly namespaces: RE2JS | undefined;
  readonly submit: (payload: Payload) => Promise<FetchResponse>;
  readonly log: Log;
}

/** Bytes. */
const longestBody = 64 * 1024;

/**
 * The API that the webhooks of a Canary call. No method is refused.
 *
 * Source: pkg/loadtester/server.go of github.com/fluxcd/flagger.
 */
export function loadtesterServer(options: LoadtesterServerOptions): HttpHandler {
  const { registry } = options;
  return async (request) => {
    const path = request.url.split('?', 1)[0] ?? '';
    if (path === '/healthz') return plainResponse(200, 'OK');
    if (path === '/metrics') {
      return plainResponse(200, await registry.metrics(), { 'content-type': registry.contentType });
    }
    if (path === '/gate/approve') return plainResponse(200, 'OK');
    if (path === '/gate/halt') return forbidden();
    const payload = await payloadOf(request);
    if (!('metadata' in payload)) return payload;
    if (options.namespaces !== undefined && !options.namespaces.matcher(payload.namespace).find()) {
      return forbidden();
    }
    const [, kind, action] = /^\/(gate|rollback)\/(check|open|close)$/.exec(path) ?? [];
    if (kind === undefined) return options.submit(payload);
    const key = `${kind === 'gate' ? '' : 'rollback.'}${payload.name}.${payload.namespace}`;
    if (action !== 'check') return setGate(options, key, action === 'open');
    return options.gates.isOpen(key) ? plainResponse(200, 'Approved') : forbidden();
  };
}

async function payloadOf(request: HttpRequest): Promise<Payload | FetchResponse> {
  try {
    return parsePayload(await readBody(request.body(), longestBody)) ?? plainResponse(400);
  } catch (error) {
    return error instanceof RangeError ? plainResponse(413, error.message) : plainResponse(400);
  }
}

async function setGate(
  { gates, log }: LoadtesterServerOptions,
  key: string,
  open: boolean,
): Promise<FetchResponse> {
  try {
    await gates.set(key, open);
    log.info(`gate ${open ? 'opened' : 'closed'}`, { gate: key });
    return plainResponse(202);
  } catch (error) {
    log.error('the state of a gate was not stored', { gate: key, error: errorMessage(error) });
    return plainResponse(500, `not stored, and so lost with a restart: ${errorMessage(error)}`);
  }
}

function forbidden(): FetchResponse {
  return plainResponse(403, 'Forbidden');
}
