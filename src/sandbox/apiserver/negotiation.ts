import { failure } from './request-error.ts';

/** How the client wants its answer. */
export interface Representation {
  readonly mediaType: 'application/json' | 'application/yaml';
  /** Another shape of the same objects, made by the transformer. */
  readonly as: 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList' | undefined;
  /** Version of `meta.k8s.io` for that shape. */
  readonly version: string;
}

const plain: Representation = { mediaType: 'application/json', as: undefined, version: 'v1' };
const shapes = ['Table', 'PartialObjectMetadata', 'PartialObjectMetadataList'] as const;
const parsed = new Map<string, Representation | undefined>();

/**
 * Chooses the first acceptable type of an `Accept` header. There are no protobuf answers: clients that prefer them
 * name JSON as well.
 *
 * @throws RequestError 406
 */
export function negotiate(accept: string | undefined): Representation {
  if (accept === undefined || accept === '' || accept === 'application/json') return plain;
  let chosen = parsed.get(accept);
  if (chosen === undefined) {
    chosen = choose(accept);
    // Clients send a handful of different headers; whoever sends others must not fill the memory.
    if (parsed.size < 100) parsed.set(accept, chosen);
  }
  if (chosen !== undefined) return chosen;
  const message = 'only the following media types are accepted: application/json, application/yaml';
  throw failure(406, 'NotAcceptable', message);
}

function choose(accept: string): Representation | undefined {
  for (const clause of byQuality(accept)) {
    const [mediaType = '', ...parameters] = clause.split(';').map((part) => part.trim());
    const json = ['application/json', '*/*', 'application/*'].includes(mediaType);
    if (!json && mediaType !== 'application/yaml') continue;
    const values = new Map(parameters.map((parameter) => splitParameter(parameter)));
    const asked = values.get('as');
    const shape = shapes.find((name) => name === asked);
    const version = values.get('v') ?? 'v1';
    const isMeta = values.get('g') === 'meta.k8s.io' && ['v1', 'v1beta1'].includes(version);
    if (asked !== undefined && (shape === undefined || !isMeta)) continue;
    return { mediaType: json ? 'application/json' : 'application/yaml', as: shape, version };
  }
  return undefined;
}

/** The clauses of the header, the most wanted first. */
function byQuality(accept: string): string[] {
  return accept
    .split(',')
    .map((clause) => ({ clause, quality: Number(/;\s*q=([\d.]+)/.exec(clause)?.[1] ?? 1) }))
    .sort((a, b) => b.quality - a.quality)
    .map(({ clause }) => clause);
}

function splitParameter(parameter: string): [string, string] {
  const at = parameter.indexOf('=');
  return at < 0 ? [parameter, ''] : [parameter.slice(0, at), parameter.slice(at + 1)];
}
