import { compare, parse as parseVersion, type SemVer } from 'semver';
import { notFound } from './git-failure.ts';
import { matchesConstraint } from './semver-constraint.ts';
import { SourceError, checkoutError } from './source-error.ts';

/** `spec.ref`: the first of commit, name, tag, semver and branch that is set decides. */
export interface GitRef {
  readonly branch?: string | undefined;
  readonly tag?: string | undefined;
  /** Takes the highest tag in a range: `>=1.2.0 <2.0.0`, `~1.4`. */
  readonly semver?: string | undefined;
  /** A whole reference: `refs/pull/4/head`. */
  readonly name?: string | undefined;
  /** Together with `branch` it must be in the history of that. */
  readonly commit?: string | undefined;
}

/** What a {@link GitRef} stands for at one time. */
export interface ResolvedRef {
  /** `<ref>@sha1:<commit>`, or `sha1:<commit>`. */
  readonly revision: string;
  readonly commit: string;
  /** The remote's reference that led to it, `refs/…`; undefined for a commit alone. */
  readonly fullName: string | undefined;
  /** The reference was not asked: whether the commit is in its history is not known. */
  readonly isUnchecked?: boolean;
}

/** The references of a remote and what they point to; `^{}` behind a name is what an annotated tag stands for. */
export type RemoteRefs = ReadonlyMap<string, string>;

const peeled = '^{}';
const defaultBranch = 'master';
/** The digits of a SHA-1 or a SHA-256. */
const wholeHash = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i;

/** What decides in a reference: the same for all that mean the same. */
export function decisivePart({ commit, name, tag, semver, branch }: GitRef): GitRef {
  if (!isUnset(commit)) return isUnset(branch) ? { commit } : { commit, branch };
  if (!isUnset(name)) return { name };
  if (!isUnset(tag)) return { tag };
  return isUnset(semver) ? { branch: isUnset(branch) ? defaultBranch : branch } : { semver };
}

/** A commit needs no question to the remote: it is what it is. */
export function pinnedCommit(ref: GitRef): ResolvedRef | undefined {
  if (isUnset(ref.commit)) return undefined;
  if (!wholeHash.test(ref.commit)) {
    throw checkoutError(
      `unable to resolve commit object for ${quoted(ref.commit)}: want all of its 40 (or 64) hexadecimal digits`,
      'stalled',
    );
  }
  const commit = ref.commit.toLowerCase();
  const { branch } = ref;
  if (isUnset(branch)) return { revision: digestOf(commit), commit, fullName: undefined };
  const fullName = checkedName(`refs/heads/${branch}`);
  return { revision: `${branch}@${digestOf(commit)}`, commit, fullName, isUnchecked: true };
}

function digestOf(commit: string): string {
  return `${commit.length === 64 ? 'sha256' : 'sha1'}:${commit}`;
}

/** Reads the output of `git ls-remote`. */
export function parseRefs(output: string): RemoteRefs {
  const refs = new Map<string, string>();
  for (const line of output.split('\n')) {
    const [hash = '', name] = line.split('\t');
    if (wholeHash.test(hash) && name !== undefined) refs.set(name, hash);
  }
  return refs;
}

/** Names to ask the remote for. Its answer may hold more. */
export function wantedNames(ref: GitRef): readonly string[] {
  const { name, tag, semver, branch } = ref;
  if (!isUnset(name)) {
    const plain = checkedName(name.endsWith(peeled) ? name.slice(0, -peeled.length) : name);
    return [plain, plain + peeled];
  }
  if (!isUnset(tag)) return [checkedName(`refs/tags/${tag}`), `refs/tags/${tag}${peeled}`];
  if (!isUnset(semver)) return ['refs/tags/*'];
  return [checkedName(`refs/heads/${isUnset(branch) ? defaultBranch : branch}`)];
}

/**
 * Finds what a reference stands for.
 *
 * @param url for messages, without user info
 * @param committedAt when the commits of {@link rivalTags} were made
 * @throws SourceError when the remote does not have it
 */
