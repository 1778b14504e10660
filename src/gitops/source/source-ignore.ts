import type { FileTree } from '../../kustomize/file-tree.ts';
import { type Budget, compileGlob, type Glob } from './glob.ts';
import { commitError } from './source-error.ts';

/** The file that a folder excludes its content with. */
export const sourceIgnoreFile = '.sourceignore';

/** Source: fluxcd/pkg/sourceignore. */
const versionControl = ['.git/', '.gitignore', '.gitmodules', '.gitattributes'];
const defaultExcludes = (
  '*.jpg *.jpeg *.gif *.png *.wmv *.flv *.tar.gz *.zip ' +
  '.github/ .circleci/ .travis.yml .gitlab-ci.yml appveyor.yml .drone.yml ' +
  'cloudbuild.yaml codeship-services.yml codeship-steps.yml ' +
  '**/.goreleaser.yml **/.sops.yaml **/.flux.yaml'
).split(' ');

const maxPatterns = 2000;
/** Characters of a pattern. */
const maxPatternLength = 512;
/** Bytes of all `.sourceignore` files. */
const maxPatternBytes = 2 ** 20;
/** Every pattern is tried on every path, and nothing else can be done meanwhile: about a second. */
const maxWork = 30_000_000;

/** Any number of path components. */
const anyFolders = '**';

interface Pattern {
  /** The folder that it is about; none at the root. */
  readonly scope: readonly string[];
  readonly includes: boolean;
  readonly foldersOnly: boolean;
  /** For one component at any depth, or for one after the other from the scope on. */
  readonly globs: Glob | readonly (Glob | typeof anyFolders)[];
}

/** What of a repository goes into an artifact. */
export interface Selection {
  readonly files: readonly string[];
  /** Those left empty included: they are entries of the artifact too. */
  readonly folders: readonly string[];
}

/**
 * Leaves out what is ignored, as Flux does: the default excludes hold only while there is no other pattern, and a
 * pattern may include again what lies deep inside an excluded folder.
 *
 * @param files paths of regular files
 * @param folders all folders
 * @param ignoreFiles the tree's `.sourceignore` files, by path
 * @param ignore `spec.ignore`
 * @throws SourceError for patterns that take too much work
 */
export function selectFiles(
  files: readonly string[],
  folders: Iterable<string>,
  ignoreFiles: FileTree,
  ignore: string | undefined,
): Selection {
  const bytes = [...ignoreFiles.values()].reduce((total, { length }) => total + length, ignore?.length ?? 0);
  if (bytes > maxPatternBytes) throw commitError(`more than ${maxPatternBytes} bytes of ignore patterns`);
  const custom = [...ignoreFiles]
    .map(([path, data]) => ({
      scope: path.split('/').slice(0, -1),
      text: Buffer.from(data).toString('utf8'),
    }))
    .sort((a, b) => compareScopes(a.scope, b.scope))
    .flatMap(({ scope, text }) => parsePatterns(text.split('\n'), scope));
  custom.push(...parsePatterns((ignore ?? '').split('\n'), []));
  if (custom.length > maxPatterns) throw commitError(`more than ${maxPatterns} ignore patterns`);
  const patterns = [
    ...parsePatterns(versionControl, []),
    ...(custom.length > 0 ? custom : parsePatterns(defaultExcludes, [])),
  ].reverse();
  const budget = { left: maxWork };
  const isKept = (path: string, isFolder: boolean): boolean => {
    const names = path.split('/');
    return patterns.find((pattern) => matches(pattern, names, isFolder, budget))?.includes ?? true;
  };
  return {
    files: files.filter((path) => isKept(path, false)),
    folders: [...folders].filter((path) => isKept(path, true)),
  };
}

/** A folder before what it holds: deeper files decide over higher ones. */
function compareScopes(a: readonly string[], b: readonly string[]): number {
  for (const [i, name] of a.entries()) {
    const other = b[i];
    if (other === undefined) return 1;
    if (name !== other) return name < other ? -1 : 1;
  }
  return a.length - b.length;
}

function parsePatterns(lines: readonly string[], scope: readonly string[]): Pattern[] {
  return lines
    .map((line) => line.replace(/\r$/, ''))
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => parsePattern(line, scope));
}

function parsePattern(line: string, scope: readonly string[]): Pattern {
  if (line.length > maxPatternLength)
    throw commitError(`an ignore pattern is longer than ${maxPatternLength} characters`);
  const includes = line.startsWith('!');
  const text = includes ? line.slice(1) : line;
  const trimmed = text.endsWith('\\ ') ? text : trimSpaces(text);
  const foldersOnly = trimmed.endsWith('/');
  const parts = (foldersOnly ? trimmed.slice(0, -1) : trimmed).split('/');
  const [only] = parts;
  const globs =
    parts.length === 1 && only !== undefined
      ? compileGlob(only)
      : // An empty one only anchors.
        parts
          .filter((part) => part !== '')
          .map((part) => (part === anyFolders ? anyFolders : compileGlob(part)));
  return { scope, includes, foldersOnly, globs };
}

function trimSpaces(text: string): string {
  let end = text.length;
  while (text[end - 1] === ' ') end -= 1;
  return text.slice(0, end);
}

/** Whether a pattern is about a path: it names the path, or a folder above it. */
function matches(pattern: Pattern, path: readonly string[], isFolder: boolean, budget: Budget): boolean {
  const { scope, globs, foldersOnly } = pattern;
  if (path.length <= scope.length || scope.some((name, i) => name !== path[i])) return false;
  const end = foldersOnly && !isFolder ? path.length - 1 : path.length;
  let isMatch = false;
  if (typeof globs === 'function') {
    for (let i = scope.length; i < end && !isMatch; i += 1) isMatch = globs(path[i] ?? '', budget);
  } else {
    isMatch = globs.length > 0 && matchesPrefix(globs, path.slice(scope.length, end), budget);
  }
  if (budget.left < 0) throw commitError('the ignore patterns take too much work for so many files');
  return isMatch;
}

/** Whether some first components of a path match all globs, where `**` stands for any number of components. */
function matchesPrefix(
  globs: readonly (Glob | typeof anyFolders)[],
  path: readonly string[],
  budget: Budget,
): boolean {
  // The lengths of the path's beginnings that the globs so far can match, ascending.
  let reached = [0];
  for (const [i, glob] of globs.entries()) {
    const [least = 0] = reached;
    if (glob === anyFolders) {
      // At the end it stands for what is inside, not for the folder itself.
      const first = i === globs.length - 1 ? least + 1 : least;
      budget.left -= path.length;
      reached = Array.from({ length: Math.max(0, path.length - first + 1) }, (_, more) => first + more);
    } else {
      reached = reached.flatMap((length) => {
        const name = path[length];
        return name !== undefined && glob(name, budget) ? [length + 1] : [];
      });
    }
    if (reached.length === 0) return false;
  }
  return true;
}
