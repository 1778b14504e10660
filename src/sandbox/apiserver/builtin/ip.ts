// Addresses in objects. Source: util/validation/ip.go of apimachinery 0.36 and pkg/apis/core/validation.
import { isIP } from 'node:net';
import type { FieldError, FieldPath } from '../../../machinery/field-errors.ts';
import { invalidValue } from '../../../machinery/field-errors.ts';

/** An address of either family. */
export function validateIp(value: string, path: FieldPath): FieldError[] {
  if (isIP(value) === 0 || value.includes('%')) {
    return [invalidValue(path, value, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')];
  }
  const isMapped = isIP(value) === 6 && /^(0*:){2,5}ffff:/i.test(value);
  return isMapped ? [invalidValue(path, value, 'must not be an IPv4-mapped IPv6 address')] : [];
}

/** An address that a client elsewhere could reach. The value must be an address. */
export function validateEndpointIp(value: string, path: FieldPath): FieldError[] {
  if (isIP(value) === 0) return [invalidValue(path, value, 'must be a valid IP address')];
  const errors: FieldError[] = [];
  if (/^(0\.0\.0\.0|[0:]+)$/.test(value)) {
    errors.push(invalidValue(path, value, `may not be unspecified (${value})`));
  }
  if (/^(127\.|[0:]+:0*1$)/.test(value)) {
    errors.push(invalidValue(path, value, 'may not be in the loopback range (127.0.0.0/8, ::1/128)'));
  }
  if (/^(169\.254\.|fe[89ab][0-9a-f]:)/i.test(value)) {
    errors.push(invalidValue(path, value, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'));
  }
  if (/^(224\.0\.0\.|ff02:)/i.test(value)) {
    errors.push(
      invalidValue(path, value, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'),
    );
  }
  return errors;
}

/** `10.0.0.0/8` */
export function validateCidr(value: string, path: FieldPath): FieldError[] {
  const [, address = '', bits = ''] = /^([^/]*)\/(\d{1,3})$/.exec(value) ?? [];
  const family = isIP(address);
  if (family !== 0 && Number(bits) <= (family === 4 ? 32 : 128)) return [];
  return [invalidValue(path, value, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')];
}

export function familyOf(address: string): 'IPv4' | 'IPv6' {
  return isIP(address) === 6 ? 'IPv6' : 'IPv4';
}
