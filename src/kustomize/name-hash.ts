import { sha256 } from '../base/hash.ts';
import { goJson } from '../machinery/go-text.ts';
import { isObject, own, type JsonObject } from '../machinery/json.ts';

const letters: Readonly<Record<string, string>> = { '0': 'g', '1': 'h', '3': 'k', a: 'm', e: 't' };

/**
 * The end of a generated name: ten characters that depend on the contents, not on name, labels or annotations.
 *
 * Source: sigs.k8s.io/kustomize/api/hasher, whose answers are in name-hash.test.ts.
 */
export function nameHash(object: JsonObject): string {
  return sha256(goJson(hashedPart(object)))
    .slice(0, 10)
    .replaceAll(/[013ae]/g, (character) => letters[character] ?? character);
}

function hashedPart(object: JsonObject): JsonObject {
  const kind = own(object, 'kind') ?? '';
  const data = own(object, 'data') ?? '';
  if (kind === 'ConfigMap') {
    const binaryData = own(object, 'binaryData');
    return { kind, name: '', data, ...(isObject(binaryData) && { binaryData }) };
  }
  if (kind === 'Secret') {
    const stringData = own(object, 'stringData');
    return {
      kind,
      type: own(object, 'type') ?? '',
      name: '',
      data,
      ...(isObject(stringData) && { stringData }),
    };
  }
  return object;
}
