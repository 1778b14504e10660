import type { FieldError } from '../../../machinery/field-errors.ts';
import {
  forbidden,
  invalidValue,
  requiredValue,
  tooLong,
  unsupportedValue,
} from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { own } from '../../../machinery/json.ts';
import { validateDns1123Subdomain, validateHttpPath } from '../../../machinery/names.ts';
import { defineBuiltIn } from './define.ts';
import { isSet, labelsAt, nameOf, objectAt, optionalObject, setDefault, textAt } from './fields.ts';
import { immutable, invalid, required } from './rules.ts';
import { age, ageColumn, column, none } from './table.ts';
import { specPath } from './workload.ts';

const maxController = 250;
const defaultAnnotation = 'ingressclass.kubernetes.io/is-default-class';

export const ingressClass = defineBuiltIn({
  kind: {
    group: 'networking.k8s.io',
    version: 'v1',
    resource: 'ingressclasses',
    kind: 'IngressClass',
    namespaced: false,
  },
  schema: 'io.k8s.api.networking.v1.IngressClass',
  generation: 'spec',
  setDefaults: (object) => {
    const parameters = optionalObject(object, 'spec', 'parameters');
    if (parameters !== undefined) setDefault(parameters, 'scope', 'Cluster');
  },
  validate: (object, old) => {
    const spec = objectAt(object, 'spec');
    const controller = textAt(spec, 'controller');
    const at = specPath.child('controller');
    const before = old === undefined ? controller : own(objectAt(old, 'spec'), 'controller');
    return [
      ...immutable(controller, before, at),
      ...(controller.length > maxController ? [tooLong(at, maxController)] : []),
      ...validateController(controller),
      ...validateParameters(spec),
    ];
  },
  columns: [
    column('Controller', 'Controller that is responsible for handling this class'),
    column('Parameters', 'A reference to a resource with additional parameters'),
    ageColumn,
  ],
  cells: (object, nowMs) => {
    const spec = objectAt(object, 'spec');
    const isDefault =
      own(labelsAt(objectAt(object, 'metadata'), 'annotations'), defaultAnnotation) === 'true';
    return [
      `${nameOf(object)}${isDefault ? ' (default)' : ''}`,
      textAt(spec, 'controller'),
      parametersText(optionalObject(spec, 'parameters')),
      age(object, nowMs),
    ];
  },
});

function parametersText(parameters: JsonObject | undefined): string {
  if (parameters === undefined) return none;
  const group = isSet(parameters, 'apiGroup') ? `.${textAt(parameters, 'apiGroup')}` : '';
  return `${textAt(parameters, 'kind')}${group}/${textAt(parameters, 'name')}`;
}

function validateController(controller: string): FieldError[] {
  const at = specPath.child('controller');
  if (controller === '') return [requiredValue(at)];
  const [, host = '', path = ''] = /^([^/]+)\/(.+)$/s.exec(controller) ?? [];
  if (host === '') {
    return [invalidValue(at, controller, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  }
  return [...invalid(at, host, validateDns1123Subdomain(host)), ...invalid(at, path, validateHttpPath(path))];
}

function validateParameters(spec: JsonObject): FieldError[] {
  const parameters = optionalObject(spec, 'parameters');
  if (parameters === undefined) return [];
  const at = specPath.child('parameters');
  const scope = textAt(parameters, 'scope');
  const errors = [...required(parameters, 'kind', at), ...required(parameters, 'name', at)];
  if (scope === '') return [...errors, requiredValue(at.child('scope'))];
  if (scope !== 'Namespace' && scope !== 'Cluster') {
    return [...errors, unsupportedValue(at.child('scope'), scope, ['Cluster', 'Namespace'])];
  }
  const hasNamespace = isSet(parameters, 'namespace');
  if (scope === 'Namespace' && !hasNamespace) {
    errors.push(requiredValue(at.child('namespace'), "`parameters.scope` is set to 'Namespace'"));
  }
  if (scope === 'Cluster' && hasNamespace) {
    errors.push(forbidden(at.child('namespace'), "`parameters.scope` is set to 'Cluster'"));
  }
  return errors;
}
