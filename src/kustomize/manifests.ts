import { isObject, own, type Json } from '../machinery/json.ts';
import { buildError } from './build-error.ts';

/** A document, or an item of one that is a list. */
export interface Manifest {
  readonly value: Json;
  readonly where: string;
}

/**
 * What the documents of a file stand for: empty ones for nothing, `kind: List` and lists of one kind for their items,
 * which come after all documents.
 * @param path of the file, for messages
 */
export function manifestsOf(documents: readonly Json[], path: string): Manifest[] {
  const found: Manifest[] = [];
  const queue = documents.map((value, index) => ({ value, where: `${path}, document ${index + 1}` }));
  for (const manifest of queue) {
    const { value, where } = manifest;
    if (isObject(value) && Object.keys(value).length === 0) continue;
    const items = itemsOf(value, where);
    if (items === undefined) found.push(manifest);
    else for (const item of items) queue.push({ value: item, where });
  }
  return found;
}

function itemsOf(value: Json, where: string): readonly Json[] | undefined {
  if (!isObject(value) || !Object.hasOwn(value, 'items')) return undefined;
  const [kind, items] = [own(value, 'kind'), own(value, 'items')];
  if (typeof kind !== 'string' || !kind.endsWith('List')) return undefined;
  if (items != null && !Array.isArray(items)) throw buildError(`${where}: items of a ${kind} is not a list`);
  return items ?? [];
}
