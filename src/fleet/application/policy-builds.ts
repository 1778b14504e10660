import type { SyncPolicy } from '../../api/application.ts';
import { canonicalJson } from '../../base/hash.ts';
import { errorMessage, TypedError } from '../../base/errors.ts';
import type { SourceArtifact } from '../../gitops/source/git-source.ts';
import { build } from '../../kustomize/build.ts';
import { isFolder, resolvePath } from '../../kustomize/file-tree.ts';
import type { KustomizationOverlay } from '../../kustomize/overlay.ts';
import type { Unstructured } from '../../machinery/object.ts';

type Kustomization = NonNullable<SyncPolicy['kustomization']>;

/** A policy cannot be built from a revision; the next revision may do better. */
export class PolicyBuildError extends TypedError {
  /** Of the Ready condition, as Flux has it. */
  readonly reason: 'ArtifactFailed' | 'BuildFailed';

  constructor(reason: PolicyBuildError['reason'], message: string, cause?: unknown) {
    super(message, { code: 'BuildFailed', next: 'stalled', cause });
    this.reason = reason;
  }
}

interface Build {
  readonly artifact: SourceArtifact;
  readonly spec: string;
  readonly result: { readonly objects: readonly Unstructured[] } | { readonly error: PolicyBuildError };
}

/** What the policies of one Application make of a revision: built once, however many clusters it goes to. */
export class PolicyBuilds {
  readonly #builds = new Map<string, Build>();

  /** @throws PolicyBuildError */
  build(policy: string, kustomization: Kustomization, artifact: SourceArtifact): readonly Unstructured[] {
    const spec = specOf(kustomization);
    let made = this.#builds.get(policy);
    if (made?.artifact !== artifact || made.spec !== spec) {
      made = { artifact, spec, result: tryBuild(kustomization, artifact) };
      this.#builds.set(policy, made);
    }
    if ('error' in made.result) throw made.result.error;
    return made.result.objects;
  }

  /** Forgets all policies but these. */
  keep(policies: ReadonlySet<string>): void {
    for (const policy of this.#builds.keys()) if (!policies.has(policy)) this.#builds.delete(policy);
  }
}

function specOf({ path = '', ...kustomization }: Kustomization): string {
  return canonicalJson({ path, ...overlayOf(kustomization) });
}

function overlayOf({
  targetNamespace,
  patches,
  images,
  components,
}: Omit<Kustomization, 'path'>): KustomizationOverlay {
  return { targetNamespace, patches, images, components };
}

function tryBuild({ path = '', ...rest }: Kustomization, { files }: SourceArtifact): Build['result'] {
  const folder = path === '' ? './' : path;
  try {
    // An absolute path is one from the root of the artifact.
    const relative = folder.replace(/^\/+/, '');
    if (!isFolder(files, resolvePath('', relative))) {
      const message = `kustomization path not found: stat ${folder}: no such file or directory`;
      return { error: new PolicyBuildError('ArtifactFailed', message) };
    }
    return { objects: build(files, relative, overlayOf(rest)) };
  } catch (error) {
    const message = `kustomize build failed: ${errorMessage(error)}`;
    return { error: new PolicyBuildError('BuildFailed', message, error) };
  }
}
