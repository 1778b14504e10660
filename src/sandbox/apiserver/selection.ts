import type { FieldSelector } from '../../machinery/field-selector.ts';
import type { JsonObject } from '../../machinery/json.ts';
import type { LabelSelector } from '../../machinery/label-selector.ts';
import { labelsOf, metadataOf, textOf } from './object-metadata.ts';
import type { ResourceDefinition } from './resource-definition.ts';

export interface Selection {
  readonly labels: LabelSelector;
  readonly fields: FieldSelector;
}

/** @param object as served */
export function isSelected(
  definition: ResourceDefinition,
  selection: Selection,
  object: JsonObject,
): boolean {
  if (!selection.labels.isEmpty() && !selection.labels.matches(labelsOf(object))) return false;
  if (selection.fields.isEmpty()) return true;
  const metadata = metadataOf(object);
  return selection.fields.matches({
    ...definition.selectableFields?.of(object),
    'metadata.name': textOf(metadata, 'name'),
    'metadata.namespace': textOf(metadata, 'namespace'),
  });
}
