import { z } from 'zod';
import type { Json } from '../machinery/json.ts';
import { buildError, unsupported } from './build-error.ts';
import { fieldSpec, firstProblem } from './kustomization.ts';
import type { Referral } from './reference-fields.ts';

const text = z.string().optional();
const configuration = z.looseObject({
  nameReference: z
    .array(z.object({ kind: text, group: text, version: text, fieldSpecs: z.array(fieldSpec).nullish() }))
    .nullish(),
});

/** What else such a file can hold: fields that transformers change. */
const refused = (
  'namePrefix nameSuffix namespace commonLabels templateLabels labels commonAnnotations images replicas ' +
  'varReference'
).split(' ');

/**
 * Reads a file of `configurations`: fields of custom resources that hold the name of another object.
 * @throws for the fields of transformers, which cannot be configured
 */
export function readConfiguration(value: Json, where: string): readonly Referral[] {
  const parsed = configuration.safeParse(value);
  if (!parsed.success) throw buildError(`${where}: ${firstProblem(parsed.error)}`);
  const { nameReference, ...others } = parsed.data;
  const field = refused.find((name) => Array.isArray(others[name]) && others[name].length > 0);
  if (field !== undefined)
    throw unsupported(`${where}: ${field}: of configurations only nameReference is supported`);
  return (nameReference ?? []).map(({ fieldSpecs, ...target }) => ({ target, fields: fieldSpecs ?? [] }));
}
