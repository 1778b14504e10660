import { errorMessage } from '../../base/errors.ts';
import { parseTime } from '../../base/time.ts';
import {
  validateDns1035Label,
  validateDns1123Label,
  validateDns1123Subdomain,
  validateLabelValue,
  validateQualifiedName,
} from '../names.ts';
import { parseUrl } from './parsed-url.ts';

/** A format of `format.named(name)`: a validation of strings. */
export class NamedFormat {
  readonly opaque = 'format';
  /** The problems of a text; none if it is valid. */
  readonly validate: (text: string) => readonly string[];

  constructor(validate: (text: string) => readonly string[]) {
    this.validate = validate;
  }

  equals(other: NamedFormat): boolean {
    return this === other;
  }
}

/** As for `generateName`: what follows the dash is still to come. */
function prefixOf(validate: (name: string) => string[]): (text: string) => string[] {
  return (text) => validate(text.length > 1 && text.endsWith('-') ? `${text.slice(0, -2)}a` : text);
}

function matching(test: (text: string) => boolean, problem: string): (text: string) => string[] {
  return (text) => (test(text) ? [] : [problem]);
}

export function isDate(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && isTime(`${text}T00:00:00Z`);
}

function isTime(text: string): boolean {
  try {
    parseTime(text);
    return true;
  } catch (error) {
    return errorMessage(error) === '';
  }
}

const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function validateUri(text: string): string[] {
  const url = parseUrl(text);
  return typeof url === 'string' ? [url] : [];
}

/** By name. Source: k8s.io/apiserver/pkg/cel/library/format.go. */
export const namedFormats: ReadonlyMap<string, NamedFormat> = new Map(
  Object.entries({
    dns1123Label: validateDns1123Label,
    dns1123Subdomain: validateDns1123Subdomain,
    dns1035Label: validateDns1035Label,
    qualifiedName: validateQualifiedName,
    dns1123LabelPrefix: prefixOf(validateDns1123Label),
    dns1123SubdomainPrefix: prefixOf(validateDns1123Subdomain),
    dns1035LabelPrefix: prefixOf(validateDns1035Label),
    labelValue: validateLabelValue,
    uri: validateUri,
    uuid: matching((text) => uuid.test(text), 'does not match the UUID format'),
    byte: matching((text) => text !== '' && base64.test(text), 'invalid base64'),
    date: matching(isDate, 'invalid date'),
    datetime: matching(isTime, 'invalid datetime'),
  }).map(([name, validate]) => [name, new NamedFormat(validate)]),
);
