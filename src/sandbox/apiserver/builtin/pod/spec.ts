// The whole of a pod spec, and of pod templates. Source: pkg/apis/core/validation of Kubernetes 1.36.
import type { FieldError, FieldPath } from '../../../../machinery/field-errors.ts';
import {
  forbidden,
  invalidValue,
  requiredValue,
  unsupportedValue,
} from '../../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../../machinery/json.ts';
import { own } from '../../../../machinery/json.ts';
import type { LabelSelector } from '../../../../machinery/label-selector.ts';
import { validateLabels } from '../../../../machinery/label-selector.ts';
import {
  validateDns1123Label,
  validateDns1123Subdomain,
  validateQualifiedName,
} from '../../../../machinery/names.ts';
import {
  countAt,
  isSet,
  labelsAt,
  listAt,
  numberAt,
  objectAt,
  objectsAt,
  optionalObject,
  textAt,
  textsAt,
} from '../fields.ts';
import { validateIp } from '../ip.ts';
import { invalid, oneOf, qualifiedName, requiredOneOf } from '../rules.ts';
import { validateContainers, validateIds, validateInitContainers, validateSeccomp } from './containers.ts';
import { validateGates, validateHostAliases, validateScheduling } from './scheduling.ts';
import { validateVolumes } from './volumes.ts';

const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const restartPolicies = ['Always', 'OnFailure', 'Never'];

/** @param isPod of a Pod itself, not of a template */
export function validatePodSpec(spec: JsonObject, path: FieldPath, isPod: boolean): FieldError[] {
  const gracePeriod = numberAt(spec, 'terminationGracePeriodSeconds');
  const { errors, volumes } = validateVolumes(spec, path.child('volumes'));
  const parts = { volumes, gracePeriod: gracePeriod ?? Number.POSITIVE_INFINITY };
  return [
    ...(gracePeriod === undefined ? [requiredValue(path.child('terminationGracePeriodSeconds'))] : []),
    ...errors,
    ...validateContainers(spec, parts, path.child('containers')),
    ...validateInitContainers(spec, parts, path.child('initContainers')),
    ...validateHostNetwork(spec, path, isPod),
    ...requiredOneOf(spec, 'restartPolicy', restartPolicies, path),
    ...requiredOneOf(spec, 'dnsPolicy', dnsPolicies, path),
    ...validateLabels(labelsAt(spec, 'nodeSelector'), path.child('nodeSelector')),
    ...validateSecurityContext(spec, path.child('securityContext')),
    ...validateDns(spec, path.child('dnsConfig')),
    ...validateGates(spec, path),
    ...validateScheduling(spec, path),
    ...validateNames(spec, path),
    ...validateHostAliases(spec, path.child('hostAliases')),
    ...validateDeadline(spec, path),
    ...oneOf(spec, 'preemptionPolicy', ['PreemptLowerPriority', 'Never'], path),
  ];
}

function validateHostNetwork(spec: JsonObject, path: FieldPath, isPod: boolean): FieldError[] {
  if (own(spec, 'hostNetwork') !== true) return [];
  return objectsAt(spec, 'containers').flatMap((container, i) =>
    objectsAt(container, 'ports').flatMap((port, j) => {
      const host = countAt(port, 'hostPort');
      if ((!isPod && host === 0) || host === countAt(port, 'containerPort')) return [];
      const at = path.child('containers').index(i).child('ports').index(j).child('hostPort');
      return [invalidValue(at, host, 'must match `containerPort` when `hostNetwork` is true')];
    }),
  );
}

function validateSecurityContext(spec: JsonObject, path: FieldPath): FieldError[] {
  const context = objectAt(spec, 'securityContext');
  const groups = listAt(context, 'supplementalGroups').flatMap((id, i) =>
    typeof id === 'number' && (id < 0 || id > 2 ** 31 - 1)
      ? [
          invalidValue(
            path.child('supplementalGroups').index(i),
            id,
            'must be between 0 and 2147483647, inclusive',
          ),
        ]
      : [],
  );
  const shares = own(spec, 'shareProcessNamespace') === true && own(spec, 'hostPID') === true;
  const message = 'ShareProcessNamespace and HostPID cannot both be enabled';
  return [
    ...validateIds(context, ['fsGroup', 'runAsUser', 'runAsGroup'], path),
    ...groups,
    ...(shares ? [invalidValue(path.child('shareProcessNamespace'), true, message)] : []),
    ...oneOf(context, 'fsGroupChangePolicy', ['Always', 'OnRootMismatch'], path),
    ...validateSeccomp(context, path),
    ...oneOf(context, 'supplementalGroupsPolicy', ['Merge', 'Strict'], path),
  ];
}

