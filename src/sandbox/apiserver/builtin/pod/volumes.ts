// Volumes and their mounts. Source: pkg/apis/core/validation of Kubernetes 1.36; sources that only exist on some clouds
// are counted, not looked into.
import type { FieldError, FieldPath } from '../../../../machinery/field-errors.ts';
import {
  duplicateValue,
  forbidden,
  invalidValue,
  notFound,
  requiredValue,
} from '../../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../../machinery/json.ts';
import { isSet, numberAt, objectAt, objectsAt, textAt } from '../fields.ts';
import { label, oneOf, quantityAt, required } from '../rules.ts';
import { validateFieldReference, validateResourceReference, volumeFields } from './downward-api.ts';

/** Volumes by name. */
export type Volumes = ReadonlyMap<string, JsonObject>;

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

/** @returns problems, and the volumes that have none: what mounts may use */
export function validateVolumes(
  spec: JsonObject,
  path: FieldPath,
): { errors: FieldError[]; volumes: Volumes } {
  const volumes = new Map<string, JsonObject>();
  const errors: FieldError[] = [];
  for (const [i, volume] of objectsAt(spec, 'volumes').entries()) {
    const at = path.index(i);
    const name = textAt(volume, 'name');
    const problems = validateSources(volume, at);
    problems.push(...(name === '' ? [requiredValue(at.child('name'))] : label(volume, 'name', at)));
    if (volumes.has(name)) problems.push(duplicateValue(at.child('name'), name));
    if (problems.length === 0) volumes.set(name, volume);
    errors.push(...problems);
  }
  return { errors, volumes };
}

function validateSources(volume: JsonObject, path: FieldPath): FieldError[] {
  const names = Object.keys(volume).filter((key) => key !== 'name' && isSet(volume, key));
  // The order in which upstream looks: an emptyDir never is the one too many.
  const ordered = names.toSorted((a, b) => Number(b === 'emptyDir') - Number(a === 'emptyDir'));
  if (ordered.length === 0) return [requiredValue(path, 'must specify a volume type')];
  return ordered.flatMap((name, i) =>
    i > 0
      ? [forbidden(path.child(name), 'may not specify more than 1 volume type')]
      : validateSource(name, objectAt(volume, name), path.child(name)),
  );
}

function validateSource(type: string, source: JsonObject, path: FieldPath): FieldError[] {
  switch (type) {
    case 'emptyDir':
      return (quantityAt(source, 'sizeLimit')?.value() ?? 0n) < 0n
        ? [forbidden(path.child('sizeLimit'), 'SizeLimit field must be a valid resource quantity')]
        : [];
    case 'hostPath':
      return validateHostPath(source, path);
    case 'secret':
      return [...required(source, 'secretName', path), ...validateFiles(source, path)];
    case 'configMap':
      return [...required(source, 'name', path), ...validateFiles(source, path)];
    case 'persistentVolumeClaim':
      return required(source, 'claimName', path);
    case 'downwardAPI':
      return [...validateMode(source, 'defaultMode', path), ...validateDownwardFiles(source, path)];
    case 'projected':
      return [...validateMode(source, 'defaultMode', path), ...validateProjections(source, path)];
    case 'nfs':
      return validateNfs(source, path);
    case 'csi':
      return required(source, 'driver', path);
    case 'ephemeral':
      return isSet(source, 'volumeClaimTemplate') ? [] : [requiredValue(path.child('volumeClaimTemplate'))];
    default:
      return [];
  }
}

function validateHostPath(source: JsonObject, path: FieldPath): FieldError[] {
  const missing = required(source, 'path', path);
  if (missing.length > 0) return missing;
  return [
    ...noBacksteps(textAt(source, 'path'), path.child('path')),
    ...oneOf(source, 'type', hostPathTypes, path),
  ];
}

