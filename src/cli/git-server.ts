import { spawn } from 'node:child_process';
import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InvalidInputError } from '../base/errors.ts';
import { type FetchResponse, headersOf, parseJsonBody, parseJsonLines } from '../base/fetch.ts';
import type { HttpHandler, HttpRequest } from '../base/network.ts';
import { textResponse } from '../sandbox/apiserver/bytes-response.ts';

/** Local git repositories by the name that they are served under. */
export type Repositories = ReadonlyMap<string, string>;

/** A fetch asks for less than this. */
const maxRequestBytes = 16 * 1024 * 1024;
const maxHeadBytes = 64 * 1024;
/** The only requests of git's smart protocol that read: no push, no files of the repository themselves. */
const advertisement = /^\/([^/?]+)\/info\/refs\?service=git-upload-pack$/;
const upload = /^\/([^/?]+)\/git-upload-pack$/;

/**
 * Checks what somebody wants to serve.
 * @param given `NAME=FOLDER`
 * @returns the name, and the folder that git finds the repository in
 * @throws InvalidInputError
 */
export async function parseServed(given: string): Promise<[name: string, folder: string]> {
  const at = given.indexOf('=');
  const name = given.slice(0, Math.max(0, at));
  const folder = given.slice(at + 1);
  if (at < 0 || !/^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/.test(name) || folder === '') {
    throw new InvalidInputError(
      `--serve takes NAME=FOLDER with a name of small letters, digits, '-', '_' and '.', not ${JSON.stringify(given)}`,
    );
  }
  const isFolder = async (path: string): Promise<boolean> => {
    try {
      return (await stat(path)).isDirectory();
    } catch {
      return false;
    }
  };
  if (!(await isFolder(folder))) throw new InvalidInputError(`--serve ${name}: there is no folder ${folder}`);
  const real = await realpath(folder);
  // A work tree, or a bare repository.
  for (const candidate of [join(real, '.git'), real]) {
    if ((await isFolder(join(candidate, 'objects'))) && (await isFolder(join(candidate, 'refs')))) {
      return [name, candidate];
    }
  }
  throw new InvalidInputError(
    `--serve ${name}: ${folder} is not a git repository; run git init there, and commit`,
  );
}

/**
 * Serves repositories over HTTP, to read: `git clone http://HOST/NAME` (or `NAME.git`). Speaks to `git http-backend`
 * as a web server does by CGI.
 *
 * Nothing of a request becomes a path or an argument: its name is looked up, and only the two requests that a fetch
 * consists of are let through.
 */
export function gitServer(repositories: Repositories): HttpHandler {
  return async (request) => {
    const wanted = advertisement.exec(request.url) ?? upload.exec(request.url);
    const folder = repositories.get((wanted?.[1] ?? '').replace(/\.git$/, ''));
    if (wanted === null || folder === undefined) {
      const names = [...repositories.keys()].map((name) => `/${name}`).join(', ');
      return textResponse(
        404,
        `no such repository, or no request of a git client that reads; there is ${names}\n`,
      );
    }
    const isUpload = request.url.endsWith('/git-upload-pack');
    if (request.method !== (isUpload ? 'POST' : 'GET')) return textResponse(405, 'method not allowed\n');
    return await runBackend(request, folder, isUpload);
  };
}

function environment({ method, headers }: HttpRequest, folder: string, isUpload: boolean): NodeJS.ProcessEnv {
  const protocol = headers['git-protocol'] ?? '';
  return {
    PATH: process.env['PATH'],
    GIT_PROJECT_ROOT: folder,
    GIT_HTTP_EXPORT_ALL: '1',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    // The repository may belong to somebody else: it was named by whoever runs this.
    GIT_CONFIG_COUNT: '2',
    GIT_CONFIG_KEY_0: 'safe.directory',
    GIT_CONFIG_VALUE_0: '*',
    GIT_CONFIG_KEY_1: 'http.receivepack',
    GIT_CONFIG_VALUE_1: 'false',
    REQUEST_METHOD: method,
    PATH_INFO: isUpload ? '/git-upload-pack' : '/info/refs',
    QUERY_STRING: isUpload ? '' : 'service=git-upload-pack',
    CONTENT_TYPE: headers['content-type'] ?? '',
    HTTP_CONTENT_ENCODING: headers['content-encoding'] === 'gzip' ? 'gzip' : '',
    ...(/^[\w=:.-]{1,100}$/.test(protocol) ? { GIT_PROTOCOL: protocol } : {}),
  };
}

async function runBackend(request: HttpRequest, folder: string, isUpload: boolean): Promise<FetchResponse> {
  const body: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body()) {
    size += chunk.length;
    if (size > maxRequestBytes) return textResponse(413, 'the request is too large\n');
    body.push(chunk);
  }
  const child = spawn('git', ['http-backend'], {
    env: { ...environment(request, folder, isUpload), CONTENT_LENGTH: String(size) },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  request.signal.addEventListener('abort', kill, { once: true });
  const failed = new Promise<never>((_resolve, reject) => child.once('error', reject));
  failed.catch(() => {});
  // It may end before it has read everything.
  child.stdin.on('error', () => {});
  child.stdin.end(Buffer.concat(body));
  const output = child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  try {
    return await Promise.race([failed, cgiResponse(output, kill)]);
  } catch (error) {
    kill();
    throw error;
  }
}

/** Reads the head that a CGI program begins with (RFC 3875, 6); what follows is the body. */
async function cgiResponse(output: AsyncIterator<Buffer>, cancel: () => void): Promise<FetchResponse> {
  let head = Buffer.alloc(0);
  let end = -1;
  while (end < 0) {
    const next = await output.next();
    if (next.done === true || head.length > maxHeadBytes)
      return textResponse(502, 'git http-backend failed\n');
    head = Buffer.concat([head, next.value]);
    end = head.indexOf('\r\n\r\n');
  }
  const headers: Record<string, string> = {};
  for (const line of head.toString('latin1', 0, end).split('\r\n')) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const { status = '200', ...rest } = headers;
  const first = head.subarray(end + 4);
  async function* bytes(): AsyncGenerator<Uint8Array> {
    if (first.length > 0) yield first;
    for (let next = await output.next(); next.done !== true; next = await output.next()) yield next.value;
  }
  const text = async (): Promise<string> => Buffer.concat(await Array.fromAsync(bytes())).toString('utf8');
  return {
    status: Number.parseInt(status, 10),
    headers: headersOf(rest),
    body: bytes,
    text,
    json: async () => parseJsonBody(await text()),
    jsonLines: () => parseJsonLines(bytes()),
    cancel,
  };
}
