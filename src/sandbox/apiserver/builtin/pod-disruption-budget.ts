import type { FieldError } from '../../../machinery/field-errors.ts';
import { invalidValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { defineBuiltIn } from './define.ts';
import { countAt, isSet, nameOf, numberAt, objectAt, textAt } from './fields.ts';
import { allNonNegative, atMost100Percent, intOrPercent, oneOf, selectorErrors } from './rules.ts';
import { age, ageColumn, column, integerColumn } from './table.ts';
import { specPath, statusPath } from './workload.ts';

const bounds = ['minAvailable', 'maxUnavailable'];

export const podDisruptionBudget = defineBuiltIn({
  kind: {
    group: 'policy',
    version: 'v1',
    resource: 'poddisruptionbudgets',
    kind: 'PodDisruptionBudget',
    namespaced: true,
  },
  schema: 'io.k8s.api.policy.v1.PodDisruptionBudget',
  shortNames: ['pdb'],
  status: true,
  generation: 'spec',
  unconditionalUpdate: false,
  validate: (object, _old, subresource) => {
    if (subresource === undefined) return validateSpec(objectAt(object, 'spec'));
    const counts = ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'];
    return allNonNegative(objectAt(object, 'status'), counts, statusPath);
  },
  columns: [
    column('Min Available', 'The minimum number of pods that must be available.'),
    column('Max Unavailable', 'The maximum number of pods that may be unavailable.'),
    integerColumn('Allowed Disruptions', 'Calculated number of pods that may be disrupted at this time.'),
    ageColumn,
  ],
  cells: (object, nowMs) => {
    const spec = objectAt(object, 'spec');
    return [
      nameOf(object),
      ...bounds.map((bound) => String(numberAt(spec, bound) ?? (textAt(spec, bound) || 'N/A'))),
      countAt(objectAt(object, 'status'), 'disruptionsAllowed'),
      age(object, nowMs),
    ];
  },
});

function validateSpec(spec: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  if (bounds.every((bound) => isSet(spec, bound))) {
    errors.push(invalidValue(specPath, spec, 'minAvailable and maxUnavailable cannot be both set'));
  }
  for (const bound of bounds) {
    errors.push(...intOrPercent(spec, bound, specPath), ...atMost100Percent(spec, bound, specPath));
  }
  errors.push(...selectorErrors(spec, 'selector', specPath));
  const policies = ['AlwaysAllow', 'IfHealthyBudget'];
  return [...errors, ...oneOf(spec, 'unhealthyPodEvictionPolicy', policies, specPath)];
}
