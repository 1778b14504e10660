import { InvalidInputError } from '../base/errors.ts';
import { validatePathSegmentName } from './names.ts';

/** A version of an API group. The core group is the empty one. */
export interface GroupVersion {
  readonly group: string;
  readonly version: string;
}

export interface GroupVersionKind extends GroupVersion {
  readonly kind: string;
}

export interface GroupVersionResource extends GroupVersion {
  /** The plural as in URLs: `deployments`. */
  readonly resource: string;
}

/**
 * Parses `apps/v1`, or `v1` for the core group.
 * @throws InvalidInputError
 */
export function parseApiVersion(text: string): GroupVersion {
  const [first = '', second, ...more] = text.split('/');
  if (first === '' || second === '' || more.length > 0) {
    throw new InvalidInputError(`unexpected GroupVersion string: ${text}`, 'InvalidApiVersion');
  }
  return second === undefined ? { group: '', version: first } : { group: first, version: second };
}

/** The inverse of {@link parseApiVersion}. */
export function apiVersionOf({ group, version }: GroupVersion): string {
  return group === '' ? version : `${group}/${version}`;
}

/** @throws InvalidInputError when its `apiVersion` is none */
export function gvkOf(object: { readonly apiVersion: string; readonly kind: string }): GroupVersionKind {
  return { ...parseApiVersion(object.apiVersion), kind: object.kind };
}

/** `apps/v1, Kind=Deployment`; for the core group `/v1, Kind=Pod`. */
export function formatGvk({ group, version, kind }: GroupVersionKind): string {
  return `${group}/${version}, Kind=${kind}`;
}

/** `apps/v1, Resource=deployments` */
export function formatGvr({ group, version, resource }: GroupVersionResource): string {
  return `${group}/${version}, Resource=${resource}`;
}

/** `Deployment.apps`; for the core group `Pod`. */
export function formatGroupKind({ group, kind }: { readonly group: string; readonly kind: string }): string {
  return group === '' ? kind : `${kind}.${group}`;
}

/** `deployments.apps`; for the core group `pods`. */
export function formatGroupResource(of: { readonly group: string; readonly resource: string }): string {
  return of.group === '' ? of.resource : `${of.resource}.${of.group}`;
}

const stabilities = ['alpha', 'beta', 'stable'] as const;

/**
 * Orders versions of a group by priority, the preferred one first: `v10 v2 v1 v11beta2 v3beta1 v12alpha1 foo1
 * foo10`. Names that do not follow the scheme come last, in the order of the alphabet.
 */
export function compareVersions(a: string, b: string): number {
  const x = parseVersion(a);
  const y = parseVersion(b);
  if (x === undefined && y === undefined) return a < b ? -1 : Number(a > b);
  if (x === undefined) return 1;
  if (y === undefined) return -1;
  return y.stability - x.stability || compareNumbers(y.major, x.major) || compareNumbers(y.minor, x.minor);
}

function parseVersion(text: string): { stability: number; major: bigint; minor: bigint } | undefined {
  const match = /^v(\d{1,18})(?:(alpha|beta)(\d{1,18}))?$/.exec(text);
  if (match === null) return undefined;
  const [, major = '0', stability = 'stable', minor = '0'] = match;
  return {
    stability: stabilities.findIndex((name) => name === stability),
    major: BigInt(major),
    minor: BigInt(minor),
  };
}

function compareNumbers(a: bigint, b: bigint): number {
  return a < b ? -1 : Number(a > b);
}

/** Where a request goes. */
export interface ResourcePath {
  readonly gvr: GroupVersionResource;
  readonly namespaced: boolean;
  /** Left out of the path for kinds that are not in namespaces. Absent = all namespaces (lists only). */
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  /** `status`, `scale`, …; needs a name. */
  readonly subresource?: string | undefined;
}

/**
 * The path of a URL: `/apis/apps/v1/namespaces/x/deployments/y/scale`. No part can lead to another path.
 * @throws InvalidInputError for a part that cannot stand in a path
 */
export function resourcePath(path: ResourcePath): string {
  const { gvr, namespaced, namespace, name, subresource } = path;
  if (namespaced && namespace === undefined && name !== undefined) {
    throw invalidPath('an empty namespace may not be set when a resource name is provided');
  }
  if (subresource !== undefined && name === undefined) {
    throw invalidPath(`subresource ${JSON.stringify(subresource)} needs the name of a resource`);
  }
  const segments = gvr.group === '' ? ['api'] : ['apis', segment('group', gvr.group)];
  segments.push(segment('version', gvr.version));
  if (namespaced && namespace !== undefined) segments.push('namespaces', segment('namespace', namespace));
  segments.push(segment('resource', gvr.resource));
  if (name !== undefined) segments.push(segment('resource name', name));
  if (subresource !== undefined) segments.push(segment('subresource', subresource));
  return `/${segments.join('/')}`;
}

function segment(what: string, text: string): string {
  const errors = text === '' ? ['may not be empty'] : validatePathSegmentName(text);
  if (!text.isWellFormed()) errors.push('must be well-formed Unicode');
  if (errors.length > 0) {
    throw invalidPath(`invalid ${what} ${JSON.stringify(text)}: [${errors.join(', ')}]`);
  }
  // RFC 3986 lets these stand as they are, and names like system:node are read by people in logs.
  return encodeURIComponent(text).replace(/%(?:3A|40)/g, decodeURIComponent);
}

function invalidPath(message: string): InvalidInputError {
  return new InvalidInputError(message, 'InvalidPath');
}
