import { InvalidInputError } from '../base/errors.ts';

/** What a command line of curl asks for. Times are milliseconds. */
export interface CurlCommand {
  readonly url: string;
  readonly method: string;
  /** Names are lower-case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly failsOnError: boolean;
  readonly showsBody: boolean;
  readonly showsHead: boolean;
  readonly followsRedirects: boolean;
  /** 0: no limit. */
  readonly timeoutMs: number;
  readonly retries: number;
  /** Undefined: one second, doubled each time. */
  readonly retryDelayMs: number | undefined;
  readonly retriesRefused: boolean;
}

/** Short names to long ones; a star marks those that take a value. */
const shortNames: Readonly<Record<string, string>> = {
  s: 'silent',
  S: 'show-error',
  v: 'verbose',
  f: 'fail',
  i: 'include',
  I: 'head',
  L: 'location',
  X: 'request*',
  H: 'header*',
  d: 'data*',
  o: 'output*',
  m: 'max-time*',
  A: 'user-agent*',
  u: 'user*',
};

const longNames: ReadonlySet<string> = new Set([
  ...Object.values(shortNames),
  'data-raw*',
  'data-binary*',
  'data-ascii*',
  'url*',
  'retry*',
  'retry-delay*',
  'retry-connrefused',
  'connect-timeout*',
  'no-progress-meter',
]);

const mostRetries = 100;

/** @throws InvalidInputError for what curl or this load tester does not know */
export function parseCurl(argv: readonly string[]): CurlCommand {
  const { flags, urls } = flagsOf(argv);
  const last = (name: string): string | undefined => flags.get(name)?.at(-1);
  const [url, ...more] = [...urls, ...(flags.get('url*') ?? [])];
  if (url === undefined) throw new InvalidInputError('curl: no URL specified');
  if (more.length > 0) throw new InvalidInputError('curl: more than one URL is not supported here');
  const output = last('output*') ?? '-';
  if (output !== '-' && output !== '/dev/null') {
    throw new InvalidInputError('curl: -o writes to /dev/null only here');
  }
  const read = ['data*', 'data-binary*', 'data-ascii*'].flatMap((name) => flags.get(name) ?? []);
  if (read.some((body) => body.startsWith('@'))) {
    throw new InvalidInputError('curl: a body from a file is not supported here');
  }
  const bodies = [...read, ...(flags.get('data-raw*') ?? [])];
  const isHead = flags.has('head');
  const body = bodies.length > 0 ? bodies.join('&') : undefined;
  return {
    url: withScheme(url),
    method: last('request*') ?? (isHead ? 'HEAD' : body === undefined ? 'GET' : 'POST'),
    headers: headersFrom(flags, body !== undefined),
    body,
    failsOnError: flags.has('fail'),
    showsBody: output === '-' && !isHead,
    showsHead: isHead || flags.has('include'),
    followsRedirects: flags.has('location'),
    timeoutMs: seconds('max-time', last('max-time*')),
    retries: Math.min(mostRetries, Math.trunc(number('retry', last('retry*') ?? '0'))),
    retryDelayMs: seconds('retry-delay', last('retry-delay*')) || undefined,
    retriesRefused: flags.has('retry-connrefused'),
  };
}

interface Flags {
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly urls: readonly string[];
}

/** Flags by their long names, with a star where they have values; `-sSXPOST` is three of them. */
function flagsOf(argv: readonly string[]): Flags {
  const flags = new Map<string, string[]>();
  const urls: string[] = [];
  let at = 0;
  const add = (name: string, attached: string): void => {
    if (!name.endsWith('*')) {
      flags.set(name, []);
      return;
    }
    const value = attached === '' ? argv[(at += 1)] : attached;
    if (value === undefined)
      throw new InvalidInputError(`curl: option --${name.slice(0, -1)}: requires parameter`);
    flags.set(name, [...(flags.get(name) ?? []), value]);
  };
  for (; at < argv.length; at += 1) {
    const word = argv[at] ?? '';
    if (!word.startsWith('-') || word === '-') {
      urls.push(word);
      continue;
    }
    if (word.startsWith('--')) {
      const name = [word.slice(2), `${word.slice(2)}*`].find((one) => longNames.has(one));
      if (name === undefined) throw unknown(word);
      add(name, '');
      continue;
    }
    for (let i = 1; i < word.length; i += 1) {
      const short = word.charAt(i);
      const name = Object.hasOwn(shortNames, short) ? shortNames[short] : undefined;
      if (name === undefined) throw unknown(`-${short}`);
      add(name, word.slice(i + 1));
      if (name.endsWith('*')) break;
    }
  }
  return { flags, urls };
}

function unknown(flag: string): InvalidInputError {
  return new InvalidInputError(`curl: option ${flag.slice(0, 100)}: is unknown or not supported here`);
}

function headersFrom(flags: Flags['flags'], hasBody: boolean): Record<string, string> {
  const headers: Record<string, string> = {
    accept: '*/*',
    'user-agent': flags.get('user-agent*')?.at(-1) ?? 'curl/8',
  };
  if (hasBody) headers['content-type'] = 'application/x-www-form-urlencoded';
  const user = flags.get('user*')?.at(-1);
  if (user !== undefined) headers['authorization'] = `Basic ${Buffer.from(user, 'utf8').toString('base64')}`;
  for (const header of flags.get('header*') ?? []) {
    const [, name, value = ''] = /^([\w!#$%&'*+.^`|~-]+):\s*([^\r\n\0]*)$/.exec(header) ?? [];
    if (name === undefined)
      throw new InvalidInputError(`curl: ${JSON.stringify(header.slice(0, 100))} is no header`);
    headers[name.toLowerCase()] = value;
  }
  return headers;
}

/** As curl guesses it. */
function withScheme(text: string): string {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (URL.canParse(url) && /^https?:/i.test(url)) return url;
  throw new InvalidInputError(`curl: ${JSON.stringify(text.slice(0, 200))} is no http or https URL`);
}

function seconds(name: string, text: string | undefined): number {
  return number(name, text ?? '0') * 1000;
}

function number(name: string, text: string): number {
  if (/^\d{1,7}(\.\d{1,6})?$/.test(text)) return Number(text);
  throw new InvalidInputError(`curl: option --${name}: expected a proper numerical parameter`);
}
