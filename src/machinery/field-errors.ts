import { goJson } from './go-text.ts';
import type { Json } from './json.ts';
import type { Status, StatusCause } from './object.ts';

/** Why a field was refused, as in `Status.details.causes[].reason`, with the words that messages use for it. */
const texts = {
  FieldValueNotFound: 'Not found',
  FieldValueRequired: 'Required value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueInvalid: 'Invalid value',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueForbidden: 'Forbidden',
  FieldValueTooLong: 'Too long',
  FieldValueTooShort: 'Too short',
  FieldValueTooMany: 'Too many',
  FieldValueTooFew: 'Too few',
  FieldValueTypeInvalid: 'Invalid value',
  InternalError: 'Internal error',
} as const;

export type FieldErrorType = keyof typeof texts;

/** One problem of one field. */
export interface FieldError {
  readonly type: FieldErrorType;
  /** Where: `spec.template.spec.containers[0].name`. */
  readonly field: string;
  /** The refused value, for the kinds of errors that show it. */
  readonly badValue?: unknown;
  readonly detail: string;
}

/** Where a field is, built from the root down. Immutable. */
export class FieldPath {
  readonly #text: string;

  /** @param names from the root: `new FieldPath('metadata', 'labels')` */
  constructor(...names: string[]) {
    this.#text = names.join('.');
  }

