import { InvalidInputError } from '../base/errors.ts';
import type { FetchResponse, RequestHeaders } from '../base/fetch.ts';
import { type Destination, destinationOf, fetchFor, type Outside } from './destination.ts';

export interface OutsideRequest {
  readonly destination: Destination;
  /** For the server of `destination` alone: one that it redirects to is not told. */
  readonly headers: RequestHeaders;
  /** A JSON value to post; without it the request is a GET. */
  readonly json?: unknown;
  readonly skipVerify: boolean;
}

const maxRedirects = 10;

/**
 * Sends a request and follows redirects as Go's client does: 301, 302 and 303 turn it into a GET.
 *
 * @throws FetchError, or InvalidInputError where a redirect leads nowhere
 */
export async function send(
  outside: Outside,
  { destination: first, headers, json, skipVerify }: OutsideRequest,
  signal: AbortSignal,
): Promise<FetchResponse> {
  let destination = first;
  let body = json === undefined ? undefined : JSON.stringify(json);
  for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
    const isHome = destination.url.origin === first.url.origin;
    const authorization = destination.authorization ?? (isHome ? first.authorization : undefined);
    const response = await fetchFor(
      outside,
      destination,
      skipVerify,
    )(destination.url.href, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        ...(isHome ? headers : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body,
      signal,
    });
    const location = locationOf(response);
    if (location === undefined) return response;
    response.cancel();
    if (response.status < 307) body = undefined;
    destination = destinationOf(location, destination.url);
  }
  throw new InvalidInputError(`stopped after ${maxRedirects} redirects`);
}

const redirectStatuses = [301, 302, 303, 307, 308];

function locationOf({ status, headers }: FetchResponse): string | undefined {
  const location = headers.get('location');
  return redirectStatuses.includes(status) && location !== null && location !== '' ? location : undefined;
}
