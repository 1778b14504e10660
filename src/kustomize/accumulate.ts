import { relative } from 'node:path/posix';
import { jsonClone, type Json } from '../machinery/json.ts';
import { sizeOf, type Budget } from './budget.ts';
import { buildError, unsupported } from './build-error.ts';
import { runBuiltinTransformer } from './builtin-transformer.ts';
import type { FieldSpec } from './field-spec.ts';
import { fileName, findKustomization, isFolder, readText, resolvePath, type FileTree } from './file-tree.ts';
import { generate } from './generators.ts';
import { setImages } from './images.ts';
import {
  kustomizationOf,
  parseReplacement,
  readKustomization,
  type Kustomization,
  type Patch,
} from './kustomization.ts';
import { manifestsOf } from './manifests.ts';
import { applyPatch, patchText } from './patches.ts';
import type { Referral } from './reference-fields.ts';
import { renderText } from './render-scalar.ts';
import { replace } from './replacements.ts';
import { hashAnnotation, newResource, ResourceList, stringsOf, type Resource } from './resource.ts';
import { addAt, addLabels, affixNames, setNamespace, setReplicas } from './transformers.ts';
import {
  defaultFields,
  mergeFields,
  readConfiguration,
  type TransformerFields,
} from './transformer-configuration.ts';
import { declareVars, type Vars } from './vars.ts';
import { parseYamlDocuments, type Dialect } from './yaml-documents.ts';

/** Levels of bases below bases. */
const maxLevels = 100;

/** One kustomization that is being built. */
interface Level {
  /** What its transformers change: what `configurations` say here and below. */
  fields: TransformerFields;
  readonly kustomization: Kustomization;
  readonly folder: string;
  readonly file: string;
}

/** A file that may be used several times. */
interface Parsed {
  readonly documents: readonly Json[];
  readonly size: number;
}

/** Collects the objects of a kustomization and of all below it, with everything done but hashes and references. */
export class Accumulator {
  readonly #files: FileTree;
  readonly #filesMayLie: 'anywhere' | 'below';
  readonly #budget: Budget;
  readonly #parsed = new Map<string, Parsed>();
  readonly #open: string[] = [];
  /** Of all levels: names are final only at the end. */
  readonly referrals: Referral[] = [];
  readonly vars: Vars = new Map();
  varReference: readonly FieldSpec[] = [];

  /** @param filesMayLie kustomize itself wants files below the folder that names them; folders may lie anywhere */
  constructor(files: FileTree, filesMayLie: 'anywhere' | 'below', budget: Budget) {
    this.#files = files;
    this.#filesMayLie = filesMayLie;
    this.#budget = budget;
  }

