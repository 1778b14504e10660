import { isObject, own, setOwn, type JsonObject } from '../machinery/json.ts';
import type { Budget } from './budget.ts';
import { buildError } from './build-error.ts';
import { fileName, readBytes, readText, resolvePath, type FileTree } from './file-tree.ts';
import type { GeneratorArgs, GeneratorOptions } from './kustomization.ts';
import {
  allIdsOf,
  formatId,
  idOf,
  keyOf,
  metadataOf,
  newResource,
  type Resource,
  type ResourceList,
} from './resource.ts';

/** What a generator may read. */
export interface GeneratorInput {
  readonly files: FileTree;
  readonly folder: string;
  readonly where: string;
  /** The file, from the root of the build. */
  readonly configuredIn: string;
}

/** Adds the object of one generator, or merges it into the one that is there, as its behavior says. */
export function generate(
  resources: ResourceList,
  kind: 'ConfigMap' | 'Secret',
  args: GeneratorArgs,
  globalOptions: GeneratorOptions,
  input: GeneratorInput,
): void {
  const options = mergeOptions(globalOptions, args.options ?? {});
  const data = readData(args, input, resources.budget);
  const object = kind === 'ConfigMap' ? configMap(data) : secret(data, args.type);
  if (options.immutable === true) object['immutable'] = true;
  const metadata: JsonObject = { name: args.name };
  if (args.namespace !== undefined && args.namespace !== '') metadata['namespace'] = args.namespace;
  for (const field of ['labels', 'annotations'] as const) {
    const map = options[field] ?? {};
    if (Object.keys(map).length > 0) metadata[field] = { ...map };
  }
  object['metadata'] = metadata;
  const resource = newResource(object, input.where);
  resource.needsHash = options.disableNameSuffixHash !== true;
  resource.origin = `configuredIn: ${input.configuredIn}\nconfiguredBy:\n  apiVersion: builtin\n  kind: ${kind}Generator\n`;
  absorb(resources, resource, args.behavior ?? '', input.where);
}

function mergeOptions(all: GeneratorOptions, one: GeneratorOptions): GeneratorOptions {
  return {
    labels: { ...all.labels, ...one.labels },
    annotations: { ...all.annotations, ...one.annotations },
    disableNameSuffixHash: all.disableNameSuffixHash === true || one.disableNameSuffixHash === true,
    immutable: all.immutable === true || one.immutable === true,
  };
}

function absorb(resources: ResourceList, resource: Resource, behavior: string, where: string): void {
  const id = idOf(resource);
  resources.budget.spendLooks(resources.all.length, where);
  const matches = resources.all.filter((other) => allIdsOf(other).some((old) => keyOf(old) === keyOf(id)));
  const [old] = matches;
  if (matches.length > 1)
    throw buildError(`${where}: found multiple objects ${formatId(id)} that could accept merge`);
  if (old === undefined) {
    if (behavior === 'merge' || behavior === 'replace') {
      throw buildError(`${where}: ${formatId(id)} does not exist; cannot merge or replace`);
    }
    resources.add([resource]);
    return;
  }
  if (behavior !== 'merge' && behavior !== 'replace') {
    throw buildError(`${where}: ${formatId(id)} exists; behavior must be merge or replace`);
  }
  resources.replace(old, successor(old, resource, behavior));
}

/** Of one generated object in place of an older one, whose name and history it takes over. */
function successor(old: Resource, resource: Resource, behavior: 'merge' | 'replace'): Resource {
  const object = { ...resource.object };
  const [before, after] = [metadataOf(old.object), metadataOf(resource.object)];
  const metadata: JsonObject = { ...after, name: own(before, 'name') ?? '' };
  const namespace = own(before, 'namespace');
  if (namespace == null) delete metadata['namespace'];
  else metadata['namespace'] = namespace;
  for (const field of ['labels', 'annotations']) {
    const merged = { ...mapOf(before, field), ...mapOf(after, field) };
    if (Object.keys(merged).length > 0) metadata[field] = merged;
  }
  object['metadata'] = metadata;
  for (const field of behavior === 'merge' ? ['data', 'binaryData'] : []) {
    const merged = { ...textsOf(mapOf(old.object, field)), ...mapOf(object, field) };
    if (Object.keys(merged).length > 0) object[field] = merged;
  }
  return { ...old, object, needsHash: old.needsHash && resource.needsHash };
}

