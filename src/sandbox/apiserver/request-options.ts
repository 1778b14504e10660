import type { FieldError } from '../../machinery/field-errors.ts';
import {
  forbidden,
  invalidStatus,
  invalidValue,
  requiredValue,
  tooLong,
  unsupportedValue,
} from '../../machinery/field-errors.ts';
import { FieldSelector, parseFieldSelector } from '../../machinery/field-selector.ts';
import { LabelSelector, parseLabelSelector } from '../../machinery/label-selector.ts';
import { errorMessage } from '../../base/errors.ts';
import { RequestError, badRequestError } from './request-error.ts';
import { parseFlag } from './request-info.ts';
import type { ResourceDefinition } from './resource-definition.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/** What every write may carry in its query. */
export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly fieldValidation: FieldValidation;
  /** Apply only. */
  readonly force: boolean;
}

const managerMaxLength = 128;

/**
 * @param kind `CreateOptions`, ...: names the culprit in messages
 * @throws RequestError 422
 */
export function parseWriteOptions(
  query: URLSearchParams,
  kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions',
  userAgent: string,
  isApply = false,
): WriteOptions {
  const asked = query.get('fieldManager') ?? '';
  const fieldValidation = query.get('fieldValidation') ?? '';
  const force = query.has('force') ? parseFlag(query.get('force')) : undefined;
  const errors: FieldError[] = [];
  if (isApply && asked === '') errors.push(requiredValue('fieldManager', 'is required for apply patch'));
  if (kind === 'PatchOptions' && !isApply && force !== undefined) {
    errors.push(forbidden('force', 'may not be specified for non-apply patch'));
  }
  errors.push(...validateManager(asked, 'fieldManager'), ...validateDryRun(query.getAll('dryRun')));
  if (!['', 'Ignore', 'Warn', 'Strict'].includes(fieldValidation)) {
    errors.push(unsupportedValue('fieldValidation', fieldValidation, ['', 'Ignore', 'Strict', 'Warn']));
  }
  refuseOptions(kind, errors);
  return {
    dryRun: query.has('dryRun'),
    fieldManager: asked === '' ? managerOfUserAgent(userAgent) : asked,
    fieldValidation: fieldValidation === '' ? 'Warn' : (fieldValidation as FieldValidation),
    force: force === true,
  };
}