  root(kustomization: Kustomization, folder: string, file: string): readonly Resource[] {
    const resources = new ResourceList(this.#budget);
    this.#open.push(folder);
    const level = { fields: defaultFields, kustomization, folder, file };
    this.#run(resources, level);
    this.varReference = level.fields.varReference;
    return resources.all;
  }

  #run(resources: ResourceList, level: Level): void {
    const { kustomization, folder, file } = level;
    for (const entry of [...(kustomization.resources ?? []), ...(kustomization.bases ?? [])]) {
      resources.add(this.#readEntry(entry, level));
    }
    for (const entry of kustomization.configurations ?? []) {
      this.#configure(level, entry);
    }
    const input = { files: this.#files, folder, where: file, configuredIn: this.#fromRoot(file) };
    const options = kustomization.generatorOptions ?? {};
    for (const args of kustomization.configMapGenerator ?? [])
      generate(resources, 'ConfigMap', args, options, input);
    for (const args of kustomization.secretGenerator ?? [])
      generate(resources, 'Secret', args, options, input);
    for (const entry of kustomization.components ?? []) this.#runComponent(resources, entry, level);
    this.#transform(resources, level);
    declareVars(this.vars, kustomization.vars ?? [], resources, file);
  }

  /** The path of a file from the folder that is built, as a scalar of YAML. */
  #fromRoot(path: string): string {
    return renderText(relative(`/${this.#open[0] ?? ''}`, `/${path}`), 2, 0);
  }

  #configure(level: Level, entry: string): void {
    const where = `${level.file}: ${entry}`;
    const text = this.#readFile(entry, level);
    for (const value of parseYamlDocuments(text, entry, this.#budget, 'kustomization')) {
      const { fields, referrals } = readConfiguration(value, where);
      level.fields = mergeFields(level.fields, fields, where, this.#budget);
      this.referrals.push(...referrals);
    }
  }

  #transform(resources: ResourceList, level: Level): void {
    const { kustomization, file, fields } = level;
    for (const [i, entry] of (kustomization.patchesStrategicMerge ?? []).entries()) {
      const where = `${file}: patchesStrategicMerge[${i}]`;
      applyPatch(resources, {}, this.#textOrFile(entry, level), where);
    }
    this.#patch(resources, kustomization.patches, level, 'patches');
    if (kustomization.namespace != null && kustomization.namespace !== '') {
      setNamespace(resources, kustomization.namespace, { fieldSpecs: fields.namespace });
    }
    affixNames(resources, kustomization.namePrefix ?? '', '', fields.namePrefix);
    affixNames(resources, '', kustomization.nameSuffix ?? '', fields.nameSuffix);
    for (const label of kustomization.labels ?? []) addLabels(resources, label, fields);
    addAt(resources, fields.commonLabels, kustomization.commonLabels ?? {});
    addAt(resources, fields.commonAnnotations, kustomization.commonAnnotations ?? {});
    this.#patch(resources, kustomization.patchesJson6902, level, 'patchesJson6902');
    for (const replicas of kustomization.replicas ?? [])
      setReplicas(resources, replicas, fields.replicas, file);
    const images = [...(kustomization.images ?? []), ...(kustomization.imageTags ?? [])];
    setImages(resources, images, fields.images, file);
    this.#replace(resources, level);
    const read = (path: string): string => this.#readFile(path, level);
    for (const entry of inlineFirst(kustomization.transformers ?? [])) {
      for (const value of this.#textOrDocuments(entry, level))
        runBuiltinTransformer(resources, value, `${file}: ${inOneLine(entry)}`, read);
    }
  }

  #patch(
    resources: ResourceList,
    patches: readonly Patch[] | null | undefined,
    level: Level,
    field: string,
  ): void {
    for (const [i, patch] of (patches ?? []).entries()) {
      const { path = '' } = patch;
      const where = `${level.file}: ${field}[${i}]${path === '' ? '' : `, ${path}`}`;
      const text = patchText(patch, where, (file) => this.#readFile(file, level));
      if (field === 'patchesJson6902' && (patch.target?.name ?? '') === '')
        throw buildError(`${where}: must specify the target name`);
      applyPatch(resources, patch, text, where);
    }
  }

  #replace(resources: ResourceList, level: Level): void {
    for (const [i, entry] of (level.kustomization.replacements ?? []).entries()) {
      const where = `${level.file}: replacements[${i}]`;
      if (entry.path === undefined || entry.path === '') replace(resources, entry, where);
      else {
        const text = this.#readFile(entry.path, level);
        const documents = parseYamlDocuments(text, entry.path, this.#budget, 'kustomization').flat();
        for (const value of documents)
          replace(resources, parseReplacement(value, `${where}, ${entry.path}`), where);
      }
    }
  }

  /** A component changes the objects of whoever names it. */
  #runComponent(resources: ResourceList, entry: string, level: Level): void {
    const folder = this.#folderOf(entry, level);
    const component = this.#enter(entry, folder, level);
    if (component.kustomization.kind !== 'Component') {
      throw buildError(`${component.file}: is named in components, so its kind must be Component`);
    }
    component.fields = level.fields;
    this.#run(resources, component);
    level.fields = component.fields;
    this.#open.pop();
  }

  #readEntry(entry: string, level: Level): readonly Resource[] {
    if (isRemote(entry))
      throw unsupported(
        `${level.file}: ${entry}: remote resources are not fetched; copy it into the repository`,
      );
    const path = resolvePath(level.folder, entry);
    if (this.#files.has(path)) return this.#readManifests(entry, level);
    const child = this.#enter(entry, this.#folderOf(entry, level), level);
    if (child.kustomization.kind === 'Component') {
      throw buildError(`${child.file}: a Component must be named in components, not in resources`);
    }
    const resources = new ResourceList(this.#budget);
    this.#run(resources, child);
    level.fields = mergeFields(level.fields, child.fields, child.file, this.#budget);
    this.#open.pop();
    return resources.all;
  }

  #folderOf(entry: string, { folder, file }: Level): string {
    if (isRemote(entry))
      throw unsupported(`${file}: ${entry}: remote folders are not fetched; copy it into the repository`);
    return resolvePath(folder, entry);
  }

  #enter(entry: string, folder: string, from: Level): Level {
    const file = findKustomization(this.#files, folder);
    if (file === undefined) {
      if (!isFolder(this.#files, folder)) throw buildError(`${from.file}: ${entry}: no such file or folder`);
      throw buildError(
        `${from.file}: ${folder} has none of 'kustomization.yaml', 'kustomization.yml' and 'Kustomization'`,
      );
    }
    if (this.#open.includes(folder))
      throw buildError(`cycle detected: ${[...this.#open, folder].join(' -> ')}`);
    if (this.#open.length >= maxLevels) throw buildError(`${file}: more than ${maxLevels} levels of bases`);
    this.#open.push(folder);
    const { documents, size } = this.#parseFile(file, 'kustomization');
    this.#budget.spendWalks(size, 10, file);
    const kustomization = readKustomization(kustomizationOf(documents, file), file, 'reject');
    return { fields: defaultFields, kustomization, folder, file };
  }

  #readManifests(entry: string, level: Level): readonly Resource[] {
    const path = this.#checked(entry, level);
    const { documents, size } = this.#parseFile(path);
    this.#budget.spendCopies(size, 1, path);
    const origin = `path: ${this.#fromRoot(path)}\n`;
    return manifestsOf(jsonClone([...documents]), path).map(({ value, where }) =>
      readResource(value, where, origin),
    );
  }

  /** Each file is parsed once, however often bases are used. */
  #parseFile(path: string, dialect: Dialect = 'manifest'): Parsed {
    const known = this.#parsed.get(path);
    if (known !== undefined) return known;
    const text = readText(this.#files, path);
    const documents = parseYamlDocuments(text, path, this.#budget, dialect);
    const parsed = { documents, size: documents.reduce((sum: number, value) => sum + sizeOf(value), 0) };
    this.#parsed.set(path, parsed);
    return parsed;
  }

  #parse(text: string, where: string): readonly Json[] {
    return parseYamlDocuments(text, where, this.#budget);
  }

  #readFile(entry: string, level: Level): string {
    return readText(this.#files, this.#checked(entry, level));
  }

  /** The path of a file that may be read. */
  #checked(entry: string, { folder, file }: Level): string {
    const path = resolvePath(folder, entry);
    if (!this.#files.has(path)) throw buildError(`${file}: ${entry}: no such file`);
    if (this.#filesMayLie === 'below' && folder !== '' && !path.startsWith(`${folder}/`)) {
      throw buildError(`${file}: security; file '${entry}' is not in or below '${folder}'`);
    }
    return path;
  }

  #textOrFile(entry: string, level: Level): string {
    return entry.includes('\n') || entry.startsWith('{') ? entry : this.#readFile(entry, level);
  }

  #textOrDocuments(entry: string, level: Level): readonly Json[] {
    const path = entry.includes('\n') ? undefined : resolvePath(level.folder, entry);
    if (path === undefined || this.#files.has(path))
      return this.#parse(this.#textOrFile(entry, level), level.file);
    // What `configurations` of that folder say ends there.
    return this.#readEntry(entry, { ...level }).map(({ object }) => object);
  }
}

function isRemote(entry: string): boolean {
  return /^(?:[a-z][a-z0-9+.-]*:\/\/|git::|git@|github\.com[/:])/i.test(entry) || entry.includes('?ref=');
}

/** As kustomize runs them. */
function inlineFirst(entries: readonly string[]): readonly string[] {
  return entries.toSorted((a, b) => Number(b.includes('\n')) - Number(a.includes('\n')));
}

function inOneLine(entry: string): string {
  return entry.includes('\n') ? 'inline transformer' : fileName(entry);
}

/** An object of another build may ask for its hash here. */
function readResource(value: Json, where: string, origin: string): Resource {
  const resource = newResource(value, where);
  resource.origin = origin;
  resource.needsHash = stringsOf(resource, 'annotations')[hashAnnotation] === 'enabled';
  return resource;
}
