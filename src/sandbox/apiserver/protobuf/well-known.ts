import { formatTime } from '../../../base/time.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';

const meta = 'k8s.io.apimachinery.pkg.apis.meta.v1';
const crd = 'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1';
/** Years 1 to 9999: what RFC 3339 can write. */
const earliest = -62_135_596_800;
const latest = 253_402_300_799;

type Convert = (fields: JsonObject) => Json | undefined;

/** Types whose JSON is not the object of their fields. */
const converters: { readonly [type: string]: Convert } = {
  [`${meta}.Time`]: (fields) => time(fields, (seconds) => formatTime(seconds * 1000)),
  [`${meta}.MicroTime`]: (fields) => time(fields, (seconds) => microTime(seconds, number(fields['nanos']))),
  [`${meta}.FieldsV1`]: (fields) => parseRaw(fields['Raw']),
  'k8s.io.apimachinery.pkg.api.resource.Quantity': (fields) => fields['string'] ?? '0',
  'k8s.io.apimachinery.pkg.util.intstr.IntOrString': (fields) =>
    number(fields['type']) === 0 ? (fields['intVal'] ?? 0) : (fields['strVal'] ?? ''),
  'k8s.io.apimachinery.pkg.runtime.RawExtension': (fields) => parseRaw(fields['-']),
  'k8s.io.api.authentication.v1.ExtraValue': (fields) => fields['items'] ?? [],
  'k8s.io.api.authorization.v1.ExtraValue': (fields) => fields['items'] ?? [],
  [`${crd}.JSON`]: (fields) => parseRaw(fields['-']),
  [`${crd}.JSONSchemaPropsOrArray`]: (fields) => fields['jSONSchemas'] ?? fields['schema'],
  [`${crd}.JSONSchemaPropsOrBool`]: (fields) => fields['schema'] ?? fields['allows'] ?? false,
  [`${crd}.JSONSchemaPropsOrStringArray`]: (fields) => fields['property'] ?? fields['schema'],
};

/**
 * The JSON of a decoded message.
 *
 * @returns undefined when the value counts as absent
 */
export function decodeWellKnown(type: string, fields: JsonObject): Json | undefined {
  const convert = Object.hasOwn(converters, type) ? converters[type] : undefined;
  return convert === undefined ? fields : convert(fields);
}

function number(value: Json | undefined): number {
  return typeof value === 'number' ? value : 0;
}

/** No time at all is the zero time. */
function time(fields: JsonObject, format: (seconds: number) => string): string | undefined {
  if (Object.keys(fields).length === 0) return undefined;
  const seconds = number(fields['seconds']);
  if (seconds < earliest || seconds > latest) throw new RangeError('the year is outside of 1 to 9999');
  return format(seconds);
}

/** Microseconds as text: as a number of milliseconds they would be rounded. */
function microTime(seconds: number, nanos: number): string {
  const micros = Math.trunc(nanos / 1000);
  if (micros < 0 || micros > 999_999) throw new RangeError('nanoseconds are outside of their second');
  return `${formatTime(seconds * 1000).slice(0, -1)}.${micros.toString().padStart(6, '0')}Z`;
}

/** JSON inside: it comes as base64 of its bytes. */
function parseRaw(raw: Json | undefined): Json | undefined {
  if (typeof raw !== 'string' || raw === '') return undefined;
  return JSON.parse(Buffer.from(raw, 'base64').toString('utf8')) as Json;
}
