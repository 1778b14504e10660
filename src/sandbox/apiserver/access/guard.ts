import type { HttpRequest } from '../../../base/network.ts';
import { failure } from '../request-error.ts';

/** Names by which programs on this machine, and pods, reach the server. */
const ownNames =
  /^(localhost|127(\.\d{1,3}){3}|\[::1\]|kubernetes(\.default(\.svc(\.cluster\.local)?)?)?)(:\d{1,5})?$/i;

/**
 * Keeps web pages out: a browser on this machine carries the requests of any page, and a name that points to
 * 127.0.0.1 makes the server look like the page's own (DNS rebinding). No answer ever allows another origin.
 *
 * @throws RequestError 403
 */
export function guard({ headers }: HttpRequest): void {
  const host = headers['host'] ?? headers[':authority'] ?? '';
  if (!ownNames.test(host)) {
    throw failure(
      403,
      'Forbidden',
      `the Host ${JSON.stringify(host)} is not served here: use 127.0.0.1 or localhost`,
    );
  }
  const origin = headers['origin'];
  if (origin === undefined || isOwnOrigin(origin)) return;
  throw failure(403, 'Forbidden', `requests from web pages of ${JSON.stringify(origin)} are not allowed`);
}

function isOwnOrigin(origin: string): boolean {
  const at = origin.indexOf('://');
  return at > 0 && ownNames.test(origin.slice(at + 3));
}