export function chooseRef(
  refs: RemoteRefs,
  ref: GitRef,
  url: string,
  committedAt: (commit: string) => number = () => 0,
): ResolvedRef {
  const pinned = pinnedCommit(ref);
  if (pinned !== undefined) return pinned;
  const { name, tag, semver, branch } = ref;
  if (!isUnset(name)) {
    const fullName = wantedNames(ref)[0] ?? name;
    const commit = name.endsWith(peeled) ? refs.get(name) : commitOf(refs, fullName);
    if (commit === undefined) throw checkoutError(`unable to resolve ref '${name}' to a specific commit`);
    return { revision: `${name}@${digestOf(commit)}`, commit, fullName };
  }
  if (!isUnset(tag)) return named(refs, 'refs/tags/', tag, url);
  if (!isUnset(semver)) {
    const timeOf = (one: string): number => committedAt(commitOf(refs, `refs/tags/${one}`) ?? '');
    // Of one age, always the same one.
    const [newest] = highestTags(refs, semver).sort((a, b) => timeOf(b) - timeOf(a) || (a < b ? 1 : -1));
    if (newest === undefined) throw checkoutError(`no match found for semver: ${semver}`);
    return named(refs, 'refs/tags/', newest, url);
  }
  return named(refs, 'refs/heads/', isUnset(branch) ? defaultBranch : branch, url);
}

/** The error for a remote without any reference. */
export function emptyRepository(): SourceError {
  return new SourceError('EmptyGitRepository', 'git repository is empty');
}

function named(refs: RemoteRefs, folder: string, short: string, url: string): ResolvedRef {
  const fullName = folder + short;
  const commit = commitOf(refs, fullName);
  if (commit === undefined) {
    throw notFound(fullName, url);
  }
  return { revision: `${short}@${digestOf(commit)}`, commit, fullName };
}

function commitOf(refs: RemoteRefs, name: string): string | undefined {
  return refs.get(name + peeled) ?? refs.get(name);
}

/**
 * Tags, by their commit, of which only the age of the commits tells which one a range takes: they are of one version, and
 * differ in a leading `v` or in build metadata.
 */
export function rivalTags(
  refs: RemoteRefs,
  { commit, name, tag, semver }: GitRef,
): ReadonlyMap<string, string> {
  if (![commit, name, tag].every(isUnset) || isUnset(semver)) return new Map();
  const highest = highestTags(refs, semver).flatMap((one) => {
    const target = commitOf(refs, `refs/tags/${one}`);
    return target === undefined ? [] : [[target, one] as const];
  });
  const byCommit = new Map(highest);
  return byCommit.size > 1 ? byCommit : new Map();
}

function highestTags(refs: RemoteRefs, constraint: string): string[] {
  const isMatch = matchesConstraint(constraint);
  let highest: { readonly version: SemVer; readonly tags: string[] } | undefined;
  for (const name of refs.keys()) {
    if (!name.startsWith('refs/tags/') || name.endsWith(peeled)) continue;
    const tag = name.slice('refs/tags/'.length);
    const version = parseVersion(tag);
    if (version === null || !isMatch(version)) continue;
    const order = highest === undefined ? 1 : compare(version, highest.version);
    if (order > 0) highest = { version, tags: [tag] };
    else if (order === 0) highest?.tags.push(tag);
  }
  return highest?.tags ?? [];
}

// What git-check-ref-format forbids; so it is no pattern, option or refspec either.
const forbidden = /[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|\.lock(?:\/|$)|(?:^|\/)\.|[./]$/; // oxlint-disable-line no-control-regex

function checkedName(name: string): string {
  if ((!name.startsWith('refs/') && name !== 'HEAD') || forbidden.test(name) || name.length > 1024) {
    throw checkoutError(`${quoted(name)} is not the name of a git reference`, 'stalled');
  }
  return name;
}

function quoted(text: string): string {
  return `'${text.slice(0, 200)}'`;
}

function isUnset(text: string | undefined): text is undefined {
  return text === undefined || text === '';
}
