import { CancelledError } from '../../../base/errors.ts';
import type { FetchResponse } from '../../../base/fetch.ts';
import { hostAndPort } from '../../../base/network.ts';
import { type Command, type CommandContext, resolvePath, UsageError } from '../command.ts';
import { bounded, longestFile, type Output } from '../streams.ts';
import { type CurlOptions, curlOptions, curlVersion } from './curl-options.ts';
import { failure, RequestFailure, sendRequest, statusLine } from './http-request.ts';

/** What `-w` can tell of a transfer. */
interface Transfer {
  status: number;
  url: string;
  method: string;
  contentType: string;
  address: string;
  port: number;
  redirects: number;
  bytes: number;
  /** Milliseconds from the start. */
  headMs: number;
  totalMs: number;
}

/**
 * `curl`, with its usual flags, its words and its exit codes: 6 for an unknown host, 7 where nobody listens, 22 with
 * `-f`, 28 for a timeout, 47 for too many redirects, 52 for an answer that breaks off. There is no progress meter.
 */
export const curl: Command = async (context) => {
  const options = await curlOptions(context);
  if (options === 'version' || options === 'help') {
    const text =
      options === 'version' ? `${curlVersion}\nProtocols: http https\n` : 'Usage: curl [options...] <url>\n';
    await context.stdout.write(text);
    return 0;
  }
  let code = 0;
  for (const [i, url] of options.urls.entries()) code = await withRetries(context, options, url, i);
  return code;
};

/** Statuses that another try may change. Source: curl's --retry. */
const passingStatuses = [408, 429, 500, 502, 503, 504];

async function withRetries(
  context: CommandContext,
  options: CurlOptions,
  url: string,
  i: number,
): Promise<number> {
  const { seams, signal } = context;
  for (let attempt = 0; ; attempt++) {
    const transfer = newTransfer(url, options);
    const code = await transferOne(context, options, transfer, i);
    const passing =
      code === 28 || (code === 22 || code === 0 ? passingStatuses.includes(transfer.status) : false);
    if (attempt >= options.retries || !passing) return code;
    const pauseMs = options.retryDelayMs > 0 ? options.retryDelayMs : Math.min(1000 * 2 ** attempt, 600_000);
    await seams.clock.sleep(pauseMs, signal);
  }
}

function newTransfer(url: string, { method }: CurlOptions): Transfer {
  const at = {
    status: 0,
    contentType: '',
    address: '',
    port: 0,
    redirects: 0,
    bytes: 0,
    headMs: 0,
    totalMs: 0,
  };
  return { ...at, url, method };
}

async function transferOne(
  context: CommandContext,
  options: CurlOptions,
  transfer: Transfer,
  i: number,
): Promise<number> {
  const { clock } = context.seams;
  const began = clock.monotonic();
  using deadline = options.maxTimeMs > 0 ? clock.timeout(options.maxTimeMs, context.signal) : undefined;
  let code = 0;
  try {
    await exchange(context, options, transfer, i, deadline?.signal ?? context.signal);
  } catch (error) {
    if (context.signal.aborted) throw new CancelledError('interrupted');
    const [exit, message] = explained(error, clock.monotonic() - began, transfer);
    code = exit;
    if (!options.silent || options.showErrors) await context.stderr.write(`curl: (${exit}) ${message}\n`);
  }
  transfer.totalMs = clock.monotonic() - began;
  if (options.writeOut !== '') await writeOut(context, options.writeOut, transfer, code);
  return code;
}

/** An exit code of curl, and what it says. */
class CurlError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

function explained(error: unknown, elapsedMs: number, transfer: Transfer): [number, string] {
  if (error instanceof CurlError) return [error.code, error.message];
  if (error instanceof UsageError || !(error instanceof RequestFailure)) throw error;
  const ms = Math.floor(elapsedMs);
  const { kind, host, port } = error;
  switch (kind) {
    case 'unresolved':
      return [6, `Could not resolve host: ${host}`];
    case 'refused':
      return [7, `Failed to connect to ${host} port ${port} after ${ms} ms: Couldn't connect to server`];
    case 'timeout':
      return [28, `Operation timed out after ${ms} milliseconds with ${transfer.bytes} bytes received`];
    case 'tls':
      return [60, `SSL certificate problem: ${(error.cause as Error).message}`];
    default:
      return transfer.status === 0
        ? [52, 'Empty reply from server']
        : [18, 'transfer closed with outstanding read data remaining'];
  }
}

async function exchange(
  context: CommandContext,
  options: CurlOptions,
  transfer: Transfer,
  i: number,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = context.seams;
  const began = clock.monotonic();
  const { headers, ...first } = { headers: options.headers, method: options.method, body: options.body };
  let { method, body } = first;
  const output = new CurlOutput(context, options, transfer.url, i);
  for (;;) {
    checkUrl(transfer.url);
    transfer.method = method;
    const sent = body === undefined ? withoutBody(headers) : headers;
    const target = connectTo(transfer.url, options, sent);
    const where = hostAndPort(transfer.url);
    const { response, address } = await sendRequest(context, target.url, {
      method,
      headers: target.headers,
      body,
      signal,
    });
    Object.assign(transfer, {
      status: response.status,
      address,
      port: where.port,
      headMs: clock.monotonic() - began,
    });
    transfer.contentType = response.headers.get('content-type') ?? '';
    if (options.verbose) await logExchange(context, transfer, where, target.headers, response);
    const location = response.headers.get('location');
    const redirected = options.follow && location !== null && response.status >= 300 && response.status < 400;
    if (options.include || options.head) await output.write(headText(response));
    if (!redirected) {
      await readAnswer(options, transfer, response, output, where);
      return;
    }
    response.cancel();
    if (transfer.redirects >= options.maxRedirects) {
      throw new CurlError(47, `Maximum (${options.maxRedirects}) redirects followed`);
    }
    transfer.redirects += 1;
    transfer.url = new URL(location, transfer.url).href;
    if (response.status <= 303 && method !== 'HEAD') {
      body = undefined;
      if (!options.methodForced) method = 'GET';
    }
  }
}

