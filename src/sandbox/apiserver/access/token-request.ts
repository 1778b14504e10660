import { jsonResponse } from '../../../base/fetch.ts';
import { formatTime } from '../../../base/time.ts';
import { invalidStatus, invalidValue } from '../../../machinery/field-errors.ts';
import type { FieldError } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { isObject, own } from '../../../machinery/json.ts';
import type { ApiServer } from '../api-server.ts';
import { methodNotAllowed } from '../handler.ts';
import type { Route } from '../handler.ts';
import { textOf, uidOf } from '../object-metadata.ts';
import { RequestError, badRequestError, conflictError, notFoundError } from '../request-error.ts';
import { objectAt, textsAt } from './fields.ts';
import { readPosted } from './request-body.ts';
import { authenticationGroup, tokenRequestDefinition } from './review-kinds.ts';
import type { BoundObject, ServiceAccountTokens } from './service-account-tokens.ts';
import { tokenIssuer } from './service-account-tokens.ts';

const kind = { group: authenticationGroup, kind: 'TokenRequest' };
const defaultSeconds = 60 * 60;
const minSeconds = 10 * 60;
const maxSeconds = 2 ** 32;
const bindable = {
  Pod: { resource: 'pods', namespaced: true },
  Secret: { resource: 'secrets', namespaced: true },
  Node: { resource: 'nodes', namespaced: false },
} as const;

/** `POST serviceaccounts/NAME/token`. Source: pkg/registry/core/serviceaccount/storage of Kubernetes 1.36. */
export function tokenRequestRoute(server: ApiServer, tokens: ServiceAccountTokens): Route {
  return async (access) => {
    const { info } = access;
    if (info?.group !== '' || info.resource !== 'serviceaccounts' || info.subresource !== 'token')
      return undefined;
    const { namespace, name } = info;
    if (namespace === undefined || name === undefined || info.rest.length > 0) return undefined;
    if (info.verb !== 'create') throw methodNotAllowed();
    const request = await readPosted(server, access, info, tokenRequestDefinition());
    refuse(name, validateTarget(request, namespace, name));
    const account = server.storage.get('serviceaccounts', namespace, name);
    if (account === undefined) throw notFoundError({ group: '', resource: 'serviceaccounts' }, name);
    const spec = objectAt(request, 'spec');
    const asked = own(spec, 'expirationSeconds');
    const expirationSeconds = typeof asked === 'number' ? asked : defaultSeconds;
    refuse('', validateExpiration(expirationSeconds));
    const bound = boundObject(server, spec, namespace, name);
    const audiences = textsAt(spec, 'audiences');
    if (audiences.length === 0) audiences.push(tokenIssuer);
    const uid = uidOf(account);
    const token = tokens.issue({ namespace, name, uid, audiences, expirationSeconds, bound });
    const now = server.clock.now();
    return jsonResponse(201, {
      kind: kind.kind,
      apiVersion: `${kind.group}/v1`,
      metadata: { name, namespace, uid, creationTimestamp: formatTime(now) },
      spec: { audiences, expirationSeconds, boundObjectRef: own(spec, 'boundObjectRef') ?? null },
      status: { token, expirationTimestamp: formatTime(now + expirationSeconds * 1000) },
    });
  };
}

function validateTarget(request: JsonObject, namespace: string, name: string): FieldError[] {
  const metadata = objectAt(request, 'metadata');
  const errors: FieldError[] = [];
  for (const [field, expected] of [
    ['name', name],
    ['namespace', namespace],
  ] as const) {
    const given = textOf(metadata, field);
    if (given === '' || given === expected) continue;
    errors.push(
      invalidValue(`metadata.${field}`, given, `must match the service account ${field} if specified`),
    );
  }
  return errors;
}

function validateExpiration(seconds: number): FieldError[] {
  const path = 'spec.expirationSeconds';
  if (seconds < minSeconds)
    return [invalidValue(path, seconds, 'may not specify a duration less than 10 minutes')];
  return seconds > maxSeconds
    ? [invalidValue(path, seconds, 'may not specify a duration larger than 2^32 seconds')]
    : [];
}

function boundObject(
  { storage }: ApiServer,
  spec: JsonObject,
  namespace: string,
  account: string,
): BoundObject | undefined {
  const reference = own(spec, 'boundObjectRef');
  if (!isObject(reference)) return undefined;
  const wanted = textOf(reference, 'kind');
  const kind = (['Pod', 'Secret', 'Node'] as const).find((name) => name === wanted);
  if (kind === undefined || textOf(reference, 'apiVersion') !== 'v1') {
    throw badRequestError(
      `cannot bind token to object of type ${textOf(reference, 'apiVersion')}, Kind=${wanted}`,
    );
  }
  const { resource, namespaced } = bindable[kind];
  const name = textOf(reference, 'name');
  const object = storage.get(resource, namespaced ? namespace : undefined, name);
  if (object === undefined) throw notFoundError({ group: '', resource }, name);
  if (kind === 'Pod' && textOf(objectAt(object, 'spec'), 'serviceAccountName') !== account) {
    throw badRequestError(
      `cannot bind token for serviceaccount "${account}" to pod running with different serviceaccount name.`,
    );
  }
  const [asked, uid] = [textOf(reference, 'uid'), uidOf(object)];
  if (asked !== '' && asked !== uid) {
    const why = `the UID in the bound object reference (${asked}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw conflictError({ group: '', resource: kind }, name, why);
  }
  return { kind, name, uid };
}

function refuse(name: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw new RequestError(invalidStatus(kind, name, errors));
}