function validateNfs(source: JsonObject, path: FieldPath): FieldError[] {
  const errors = [...required(source, 'server', path), ...required(source, 'path', path)];
  const folder = textAt(source, 'path');
  if (folder !== '' && !folder.startsWith('/')) {
    errors.push(invalidValue(path.child('path'), folder, 'must be an absolute path'));
  }
  return errors;
}

function validateMode(object: JsonObject, field: string, path: FieldPath): FieldError[] {
  const mode = numberAt(object, field);
  if (mode === undefined || (mode >= 0 && mode <= 0o777)) return [];
  const message = 'must be a number between 0 and 0777 (octal), both inclusive';
  return [invalidValue(path.child(field), mode, message)];
}

function validateFiles(source: JsonObject, path: FieldPath): FieldError[] {
  return [
    ...validateMode(source, 'defaultMode', path),
    ...objectsAt(source, 'items').flatMap((item, i) => validateFile(item, path.child('items').index(i))),
  ];
}

function validateFile(item: JsonObject, path: FieldPath): FieldError[] {
  return [
    ...required(item, 'key', path),
    ...required(item, 'path', path),
    ...localPath(textAt(item, 'path'), path.child('path')),
    ...validateMode(item, 'mode', path),
  ];
}

function validateDownwardFiles(source: JsonObject, path: FieldPath): FieldError[] {
  return objectsAt(source, 'items').flatMap((item) => [
    ...required(item, 'path', path),
    ...localPath(textAt(item, 'path'), path.child('path')),
    ...validateDownwardSource(item, path),
    ...validateMode(item, 'mode', path),
  ]);
}

function validateDownwardSource(item: JsonObject, path: FieldPath): FieldError[] {
  const hasResource = isSet(item, 'resourceFieldRef');
  if (isSet(item, 'fieldRef')) {
    const errors = validateFieldReference(objectAt(item, 'fieldRef'), volumeFields, path.child('fieldRef'));
    const both = 'fieldRef and resourceFieldRef can not be specified simultaneously';
    return hasResource ? [...errors, invalidValue(path, 'resource', both)] : errors;
  }
  if (!hasResource) return [requiredValue(path, 'one of fieldRef and resourceFieldRef is required')];
  return validateResourceReference(objectAt(item, 'resourceFieldRef'), path.child('resourceFieldRef'), true);
}

function validateProjections(volume: JsonObject, path: FieldPath): FieldError[] {
  const paths = new Set<string>();
  return objectsAt(volume, 'sources').flatMap((projection, i) => {
    const at = path.child('sources').index(i);
    const errors: FieldError[] = [];
    for (const type of ['secret', 'configMap']) {
      if (!isSet(projection, type)) continue;
      const source = objectAt(projection, type);
      errors.push(...required(source, 'name', at.child(type)));
      for (const [j, item] of objectsAt(source, 'items').entries()) {
        errors.push(...validateFile(item, at.child(type, 'items').index(j)));
        const file = textAt(item, 'path');
        if (paths.has(file))
          errors.push(invalidValue(path, textAt(source, 'name'), 'conflicting duplicate paths'));
        if (file !== '') paths.add(file);
      }
    }
    if (isSet(projection, 'downwardAPI')) {
      errors.push(...validateDownwardFiles(objectAt(projection, 'downwardAPI'), at.child('downwardAPI')));
    }
    if (isSet(projection, 'serviceAccountToken')) {
      errors.push(
        ...validateToken(objectAt(projection, 'serviceAccountToken'), at.child('serviceAccountToken')),
      );
    }
    if (Object.keys(projection).filter((key) => isSet(projection, key)).length > 1) {
      errors.push(forbidden(at, 'may not specify more than 1 volume type per source'));
    }
    return errors;
  });
}

