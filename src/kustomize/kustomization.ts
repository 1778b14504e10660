import { z } from 'zod';
import { isObject, setOwn, type Json, type JsonObject } from '../machinery/json.ts';
import { buildError, unsupported } from './build-error.ts';
import { goFields } from './go-fields.ts';

const texts = z.array(z.string()).nullish();
/** No value at all is an empty one. */
const strings = z
  .record(
    z.string(),
    z
      .string()
      .nullable()
      .transform((text) => text ?? ''),
  )
  .nullish();

export const fieldSpec = z.strictObject({
  path: z.string(),
  group: z.string().optional(),
  version: z.string().optional(),
  kind: z.string().optional(),
  create: z.boolean().optional(),
});

export const selector = z.strictObject({
  group: z.string().optional(),
  version: z.string().optional(),
  kind: z.string().optional(),
  name: z.string().optional(),
  namespace: z.string().optional(),
  labelSelector: z.string().optional(),
  annotationSelector: z.string().optional(),
});

const patch = z.strictObject({
  path: z.string().optional(),
  patch: z.string().optional(),
  target: selector.nullish(),
  options: z.record(z.string(), z.boolean()).nullish(),
});

const label = z.strictObject({
  pairs: strings,
  includeSelectors: z.boolean().optional(),
  includeTemplates: z.boolean().optional(),
  fields: z.array(fieldSpec).nullish(),
});

export const image = z.strictObject({
  name: z.string(),
  newName: z.string().optional(),
  newTag: z.string().optional(),
  tagSuffix: z.string().optional(),
  digest: z.string().optional(),
});

export const replicas = z.strictObject({ name: z.string(), count: z.int() });

const generatorOptions = z.strictObject({
  labels: strings,
  annotations: strings,
  disableNameSuffixHash: z.boolean().optional(),
  immutable: z.boolean().optional(),
});

const configMap = z.strictObject({
  name: z.string().min(1),
  namespace: z.string().optional(),
  behavior: z.enum(['', 'create', 'merge', 'replace']).optional(),
  literals: texts,
  files: texts,
  envs: texts,
  env: z.string().optional(),
  options: generatorOptions.nullish(),
});

const secret = configMap.extend({ type: z.string().optional() });

const sortOptions = z.discriminatedUnion('order', [
  z.strictObject({
    order: z.literal('legacy'),
    legacySortOptions: z.strictObject({ orderFirst: texts, orderLast: texts }).nullish(),
  }),
  z.strictObject({ order: z.literal('fifo'), legacySortOptions: z.null().optional() }),
]);

const replacementSelector = z.strictObject({
  group: z.string().optional(),
  version: z.string().optional(),
  kind: z.string().optional(),
  name: z.string().optional(),
  namespace: z.string().optional(),
});

const fieldOptions = z.strictObject({
  delimiter: z.string().optional(),
  index: z.int().optional(),
  encoding: z.string().optional(),
  create: z.boolean().optional(),
});

export const replacement = z.strictObject({
  path: z.string().optional(),
  source: replacementSelector
    .extend({ fieldPath: z.string().optional(), options: fieldOptions.nullish() })
    .nullish(),
  targets: z
    .array(
      z.strictObject({
        select: selector.nullish(),
        reject: z.array(selector).nullish(),
        fieldPaths: texts,
        options: fieldOptions.nullish(),
      }),
    )
    .nullish(),
});

const variable = z.strictObject({
  name: z.string().min(1),
  objref: z.strictObject({
    apiVersion: z.string().optional(),
    group: z.string().optional(),
    version: z.string().optional(),
    kind: z.string().optional(),
    name: z.string().optional(),
    namespace: z.string().optional(),
  }),
  fieldref: z.strictObject({ fieldPath: z.string().optional() }).nullish(),
});

const metadata = z.strictObject({
  name: z.string().nullish(),
  namespace: z.string().nullish(),
  labels: strings,
  annotations: strings,
});

const kustomization = z.strictObject({
  apiVersion: z.string().nullish(),
  kind: z.string().nullish(),
  metadata: metadata.nullish(),
  resources: texts,
  bases: texts,
  components: texts,
  configurations: texts,
  namespace: z.string().nullish(),
  namePrefix: z.string().nullish(),
  nameSuffix: z.string().nullish(),
  labels: z.array(label).nullish(),
  commonLabels: strings,
  commonAnnotations: strings,
  patches: z.array(patch).nullish(),
  patchesStrategicMerge: texts,
  patchesJson6902: z.array(patch).nullish(),
  images: z.array(image).nullish(),
  imageTags: z.array(image).nullish(),
  replicas: z.array(replicas).nullish(),
  configMapGenerator: z.array(configMap).nullish(),
  secretGenerator: z.array(secret).nullish(),
  generatorOptions: generatorOptions.nullish(),
  replacements: z.array(replacement).nullish(),
  transformers: texts,
  sortOptions: sortOptions.nullish(),
  vars: z.array(variable).nullish(),
  buildMetadata: texts,
});

