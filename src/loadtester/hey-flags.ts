import { parseDuration } from '../base/duration.ts';
import { errorMessage } from '../base/errors.ts';
import type { LoadOptions } from './load.ts';

/** What a command line of hey asks for. */
export interface HeyCommand {
  readonly load: LoadOptions;
  /** Where `-D` takes the body from. */
  readonly bodyFile: string | undefined;
  readonly csv: boolean;
}

/** The command line is wrong. */
export interface HeyRefusal {
  readonly code: number;
  readonly text: string;
}

type Kind = 'string' | 'int' | 'float' | 'duration' | 'bool' | 'strings';

/** Source: hey.go; those marked as switches take no value. */
const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['m', 'string'],
  ['h', 'string'],
  ['d', 'string'],
  ['D', 'string'],
  ['A', 'string'],
  ['T', 'string'],
  ['a', 'string'],
  ['host', 'string'],
  ['U', 'string'],
  ['o', 'string'],
  ['x', 'string'],
  ['c', 'int'],
  ['n', 'int'],
  ['t', 'int'],
  ['cpus', 'int'],
  ['q', 'float'],
  ['z', 'duration'],
  ['H', 'strings'],
  ['h2', 'bool'],
  ['disable-compression', 'bool'],
  ['disable-keepalive', 'bool'],
  ['disable-redirects', 'bool'],
]);

const userAgent = 'hey/0.0.1';

/** More workers than this would only be waste in one process. */
const maxConcurrency = 10_000;
/** With a duration the number of requests does not count. */
const unlimited = 2 ** 31 - 1;

/**
 * Reads the arguments of hey as Go's flag package does. `-h2`, `-cpus`, `-disable-compression` and
 * `-disable-keepalive` are accepted and change nothing: how connections are kept is the business of the Fetch.
 */
export function parseHey(argv: readonly string[]): HeyCommand | HeyRefusal {
  const parsed = parseGoFlags(argv);
  if (typeof parsed === 'string') return { code: 2, text: `${parsed}\n${heyUsage}` };
  const { flags, rest } = parsed;
  const last = (name: string): string | undefined => flags.get(name)?.at(-1);
  const refuse = (message: string): HeyRefusal => ({
    code: 1,
    text: `${message === '' ? '' : `${message}\n\n`}${heyUsage}\n`,
  });
  const [target] = rest;
  if (target === undefined) return refuse('');

  const durationMs = parseDuration(last('z') ?? '0');
  const concurrency = Number(last('c') ?? 50);
  const requests = Number(last('n') ?? 200);
  if (durationMs > 0 && concurrency <= 0) return refuse('-c cannot be smaller than 1.');
  if (durationMs <= 0 && (requests <= 0 || concurrency <= 0)) {
    return refuse('-n and -c cannot be smaller than 1.');
  }
  if (durationMs <= 0 && requests < concurrency) return refuse('-n cannot be less than -c.');
  if (concurrency > maxConcurrency) return refuse(`-c cannot be more than ${maxConcurrency} here.`);
  if (flags.has('x')) return refuse('-x is not supported here.');
  const output = last('o') ?? '';
  if (output !== '' && output !== 'csv') return refuse(`-o supports csv only, not ${output}.`);
  const headers = heyHeaders(flags);
  if (typeof headers === 'string') return refuse(headers);
  const why = whyNoUrl(target);
  if (why !== undefined) return refuse(why);
  return {
    load: {
      url: target,
      method: (last('m') ?? 'GET').toUpperCase(),
      headers,
      body: last('d'),
      concurrency,
      requestsPerWorker: durationMs > 0 ? unlimited : Math.floor(requests / concurrency),
      ratePerWorker: Number(last('q') ?? 0),
      durationMs,
      timeoutMs: Number(last('t') ?? 20) * 1000,
      followRedirects: last('disable-redirects') !== 'true',
    },
    bodyFile: last('D'),
    csv: output === 'csv',
  };
}

function whyNoUrl(text: string): string | undefined {
  try {
    const { protocol } = new URL(text);
    if (protocol === 'http:' || protocol === 'https:') return undefined;
    return `unsupported protocol scheme ${JSON.stringify(protocol.slice(0, -1))}: begin the URL with http://`;
  } catch {
    return `parse ${JSON.stringify(text)}: it is no URL: begin with http://`;
  }
}

