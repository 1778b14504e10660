import { isIPv4, isIPv6 } from 'node:net';
import { parseDuration } from '../../../base/duration.ts';
import type { Schema } from '../../../machinery/schema.ts';

/**
 * Formats of strings, by name without dashes. All patterns are linear.
 *
 * Source: kube-openapi pkg/validation/strfmt and govalidator, as far as CRDs support them.
 */
const formats: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ['bsonobjectid', (text) => /^[0-9a-fA-F]{24}$/.test(text)],
  ['byte', (text) => text !== '' && text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text)],
  ['cidr', isCidr],
  ['creditcard', isCreditCard],
  ['date', isDate],
  ['datetime', isDateTime],
  ['duration', isDuration],
  ['email', isEmail],
  ['hexcolor', (text) => /^#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/.test(text)],
  ['hostname', isHostname],
  ['ipv4', (text) => isAnyIp(text) && text.includes('.')],
  ['ipv6', (text) => isAnyIp(text) && text.includes(':')],
  ['isbn', (text) => isIsbn10(text) || isIsbn13(text)],
  ['isbn10', isIsbn10],
  ['isbn13', isIsbn13],
  ['k8slongname', (text) => text.length <= 253 && text.split('.').every(isNamePart)],
  ['k8sshortname', (text) => text.length <= 63 && isNamePart(text)],
  ['mac', isMac],
  ['password', () => true],
  ['rgbcolor', isRgbColor],
  ['ssn', (text) => /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text) && text.length === 11],
  ['uri', isRequestUri],
  ['uuid', uuid('[0-9a-f]{4}-?[0-9a-f]{4}')],
  ['uuid3', uuid('3[0-9a-f]{3}-?[0-9a-f]{4}')],
  ['uuid4', uuid('4[0-9a-f]{3}-?[89ab][0-9a-f]{3}')],
  ['uuid5', uuid('5[0-9a-f]{3}-?[89ab][0-9a-f]{3}')],
]);

const numberFormats: Readonly<Record<string, readonly string[]>> = {
  integer: ['int32', 'int64'],
  number: ['float', 'double'],
};

/** The check of a string's format; undefined for a format that is not known. */
export function stringFormat(format: string): ((text: string) => boolean) | undefined {
  return formats.get(format.replaceAll('-', ''));
}

/** The format of a schema if the server heeds it: unknown ones and those of another type are ignored. */
export function supportedFormat({ type, format }: Schema): string | undefined {
  if (format === undefined) return undefined;
  if (type === undefined || type === 'string') return stringFormat(format) === undefined ? undefined : format;
  return numberFormats[type]?.includes(format) === true ? format : undefined;
}