/** Problems of a field manager's name. */
export function validateManager(manager: string, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (Buffer.byteLength(manager) > managerMaxLength) errors.push(tooLong(field, managerMaxLength));
  let position = 0;
  for (const char of manager) {
    // Each error quotes the whole name.
    if (errors.length > managerMaxLength) break;
    if (!isPrintable(char)) {
      const code = (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
      errors.push(invalidValue(field, manager, `invalid character U+${code} (at position ${position})`));
    }
    position += Buffer.byteLength(char);
  }
  return errors;
}

export function validateDryRun(values: readonly string[]): FieldError[] {
  return values.every((value) => value === 'All') ? [] : [unsupportedValue('dryRun', values, ['All'])];
}

/** The part of a User-Agent before the first slash. */
function managerOfUserAgent(userAgent: string): string {
  let manager = '';
  for (const char of userAgent.split('/')[0] ?? '') {
    if (!isPrintable(char)) continue;
    if (Buffer.byteLength(manager + char) > managerMaxLength) break;
    manager += char;
  }
  return manager;
}

function isPrintable(char: string): boolean {
  return char === ' ' || !/[\p{C}\p{Z}]/u.test(char);
}

/** @throws RequestError 422 when there are any */
export function refuseOptions(kind: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw new RequestError(invalidStatus({ group: 'meta.k8s.io', kind }, '', errors));
}

/** What lists, watches and deletecollection may carry. */
export interface ListOptions {
  readonly labels: LabelSelector;
  readonly fields: FieldSelector;
  readonly limit: number;
  readonly continue: string;
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
  readonly watch: boolean;
  readonly sendInitialEvents: boolean | undefined;
  readonly allowWatchBookmarks: boolean;
  /** 0 when not asked for. */
  readonly timeoutSeconds: number;
}

/** @throws RequestError 400, 422 */
export function parseListOptions(
  query: URLSearchParams,
  definition: ResourceDefinition,
  isWatch: boolean,
): ListOptions {
  const options: ListOptions = {
    labels: parseLabels(query.get('labelSelector') ?? ''),
    fields: parseFields(query.get('fieldSelector') ?? ''),
    limit: Math.max(0, parseInteger(query, 'limit')),
    continue: query.get('continue') ?? '',
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
    watch: isWatch,
    sendInitialEvents: parseFlag(query.get('sendInitialEvents')),
    allowWatchBookmarks: parseFlag(query.get('allowWatchBookmarks')) === true,
    timeoutSeconds: Math.max(0, parseInteger(query, 'timeoutSeconds')),
  };
  refuseOptions('ListOptions', isWatch ? validateWatch(options) : validateList(options));
  checkFields(options.fields, definition);
  return options;
}

function parseLabels(text: string): LabelSelector {
  try {
    return text === '' ? LabelSelector.everything : parseLabelSelector(text);
  } catch (error) {
    throw badRequestError(errorMessage(error));
  }
}

function parseFields(text: string): FieldSelector {
  try {
    return text === '' ? FieldSelector.everything : parseFieldSelector(text);
  } catch (error) {
    throw badRequestError(errorMessage(error));
  }
}

function parseInteger(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? '';
  if (text === '') return 0;
  const value = Number(text);
  if (!/^[-+]?\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw badRequestError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return value;
}

function checkFields(fields: FieldSelector, definition: ResourceDefinition): void {
  const { selectableFields, custom } = definition;
  const always = ['metadata.name', 'metadata.namespace'];
  for (const { field } of fields.terms) {
    if (always.includes(field) || selectableFields?.names.includes(field) === true) continue;
    if (selectableFields !== undefined && !custom)
      throw badRequestError(`field label not supported: ${field}`);
    const known = [...always, ...(selectableFields?.names ?? [])].map((name) => `"${name}"`).join(', ');
    throw badRequestError(`"${field}" is not a known field selector: only ${known}`);
  }
}

const matchField = 'resourceVersionMatch';

function validateList(options: ListOptions): FieldError[] {
  const { resourceVersionMatch: match, resourceVersion } = options;
  const errors: FieldError[] = [];
  if (match !== '') {
    if (resourceVersion === '') {
      errors.push(
        forbidden(matchField, 'resourceVersionMatch is forbidden unless resourceVersion is provided'),
      );
    }
    errors.push(...refuseMatchWithContinue(options));
    if (match !== 'Exact' && match !== 'NotOlderThan') {
      errors.push(unsupportedValue(matchField, match, ['Exact', 'NotOlderThan', '']));
    }
    if (match === 'Exact' && resourceVersion === '0') {
      const message = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"';
      errors.push(forbidden(matchField, message));
    }
  }
  if (options.sendInitialEvents !== undefined) {
    errors.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  }
  return errors;
}

function validateWatch(options: ListOptions): FieldError[] {
  const { resourceVersionMatch: match, sendInitialEvents } = options;
  const errors: FieldError[] = [];
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan') {
    const message = 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan';
    errors.push(forbidden(matchField, message));
  }
  if (match === '') return errors;
  if (sendInitialEvents === undefined) {
    const message = 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided';
    errors.push(forbidden(matchField, message));
  }
  if (match !== 'NotOlderThan') errors.push(unsupportedValue(matchField, match, ['NotOlderThan']));
  return [...errors, ...refuseMatchWithContinue(options)];
}

function refuseMatchWithContinue(options: ListOptions): FieldError[] {
  if (options.continue === '') return [];
  return [forbidden(matchField, 'resourceVersionMatch is forbidden when continue is provided')];
}

/**
 * Reads a resourceVersion.
 * @returns undefined when there is none
 * @throws RequestError 400
 */
export function parseResourceVersion(text: string): number | undefined {
  if (text === '') return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw badRequestError(
    `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}
