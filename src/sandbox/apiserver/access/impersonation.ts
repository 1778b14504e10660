import { badRequestError } from '../request-error.ts';
import type { UserInfo } from '../resource-definition.ts';
import type { ResourceAttributes } from './attributes.ts';
import { anonymousUser, authenticatedGroup, withGroup } from './authentication.ts';
import { serviceAccountUser } from './service-account-tokens.ts';

/** What a caller asks for who wants to be treated as somebody else. */
export interface Impersonation {
  readonly user: UserInfo;
  /** All of these the caller must be allowed. */
  readonly needs: readonly ResourceAttributes[];
}

const prefix = 'impersonate-';
const extraPrefix = 'impersonate-extra-';

/**
 * Reads the `Impersonate-*` headers.
 *
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/
 *
 * @returns undefined when there are none
 * @throws RequestError 400 when they name no user
 */
export function parseImpersonation(headers: Readonly<Record<string, string>>): Impersonation | undefined {
  const names = Object.keys(headers).filter((name) => name.startsWith(prefix));
  if (names.length === 0) return undefined;
  const name = headers['impersonate-user'] ?? '';
  if (name === '') throw badRequestError(`requested ${names.join(', ')} without impersonating a user name`);
  const asked = valuesOf(headers['impersonate-group']);
  const uid = headers['impersonate-uid'] ?? '';
  const extra: Record<string, string[]> = {};
  for (const header of names) {
    if (!header.startsWith(extraPrefix)) continue;
    extra[unescapeKey(header.slice(extraPrefix.length))] = valuesOf(headers[header]);
  }
  return {
    user: {
      name,
      groups: groupsOf(name, asked),
      ...(uid === '' ? {} : { uid }),
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
    },
    needs: needsOf(name, asked, uid, extra),
  };
}

const serviceAccountName = /^system:serviceaccount:([^:]+):([^:]+)$/;

function groupsOf(name: string, asked: readonly string[]): readonly string[] {
  const [, namespace, account] = serviceAccountName.exec(name) ?? [];
  const groups =
    asked.length === 0 && namespace !== undefined && account !== undefined
      ? serviceAccountUser(namespace, account).groups
      : asked;
  return name === anonymousUser.name
    ? withGroup(groups, 'system:unauthenticated')
    : withGroup(groups, authenticatedGroup);
}

function needsOf(
  name: string,
  groups: readonly string[],
  uid: string,
  extra: Readonly<Record<string, readonly string[]>>,
): ResourceAttributes[] {
  const [, namespace, account] = serviceAccountName.exec(name) ?? [];
  const special = 'authentication.k8s.io';
  return [
    account === undefined
      ? impersonate('', 'users', name)
      : { ...impersonate('', 'serviceaccounts', account), namespace },
    ...groups.map((group) => impersonate('', 'groups', group)),
    ...(uid === '' ? [] : [impersonate(special, 'uids', uid)]),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => ({ ...impersonate(special, 'userextras', value), subresource: key })),
    ),
  ];
}

function impersonate(group: string, resource: string, name: string): ResourceAttributes {
  return { verb: 'impersonate', group, version: 'v1', resource, subresource: '', namespace: undefined, name };
}

/** Several headers of one name arrive as one, joined by commas. */
function valuesOf(header: string | undefined): string[] {
  const values = (header ?? '').split(',').map((value) => value.trim());
  return values.filter((value) => value !== '');
}

function unescapeKey(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