/** A port without quotes in the ConfigMap of somebody else is text from here on. */
function textsOf(map: JsonObject): JsonObject {
  const texts: JsonObject = {};
  for (const [key, value] of Object.entries(map))
    setOwn(texts, key, typeof value === 'object' ? value : String(value));
  return texts;
}

function mapOf(object: JsonObject, field: string): JsonObject {
  const map = own(object, field);
  return isObject(map) ? map : {};
}

function readData(
  args: GeneratorArgs,
  { files, folder, where }: GeneratorInput,
  budget: Budget,
): Map<string, Uint8Array> {
  const data = new Map<string, Uint8Array>();
  const add = (key: string, value: Uint8Array): void => {
    if (!/^[-._a-zA-Z0-9]+$/.test(key)) {
      throw buildError(
        `${where}: ${JSON.stringify(key)} of ${args.name} is not a valid key: it may hold letters, digits, -, _ and .`,
      );
    }
    if (data.has(key))
      throw buildError(
        `${where}: cannot add key ${key} to ${args.name}, another key by that name already exists`,
      );
    budget.spendCopies(100 + value.length, 2, where);
    data.set(key, value);
  };
  const envs = [...(args.envs ?? []), ...(args.env === undefined || args.env === '' ? [] : [args.env])];
  for (const path of envs) {
    for (const [key, value] of parseEnv(readText(files, resolvePath(folder, path))))
      add(key, Buffer.from(value));
  }
  for (const literal of args.literals ?? []) {
    const equals = literal.indexOf('=');
    if (equals <= 0)
      throw buildError(
        `${where}: invalid literal source ${JSON.stringify(literal)} of ${args.name}, expected key=value`,
      );
    add(literal.slice(0, equals), Buffer.from(unquoted(literal.slice(equals + 1))));
  }
  for (const source of args.files ?? []) {
    const [key, path] = splitFileSource(source, where);
    add(key, readBytes(files, resolvePath(folder, path)));
  }
  return data;
}

function splitFileSource(source: string, where: string): [string, string] {
  const parts = source.split('=');
  const [first = '', second] = parts;
  if (parts.length > 2 || second === '' || first === '') {
    throw buildError(`${where}: invalid file source ${JSON.stringify(source)}, expected [key=]path`);
  }
  return second === undefined ? [fileName(first), first] : [first, second];
}

function unquoted(text: string): string {
  const [quote] = text;
  return text.length >= 2 && (quote === '"' || quote === "'") && text.endsWith(quote)
    ? text.slice(1, -1)
    : text;
}

function parseEnv(text: string): [string, string][] {
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const equals = line.indexOf('=');
      return equals < 0 ? [line, ''] : [line.slice(0, equals), line.slice(equals + 1)];
    });
}

function configMap(data: Map<string, Uint8Array>): JsonObject {
  const object: JsonObject = { apiVersion: 'v1', kind: 'ConfigMap' };
  const [texts, bytes]: [JsonObject, JsonObject] = [{}, {}];
  for (const [key, value] of data) {
    const text = asText(value);
    if (text === undefined) setOwn(bytes, key, encodeBase64(value));
    else setOwn(texts, key, text);
  }
  if (Object.keys(texts).length > 0) object['data'] = texts;
  if (Object.keys(bytes).length > 0) object['binaryData'] = bytes;
  return object;
}

function secret(data: Map<string, Uint8Array>, type: string | undefined): JsonObject {
  const encoded: JsonObject = {};
  for (const [key, value] of data) setOwn(encoded, key, encodeBase64(value));
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: type === undefined || type === '' ? 'Opaque' : type,
    data: encoded,
  };
}

function asText(value: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    return undefined;
  }
}

/** Long texts come in lines of 70 characters, each with its end; the name's hash depends on it. */
function encodeBase64(value: Uint8Array): string {
  const text = Buffer.from(value).toString('base64');
  return text.length < 70 ? text : text.replaceAll(/.{1,70}/g, '$&\n');
}
