import { jsonResponse } from '../../../base/fetch.ts';
import { formatTime } from '../../../base/time.ts';
import type { FieldError } from '../../../machinery/field-errors.ts';
import { invalidStatus, invalidValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { isObject, own } from '../../../machinery/json.ts';
import type { ApiServer } from '../api-server.ts';
import type { Route } from '../handler.ts';
import { textOf } from '../object-metadata.ts';
import { RequestError, badRequestError } from '../request-error.ts';
import type { UserInfo } from '../resource-definition.ts';
import type { Attributes } from './attributes.ts';
import { objectAt, textsAt } from './fields.ts';
import { readPosted } from './request-body.ts';
import { authenticationGroup, authorizationGroup } from './review-kinds.ts';
import type { RoleBasedAccess } from './role-based-access.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';
import { tokenIssuer } from './service-account-tokens.ts';

interface Reviewer {
  readonly server: ApiServer;
  readonly roles: RoleBasedAccess;
  readonly tokens: ServiceAccountTokens;
}

interface Question extends Reviewer {
  /** The review as it was posted. */
  readonly review: JsonObject;
  readonly spec: JsonObject;
  readonly user: UserInfo;
  /** Of the URL. */
  readonly namespace: string | undefined;
}

/** What the answer has beside the kind: some of `metadata`, `spec` and `status`. */
type Answer = (question: Question) => JsonObject;

const answers: Readonly<Record<string, Answer>> = {
  [`${authenticationGroup}/selfsubjectreviews`]: reviewSelf,
  [`${authenticationGroup}/tokenreviews`]: reviewToken,
  [`${authorizationGroup}/localsubjectaccessreviews`]: reviewLocalAccess,
  [`${authorizationGroup}/selfsubjectaccessreviews`]: reviewOwnAccess,
  [`${authorizationGroup}/selfsubjectrulesreviews`]: reviewOwnRules,
  [`${authorizationGroup}/subjectaccessreviews`]: reviewAccess,
};

/** Answers who somebody is and what he may do. */
export function reviewRoute(reviewer: Reviewer): Route {
  return async (access) => {
    const { info, user } = access;
    if (info?.verb !== 'create' || info.version !== 'v1') return undefined;
    const key = `${info.group}/${info.resource}`;
    const answer = Object.hasOwn(answers, key) ? answers[key] : undefined;
    const { server } = reviewer;
    const definition = server.registry.get(info.group, info.version, info.resource);
    const isAsked = info.name === undefined && definition?.kind.namespaced === (info.namespace !== undefined);
    if (answer === undefined || definition === undefined || !isAsked) return undefined;
    const review = await readPosted(server, access, info, definition);
    const question = { ...reviewer, review, spec: objectAt(review, 'spec'), user, namespace: info.namespace };
    const { kind, apiVersion } = review;
    return jsonResponse(201, { kind, apiVersion, metadata: {}, ...answer(question) });
  };
}

function userObject({ name, uid, groups, extra }: UserInfo): JsonObject {
  return {
    username: name,
    ...(uid === undefined ? {} : { uid }),
    groups: [...groups],
    ...(extra === undefined
      ? {}
      : { extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]])) }),
  };
}

function reviewSelf({ server, user }: Question): JsonObject {
  return {
    metadata: { creationTimestamp: formatTime(server.clock.now()) },
    status: { userInfo: userObject(user) },
  };
}

function reviewToken({ spec, tokens }: Question): JsonObject {
  const token = textOf(spec, 'token');
  if (token === '') throw badRequestError('token is required for TokenReview in authentication');
  const asked = textsAt(spec, 'audiences');
  const wanted = asked.length === 0 ? [tokenIssuer] : asked;
  const verified = tokens.verify(token);
  const audiences = wanted.filter((audience) => verified?.audiences.includes(audience) === true);
  const status: JsonObject =
    verified !== undefined && audiences.length > 0
      ? { authenticated: true, user: userObject(verified.user), audiences }
      : { user: {}, error: verified === undefined ? 'invalid bearer token' : 'token audiences do not match' };
  return { spec, status };
}

function reviewOwnAccess({ roles, review, spec, user }: Question): JsonObject {
  refuse(review, [...validateAttributes(spec), ...validateMetadata(review)]);
  return { spec, status: decide(roles, user, spec) };
}

function reviewAccess({ roles, review, spec }: Question): JsonObject {
  refuse(review, [...validateAttributes(spec), ...validateSubject(spec), ...validateMetadata(review)]);
  return { spec, status: decide(roles, subjectOf(spec), spec) };
}

