import { z } from 'zod';
import type { Json } from '../machinery/json.ts';
import { buildError, unsupported } from './build-error.ts';
import { setImages } from './images.ts';
import { fieldSpec, firstProblem, image, replacement, replicas, selector } from './kustomization.ts';
import { applyPatch, patchText } from './patches.ts';
import { replace } from './replacements.ts';
import { addAt, affixNames, setNamespace, setReplicas } from './transformers.ts';
import type { ResourceList } from './resource.ts';

const fieldSpecs = z.array(fieldSpec).default([]);
const nameFields = z.array(fieldSpec, { error: 'fieldSpecs is not expected to be nil' });
const head = {
  apiVersion: z.literal('builtin'),
  metadata: z.looseObject({ namespace: z.string().optional() }),
};
const strings = z.record(z.string(), z.string()).default({});

const transformer = z.discriminatedUnion('kind', [
  z.strictObject({ ...head, kind: z.literal('LabelTransformer'), labels: strings, fieldSpecs }),
  z.strictObject({ ...head, kind: z.literal('AnnotationsTransformer'), annotations: strings, fieldSpecs }),
  z.strictObject({
    ...head,
    kind: z.literal('NamespaceTransformer'),
    unsetOnly: z.boolean().optional(),
    setRoleBindingSubjects: z.enum(['defaultOnly', 'allServiceAccounts', 'none']).optional(),
    fieldSpecs,
  }),
  z.strictObject({
    ...head,
    kind: z.literal('PrefixTransformer'),
    prefix: z.string().default(''),
    fieldSpecs: nameFields,
  }),
  z.strictObject({
    ...head,
    kind: z.literal('SuffixTransformer'),
    suffix: z.string().default(''),
    fieldSpecs: nameFields,
  }),
  z.strictObject({ ...head, kind: z.literal('ImageTagTransformer'), imageTag: image, fieldSpecs }),
  z.strictObject({ ...head, kind: z.literal('ReplicaCountTransformer'), replica: replicas, fieldSpecs }),
  z.strictObject({
    ...head,
    kind: z.literal('PrefixSuffixTransformer'),
    prefix: z.string().default(''),
    suffix: z.string().default(''),
    fieldSpecs: nameFields,
  }),
  z.strictObject({
    ...head,
    kind: z.literal('PatchTransformer'),
    path: z.string().default(''),
    patch: z.string().default(''),
    target: selector.optional(),
    options: z.record(z.string(), z.boolean()).optional(),
  }),
  z.strictObject({
    ...head,
    kind: z.literal('ReplacementTransformer'),
    replacements: z.array(replacement.omit({ path: true })),
  }),
]);

const known = new Set(transformer.options.map((option) => option.shape.kind.value as string));

/**
 * Runs one configuration of `transformers`: of those that kustomize itself brings. Others are programs.
 * @param read gives the text of a file that it names
 */
export function runBuiltinTransformer(
  resources: ResourceList,
  value: Json,
  where: string,
  read: (path: string) => string,
): void {
  const { apiVersion, kind } = z
    .looseObject({ apiVersion: z.unknown(), kind: z.unknown() })
    .catch({ apiVersion: '', kind: '' })
    .parse(value);
  if (apiVersion !== 'builtin' || typeof kind !== 'string' || !known.has(kind)) {
    throw unsupported(
      `${where}: the transformer ${JSON.stringify(apiVersion)} ${JSON.stringify(kind)} is not supported; known are ${[...known].join(', ')} of apiVersion builtin`,
    );
  }
  const parsed = transformer.safeParse(value);
  if (!parsed.success) throw buildError(`${where}: ${firstProblem(parsed.error)}`);
  const { data } = parsed;
  switch (data.kind) {
    case 'LabelTransformer':
      return addAt(resources, data.fieldSpecs, data.labels);
    case 'AnnotationsTransformer':
      return addAt(resources, data.fieldSpecs, data.annotations);
    case 'NamespaceTransformer':
      return setNamespace(resources, data.metadata.namespace ?? '', data);
    case 'PrefixTransformer':
      return affixNames(resources, data.prefix, '', data.fieldSpecs);
    case 'SuffixTransformer':
      return affixNames(resources, '', data.suffix, data.fieldSpecs);
    case 'PrefixSuffixTransformer':
      return affixNames(resources, data.prefix, data.suffix, data.fieldSpecs);
    case 'ImageTagTransformer':
      return setImages(resources, [data.imageTag], data.fieldSpecs, where);
    case 'ReplicaCountTransformer':
      return setReplicas(resources, data.replica, data.fieldSpecs, where);
    case 'PatchTransformer':
      return applyPatch(resources, data, patchText(data, where, read), where);
    case 'ReplacementTransformer':
      for (const one of data.replacements) replace(resources, one, where);
  }
}
