import type { ImageCatalogue, ImageEntry } from '../sandbox/node/images.ts';
import { podinfo } from '../sandbox/podinfo/podinfo.ts';
import { imageName, imageTag } from '../sandbox/sandbox-images.ts';

/** Names of podinfo's image, in every registry that its author publishes it to. */
const podinfoNames = ['ghcr.io/stefanprodan/podinfo', 'docker.io/stefanprodan/podinfo'];

/** What the images of the sandbox run, beside those of Istio and Prometheus, which a sandbox brings itself. */
export function images(): ImageCatalogue {
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
