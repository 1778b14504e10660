import type { Program } from '../base/program.ts';
import { pilotProgram } from './istio.ts';
import type { Mesh } from './mesh/mesh.ts';
import { proxyProgram } from './mesh/proxy-program.ts';
import { findImage, type ImageCatalogue, type ImageEntry } from './node/images.ts';
import { prometheusProgram, reloaderProgram } from './prometheus-install.ts';
import type { Target } from './prometheus/scrape.ts';

/** `registry/name` of an image, without tag and digest. */
export function imageName(fullReference: string): string {
  return fullReference.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
}

/** The tag of an image; `latest` where there is none. */
export function imageTag(fullReference: string): string {
  return /:([^/:]+)$/.exec(fullReference.replace(/@.*$/, ''))?.[1] ?? 'latest';
}

/** Waits, as the image `pause` does. */
const pauseProgram: Program = async ({ signal }) => {
  if (!signal.aborted)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  return 0;
};

/**
 * `images`, and what belongs to a cluster itself: Istio's, Prometheus's, `pause`. Where two know an image, `images`
 * wins.
 *
 * @param targets what this cluster's Prometheus scrapes, now
 */
export function sandboxImages(
  images: ImageCatalogue,
  mesh: Mesh,
  targets: () => readonly Target[],
): ImageCatalogue {
  const entry = (program: Program, ...entrypoint: string[]): ImageEntry => ({ program, entrypoint });
  const proxy = entry(proxyProgram(mesh), '/usr/local/bin/pilot-agent');
  const pilot = entry(pilotProgram, '/usr/local/bin/pilot-discovery');
  const reloader = entry(reloaderProgram, '/bin/prometheus-config-reloader');
  const known: Readonly<Record<string, ImageEntry>> = {
    'istio/proxyv2': proxy,
    'istio-release/proxyv2': proxy,
    'istio/pilot': pilot,
    'istio-release/pilot': pilot,
    'prom/prometheus': entry(prometheusProgram(targets), '/bin/prometheus'),
    'prometheus/prometheus': entry(prometheusProgram(targets), '/bin/prometheus'),
    'prometheus-operator/prometheus-config-reloader': reloader,
    'jimmidyson/configmap-reload': entry(reloaderProgram, '/configmap-reload'),
    pause: entry(pauseProgram, '/pause'),
  };
  return (reference, full) => {
    const own = findImage(images, reference);
    if (own !== undefined) return own;
    // The same image is in several registries, and in mirrors.
    const name = imageName(full).replace(/^[^/]+\//, '');
    return Object.hasOwn(known, name) ? known[name] : undefined;
  };
}
