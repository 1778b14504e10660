import type { JsonObject } from '../../../machinery/json.ts';
import { goQuote } from '../../../machinery/field-errors.ts';
import { validateQualifiedName } from '../../../machinery/names.ts';
import { finalizersOf } from '../object-metadata.ts';

const standard = new Set(['orphan', 'foregroundDeletion', 'kubernetes']);

/** Warns of new finalizers whose names could clash with those of others. */
export function finalizerWarnings(object: JsonObject, old: JsonObject | undefined): string[] {
  const before = new Set(old === undefined ? [] : finalizersOf(old));
  return [...new Set(finalizersOf(object))]
    .filter((finalizer) => !before.has(finalizer))
    .sort()
    .flatMap(warningsOf);
}

function warningsOf(finalizer: string): string[] {
  const at = `metadata.finalizers: ${goQuote(finalizer)}`;
  const warnings = validateQualifiedName(finalizer).map((problem) => `${at}: ${problem}`);
  if (finalizer.includes('/') || standard.has(finalizer)) return warnings;
  const path = finalizer.includes('.') ? ' including a path (/)' : '';
  const advice = `prefer a domain-qualified finalizer name${path} to avoid accidental conflicts with other finalizer writers`;
  return [...warnings, `${at}: ${advice}`];
}