/** The headers, or what is wrong with them. */
function heyHeaders(flags: ReadonlyMap<string, readonly string[]>): Record<string, string> | string {
  const last = (name: string): string | undefined => flags.get(name)?.at(-1);
  const headers: Record<string, string> = { 'content-type': last('T') ?? 'text/html' };
  if (flags.has('h')) return "Flag '-h' is deprecated, please use '-H' instead.";
  for (const header of flags.get('H') ?? []) {
    const [, name, value] = /^([\w-]+):\s*(.+)/.exec(header) ?? [];
    if (name === undefined || value === undefined) {
      return `could not parse the provided input; input = ${header}`;
    }
    headers[name.toLowerCase()] = value;
  }
  const accept = last('A');
  if (accept !== undefined) headers['accept'] = accept;
  const credentials = last('a');
  if (credentials !== undefined) {
    if (!/^.+:\S.+/.test(credentials)) return `could not parse the provided input; input = ${credentials}`;
    headers['authorization'] = `Basic ${Buffer.from(credentials, 'utf8').toString('base64')}`;
  }
  const host = last('host');
  if (host !== undefined) headers['host'] = host;
  const agent = last('U') ?? headers['user-agent'];
  headers['user-agent'] = agent === undefined ? userAgent : `${agent} ${userAgent}`;
  return headers;
}

interface GoFlags {
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly rest: readonly string[];
}

/** Flags stand before the first other word: `-n 5`, `-n=5`, `--n 5`. A text is what is wrong. */
function parseGoFlags(argv: readonly string[]): GoFlags | string {
  const flags = new Map<string, string[]>();
  let at = 0;
  for (; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (word === '--') return { flags, rest: argv.slice(at + 1) };
    if (!word.startsWith('-') || word === '-') break;
    const [, name = '', , inline] = /^--?([^=]*)(=(.*))?$/s.exec(word) ?? [];
    const kind = kinds.get(name);
    if (kind === undefined) return `flag provided but not defined: -${name}`;
    let value = inline;
    if (value === undefined && kind === 'bool') value = 'true';
    if (value === undefined) {
      at += 1;
      value = argv[at];
      if (value === undefined) return `flag needs an argument: -${name}`;
    }
    const why = whyInvalid(kind, value);
    if (why !== undefined) return `invalid value ${JSON.stringify(value)} for flag -${name}: ${why}`;
    flags.set(name, [...(flags.get(name) ?? []), value]);
  }
  return { flags, rest: argv.slice(at) };
}

function whyInvalid(kind: Kind, value: string): string | undefined {
  if (kind === 'int' && !/^[-+]?\d{1,9}$/.test(value)) return 'parse error';
  if (kind === 'float' && !/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,2})?$/i.test(value)) return 'parse error';
  if (kind === 'bool' && value !== 'true' && value !== 'false') return 'parse error';
  if (kind !== 'duration') return undefined;
  try {
    parseDuration(value);
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

const heyUsage = `Usage: hey [options...] <url>

Options:
  -n  Number of requests to run. Default is 200.
  -c  Number of workers to run concurrently. Total number of requests cannot
      be smaller than the concurrency level. Default is 50.
  -q  Rate limit, in queries per second (QPS) per worker. Default is no rate limit.
  -z  Duration of application to send requests. When duration is reached,
      application stops and exits. If duration is specified, n is ignored.
      Examples: -z 10s -z 3m.
  -o  Output type. If none provided, a summary is printed.
      "csv" is the only supported alternative. Dumps the response
      metrics in comma-separated values format.

  -m  HTTP method, one of GET, POST, PUT, DELETE, HEAD, OPTIONS.
  -H  Custom HTTP header. You can specify as many as needed by repeating the flag.
      For example, -H "Accept: text/html" -H "Content-Type: application/xml" .
  -t  Timeout for each request in seconds. Default is 20, use 0 for infinite.
  -A  HTTP Accept header.
  -d  HTTP request body.
  -D  HTTP request body from file. For example, /home/user/file.txt or ./file.txt.
  -T  Content-type, defaults to "text/html".
  -U  User-Agent, defaults to version "hey/0.0.1".
  -a  Basic authentication, username:password.
  -x  HTTP Proxy address as host:port.
  -h2 Enable HTTP/2.

  -host	HTTP Host header.

  -disable-compression  Disable compression.
  -disable-keepalive    Disable keep-alive, prevents re-use of TCP
                        connections between different HTTP requests.
  -disable-redirects    Disable following of HTTP redirects
  -cpus                 Number of used cpu cores.
                        (default for current machine is 1 cores)
`;
