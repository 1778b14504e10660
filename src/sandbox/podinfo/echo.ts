import { errorMessage } from '../../base/errors.ts';
import type { FetchResponse } from '../../base/fetch.ts';
import { type HttpRequest, readBody } from '../../base/network.ts';
import { bodyOf, maxBodyBytes, type Podinfo } from './context.ts';

/** Headers that belong to the caller's trace and travel on. */
const tracingHeaders = [
  'x-request-id',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'x-ot-span-context',
];

/** Sends the body back, or what the backends say to it. Source: pkg/api/http/echo.go. */
export async function echo(podinfo: Podinfo, request: HttpRequest): Promise<FetchResponse> {
  const { config, answers } = podinfo;
  const body = await bodyOf(request);
  if (body === undefined) return answers.error('invalid request body', 400);
  const color = { 'x-color': config.uiColor };
  if (config.backendUrls.length === 0) return answers.raw(202, color, body);
  const results = await Promise.all(
    config.backendUrls.map((url) => callBackend(podinfo, request, url, body)),
  );
  return answers.json(results, 200, color);
}

async function callBackend(
  { config, context, log }: Podinfo,
  request: HttpRequest,
  url: string,
  body: Uint8Array,
): Promise<string> {
  const headers: Record<string, string> = {
    'user-agent': 'Go-http-client/1.1',
    'x-api-version': config.version,
    'x-api-revision': config.revision,
  };
  for (const name of tracingHeaders) {
    const value = request.headers[name];
    if (value !== undefined) headers[name] = value;
  }
  const { clock, network } = context.seams;
  using deadline = clock.timeout(config.httpClientTimeoutMs, request.signal);
  try {
    const response = await network.fetch(url, { method: 'POST', headers, body, signal: deadline.signal });
    if (response.status >= 400) {
      response.cancel();
      log('error', 'http/echo.go:77', 'backend call failed', { status: response.status, url });
      return `backend ${url} response status code ${response.status}`;
    }
    const answer = Buffer.from(await readBody(response.body(), maxBodyBytes)).toString('utf8');
    log('debug', 'http/echo.go:92', 'payload received from backend', { response: answer, url });
    return answer;
  } catch (error) {
    const why = `Post ${JSON.stringify(url)}: ${errorMessage(error)}`;
    log('error', 'http/echo.go:68', 'backend call failed', { error: why, url });
    return `backend ${url} call failed ${why}`;
  }
}