  child(...names: string[]): FieldPath {
    return new FieldPath(...(this.#text === '' ? names : [this.#text, ...names]));
  }

  /** An item of a list. */
  index(index: number): FieldPath {
    return this.key(String(index));
  }

  /** An entry of a map. */
  key(key: string): FieldPath {
    return new FieldPath(`${this.#text}[${key}]`);
  }

  toString(): string {
    return this.#text;
  }
}

/** A path, or its text. */
type Field = FieldPath | string;

export function invalidValue(field: Field, badValue: unknown, detail: string): FieldError {
  return { type: 'FieldValueInvalid', field: String(field), badValue, detail };
}

/** The value has another type than the schema says. Reads like {@link invalidValue}. */
export function typeInvalid(field: Field, badValue: unknown, detail: string): FieldError {
  return { type: 'FieldValueTypeInvalid', field: String(field), badValue, detail };
}

export function requiredValue(field: Field, detail = ''): FieldError {
  return { type: 'FieldValueRequired', field: String(field), detail };
}

export function duplicateValue(field: Field, badValue: unknown): FieldError {
  return { type: 'FieldValueDuplicate', field: String(field), badValue, detail: '' };
}

/** @param supported in the order in which they should be listed */
export function unsupportedValue(
  field: Field,
  badValue: unknown,
  supported: readonly string[] = [],
): FieldError {
  const list = supported.map(goQuote).join(', ');
  const detail = list === '' ? '' : `supported values: ${list}`;
  return { type: 'FieldValueNotSupported', field: String(field), badValue, detail };
}

export function forbidden(field: Field, detail: string): FieldError {
  return { type: 'FieldValueForbidden', field: String(field), detail };
}

/** The value, which the message leaves out, exceeds `max` bytes of UTF-8. */
export function tooLong(field: Field, max: number): FieldError {
  return {
    type: 'FieldValueTooLong',
    field: String(field),
    detail: `may not be more than ${count(max, 'byte')}`,
  };
}

/** As {@link tooLong}, with a bound in characters. */
export function tooLongCharacters(field: Field, max: number): FieldError {
  const detail = `may not be more than ${count(max, 'character')}`;
  return { type: 'FieldValueTooLong', field: String(field), detail };
}

export function tooShort(field: Field, min: number): FieldError {
  return {
    type: 'FieldValueTooShort',
    field: String(field),
    detail: `must be at least ${count(min, 'character')}`,
  };
}

export function tooMany(field: Field, actual: number, max: number): FieldError {
  const detail = `must have at most ${count(max, 'item')}`;
  return { type: 'FieldValueTooMany', field: String(field), badValue: actual, detail };
}

export function tooFew(field: Field, actual: number, min: number): FieldError {
  const detail = `must have at least ${count(min, 'item')}`;
  return { type: 'FieldValueTooFew', field: String(field), badValue: actual, detail };
}

export function notFound(field: Field, badValue: unknown): FieldError {
  return { type: 'FieldValueNotFound', field: String(field), badValue, detail: '' };
}

/** A failure that the input is not to blame for. */
export function internalError(field: Field, detail: string): FieldError {
  return { type: 'InternalError', field: String(field), detail };
}

function count(n: number, unit: string): string {
  return `${n} ${unit}${n === 1 ? '' : 's'}`;
}

/** The message of an error without its field, as in `causes[].message`. */
export function errorBody(error: FieldError): string {
  const parts: string[] = [texts[error.type]];
  if ('badValue' in error) parts.push(printValue(error.badValue));
  if (error.detail !== '') parts.push(error.detail);
  return parts.join(': ');
}

/** The message of an error: `spec.replicas: Invalid value: -1: must be greater than or equal to 0`. */
export function fieldErrorMessage(error: FieldError): string {
  return `${error.field}: ${errorBody(error)}`;
}

/**
 * Characters of all messages of one answer: each may quote the same large value. The first is always whole, and
 * nobody reads even a hundredth of this.
 */
const maxMessages = 2 ** 20;

/** `print` of the first errors, up to {@link maxMessages}. */
function printErrors(errors: readonly FieldError[], print: (error: FieldError) => string): string[] {
  const messages: string[] = [];
  let length = 0;
  for (const error of errors) {
    if (length > maxMessages) break;
    const message = print(error);
    messages.push(message);
    length += message.length;
  }
  return messages;
}

/** All errors in one text, each once: alone as it is, several as `[a, b]`. What would be beyond reading is counted. */
export function joinFieldErrors(errors: readonly FieldError[]): string {
  const printed = printErrors(errors, fieldErrorMessage);
  const messages = [...new Set(printed)];
  if (printed.length < errors.length) messages.push(`and ${errors.length - printed.length} more`);
  return messages.length === 1 ? messages.join('') : `[${messages.join(', ')}]`;
}

/**
 * What an API server says about an object that breaks rules.
 *
 * @param kind with its group: `Deployment.apps`
 */
export function aggregateMessage(kind: string, name: string, errors: readonly FieldError[]): string {
  const head = `${kind} ${goQuote(name)} is invalid`;
  return errors.length === 0 ? head : `${head}: ${joinFieldErrors(errors)}`;
}

/** The answer of an API server (422) to an object that breaks rules. */
export function invalidStatus(
  { group, kind }: { readonly group: string; readonly kind: string },
  name: string,
  errors: readonly FieldError[],
): Status {
  const causes = printErrors(errors, errorBody).map((message, i): StatusCause => {
    const { type = 'FieldValueInvalid', field = '' } = errors[i] ?? {};
    return { reason: type, message, field };
  });
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: aggregateMessage(group === '' ? kind : `${kind}.${group}`, name, errors),
    reason: 'Invalid',
    details: {
      ...(name === '' ? {} : { name }),
      ...(group === '' ? {} : { group }),
      kind,
      ...(causes.length === 0 ? {} : { causes }),
    },
    code: 422,
  };
}

function printValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return goQuote(value);
    case 'number':
      return printNumber(value);
    default:
      return goJson((value ?? null) as Json);
  }
}

/** As Go's `%v`: whole numbers are int64 there, all others float64. */
function printNumber(value: number): string {
  const size = Math.abs(value);
  const isPlain = Number.isInteger(value) ? size < 2 ** 63 : size >= 1e-4 && size < 1e6;
  return isPlain ? String(value) : value.toExponential().replace(/e([-+])(\d)$/, 'e$10$2');
}

function unicodeEscape(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  return code > 0xffff
    ? `\\U${code.toString(16).padStart(8, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
}

const shortEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

/** As Go's `%q`: what is not printable is escaped. */
export function goQuote(text: string): string {
  const escaped = text.toWellFormed().replace(/["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (char) => {
    if (Object.hasOwn(shortEscapes, char)) return shortEscapes[char] ?? char;
    const code = char.codePointAt(0) ?? 0;
    return code < 0x20 || code === 0x7f ? `\\x${code.toString(16).padStart(2, '0')}` : unicodeEscape(char);
  });
  return `"${escaped}"`;
}
