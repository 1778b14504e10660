import { SourceError } from './source-error.ts';

/** How to prove who we are to a git server. */
export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  readonly bearerToken?: string;
  /** PEM certificates to trust for this server instead of the system's. */
  readonly ca?: string;
}

export const noCredentials: Credentials = {};

/**
 * Reads the Secret that `spec.secretRef` names.
 *
 * @param data its `data`, decoded
 * @param name `<namespace>/<name>`, for messages
 * @throws SourceError `AuthenticationFailed` or `InvalidProviderConfiguration`; it names keys, never values
 */
export function parseCredentials(data: ReadonlyMap<string, Uint8Array>, name: string): Credentials {
  const text = (key: string): string => Buffer.from(data.get(key) ?? new Uint8Array()).toString('utf8');
  const invalid = (why: string): SourceError =>
    new SourceError('AuthenticationFailed', `failed to configure authentication options: ${why}`);
  const [username, password, bearerToken] = [text('username'), text('password'), text('bearerToken')];
  if (text('githubAppID') !== '') {
    throw new SourceError(
      'InvalidProviderConfiguration',
      `secretRef '${name}' has github app data but provider is not set to github: GitHub Apps are not supported yet, use a token as password`,
    );
  }
  if (data.has('identity') && username === '' && bearerToken === '') {
    throw invalid(`secret '${name}' is for ssh, which is not supported yet: use https`);
  }
  if (data.has('tls.crt') || data.has('tls.key')) {
    throw invalid(`secret '${name}' has a client certificate, which is not supported yet`);
  }
  if (username === '' && password !== '')
    throw invalid(`invalid '${name}' secret data: password without username`);
  if (username !== '' && bearerToken !== '') {
    throw invalid('basic auth and bearer token cannot be set at the same time');
  }
  if (/[\r\n\0]/.test(username + password + bearerToken)) {
    throw invalid(`a value in secret '${name}' holds a line break; write it without one at its end`);
  }
  if (username.includes(':')) throw invalid(`the username in secret '${name}' holds a colon`);
  const ca = text('ca.crt') === '' ? text('caFile') : text('ca.crt');
  return {
    ...(username === '' ? {} : { username, password }),
    ...(bearerToken === '' ? {} : { bearerToken }),
    ...(ca === '' ? {} : { ca }),
  };
}

/** The `Authorization` header, if any. */
export function authorization(credentials: Credentials): string | undefined {
  const { username, password = '', bearerToken } = credentials;
  if (bearerToken !== undefined) return `Bearer ${bearerToken}`;
  if (username === undefined) return undefined;
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