function uuid(middle: string): (text: string) => boolean {
  const pattern = new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${middle}-?[0-9a-f]{12}$`, 'i');
  return (text) => pattern.test(text);
}

function isNamePart(text: string): boolean {
  return /^[-a-z0-9]+$/.test(text) && !text.startsWith('-') && !text.endsWith('-');
}

function isDate(text: string): boolean {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (match === null) return false;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  return day >= 1 && day <= days;
}

function isDateTime(text: string): boolean {
  const [date = '', time = ''] = text.toLowerCase().split('t');
  const match = /^(\d{2}):(\d{2}):(\d{2})(?:.\d+)?(?:z|[+-]\d{2}:\d{2})$/.exec(time);
  if (match === null || !isDate(date)) return false;
  const [, hour = '', minute = '', second = ''] = match;
  return hour <= '23' && minute <= '59' && second <= '59';
}

const unitNames = new Set(['ns', 'us', 'µs', 'ms', 's', 'm', 'h', 'hr', 'd', 'w', 'wk']);
const unitPrefixes = ['nano', 'micro', 'milli', 'sec', 'min', 'hour', 'day', 'week'];

/** Go's durations, and Scala's: `22 nanoseconds`, `3 days`. */
function isDuration(text: string): boolean {
  try {
    parseDuration(text);
    return true;
  } catch {
    // Scala's, then.
  }
  let found = false;
  for (const [, digits = '', letters = ''] of text.matchAll(/(?<!\d)(\d{1,40})\s{0,40}([A-Za-zµ]+)/g)) {
    if (Number(digits) >= 2 ** 63) return false;
    const unit = letters.toLowerCase();
    found ||= unitNames.has(unit) || unitPrefixes.some((prefix) => unit.startsWith(prefix));
  }
  return found;
}

function isEmail(text: string): boolean {
  // An address, or `Name <address>`.
  const address = /<([^<>]*)>$/.exec(text.trim())?.[1] ?? text.trim();
  const at = address.lastIndexOf('@');
  if (at < 1 || at === address.length - 1) return false;
  const local = address.slice(0, at);
  const domain = address.slice(at + 1);
  const isLocal =
    /^"[^"]+"$/.test(local) ||
    (/^[^\s()<>[\]:;,@"\\]+$/.test(local) && local.split('.').every((part) => part !== ''));
  const isDomain =
    /^\[[^[\]\s]+\]$/.test(domain) ||
    (/^[^\s()<>[\]:;,@"\\]+$/.test(domain) && domain.split('.').every((part) => part !== ''));
  return isLocal && isDomain;
}

function isHostname(text: string): boolean {
  if (Buffer.byteLength(text) > 255) return false;
  const labels = text.split('.');
  const top = labels.at(-1) ?? '';
  if (labels.some((label) => Buffer.byteLength(label) > 63)) return false;
  const isLabel = (label: string): boolean =>
    /^[-a-zA-Z0-9\p{S}\p{L}]+$/u.test(label) && !label.startsWith('-') && !label.endsWith('-');
  if (labels.length === 1) return isLabel(top) && !top.includes('--');
  return labels.slice(0, -1).every(isLabel) && /^[a-zA-Z\p{L}]{2,63}$/u.test(top);
}

/** As Go's ParseIP was once: leading zeros in the parts of an IPv4 address pass. */
function isAnyIp(text: string): boolean {
  if (text.length > 60) return false;
  const plain = text.replace(/(^|[.:])0+(?=\d{1,3}(?:\.|$))/g, '$1');
  return isIPv4(plain) || (!text.includes('%') && isIPv6(text));
}

function isCidr(text: string): boolean {
  const [address = '', bits = '', more] = text.split('/');
  if (more !== undefined || !/^\d{1,3}$/.test(bits) || !isAnyIp(address)) return false;
  return Number(bits) <= (address.includes(':') ? 128 : 32);
}

function isMac(text: string): boolean {
  const groups = /^[0-9a-fA-F]{2}(?:([:-])[0-9a-fA-F]{2}(?:\1[0-9a-fA-F]{2})+)$/.test(text)
    ? text.split(/[:-]/).length
    : 0;
  if (groups === 6 || groups === 8 || groups === 20) return true;
  return /^[0-9a-fA-F]{4}(?:\.[0-9a-fA-F]{4})+$/.test(text) && [14, 19, 49].includes(text.length);
}

function isRgbColor(text: string): boolean {
  if (!text.startsWith('rgb(') || !text.endsWith(')')) return false;
  const parts = text.slice(4, -1).split(',');
  return (
    parts.length === 3 &&
    parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part.trim()) && Number(part) <= 255)
  );
}

/** Go's url.ParseRequestURI: an absolute URL or an absolute path. */
function isRequestUri(text: string): boolean {
  // eslint-disable-next-line no-control-regex
  if (text === '' || /[\u0000-\u0020\u007f]/.test(text) || /%(?![0-9a-fA-F]{2})/.test(text)) return false;
  return text.startsWith('/') || /^[A-Za-z][-A-Za-z0-9+.]*:./.test(text);
}

function isCreditCard(text: string): boolean {
  const digits = text.replace(/\D/g, '');
  const pattern =
    /^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11})$/;
  if (!pattern.test(digits)) return false;
  const sum = Array.from(digits)
    .reverse()
    .reduce((total, digit, i) => {
      const doubled = Number(digit) * (i % 2 === 0 ? 1 : 2);
      return total + (doubled > 9 ? doubled - 9 : doubled);
    }, 0);
  return sum % 10 === 0;
}

function isIsbn10(text: string): boolean {
  const digits = text.replace(/[\s-]/g, '');
  if (!/^\d{9}[\dX]$/.test(digits)) return false;
  const sum = Array.from(digits).reduce(
    (total, digit, i) => total + (i + 1) * (digit === 'X' ? 10 : Number(digit)),
    0,
  );
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const digits = text.replace(/[\s-]/g, '');
  if (!/^\d{13}$/.test(digits)) return false;
  const sum = Array.from(digits).reduce(
    (total, digit, i) => total + (i % 2 === 0 ? 1 : 3) * Number(digit),
    0,
  );
  return sum % 10 === 0;
}