export type Kustomization = Readonly<z.output<typeof kustomization>>;
export type Selector = Readonly<z.output<typeof selector>>;
export type Patch = Readonly<z.output<typeof patch>>;
export type Label = Readonly<z.output<typeof label>>;
export type Image = Readonly<z.output<typeof image>>;
export type Replicas = Readonly<z.output<typeof replicas>>;
export type GeneratorOptions = Readonly<z.output<typeof generatorOptions>>;
/** Of a ConfigMap or, with a type, of a Secret. */
export type GeneratorArgs = Readonly<z.output<typeof secret>>;
export type SortOptions = Readonly<z.output<typeof sortOptions>>;
export type Var = Readonly<z.output<typeof variable>>;
export type Replacement = Readonly<z.output<typeof replacement>>;
export type ReplacementOptions = Readonly<z.output<typeof fieldOptions>>;

/** Fields of kustomize that are refused when they hold something, and why. */
const unsupportedFields: Readonly<Record<string, string>> = {
  crds: 'references of custom resources cannot be declared',
  generators: 'generator plugins are not run',
  helmChartInflationGenerator: 'Helm charts are not rendered',
  helmCharts: 'Helm charts are not rendered',
  helmGlobals: 'Helm charts are not rendered',
  openapi: 'schemas cannot be added',
  validators: 'validator plugins are not run',
};

/** By its name in small letters: kustomize reads a field in any case. */
const unsupportedNames = new Map(Object.keys(unsupportedFields).map((name) => [name.toLowerCase(), name]));

const isEmptyMessage = 'kustomization.yaml is empty';

/** The only document of a file, before its fields are understood. */
export function kustomizationOf([value, second]: readonly Json[], where: string): JsonObject {
  if (second !== undefined) throw buildError(`${where}: more than one document`);
  if (value === undefined || (isObject(value) && Object.keys(value).length === 0)) {
    throw buildError(`${where}: ${isEmptyMessage}`);
  }
  if (!isObject(value)) throw buildError(`${where}: not a map`);
  return value;
}

/**
 * @param unknownFields Flux reads the root file and writes it anew, which drops what it does not know
 * @throws for fields that do not exist, have another type, or are not supported
 */
export function readKustomization(
  value: JsonObject,
  where: string,
  unknownFields: 'reject' | 'drop',
): Kustomization {
  const supported: JsonObject = {};
  for (const [written, content] of Object.entries(value)) {
    const name = unsupportedNames.get(written.toLowerCase());
    if (name === undefined) setOwn(supported, written, content);
    else if (!isEmpty(content))
      throw unsupported(`${where}: ${name} is not supported: ${unsupportedFields[name] ?? ''}`);
  }
  const parsed = kustomization.safeParse(goFields(kustomization, supported, unknownFields));
  if (!parsed.success) throw buildError(`${where}: ${firstProblem(parsed.error)}`);
  checkKind(parsed.data, where);
  if (parsed.data.buildMetadata?.includes('transformerAnnotations') === true)
    throw unsupported(`${where}: buildMetadata: transformerAnnotations is not supported`);
  // In a root file, Flux fills in what keeps kustomize from refusing it.
  if (unknownFields === 'reject' && isVoid(parsed.data)) throw buildError(`${where}: ${isEmptyMessage}`);
  return parsed.data;
}

function isEmpty(value: Json): boolean {
  return value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}

function isVoid(kustomization: Kustomization): boolean {
  return Object.entries(kustomization).every(
    ([field, value]) => field === 'apiVersion' || field === 'kind' || value == null || value === '',
  );
}

function checkKind({ apiVersion, kind }: Kustomization, where: string): void {
  if (kind != null && kind !== 'Kustomization' && kind !== 'Component') {
    throw buildError(`${where}: kind ${kind} is neither Kustomization nor Component`);
  }
  const group = 'kustomize.config.k8s.io';
  const expected = kind === 'Component' ? `${group}/v1alpha1` : `${group}/v1beta1`;
  if (apiVersion != null && apiVersion !== expected) {
    throw buildError(`${where}: apiVersion ${apiVersion} is not ${expected}`);
  }
}

/** @throws where a file of replacements holds something else */
export function parseReplacement(value: Json, where: string): Replacement {
  const parsed = replacement.safeParse(goFields(replacement, value, 'drop'));
  if (!parsed.success) throw buildError(`${where}: ${firstProblem(parsed.error)}`);
  return parsed.data;
}

/** The first field that is wrong, and why. */
export function firstProblem({ issues: [issue] }: z.ZodError): string {
  const field = issue?.path.map(String).join('.') ?? '';
  return `${field === '' ? '' : `${field}: `}${issue?.message ?? 'not valid'}`;
}
