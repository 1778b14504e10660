import { z } from 'zod';
import type { Json } from '../machinery/json.ts';
import type { Budget } from './budget.ts';
import { buildError } from './build-error.ts';
import { gvkMatches, type FieldSpec } from './field-spec.ts';
import { goFields } from './go-fields.ts';
import { fieldSpec, firstProblem } from './kustomization.ts';
import { ownField, selectorFields, templateFields, templateLabels } from './label-fields.ts';
import { compareKinds } from './order.ts';
import type { Referral } from './reference-fields.ts';
import { defaultVarReference } from './vars.ts';

/** Which fields each transformer changes, from its defaults on. */
export interface TransformerFields {
  namePrefix: readonly FieldSpec[];
  nameSuffix: readonly FieldSpec[];
  namespace: readonly FieldSpec[];
  /** Of labels that are selectors, too. */
  commonLabels: readonly FieldSpec[];
  /** Of all `labels`, beside their own. */
  labels: readonly FieldSpec[];
  templateLabels: readonly FieldSpec[];
  commonAnnotations: readonly FieldSpec[];
  /** Beside those of all containers. */
  images: readonly FieldSpec[];
  replicas: readonly FieldSpec[];
  /** In which `vars` are looked for. */
  varReference: readonly FieldSpec[];
}

const name: FieldSpec = { path: 'metadata/name' };

/** Source: the default configuration of kustomize 5. */
export const defaultFields: TransformerFields = {
  namePrefix: [name],
  nameSuffix: [name],
  namespace: [
    { path: 'metadata/name', kind: 'Namespace', create: true },
    { path: 'spec/service/namespace', group: 'apiregistration.k8s.io', kind: 'APIService', create: true },
    {
      path: 'spec/conversion/webhook/clientConfig/service/namespace',
      group: 'apiextensions.k8s.io',
      kind: 'CustomResourceDefinition',
    },
  ],
  commonLabels: [ownField('labels'), ...selectorFields, ...templateLabels()],
  labels: [],
  templateLabels: templateLabels(),
  commonAnnotations: [ownField('annotations'), ...templateFields('annotations')],
  images: [],
  replicas: ['Deployment', 'ReplicationController', 'ReplicaSet', 'StatefulSet'].map((kind) => ({
    path: 'spec/replicas',
    kind,
    create: true,
  })),
  varReference: defaultVarReference,
};

const text = z.string().optional();
const fieldSpecs = z.array(fieldSpec).nullish();
const configuration = z.strictObject({
  namePrefix: fieldSpecs,
  nameSuffix: fieldSpecs,
  namespace: fieldSpecs,
  commonLabels: fieldSpecs,
  labels: fieldSpecs,
  templateLabels: fieldSpecs,
  commonAnnotations: fieldSpecs,
  images: fieldSpecs,
  replicas: fieldSpecs,
  varReference: fieldSpecs,
  nameReference: z.array(z.strictObject({ kind: text, group: text, version: text, fieldSpecs })).nullish(),
});

/** What a file of `configurations` says. */
export interface Configuration {
  readonly fields: Partial<TransformerFields>;
  readonly referrals: readonly Referral[];
}

/**
 * Reads a file of `configurations`: fields of custom resources that transformers are to change, or that hold the name
 * of another object.
 */
export function readConfiguration(value: Json, where: string): Configuration {
  const parsed = configuration.safeParse(goFields(configuration, value, 'reject'));
  if (!parsed.success) throw buildError(`${where}: ${firstProblem(parsed.error)}`);
  const { nameReference, ...fields } = parsed.data;
  return {
    fields: Object.fromEntries(Object.entries(fields).filter(([, specs]) => specs != null)),
    referrals: (nameReference ?? []).map((reference) => ({
      target: reference,
      fields: reference.fieldSpecs ?? [],
    })),
  };
}

/**
 * Fields for one kind come before those for all, and so keep them out.
 * @throws where both have a field, and only one of them creates it
 */
export function mergeFields(
  fields: TransformerFields,
  more: Partial<TransformerFields>,
  where: string,
  budget: Budget,
): TransformerFields {
  const merged = { ...fields };
  for (const key of Object.keys(fields) as (keyof TransformerFields)[]) {
    const [old, added = old] = [fields[key], more[key]];
    // So it is where nothing is configured.
    if (added === old || added === defaultFields[key]) continue;
    const all = [...old, ...added].sort(compareKinds);
    budget.spend((all.length * all.length) / 10, where);
    merged[key] = mergeSpecs([], all, `${where}: ${key}`);
  }
  return merged;
}

/**
 * Adds what is not there yet. A spec that is there for one kind keeps out the same path for all kinds, as in kustomize.
 * @throws where both are the same, but only one of them creates
 */
export function mergeSpecs(
  specs: readonly FieldSpec[],
  more: readonly FieldSpec[],
  where: string,
): readonly FieldSpec[] {
  const merged = [...specs];
  for (const spec of more) {
    const { group = '', version = '', kind = '' } = spec;
    const same = merged.find((one) => {
      const gvk = { group: one.group ?? '', version: one.version ?? '', kind: one.kind ?? '' };
      return one.path === spec.path && gvkMatches({ group, version, kind }, gvk);
    });
    if (same === undefined) merged.push(spec);
    else if ((same.create === true) !== (spec.create === true)) {
      throw buildError(`${where}: ${spec.path}: conflicting fieldspecs; set create as kustomize does`);
    }
  }
  return merged;
}