function reviewLocalAccess({ roles, review, spec, namespace = '' }: Question): JsonObject {
  const errors = [...validateAttributes(spec), ...validateSubject(spec)];
  const asked = own(spec, 'resourceAttributes');
  const askedNamespace = isObject(asked) ? textOf(asked, 'namespace') : namespace;
  if (askedNamespace !== namespace) {
    errors.push(
      invalidValue('spec.resourceAttributes.namespace', askedNamespace, 'must match metadata.namespace'),
    );
  }
  if (isObject(own(spec, 'nonResourceAttributes'))) {
    const path = objectAt(spec, 'nonResourceAttributes');
    errors.push(invalidValue('spec.nonResourceAttributes', path, 'disallowed on this kind of request'));
  }
  refuse(review, errors);
  return { metadata: { namespace }, spec, status: decide(roles, subjectOf(spec), spec) };
}

function reviewOwnRules({ roles, spec, user }: Question): JsonObject {
  const namespace = textOf(spec, 'namespace');
  if (namespace === '') throw badRequestError('no namespace on request');
  const { grants, errors } = roles.grantsOf(user, namespace);
  const resourceRules: JsonObject[] = [];
  const nonResourceRules: JsonObject[] = [];
  for (const { rule } of grants) {
    const verbs = [...rule.verbs];
    if (rule.resources.length > 0) {
      resourceRules.push({
        verbs,
        apiGroups: [...rule.apiGroups],
        resources: [...rule.resources],
        ...(rule.resourceNames.length === 0 ? {} : { resourceNames: [...rule.resourceNames] }),
      });
    }
    if (rule.nonResourceURLs.length > 0) {
      nonResourceRules.push({ verbs, nonResourceURLs: [...rule.nonResourceURLs] });
    }
  }
  const evaluationError = errors.length === 0 ? {} : { evaluationError: errors.join(', ') };
  return {
    spec: {},
    status: { resourceRules, nonResourceRules, incomplete: errors.length > 0, ...evaluationError },
  };
}

function decide(roles: RoleBasedAccess, user: UserInfo, spec: JsonObject): JsonObject {
  const { allowed, reason } = roles.decide(user, attributesOf(spec));
  return { allowed, ...(reason === '' ? {} : { reason }) };
}

function attributesOf(spec: JsonObject): Attributes {
  const path = own(spec, 'nonResourceAttributes');
  if (isObject(path)) return { verb: textOf(path, 'verb'), path: textOf(path, 'path') };
  const resource = objectAt(spec, 'resourceAttributes');
  return {
    verb: textOf(resource, 'verb'),
    group: textOf(resource, 'group'),
    version: textOf(resource, 'version'),
    resource: textOf(resource, 'resource'),
    subresource: textOf(resource, 'subresource'),
    namespace: textOf(resource, 'namespace') || undefined,
    name: textOf(resource, 'name') || undefined,
  };
}

function subjectOf(spec: JsonObject): UserInfo {
  return { name: textOf(spec, 'user'), groups: textsAt(spec, 'groups') };
}

function validateAttributes(spec: JsonObject): FieldError[] {
  const resource = own(spec, 'resourceAttributes');
  const path = own(spec, 'nonResourceAttributes');
  if (isObject(resource) && isObject(path)) {
    const detail = 'cannot be specified in combination with resourceAttributes';
    return [invalidValue('spec.nonResourceAttributes', path, detail)];
  }
  if (isObject(resource) || isObject(path)) return [];
  const detail = 'exactly one of nonResourceAttributes or resourceAttributes must be specified';
  return [invalidValue('spec.resourceAttributes', null, detail)];
}

function validateSubject(spec: JsonObject): FieldError[] {
  if (textOf(spec, 'user') !== '' || textsAt(spec, 'groups').length > 0) return [];
  return [invalidValue('spec.user', '', 'at least one of user or group must be specified')];
}

function validateMetadata(review: JsonObject): FieldError[] {
  const { managedFields: _, ...metadata } = objectAt(review, 'metadata');
  if (Object.values(metadata).every((value) => value === null)) return [];
  return [invalidValue('metadata', metadata, 'must be empty')];
}

function refuse(review: JsonObject, errors: readonly FieldError[]): void {
  if (errors.length === 0) return;
  throw new RequestError(
    invalidStatus({ group: authorizationGroup, kind: textOf(review, 'kind') }, '', errors),
  );
}
