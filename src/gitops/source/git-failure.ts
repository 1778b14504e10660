import { authorization, type Credentials } from './credentials.ts';
import { checkoutError, type SourceError } from './source-error.ts';

const authenticationFailed =
  /Authentication failed|could not read (?:Username|Password)|returned error: 40[13]\b|HTTP 40[13] /;
const redirected = /returned error: 30[12378]\b/;
const outOfMemory = /Out of memory|out of memory/;
const refNotFound = /couldn't find remote ref (\S+)/;
const repositoryNotFound = /repository '.*' not found|returned error: 404\b/;

/** What git's standard error means, in Flux's words. */
export function gitFailure(stderr: string, url: string, doing: Doing): SourceError {
  if (repositoryNotFound.test(stderr)) {
    return checkoutError(`unable to clone: repository not found: git repository: '${url}'`);
  }
  const [, ref] = refNotFound.exec(stderr) ?? [];
  if (ref !== undefined) return notFound(ref, url);
  return operationError(doing, url, complaintOf(stderr));
}

/** The error for a reference that the remote does not have. */
export function notFound(ref: string, url: string): SourceError {
  return checkoutError(`unable to clone: couldn't find remote ref "${ref}": git repository: '${url}'`);
}

/** What was going on when it failed; `read` is after the remote has done its part. */
export type Doing = 'list' | 'clone' | 'read';

export function operationError(doing: Doing, url: string, why: string): SourceError {
  if (doing === 'read') return checkoutError(why);
  return checkoutError(
    doing === 'list' ? `unable to list remote for '${url}': ${why}` : `unable to clone '${url}': ${why}`,
  );
}

function complaintOf(stderr: string): string {
  if (authenticationFailed.test(stderr)) return 'authentication required';
  if (redirected.test(stderr))
    return 'the server redirects to another address, which is not followed: use that one';
  if (outOfMemory.test(stderr)) return 'it takes more memory than git gets here';
  return lastComplaint(stderr);
}

function lastComplaint(stderr: string): string {
  const lines = stderr
    .replaceAll(/[^\P{C}\n]/gu, '')
    .split('\n')
    .filter((line) => line !== '');
  const line = lines.findLast((one) => /^(?:fatal|error): /.test(one)) ?? lines.at(-1) ?? 'git failed';
  return line.replace(/^(?:fatal|error): /, '').slice(0, 500);
}

/** A server can say back to git what git has sent. */
export function redact(text: string, credentials: Credentials): string {
  const { username, password = '', bearerToken } = credentials;
  const header = authorization(credentials);
  // A name without a password is a token: https://TOKEN@host/, or TOKEN:x-oauth-basic.
  const token = password === '' || password === 'x-oauth-basic' ? username : undefined;
  const secrets = [header, header?.split(' ')[1], password, bearerToken, token]
    .flatMap((secret) => (secret === undefined ? [] : [secret, encodeURIComponent(secret)]))
    .filter((secret) => secret !== '');
  return secrets.reduce((left, secret) => left.replaceAll(secret, '[redacted]'), text);
}
