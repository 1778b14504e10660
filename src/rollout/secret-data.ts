import { isObject, own } from '../machinery/json.ts';
import { asJson, type KubeObject } from '../machinery/object.ts';

/** A value of a Secret's `data`, as text; undefined where there is none. */
export function secretText(secret: KubeObject, key: string): string | undefined {
  const data = own(asJson(secret), 'data');
  const value = isObject(data) ? own(data, key) : undefined;
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : undefined;
}