async function readAnswer(
  options: CurlOptions,
  transfer: Transfer,
  response: FetchResponse,
  output: CurlOutput,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  const failed = response.status >= 400 && (options.fail || options.failWithBody);
  const refusal = new CurlError(22, `The requested URL returned error: ${response.status}`);
  if (options.head || (failed && !options.failWithBody)) {
    response.cancel();
    if (failed) throw refusal;
    await output.end();
    return;
  }
  try {
    for await (const chunk of response.body()) {
      transfer.bytes += chunk.length;
      await output.write(Buffer.from(chunk).toString('utf8'));
    }
  } catch (error) {
    throw failure('broken', host, port, transfer.address, error);
  }
  await output.end();
  if (failed) throw refusal;
}

function checkUrl(url: string): void {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') {
    throw new CurlError(1, `Protocol "${scheme}" not supported or disabled in libcurl`);
  }
  if (!URL.canParse(url)) throw new CurlError(3, 'URL using bad/illegal format or missing URL');
}

function withoutBody(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !/^content-(length|type)$/.test(name)),
  );
}

/** Where to send a request, and its headers: `--resolve` changes the one and keeps the name in the other. */
function connectTo(
  url: string,
  { resolve }: CurlOptions,
  headers: Readonly<Record<string, string>>,
): { readonly url: string; readonly headers: Record<string, string> } {
  const parsed = new URL(url);
  const { host, port } = hostAndPort(url);
  const named = { host: parsed.host, ...headers };
  const address = resolve.get(`${host}:${port}`) ?? resolve.get(`*:${port}`);
  if (address === undefined) return { url, headers: named };
  parsed.hostname = address.includes(':') ? `[${address}]` : address;
  return { url: parsed.href, headers: named };
}

function headText(response: FetchResponse): string {
  const lines = [...response.headers].map(([name, value]) => `${name}: ${value}\r\n`);
  return `${statusLine(response.status)}\r\n${lines.join('')}\r\n`;
}

async function logExchange(
  { stderr }: CommandContext,
  { url, method, address }: Transfer,
  { host, port, path }: ReturnType<typeof hostAndPort>,
  headers: Readonly<Record<string, string>>,
  response: FetchResponse,
): Promise<void> {
  const sent = Object.entries(headers).map(([name, value]) => `> ${capitalised(name)}: ${value}\r\n`);
  const got = [...response.headers].map(([name, value]) => `< ${name}: ${value}\r\n`);
  await stderr.write(
    `*   Trying ${address}:${port}...\n* Connected to ${host} (${address}) port ${port}\n` +
      `> ${method} ${path} HTTP/1.1\r\n${sent.join('')}> \r\n` +
      `< ${statusLine(response.status)}\r\n${got.join('')}< \r\n` +
      `* Connection #0 to host ${new URL(url).hostname} left intact\n`,
  );
}

function capitalised(name: string): string {
  return name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
}

/** Where the body goes: standard output, or a file at its end. */
class CurlOutput implements Output {
  readonly #context: CommandContext;
  readonly #path: string | undefined;
  #text = '';

  constructor(context: CommandContext, options: CurlOptions, url: string, i: number) {
    this.#context = context;
    const [name] = (URL.canParse(url) ? new URL(url).pathname : '').split('/').slice(-1);
    const path = options.outputs[i] ?? (options.remoteName ? name : undefined);
    if (path === '') throw new CurlError(23, 'Remote file name has no length');
    this.#path = path === undefined || path === '-' ? undefined : resolvePath(context.folder, path);
  }

  async write(text: string): Promise<void> {
    if (this.#path === undefined) await this.#context.stdout.write(text);
    else this.#text = bounded(this.#text + text, longestFile);
  }

  async end(): Promise<void> {
    if (this.#path === undefined || this.#path === '/dev/null') return;
    await this.#context.files.write(this.#path, Buffer.from(this.#text, 'utf8'));
  }
}

async function writeOut(
  context: CommandContext,
  format: string,
  transfer: Transfer,
  code: number,
): Promise<void> {
  const seconds = (ms: number): string => (ms / 1000).toFixed(6);
  const status = String(transfer.status).padStart(3, '0');
  const values: Readonly<Record<string, string>> = {
    http_code: status,
    response_code: status,
    http_version: '1.1',
    time_total: seconds(transfer.totalMs),
    time_starttransfer: seconds(transfer.headMs),
    time_pretransfer: seconds(0),
    time_connect: seconds(0),
    time_namelookup: seconds(0),
    time_appconnect: seconds(0),
    time_redirect: seconds(0),
    size_download: String(transfer.bytes),
    num_redirects: String(transfer.redirects),
    url_effective: transfer.url,
    url: transfer.url,
    method: transfer.method,
    content_type: transfer.contentType,
    remote_ip: transfer.address,
    remote_port: String(transfer.port),
    exitcode: String(code),
  };
  let unknown = '';
  const text = format.replace(/%\{([^}]*)\}|%%|\\([nrt])/g, (_all, name?: string, escape?: string) => {
    if (escape !== undefined) return { n: '\n', r: '\r', t: '\t' }[escape] ?? '';
    if (name === undefined) return '%';
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) unknown += `curl: unknown --write-out variable: '${name}'\n`;
    return value ?? '';
  });
  if (unknown !== '') await context.stderr.write(unknown);
  await context.stdout.write(text);
}
