import { FieldPath } from '../../../machinery/field-errors.ts';
import { defineBuiltIn } from './define.ts';
import { ensureObject, labelsAt, nameOf, objectAt } from './fields.ts';
import { setPodTemplateDefaults } from './pod/defaults.ts';
import { validatePodTemplate } from './pod/spec.ts';
import { column, containerCells, formatLabels } from './table.ts';

export const podTemplate = defineBuiltIn({
  kind: { group: '', version: 'v1', resource: 'podtemplates', kind: 'PodTemplate', namespaced: true },
  schema: 'io.k8s.api.core.v1.PodTemplate',
  generation: 'spec',
  setDefaults: (object) => setPodTemplateDefaults(ensureObject(object, 'template')),
  validate: (object) => validatePodTemplate(objectAt(object, 'template'), new FieldPath('template')),
  deleteAnswer: 'object',
  columns: [
    column('Containers', 'Names of each container in the template.'),
    column('Images', 'Images referenced by each container in the template.'),
    column('Pod Labels', 'The labels for the pod template.'),
  ],
  cells: (object) => {
    const template = objectAt(object, 'template');
    return [
      nameOf(object),
      ...containerCells(template),
      formatLabels(labelsAt(objectAt(template, 'metadata'), 'labels')),
    ];
  },
});
