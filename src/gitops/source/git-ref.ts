import { parse as parseVersion, rcompare } from 'semver';
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
  /** Together with `branch` it only changes how the revision is written. */
  readonly commit?: string | undefined;
}

/** What a {@link GitRef} stands for at one time. */
export interface ResolvedRef {
  /** `<ref>@sha1:<commit>`, or `sha1:<commit>`. */
  readonly revision: string;
  readonly commit: string;
  /** The remote's reference that led to it, `refs/…`; undefined for a commit alone. */
  readonly fullName: string | undefined;
}

/** The references of a remote and what they point to; `^{}` behind a name is what an annotated tag stands for. */
export type RemoteRefs = ReadonlyMap<string, string>;

const peeled = '^{}';
const defaultBranch = 'master';

/** A commit needs no question to the remote: it is what it is. */
export function pinnedCommit(ref: GitRef): ResolvedRef | undefined {
  const { commit, branch } = ref;
  if (isUnset(commit)) return undefined;
  if (!/^[0-9a-f]{40}$/.test(commit)) {
    throw checkoutError(
      `unable to resolve commit object for ${quoted(commit)}: want the 40 hexadecimal digits of a SHA-1`,
      'stalled',
    );
  }
  const hash = `sha1:${commit}`;
  return isUnset(branch)
    ? { revision: hash, commit, fullName: undefined }
    : { revision: `${branch}@${hash}`, commit, fullName: checkedName(`refs/heads/${branch}`) };
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
 * @throws SourceError when the remote does not have it
 */
export function chooseRef(refs: RemoteRefs, ref: GitRef, url: string): ResolvedRef {
  const pinned = pinnedCommit(ref);
  if (pinned !== undefined) return pinned;
  const { name, tag, semver, branch } = ref;
  if (!isUnset(name)) {
    const fullName = wantedNames(ref)[0] ?? name;
    const commit = name.endsWith(peeled) ? refs.get(name) : commitOf(refs, fullName);
    if (commit === undefined) throw checkoutError(`unable to resolve ref '${name}' to a specific commit`);
    return { revision: `${name}@sha1:${commit}`, commit, fullName };
  }
  if (!isUnset(tag)) return named(refs, 'refs/tags/', tag, url);
  if (!isUnset(semver)) return named(refs, 'refs/tags/', highestTag(refs, semver), url);
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
    throw checkoutError(`unable to clone: couldn't find remote ref "${fullName}": git repository: '${url}'`);
  }
  return { revision: `${short}@sha1:${commit}`, commit, fullName };
}

function commitOf(refs: RemoteRefs, name: string): string | undefined {
  return refs.get(name + peeled) ?? refs.get(name);
}

function highestTag(refs: RemoteRefs, constraint: string): string {
  const isMatch = matchesConstraint(constraint);
  const tags = [...refs.keys()]
    .filter((name) => name.startsWith('refs/tags/') && !name.endsWith(peeled))
    .map((name) => name.slice('refs/tags/'.length))
    .flatMap((tag) => {
      const version = parseVersion(tag);
      return version !== null && isMatch(version) ? [{ tag, version }] : [];
    })
    // Of equal versions (v1.0.0 and 1.0.0) always the same one.
    .sort((a, b) => rcompare(a.version, b.version) || (a.tag < b.tag ? 1 : -1));
  const [highest] = tags;
  if (highest === undefined) throw checkoutError(`no match found for semver: ${constraint}`);
  return highest.tag;
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