function validateToken(token: JsonObject, path: FieldPath): FieldError[] {
  const seconds = numberAt(token, 'expirationSeconds');
  const errors: FieldError[] = [];
  if (seconds !== undefined && seconds < 600) {
    errors.push(
      invalidValue(
        path.child('expirationSeconds'),
        seconds,
        'may not specify a duration less than 10 minutes',
      ),
    );
  }
  if (seconds !== undefined && seconds > 2 ** 32) {
    errors.push(
      invalidValue(
        path.child('expirationSeconds'),
        seconds,
        'may not specify a duration larger than 2^32 seconds',
      ),
    );
  }
  const file = textAt(token, 'path');
  return [...errors, ...required(token, 'path', path), ...localPath(file, path.child('path'))];
}

/** No `..` among the elements of a path. */
export function noBacksteps(value: string, path: FieldPath): FieldError[] {
  return value.split('/').includes('..') ? [invalidValue(path, value, "must not contain '..'")] : [];
}

function descendingPath(value: string, path: FieldPath): FieldError[] {
  const absolute = value.startsWith('/') ? [invalidValue(path, value, 'must be a relative path')] : [];
  return [...absolute, ...noBacksteps(value, path)];
}

function localPath(value: string, path: FieldPath): FieldError[] {
  const errors = descendingPath(value, path);
  const isReserved = value.startsWith('..') && !value.startsWith('../') && value !== '..';
  return isReserved ? [...errors, invalidValue(path, value, "must not start with '..'")] : errors;
}

export function validateMounts(container: JsonObject, volumes: Volumes, path: FieldPath): FieldError[] {
  const mountPaths = new Set<string>();
  const mounts = path.child('volumeMounts');
  const devices = objectsAt(container, 'volumeDevices');
  const errors = objectsAt(container, 'volumeMounts').flatMap((mount, i) => {
    const at = mounts.index(i);
    const name = textAt(mount, 'name');
    const mountPath = textAt(mount, 'mountPath');
    const errors = required(mount, 'name', at);
    if (!volumes.has(name)) errors.push(notFound(at.child('name'), name));
    errors.push(...required(mount, 'mountPath', at));
    if (mountPaths.has(mountPath))
      errors.push(invalidValue(at.child('mountPath'), mountPath, 'must be unique'));
    mountPaths.add(mountPath);
    if (devices.some((device) => textAt(device, 'name') === name)) {
      errors.push(invalidValue(at.child('name'), name, 'must not already exist in volumeDevices'));
    }
    return [...errors, ...validateSubPaths(mount, mounts, at)];
  });
  return [...errors, ...validateDevices(devices, volumes, path.child('volumeDevices'))];
}

function validateSubPaths(mount: JsonObject, mounts: FieldPath, at: FieldPath): FieldError[] {
  const subPath = textAt(mount, 'subPath');
  const expression = textAt(mount, 'subPathExpr');
  const errors = descendingPath(subPath, mounts.child('subPath'));
  if (subPath !== '' && expression !== '') {
    const message = 'subPathExpr and subPath are mutually exclusive';
    errors.push(invalidValue(at.child('subPathExpr'), expression, message));
  }
  return [...errors, ...descendingPath(expression, mounts.child('subPathExpr'))];
}

function validateDevices(devices: readonly JsonObject[], volumes: Volumes, path: FieldPath): FieldError[] {
  const names = new Set<string>();
  const paths = new Set<string>();
  return devices.flatMap((device, i) => {
    const at = path.index(i);
    const name = textAt(device, 'name');
    const devicePath = textAt(device, 'devicePath');
    const volume = volumes.get(name);
    const errors = required(device, 'name', at);
    if (names.has(name)) errors.push(invalidValue(at.child('name'), name, 'must be unique'));
    if (volume === undefined) errors.push(notFound(at.child('name'), name));
    else if (!isSet(volume, 'persistentVolumeClaim') && !isSet(volume, 'ephemeral')) {
      const message = 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode';
      errors.push(invalidValue(at.child('name'), name, message));
    }
    errors.push(...required(device, 'devicePath', at));
    if (paths.has(devicePath))
      errors.push(invalidValue(at.child('devicePath'), devicePath, 'must be unique'));
    names.add(name);
    paths.add(devicePath);
    return errors;
  });
}
