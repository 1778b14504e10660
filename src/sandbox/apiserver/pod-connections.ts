import type { FetchResponse } from '../../base/fetch.ts';
import { headersOf } from '../../base/fetch.ts';
import type { UpgradeReply } from '../../base/network.ts';
import type { JsonObject } from '../../machinery/json.ts';
import { isObject } from '../../machinery/json.ts';
import { objectAt } from './access/fields.ts';
import { textResponse } from './bytes-response.ts';
import type { Access, Route } from './handler.ts';
import { methodNotAllowed } from './handler.ts';
import { textOf } from './object-metadata.ts';
import type { ContainerTarget, PodRuntime, RemoteStreams } from './pod-runtime.ts';
import { chooseProtocol, serveRemoteCommand } from './remote-command.ts';
import { badRequestError, failure, notFoundError } from './request-error.ts';
import type { RequestInfo } from './request-info.ts';
import { parseFlag } from './request-info.ts';
import type { Storage } from './storage.ts';

const streaming: readonly string[] = ['attach', 'exec', 'portforward'];

/** The ways into a running pod. Without a runtime there are no pods that run. */
export class PodConnections {
  readonly #storage: Storage;
  readonly #runtime: PodRuntime | undefined;

  constructor(storage: Storage, runtime: PodRuntime | undefined) {
    this.#storage = storage;
    this.#runtime = runtime;
  }

  /** Logs; what needs a WebSocket is refused here: see {@link upgrade}. */
  readonly route: Route = (access) => {
    const { info } = access;
    if (info === undefined || !isOfPod(info)) return undefined;
    if (info.subresource === 'log') return this.#log(access, info);
    if (!streaming.includes(info.subresource)) return undefined;
    if (info.verb !== 'get' && info.verb !== 'create') throw methodNotAllowed();
    this.#connectable(access, info);
    throw badRequestError('Upgrade request required');
  };

  /** @returns undefined for a path that takes no WebSocket. @throws RequestError */
  upgrade(access: Access, offered: readonly string[]): UpgradeReply | undefined {
    const { info, query, http } = access;
    if (info === undefined || !isOfPod(info) || !streaming.includes(info.subresource)) return undefined;
    const { target, runtime } = this.#connectable(access, info);
    const protocol = chooseProtocol(offered);
    if (protocol === undefined) {
      throw badRequestError(
        'unable to negotiate a protocol: this server speaks v5.channel.k8s.io and v4.channel.k8s.io',
      );
    }
    const options = {
      stdin: parseFlag(query.get('stdin')) === true,
      stdout: parseFlag(query.get('stdout')) === true,
      stderr: parseFlag(query.get('stderr')) === true,
      tty: parseFlag(query.get('tty')) === true,
    };
    if (!options.stdin && !options.stdout && !options.stderr) {
      throw badRequestError('you must specify at least one of stdin, stdout, stderr');
    }
    const command = query.getAll('command');
    if (info.subresource === 'exec' && command.length === 0) {
      throw badRequestError('you must specify at least one command for the container');
    }
    const run = (streams: RemoteStreams): Promise<number> =>
      info.subresource === 'exec' ? runtime.exec(target, command, streams) : runtime.attach(target, streams);
    return { protocol, serve: (connection) => serveRemoteCommand(connection, options, http.signal, run) };
  }

  /** @throws RequestError when there is nothing to connect to */
  #connectable(access: Access, info: RequestInfo): { target: ContainerTarget; runtime: PodRuntime } {
    const target = this.#target(access, info);
    if (target.node === '') throw badRequestError(`pod ${info.name ?? ''} does not have a host assigned`);
    if (info.subresource === 'portforward') {
      throw badRequestError('port-forward is not supported by this server');
    }
    return { target, runtime: this.#running(target) };
  }

