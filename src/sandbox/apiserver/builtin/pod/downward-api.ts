// What a pod may tell its containers of itself. Source: pkg/apis/core/validation of Kubernetes 1.36.
import type { FieldError, FieldPath } from '../../../../machinery/field-errors.ts';
import { invalidValue, requiredValue, unsupportedValue } from '../../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../../machinery/json.ts';
import { textAt } from '../fields.ts';
import { qualifiedName, quantityAt } from '../rules.ts';

/** What environment variables may show, beside labels and annotations. */
export const environmentFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
/** What files of a downward API volume may show, beside labels and annotations. */
export const volumeFields = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];
const resourceFields = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];
const byteDivisors = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'];

/** A field of the pod itself. @param fields which ones may be used */
export function validateFieldReference(
  reference: JsonObject,
  fields: readonly string[],
  path: FieldPath,
): FieldError[] {
  if (textAt(reference, 'apiVersion') === '') return [requiredValue(path.child('apiVersion'))];
  const field = textAt(reference, 'fieldPath');
  if (field === '') return [requiredValue(path.child('fieldPath'))];
  const subscript = /^(.*)\['(.*)'\]$/s.exec(field);
  if (subscript === null) {
    if (fields.includes(field)) return [];
    return known.includes(field)
      ? [unsupportedValue(path.child('fieldPath'), field, fields)]
      : [
          invalidValue(
            path.child('fieldPath'),
            field,
            `error converting fieldPath: field label not supported: ${field}`,
          ),
        ];
  }
  const [, map = '', key = ''] = subscript;
  if (map === 'metadata.annotations') return qualifiedName(key.toLowerCase(), path);
  if (map === 'metadata.labels') return qualifiedName(key, path);
  return [
    invalidValue(
      path.child('fieldPath'),
      field,
      `error converting fieldPath: field label does not support subscript: ${field}`,
    ),
  ];
}

const known = [...volumeFields, ...environmentFields];

/** A resource of a container. @param volume files must name the container */
export function validateResourceReference(
  reference: JsonObject,
  path: FieldPath,
  volume: boolean,
): FieldError[] {
  const resource = textAt(reference, 'resource');
  const errors: FieldError[] = [];
  if (volume && textAt(reference, 'containerName') === '') {
    errors.push(requiredValue(path.child('containerName')));
  } else if (resource === '') {
    errors.push(requiredValue(path.child('resource')));
  } else if (!resourceFields.includes(resource) && !/^(limits|requests)\.hugepages-/.test(resource)) {
    errors.push(unsupportedValue(path.child('resource'), resource, resourceFields));
  }
  return [...errors, ...validateDivisor(reference, resource, path)];
}

function validateDivisor(reference: JsonObject, resource: string, path: FieldPath): FieldError[] {
  const divisor = quantityAt(reference, 'divisor');
  if (divisor === undefined || divisor.isZero()) return [];
  const [, name = ''] = /^(?:limits|requests)\.(cpu|memory|ephemeral-storage|hugepages)/.exec(resource) ?? [];
  if (name === '') return [];
  const allowed = name === 'cpu' ? ['1m', '1'] : byteDivisors;
  if (allowed.includes(divisor.toString())) return [];
  const label = name === 'ephemeral-storage' ? 'local ephemeral storage' : name;
  const list = name === 'cpu' ? '1m and 1' : byteDivisors.join(', ');
  const message = `only divisor's values ${list} are supported with the ${label} resource`;
  return [invalidValue(path.child('divisor'), resource, message)];
}
