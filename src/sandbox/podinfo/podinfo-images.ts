import type { ImageCatalogue, ImageEntry } from '../node/images.ts';
import { podinfo } from './podinfo.ts';
import { imageName, imageTag } from '../sandbox-images.ts';

/** Names of podinfo's image, in every registry that its author publishes it to. */
const podinfoNames = ['ghcr.io/stefanprodan/podinfo', 'docker.io/stefanprodan/podinfo'];

/** The catalogue of podinfo at any tag. The images of Istio and Prometheus a sandbox brings itself. */
export function podinfoImages(): ImageCatalogue {
  const known = new Map<string, ImageEntry>();
  return (_reference, full) => {
    if (!podinfoNames.includes(imageName(full))) return undefined;
    const version = imageTag(full);
    const entry = known.get(version) ?? podinfoImage(version);
    known.set(version, entry);
    return entry;
  };
}

/** As in the image's Dockerfile. */
function podinfoImage(version: string): ImageEntry {
  return {
    program: podinfo(version),
    entrypoint: ['./podinfo'],
    workingDir: '/home/app',
    sizeBytes: 32_000_000,
  };
}
