import { CancelledError } from '../../../base/errors.ts';
import { hostAndPort } from '../../../base/network.ts';
import { type Command, type CommandContext, resolvePath, UsageError } from '../command.ts';
import { type Options, parseOptions } from '../options.ts';
import { Collector, longestFile, type Output } from '../streams.ts';
import { failure, RequestFailure, sendRequest, statusLine } from './http-request.ts';

/** Source: busybox, networking/wget.c. */
const defaultTimeoutSeconds = 900;
const maxRedirects = 5;

/** `wget` of busybox. */
export const wget: Command = async (context) => {
  const options = parseOptions(context.argv, {
    flags: 'q c S s spider no-check-certificate',
    values: 'output-document=O timeout=T header user-agent=U post-data tries=t P Y',
    long: 'quiet=q server-response=S',
    unknown: (option) => `unrecognized option: ${option.replace(/^-+/, '')}`,
  });
  const [target] = options.rest;
  if (target === undefined) throw new UsageError('missing URL');
  const url = /^[a-z]+:\/\//i.test(target) ? target : `http://${target}`;
  if (!/^https?:/i.test(url) || !URL.canParse(url)) throw new UsageError(`not an http or ftp url: ${target}`);
  const { clock } = context.seams;
  using deadline = clock.timeout(options.number('T', defaultTimeoutSeconds) * 1000, context.signal);
  try {
    return await download(context, options, url, deadline.signal);
  } catch (error) {
    if (context.signal.aborted) throw new CancelledError('interrupted');
    if (!(error instanceof RequestFailure)) throw error;
    throw new UsageError(explained(error));
  }
};

function explained({ kind, host, address }: RequestFailure): string {
  switch (kind) {
    case 'unresolved':
      return `bad address '${host}'`;
    case 'refused':
      return `can't connect to remote host (${address}): Connection refused`;
    case 'timeout':
      return 'download timed out';
    case 'tls':
      return 'TLS error from peer';
    default:
      return 'error getting response: Connection reset by peer';
  }
}

function headersOf(options: Options): Record<string, string> {
  const headers: Record<string, string> = {
    'user-agent': options.value('U') ?? 'Wget',
    connection: 'close',
    ...(options.has('post-data') ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
  };
  for (const header of options.values('header')) {
    const [, name, value] = /^([\w-]+):\s*(.*)$/.exec(header) ?? [];
    if (name !== undefined && value !== undefined) headers[name.toLowerCase()] = value;
  }
  return headers;
}

async function download(
  context: CommandContext,
  options: Options,
  first: string,
  signal: AbortSignal,
): Promise<number> {
  const { stderr } = context;
  const say = (text: string): Promise<void> => (options.has('q') ? Promise.resolve() : stderr.write(text));
  const headers = headersOf(options);
  const body = options.value('post-data');
  const spider = options.has('spider') || options.has('s');
  let url = first;
  for (let redirects = 0; ; redirects++) {
    const { host, port } = hostAndPort(url);
    const { response, address } = await sendRequest(context, url, {
      // Also for --spider: busybox knows no HEAD.
      method: body === undefined ? 'GET' : 'POST',
      headers: { host: new URL(url).host, ...headers },
      body,
      signal,
    });
    await say(`Connecting to ${new URL(url).host} (${address}:${port})\n`);
    if (options.has('S')) {
      const lines = [...response.headers].map(([name, value]) => `  ${name}: ${value}\n`);
      await stderr.write(`  ${statusLine(response.status)}\n${lines.join('')}`);
    }
    const location = response.headers.get('location');
    if (response.status >= 300 && response.status < 400 && location !== null) {
      response.cancel();
      if (redirects >= maxRedirects) throw new UsageError('too many redirections');
      url = new URL(location, url).href;
      continue;
    }
    if (response.status >= 300) {
      response.cancel();
      throw new UsageError(`server returned error: ${statusLine(response.status)}`);
    }
    if (spider) {
      response.cancel();
      await say('remote file exists\n');
      return 0;
    }
    const output = new WgetOutput(context, options, url);
    await say(output.begin);
    let bytes = 0;
    try {
      for await (const chunk of response.body()) {
        bytes += chunk.length;
        await output.write(Buffer.from(chunk).toString('utf8'));
      }
    } catch (error) {
      throw failure('broken', host, port, address, error);
    }
    await output.end();
    await say(
      `${output.name.padEnd(20).slice(0, 20)} 100% |********************************| ${String(bytes).padStart(5)}  0:00:00 ETA\n`,
    );
    await say(output.done);
    return 0;
  }
}

/** Standard output for `-O -`, else a file. */
class WgetOutput implements Output {
  readonly name: string;
  readonly begin: string;
  readonly done: string;
  readonly #context: CommandContext;
  readonly #file = new Collector(longestFile);

  constructor(context: CommandContext, options: Options, url: string) {
    this.#context = context;
    const last = new URL(url).pathname.split('/').at(-1) ?? '';
    this.name = options.value('O') ?? (last === '' ? 'index.html' : last);
    const piped = this.name === '-';
    this.begin = piped ? 'writing to stdout\n' : `saving to '${this.name}'\n`;
    this.done = piped ? 'written to stdout\n' : `'${this.name}' saved\n`;
  }

  write(text: string): Promise<void> {
    return (this.name === '-' ? this.#context.stdout : this.#file).write(text);
  }

  async end(): Promise<void> {
    const path = resolvePath(this.#context.folder, this.name);
    if (this.name === '-' || path === '/dev/null') return;
    await this.#context.files.write(path, Buffer.from(this.#file.text, 'utf8'));
  }
}
