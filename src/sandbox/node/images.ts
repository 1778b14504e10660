import { sha256 } from '../../base/hash.ts';
import type { Program } from '../../base/program.ts';

/** What stands for a container image. */
export interface ImageEntry {
  readonly program: Program;
  /** As in an image: `['./podinfo']`. Its first word is the name of the program, and never among its arguments. */
  readonly entrypoint: readonly string[];
  /** Arguments where the container has neither a command nor arguments of its own. */
  readonly command?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly workingDir?: string | undefined;
  /** Files in it, by absolute path. */
  readonly files?: Readonly<Record<string, string | Uint8Array>> | undefined;
  /** For people who look at events and nodes. */
  readonly sizeBytes?: number | undefined;
}

/**
 * The images there are. A function is asked with the reference as the pod has it, and with it written out in full
 * (`docker.io/library/nginx:latest`); a map is looked up with both.
 */
export type ImageCatalogue =
  | ReadonlyMap<string, ImageEntry>
  | ((reference: string, fullReference: string) => ImageEntry | undefined);

export function findImage(images: ImageCatalogue, reference: string): ImageEntry | undefined {
  const full = fullReference(reference);
  return typeof images === 'function'
    ? images(reference, full)
    : (images.get(reference) ?? images.get(full) ?? images.get(withTag(reference)));
}

/** With registry and tag, as a container runtime writes it. */
export function fullReference(reference: string): string {
  const tagged = withTag(reference);
  const [first = '', ...rest] = tagged.split('/');
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  if (hasRegistry) return tagged;
  return rest.length === 0 ? `docker.io/library/${tagged}` : `docker.io/${tagged}`;
}

function withTag(reference: string): string {
  if (reference.includes('@')) return reference;
  const name = reference.slice(reference.lastIndexOf('/') + 1);
  return name.includes(':') ? reference : `${reference}:latest`;
}

/** `status.imageID`: the same for the same reference, on every node. */
export function imageId(reference: string): string {
  const full = fullReference(reference);
  if (full.includes('@')) return full;
  return `${full.slice(0, full.lastIndexOf(':'))}@sha256:${sha256(full)}`;
}

/** What containerd says of an image that no registry has. */
export function pullError(reference: string): string {
  const full = fullReference(reference);
  return (
    `rpc error: code = NotFound desc = failed to pull and unpack image "${full}": ` +
    `failed to resolve reference "${full}": ${full}: not found`
  );
}
