// Source: pkg/volume/{configmap,secret,projected,downwardapi} of Kubernetes 1.36.
import { InvalidInputError } from '../../base/errors.ts';
import { MemoryFiles } from '../../base/memory-files.ts';
import type { Files } from '../../base/program.ts';
import { ConfigError } from './config-error.ts';
import { normalize, readOnlyError } from './container-files.ts';
import { fieldValue, type PodPlace, resourceValue } from './downward.ts';
import type { ClusterObjects } from './environment.ts';
import type { DownwardFile, KeyToPath, Pod, TokenProjection, Volume, VolumeSource } from './kinds.ts';

/** What a file holds: bytes, or what brings them (a token is only asked for by who reads it). */
export type Content = Uint8Array | (() => Promise<Uint8Array>);

/** Files by their path in the volume, which starts with `/`. */
export type VolumeContent = ReadonlyMap<string, Content>;

export interface VolumeInputs {
  readonly pod: Pod;
  readonly place: PodPlace;
  readonly objects: ClusterObjects;
  /** Brings a token of the pod's service account. */
  readonly token: (projection: TokenProjection) => Promise<Uint8Array>;
}

/**
 * What is in a volume, as things are; undefined for one that begins empty and belongs to the pod.
 * @throws ConfigError when it needs what is not there
 */
function volumeContent(volume: Volume, inputs: VolumeInputs): VolumeContent | undefined {
  const sources = volume.projected ? (volume.projected.sources ?? []) : [volume];
  const isFilled = sources.some((source) => parts.some((part) => part(source, inputs) !== undefined));
  if (!isFilled && volume.projected === undefined) return undefined;
  const content = new Map<string, Content>();
  for (const source of sources) {
    for (const part of parts) {
      for (const [path, data] of part(source, inputs) ?? []) content.set(normalize(path), data);
    }
  }
  return content;
}

type Part = (source: VolumeSource, inputs: VolumeInputs) => Iterable<readonly [string, Content]> | undefined;

const configMapPart: Part = ({ configMap }, { objects }) => {
  if (configMap === undefined) return undefined;
  const { name = '', optional = false, items } = configMap;
  const found = objects.configMap(name);
  if (found === undefined && !optional) throw new ConfigError(`configmap "${name}" not found`);
  const data = new Map<string, Uint8Array>();
  for (const [key, text] of Object.entries(found?.data ?? {})) data.set(key, Buffer.from(text, 'utf8'));
  for (const [key, text] of Object.entries(found?.binaryData ?? {}))
    data.set(key, Buffer.from(text, 'base64'));
  return pick(data, items, optional, 'config');
};

const secretPart: Part = ({ secret }, { objects }) => {
  if (secret === undefined) return undefined;
  const { secretName, name = secretName ?? '', optional = false, items } = secret;
  const found = objects.secret(name);
  if (found === undefined && !optional) throw new ConfigError(`secret "${name}" not found`);
  const data = new Map<string, Uint8Array>();
  for (const [key, text] of Object.entries(found?.data ?? {})) data.set(key, Buffer.from(text, 'base64'));
  return pick(data, items, optional, 'secret');
};

const downwardPart: Part = ({ downwardAPI }, { pod, place }) =>
  downwardAPI?.items?.map((file) => [file.path, Buffer.from(downwardText(file, pod, place), 'utf8')]);

const tokenPart: Part = ({ serviceAccountToken }, { token }) =>
  serviceAccountToken && [[serviceAccountToken.path, () => token(serviceAccountToken)]];

const parts: readonly Part[] = [configMapPart, secretPart, downwardPart, tokenPart];

function pick(
  data: ReadonlyMap<string, Uint8Array>,
  items: readonly KeyToPath[] | undefined,
  optional: boolean,
  what: string,
): Iterable<readonly [string, Uint8Array]> {
  if (items === undefined || items.length === 0) return data;
  return items.flatMap(({ key, path }) => {
    const found = data.get(key);
    if (found !== undefined) return [[path, found] as const];
    if (optional) return [];
    throw new ConfigError(`references non-existent ${what} key: ${key}`);
  });
}

function downwardText({ fieldRef, resourceFieldRef }: DownwardFile, pod: Pod, place: PodPlace): string {
  if (fieldRef !== undefined) return fieldValue(fieldRef, pod, place);
  const container = pod.spec.containers.find(({ name }) => name === resourceFieldRef?.containerName);
  if (resourceFieldRef === undefined || container === undefined) return '';
  return resourceValue(resourceFieldRef, container, place);
}

/** A volume that is filled from outside: read-only, and replaced as a whole when its sources change. */
export class ProjectedFiles implements Files {
  #content: VolumeContent;

  constructor(content: VolumeContent) {
    this.#content = content;
  }

  /** Readers see all of the new files, or none of them. */
  replace(content: VolumeContent): void {
    this.#content = content;
  }

  async read(path: string): Promise<Uint8Array> {
    const content = this.#content.get(path);
    if (content === undefined) throw new InvalidInputError(`${path}: no such file`, 'FileNotFound');
    return typeof content === 'function' ? await content() : content;
  }

  list(path: string): Promise<readonly string[]> {
    return new MemoryFiles(Object.fromEntries([...this.#content.keys()].map((file) => [file, '']))).list(
      path,
    );
  }

  async write(path: string): Promise<void> {
    throw readOnlyError(path);
  }
}

/** The volumes of one pod. */
export class PodVolumes {
  readonly #filled = new Map<string, ProjectedFiles>();
  readonly #own = new Map<string, MemoryFiles>();

  /**
   * Brings all volumes up to date with what they are made of.
   * @returns what is missing for the first that was never filled, in words; undefined when all are there
   */
  refresh(inputs: VolumeInputs): string | undefined {
    let missing: string | undefined;
    for (const volume of inputs.pod.spec.volumes ?? []) {
      try {
        this.#refresh(volume, inputs);
      } catch (error) {
        // What was there stays as it was until there is something new.
        if (!(error instanceof ConfigError)) throw error;
        if (this.#filled.has(volume.name)) continue;
        missing ??= `MountVolume.SetUp failed for volume ${JSON.stringify(volume.name)} : ${error.message}`;
      }
    }
    return missing;
  }

  get(name: string): Files | undefined {
    return this.#filled.get(name) ?? this.#own.get(name);
  }

  /** Whether the volume is filled from outside. */
  isReadOnly(name: string): boolean {
    return this.#filled.has(name);
  }

  #refresh(volume: Volume, inputs: VolumeInputs): void {
    const { name } = volume;
    if (this.#own.has(name)) return;
    const content = volumeContent(volume, inputs);
    const files = this.#filled.get(name);
    if (content === undefined) this.#own.set(name, new MemoryFiles());
    else if (files === undefined) this.#filled.set(name, new ProjectedFiles(content));
    else files.replace(content);
  }
}