  #log(access: Access, info: RequestInfo): FetchResponse {
    if (info.verb !== 'get') throw methodNotAllowed();
    const { query, http } = access;
    const target = this.#target(access, info);
    if (target.node === '') return textResponse(200, '');
    const chunks = this.#running(target).logs(target, {
      follow: parseFlag(query.get('follow')) === true,
      previous: parseFlag(query.get('previous')) === true,
      timestamps: parseFlag(query.get('timestamps')) === true,
      tailLines: wholeNumber(query, 'tailLines', 0),
      sinceSeconds: wholeNumber(query, 'sinceSeconds', 1),
      sinceTime: query.get('sinceTime') ?? undefined,
      limitBytes: wholeNumber(query, 'limitBytes', 1),
      signal: http.signal,
    });
    return streamResponse(chunks);
  }

  #running({ pod }: ContainerTarget): PodRuntime {
    if (this.#runtime !== undefined) return this.#runtime;
    const name = textOf(objectAt(pod, 'metadata'), 'name');
    throw failure(
      503,
      'ServiceUnavailable',
      `nobody runs pods in this cluster: pod ${name} has no containers`,
    );
  }

  #target(
    { query }: Access,
    { namespace, name = '' }: RequestInfo,
  ): ContainerTarget & { readonly node: string } {
    const pod = this.#storage.get('pods', namespace, name);
    if (pod === undefined) throw notFoundError({ group: '', resource: 'pods' }, name);
    const container = chooseContainer(pod, name, query.get('container') ?? '');
    return { pod, container, node: textOf(objectAt(pod, 'spec'), 'nodeName') };
  }
}

/**
 * Whether a request opens a stream into a pod. That takes the right to create, by whichever method it comes.
 * Source: ensureAuthorizedForVerb of pkg/registry/core/pod/rest of Kubernetes 1.36.
 */
export function opensStream(info: RequestInfo): boolean {
  return isOfPod(info) && streaming.includes(info.subresource);
}

function isOfPod({ group, version, resource, namespace, name, rest }: RequestInfo): boolean {
  const isPod = group === '' && version === 'v1' && resource === 'pods';
  return isPod && namespace !== undefined && name !== undefined && rest.length === 0;
}

/** @throws RequestError 400 */
function chooseContainer(pod: JsonObject, podName: string, asked: string): string {
  const spec = objectAt(pod, 'spec');
  const names = (field: string): string[] => {
    const list = spec[field];
    return Array.isArray(list) ? list.filter(isObject).map((item) => textOf(item, 'name')) : [];
  };
  const main = names('containers');
  if (asked === '') {
    const [only] = main;
    if (only !== undefined && main.length === 1) return only;
    const init = names('initContainers');
    const others = init.length === 0 ? '' : ` or one of the init containers: [${init.join(' ')}]`;
    throw badRequestError(
      `a container name must be specified for pod ${podName}, choose one of: [${main.join(' ')}]${others}`,
    );
  }
  if ([...main, ...names('initContainers'), ...names('ephemeralContainers')].includes(asked)) return asked;
  throw badRequestError(`container ${asked} is not valid for pod ${podName}`);
}

function wholeNumber(query: URLSearchParams, name: string, min: number): number | undefined {
  const text = query.get(name) ?? '';
  if (text === '') return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= min) return value;
  throw badRequestError(`${name} must be a whole number of at least ${min}, not ${JSON.stringify(text)}`);
}

/** Text as it comes. */
function streamResponse(chunks: AsyncIterable<Uint8Array>): FetchResponse {
  const iterator = chunks[Symbol.asyncIterator]();
  const body = { [Symbol.asyncIterator]: () => iterator };
  const text = async (): Promise<string> => Buffer.concat(await Array.fromAsync(body)).toString('utf8');
  return {
    status: 200,
    headers: headersOf({ 'content-type': 'text/plain' }),
    body: () => body,
    text,
    json: async () => JSON.parse(await text()) as unknown,
    async *jsonLines() {
      for (const line of (await text()).split('\n')) if (line !== '') yield JSON.parse(line) as unknown;
    },
    cancel: () => void iterator.return?.(),
  };
}
