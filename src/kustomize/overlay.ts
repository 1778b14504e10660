import { setOwn } from '../machinery/json.ts';
import type { Image, Kustomization, Patch } from './kustomization.ts';
import { gvkOfResource, metadataOf, nameOf, stringsOf, type Resource } from './resource.ts';

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

/**
 * A Namespace that was given another name in favour of the target namespace is not pruned when it goes from git: it
 * holds all the other objects, and whatever else lives there. (Flux prunes it: fluxcd/flux2#3949.)
 */
export function keepRenamedNamespaces(resources: readonly Resource[]): void {
  for (const resource of resources) {
    const { group, kind } = gvkOfResource(resource);
    const [first] = resource.previousIds;
    if (kind !== 'Namespace' || group !== '' || first === undefined || first.name === nameOf(resource))
      continue;
    const annotations = stringsOf(resource, 'annotations');
    annotations['kustomize.toolkit.fluxcd.io/prune'] = 'disabled';
    setOwn(metadataOf(resource.object), 'annotations', annotations);
  }
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