function validateDns(spec: JsonObject, path: FieldPath): FieldError[] {
  const config = optionalObject(spec, 'dnsConfig');
  const servers = config === undefined ? [] : textsAt(config, 'nameservers');
  if (textAt(spec, 'dnsPolicy') === 'None') {
    if (config === undefined) {
      return [requiredValue(path, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    }
    if (servers.length === 0) {
      const message = 'must provide at least one DNS nameserver when `dnsPolicy` is None';
      return [requiredValue(path.child('nameservers'), message)];
    }
  }
  if (config === undefined) return [];
  const errors: FieldError[] = [];
  if (servers.length > 3) {
    errors.push(invalidValue(path.child('nameservers'), servers, 'must not have more than 3 nameservers'));
  }
  errors.push(...servers.flatMap((server, i) => validateIp(server, path.child('nameservers').index(i))));
  const searches = textsAt(config, 'searches');
  if (searches.length > 32) {
    errors.push(invalidValue(path.child('searches'), searches, 'must not have more than 32 search paths'));
  }
  for (const [i, option] of objectsAt(config, 'options').entries()) {
    if (textAt(option, 'name') === '') {
      errors.push(requiredValue(path.child('options').index(i), 'must not be empty'));
    }
  }
  return errors;
}

function validateNames(spec: JsonObject, path: FieldPath): FieldError[] {
  const check = (field: string, problems: (value: string) => string[]): FieldError[] => {
    const value = textAt(spec, field);
    return value === '' ? [] : invalid(path.child(field), value, problems(value));
  };
  return [
    ...check('serviceAccountName', validateDns1123Subdomain),
    ...check('nodeName', validateDns1123Subdomain),
    ...check('hostname', validateDns1123Label),
    ...check('subdomain', validateDns1123Label),
    ...check('priorityClassName', validateDns1123Subdomain),
    ...check('runtimeClassName', validateDns1123Subdomain),
  ];
}

function validateDeadline(spec: JsonObject, path: FieldPath): FieldError[] {
  const seconds = numberAt(spec, 'activeDeadlineSeconds');
  if (seconds === undefined || (seconds >= 1 && seconds <= 2 ** 31 - 1)) return [];
  return [
    invalidValue(path.child('activeDeadlineSeconds'), seconds, 'must be between 1 and 2147483647, inclusive'),
  ];
}

/** What every pod template must fulfil, whoever makes pods of it. */
export function validatePodTemplate(template: JsonObject, path: FieldPath): FieldError[] {
  const metadata = objectAt(template, 'metadata');
  const spec = objectAt(template, 'spec');
  const ephemeral = isSet(spec, 'ephemeralContainers') && listAt(spec, 'ephemeralContainers').length > 0;
  return [
    // Of the metadata upstream leaves the path out.
    ...validateLabels(labelsAt(metadata, 'labels'), path.child('labels')),
    ...validateAnnotations(metadata, path.child('annotations')),
    ...validatePodSpec(spec, path.child('spec'), false),
    ...(ephemeral
      ? [
          forbidden(
            path.child('spec', 'ephemeralContainers'),
            'ephemeral containers not allowed in pod template',
          ),
        ]
      : []),
  ];
}

function validateAnnotations(metadata: JsonObject, path: FieldPath): FieldError[] {
  return Object.keys(labelsAt(metadata, 'annotations')).flatMap((key) => {
    const problems = validateQualifiedName(key.toLowerCase());
    return problems.length === 0 ? [] : qualifiedName(key, path);
  });
}

/**
 * A template whose pods run for ever, under a selector.
 *
 * @param owner the kind, as messages call it
 */
export function validateSelectedTemplate(
  template: JsonObject,
  selector: LabelSelector,
  owner: string,
  path: FieldPath,
): FieldError[] {
  const labels = labelsAt(objectAt(template, 'metadata'), 'labels');
  const errors: FieldError[] = [];
  const selectsAll = selector.requirements.length === 0 && !selector.matchesNothing;
  if (!selectsAll && !selector.matchesNothing && !selector.matches(labels)) {
    const message = '`selector` does not match template `labels`';
    errors.push(invalidValue(path.child('metadata', 'labels'), labels, message));
  }
  return [...errors, ...validatePodTemplate(template, path), ...validateForever(template, owner, path)];
}

function validateForever(template: JsonObject, owner: string, path: FieldPath): FieldError[] {
  const spec = objectAt(template, 'spec');
  const restartPolicy = textAt(spec, 'restartPolicy');
  const errors: FieldError[] = [];
  if (restartPolicy !== 'Always') {
    errors.push(unsupportedValue(path.child('spec', 'restartPolicy'), restartPolicy, ['Always']));
  }
  if (isSet(spec, 'activeDeadlineSeconds')) {
    const message = `activeDeadlineSeconds in ${owner} is not Supported`;
    errors.push(forbidden(path.child('spec', 'activeDeadlineSeconds'), message));
  }
  return errors;
}
