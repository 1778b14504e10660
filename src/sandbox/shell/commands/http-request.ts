import { STATUS_CODES } from 'node:http';
import { DeadlineError, TypedError } from '../../../base/errors.ts';
import { FetchError, type FetchInit, type FetchResponse } from '../../../base/fetch.ts';
import { hostAndPort } from '../../../base/network.ts';
import type { CommandContext } from '../command.ts';

/** Why there is no answer, as the clients tell it apart. */
export type FailureKind = 'unresolved' | 'refused' | 'broken' | 'timeout' | 'tls';

export class RequestFailure extends Error {
  readonly kind: FailureKind;
  readonly host: string;
  readonly port: number;
  /** Where the name led to, if it did. */
  readonly address: string;

  constructor(kind: FailureKind, host: string, port: number, address: string, cause: unknown) {
    super(kind, { cause });
    this.kind = kind;
    this.host = host;
    this.port = port;
    this.address = address;
  }
}

/** @throws RequestFailure */
export async function sendRequest(
  { seams }: Pick<CommandContext, 'seams'>,
  url: string,
  init: FetchInit,
): Promise<{ readonly response: FetchResponse; readonly address: string }> {
  const { host, port } = hostAndPort(url);
  let address = '';
  try {
    address = (await seams.network.resolve(host))[0] ?? '';
  } catch (error) {
    throw failure('unresolved', host, port, address, error);
  }
  try {
    return { response: await seams.network.fetch(url, init), address };
  } catch (error) {
    throw failure('broken', host, port, address, error);
  }
}

/** The failure behind an error of the network, also of one that came in the middle of a body. */
export function failure(
  kind: FailureKind,
  host: string,
  port: number,
  address: string,
  error: unknown,
): Error {
  if (error instanceof RequestFailure || !(error instanceof TypedError)) {
    return error instanceof Error ? error : new Error(String(error));
  }
  if (error instanceof DeadlineError) return new RequestFailure('timeout', host, port, address, error);
  if (!(error instanceof FetchError)) return error;
  if (error.code === 'TlsRefused') return new RequestFailure('tls', host, port, address, error);
  const refused = kind === 'broken' && /refused/i.test(error.message);
  return new RequestFailure(refused ? 'refused' : kind, host, port, address, error);
}

export function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd();
}
