// What is allowed and likely a mistake. Source: pkg/api/pod/warnings.go and the strategies of Kubernetes 1.36.
import { FieldPath, goQuote } from '../../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../../machinery/json.ts';
import { jsonEqual, own } from '../../../../machinery/json.ts';
import { validateDns1123Label } from '../../../../machinery/names.ts';
import { countAt, nameOf, objectAt, objectsAt, textAt } from '../fields.ts';

const lists = ['initContainers', 'containers'];

/** Warnings about a pod spec. */
export function podSpecWarnings(spec: JsonObject, path: FieldPath): string[] {
  const warnings = lists.flatMap((list) =>
    objectsAt(spec, list).flatMap((container, i) => repeatedVariables(container, path.child(list).index(i))),
  );
  if (countAt(spec, 'terminationGracePeriodSeconds') < 0) {
    const at = path.child('terminationGracePeriodSeconds');
    warnings.push(`${at.toString()}: must be >= 0; negative values are invalid and will be treated as 1`);
  }
  return warnings;
}

function repeatedVariables(container: JsonObject, path: FieldPath): string[] {
  const seen = new Set<string>();
  return objectsAt(container, 'env').flatMap((variable, i) => {
    const name = textAt(variable, 'name');
    // `PATH=/opt:$(PATH)` means to build on the former one.
    const hides = seen.has(name) && !textAt(variable, 'value').includes(`$(${name})`);
    seen.add(name);
    const at = path.child('env').index(i).toString();
    return hides
      ? [`${at}: hides previous definition of ${goQuote(name)}, which may be dropped when using apply`]
      : [];
  });
}

/** Warnings about the name of an object whose pods are named after it. */
export function podOwnerWarnings(object: JsonObject, old: JsonObject | undefined): string[] {
  const problems = old === undefined ? validateDns1123Label(nameOf(object)) : [];
  const message =
    'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended';
  return problems.length === 0 ? [] : [`${message}: [${problems.join(' ')}]`];
}

/** Warnings of a kind with `spec.template`, about a template that is new. */
export function workloadWarnings(object: JsonObject, old: JsonObject | undefined): string[] {
  const template = own(objectAt(object, 'spec'), 'template');
  const isKnown = old !== undefined && jsonEqual(template, own(objectAt(old, 'spec'), 'template'));
  const spec = objectAt(object, 'spec', 'template', 'spec');
  return isKnown ? [] : podSpecWarnings(spec, new FieldPath('spec', 'template', 'spec'));
}
