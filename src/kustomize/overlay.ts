import type { Image, Kustomization, Patch } from './kustomization.ts';

/** What a Flux Kustomization says about the kustomization that it builds. */
export interface KustomizationOverlay {
  readonly targetNamespace?: string | undefined;
  readonly namePrefix?: string | undefined;
  readonly nameSuffix?: string | undefined;
  readonly patches?: readonly Patch[] | undefined;
  readonly images?: readonly Image[] | undefined;
  /** Folders, relative to the path that is built. */
  readonly components?: readonly string[] | undefined;
  readonly ignoreMissingComponents?: boolean | undefined;
}

/**
 * Namespace, prefix and suffix replace those of the file; patches and components come after its own; images are
 * merged by name.
 *
 * Source: Flux, pkg kustomize, generator.
 */
export function withOverlay(
  kustomization: Kustomization,
  overlay: KustomizationOverlay,
  exists: (component: string) => boolean,
): Kustomization {
  const components = (overlay.components ?? []).filter(
    (component) => overlay.ignoreMissingComponents !== true || exists(component),
  );
  return {
    ...kustomization,
    namespace: filled(overlay.targetNamespace) ?? kustomization.namespace,
    namePrefix: filled(overlay.namePrefix) ?? kustomization.namePrefix,
    nameSuffix: filled(overlay.nameSuffix) ?? kustomization.nameSuffix,
    patches: [...(kustomization.patches ?? []), ...(overlay.patches ?? [])],
    components: [...(kustomization.components ?? []), ...components],
    images: (overlay.images ?? []).reduce<readonly Image[]>(
      mergeImage,
      kustomization.images ?? [],
    ) as Image[],
  };
}

function filled(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** Tag and digest go together: setting one takes the other away. */
function mergeImage(images: readonly Image[], { name, newName, newTag, digest }: Image): readonly Image[] {
  const at = images.findIndex((image) => image.name === name);
  const { newTag: oldTag, digest: oldDigest, ...old } = images[at] ?? { name };
  const merged: Image = {
    ...old,
    ...(filled(newName) !== undefined && { newName }),
    ...(filled(newTag) === undefined && filled(digest) === undefined
      ? { newTag: oldTag, digest: oldDigest }
      : { newTag, digest }),
  };
  return at < 0 ? [...images, merged] : images.with(at, merged);
}
