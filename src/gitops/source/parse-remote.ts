import type { GitRemote } from './git-transport.ts';
import { SourceError, checkoutError } from './source-error.ts';

/**
 * Checks an address, and moves user info out of it: what is left may be shown, and be an argument.
 * @throws SourceError `URLInvalid`, which does not show the address; GitOperationFailed for ssh
 */
export function parseRemote({ url, credentials, timeoutMs }: GitRemote): GitRemote {
  const invalid = (why: string): SourceError =>
    new SourceError('URLInvalid', `failed to parse url '${withoutUserInfo(url)}': ${why}`, 'stalled');
  if (/[\x00-\x20\x7f]/.test(url)) throw invalid('it holds blanks or control characters'); // oxlint-disable-line no-control-regex
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw invalid('it is no URL');
  }
  if (parsed.protocol === 'ssh:') throw checkoutError('ssh is not supported yet: use https', 'stalled');
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') throw invalid('want http:// or https://');
  // Git has no use for a query. It is a token, mostly, and would be in arguments and messages.
  if (parsed.search !== '') throw invalid('it has a query (?…); put credentials into a Secret');
  const username = decoded(parsed.username);
  const password = decoded(parsed.password);
  if (/[\r\n\0]/.test(username + password)) throw invalid('its user info holds control characters');
  parsed.username = '';
  parsed.password = '';
  parsed.hash = '';
  const isAnonymous = credentials.username === undefined && credentials.bearerToken === undefined;
  return {
    timeoutMs,
    url: parsed.href,
    credentials: username !== '' && isAnonymous ? { ...credentials, username, password } : credentials,
  };
}

/** An address that may be shown. In one that cannot be read a password may hold anything: all before `@` goes. */
export function withoutUserInfo(url: string): string {
  const parsed = URL.parse(url);
  if (parsed?.protocol === 'http:' || parsed?.protocol === 'https:') {
    // The end of what has a `?` or a `#` can be that of a password.
    parsed.username = parsed.password = parsed.search = parsed.hash = '';
    return parsed.href.slice(0, 500);
  }
  const scheme = /^[a-z][a-z0-9+.-]*:[/\\]*/i.exec(url)?.[0] ?? '';
  const rest = url.slice(Math.max(scheme.length, url.lastIndexOf('@') + 1));
  return (scheme + rest).slice(0, 500);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
