import { type CommandContext, resolvePath, UsageError } from '../command.ts';
import { type Options, parseOptions } from '../options.ts';

export interface CurlOptions {
  readonly urls: readonly string[];
  readonly method: string;
  /** `-X`: also for requests after a redirect. */
  readonly methodForced: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly outputs: readonly string[];
  readonly remoteName: boolean;
  readonly writeOut: string;
  readonly include: boolean;
  readonly head: boolean;
  readonly verbose: boolean;
  readonly silent: boolean;
  readonly showErrors: boolean;
  readonly fail: boolean;
  readonly failWithBody: boolean;
  readonly follow: boolean;
  readonly maxRedirects: number;
  readonly maxTimeMs: number;
  readonly retries: number;
  readonly retryDelayMs: number;
  /** Addresses given by `--resolve`, by `host:port`. */
  readonly resolve: ReadonlyMap<string, string>;
}

const version = '8.5.0';
export const curlVersion = `curl ${version} (x86_64-alpine-linux-musl)`;

const hint = "curl: try 'curl --help' or 'curl --manual' for more information";

/** Reads curl's command line. @throws UsageError with curl's words and codes */
export async function curlOptions(context: CommandContext): Promise<CurlOptions | 'version' | 'help'> {
  const options = parseOptions(context.argv, {
    flags:
      's S i I v k L f O N G V h g # compressed http1.1 http2 http2-prior-knowledge fail-with-body no-progress-meter 4 6',
    values:
      'request=X header=H data=d output=o write-out=w max-time=m cookie=b user-agent=A user=u referer=e connect-timeout ' +
      'resolve data-raw data-binary data-urlencode json retry retry-delay retry-max-time max-redirs url cacert x proxy=x',
    long: 'silent=s show-error=S include=i head=I verbose=v insecure=k location=L fail=f remote-name=O no-buffer=N get=G version=V help=h globoff=g ipv4=4 ipv6=6',
    unknown: (option) => `option ${option}: is unknown\n${hint}`,
    missing: (option) => `option ${option}: requires parameter\n${hint}`,
    code: 2,
  });
  if (options.has('V')) return 'version';
  if (options.has('h')) return 'help';
  const urls = [...options.rest, ...options.values('url')];
  if (urls.length === 0) throw new UsageError(hint.replace('curl: ', ''), 2);
  if (options.has('x')) throw new UsageError('option -x: is not supported here', 2);
  const data = await bodyOf(context, options);
  const asQuery = options.has('G');
  const body = asQuery || options.has('I') ? undefined : data;
  const seconds = (name: string): number => number(options, name) * 1000;
  return {
    urls: urls.map((url) => withQuery(url, asQuery ? data : undefined)),
    method: options.value('X') ?? (options.has('I') ? 'HEAD' : body === undefined ? 'GET' : 'POST'),
    methodForced: options.value('X') !== undefined,
    headers: headersOf(options, body),
    body,
    outputs: options.values('o'),
    remoteName: options.has('O'),
    writeOut: options.value('w') ?? '',
    include: options.has('i'),
    head: options.has('I'),
    verbose: options.has('v'),
    silent: options.has('s'),
    showErrors: options.has('S'),
    fail: options.has('f'),
    failWithBody: options.has('fail-with-body'),
    follow: options.has('L'),
    maxRedirects: options.has('max-redirs') ? number(options, 'max-redirs') : 50,
    maxTimeMs: seconds('m'),
    retries: number(options, 'retry'),
    retryDelayMs: seconds('retry-delay'),
    resolve: resolveOf(options),
  };
}

function number(options: Options, name: string): number {
  const text = options.value(name);
  if (text === undefined) return 0;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  const shown = name.length === 1 ? `-${name}` : `--${name}`;
  throw new UsageError(`option ${shown}: expected a proper numerical parameter\n${hint}`, 2);
}

function withQuery(url: string, data: string | undefined): string {
  const absolute = /^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? url : `http://${url}`;
  if (data === undefined) return absolute;
  return `${absolute}${absolute.includes('?') ? '&' : '?'}${data}`;
}

async function bodyOf(context: CommandContext, options: Options): Promise<string | undefined> {
  const parts: string[] = [];
  for (const name of ['d', 'data-binary', 'json']) {
    for (const value of options.values(name)) {
      if (!value.startsWith('@')) parts.push(value);
      else {
        const text = await contentOf(context, value.slice(1));
        parts.push(name === 'd' ? text.replace(/[\r\n]/g, '') : text);
      }
    }
  }
  parts.push(...options.values('data-raw'));
  for (const value of options.values('data-urlencode')) {
    const [name, ...rest] = value.split('=');
    parts.push(
      rest.length > 0 ? `${name ?? ''}=${encodeURIComponent(rest.join('='))}` : encodeURIComponent(value),
    );
  }
  return parts.length === 0 ? undefined : parts.join(options.has('json') ? '' : '&');
}

async function contentOf({ files, folder, stdin }: CommandContext, path: string): Promise<string> {
  if (path === '-') return stdin.rest();
  try {
    return Buffer.from(await files.read(resolvePath(folder, path))).toString('utf8');
  } catch {
    throw new UsageError(`option -d: error encountered when reading a file\n${hint}`, 26);
  }
}

/** By lower-case name, in the order in which curl sends them. */
function headersOf(options: Options, body: string | undefined): Record<string, string> {
  const headers = new Map<string, string>();
  const credentials = options.value('u');
  if (credentials !== undefined) {
    headers.set('authorization', `Basic ${Buffer.from(credentials, 'utf8').toString('base64')}`);
  }
  headers.set('user-agent', options.value('A') ?? `curl/${version}`);
  headers.set('accept', options.has('json') ? 'application/json' : '*/*');
  const cookies = options.values('b').filter((cookie) => cookie.includes('='));
  if (cookies.length > 0) headers.set('cookie', cookies.join('; '));
  const referer = options.value('e');
  if (referer !== undefined) headers.set('referer', referer);
  if (body !== undefined) {
    headers.set('content-length', String(Buffer.byteLength(body)));
    headers.set(
      'content-type',
      options.has('json') ? 'application/json' : 'application/x-www-form-urlencoded',
    );
  }
  for (const header of options.values('H')) {
    const [, name = '', sign = '', value = ''] = /^([^:;]+)([:;])\s*(.*)$/s.exec(header) ?? [];
    const key = name.trim().toLowerCase();
    if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(key)) continue;
    // `Name:` leaves the header out, `Name;` sends it empty.
    if (value === '' && sign === ':') headers.delete(key);
    else headers.set(key, value.replace(/[\r\n\0]/g, ''));
  }
  return Object.fromEntries(headers);
}

function resolveOf(options: Options): ReadonlyMap<string, string> {
  return new Map(
    options.values('resolve').map((value) => {
      const [, host, port, address] = /^\+?([^:]+):(\d+):\[?([^\]]+)\]?$/.exec(value) ?? [];
      if (host === undefined || port === undefined || address === undefined) {
        throw new UsageError(`Couldn't parse CURLOPT_RESOLVE entry '${value}'`, 49);
      }
      return [`${host}:${port}`, address];
    }),
  );
}
