import { goText, goType } from './go-text.ts';
import { isObject, own, type Json } from './json.ts';
import { PatchError } from './patch-error.ts';

/**
 * What identifies an item of a merging list: the value of its merge key, or a plain value itself.
 *
 * @throws {PatchError} 500 for an item without one
 */
export function keyText(item: Json, mergeKey: string | undefined): string {
  if (mergeKey === undefined) {
    if (typeof item !== 'object' || item === null) return JSON.stringify(item);
    throw new PatchError(500, 'cannot merge lists without merge key for struct');
  }
  if (!isObject(item)) {
    throw new PatchError(500, `expected a map[string]interface {}, but received a ${goType(item)}`);
  }
  const value = own(item, mergeKey);
  if (value === undefined) {
    throw new PatchError(500, `map: ${goText(item)} does not contain declared merge key: ${mergeKey}`);
  }
  return JSON.stringify(value);
}

/**
 * Orders a merged list: items that the patch names stand in its order, the others in the live order, and
 * an item that only the patch has stands before the live items that follow.
 */
export function mergeOrder(
  merged: readonly Json[],
  patchOrder: readonly Json[],
  liveOrder: readonly Json[],
  mergeKey: string | undefined,
): Json[] {
  const patchRank = ranks(patchOrder, mergeKey);
  const liveRank = ranks(liveOrder, mergeKey);
  const keyed = merged.map((item) => ({ item, key: keyText(item, mergeKey) }));
  const sorted = (rank: ReadonlyMap<string, number>, list: typeof keyed): typeof keyed =>
    list.sort((a, b) => (rank.get(a.key) ?? list.length) - (rank.get(b.key) ?? list.length));
  const named = sorted(
    patchRank,
    keyed.filter(({ key }) => patchRank.has(key)),
  );
  const others = sorted(
    liveRank,
    keyed.filter(({ key }) => !patchRank.has(key)),
  );

  const ordered: Json[] = [];
  let next = 0;
  for (const { item, key } of named) {
    const rank = liveRank.get(key) ?? -1;
    for (let other = others[next]; other !== undefined; other = others[next]) {
      if ((liveRank.get(other.key) ?? Infinity) >= rank) break;
      ordered.push(other.item);
      next++;
    }
    ordered.push(item);
  }
  return [...ordered, ...others.slice(next).map(({ item }) => item)];
}

/** The first place of every key. */
function ranks(list: readonly Json[], mergeKey: string | undefined): Map<string, number> {
  const found = new Map<string, number>();
  for (const [index, item] of list.entries()) {
    const key = keyText(item, mergeKey);
    if (!found.has(key)) found.set(key, index);
  }
  return found;
}

/**
 * Checks that a `$setElementOrder` list names all items of the patch's list, in the same order; items with a
 * directive do not count.
 *
 * @throws {PatchError} 500 where it does not
 */
export function checkElementOrder(
  patch: readonly Json[],
  order: readonly Json[],
  mergeKey: string | undefined,
): void {
  if (order.length === 0) return;
  let at = 0;
  for (const item of patch) {
    const directive = isObject(item) ? own(item, '$patch') : undefined;
    // The server trips over other directives that stand behind the last ordered item.
    if (directive === 'delete' || (directive !== undefined && at < order.length)) continue;
    while (at < order.length && keyText(order[at] ?? null, mergeKey) !== keyText(item, mergeKey)) at++;
    if (at === order.length) {
      throw new PatchError(
        500,
        `The order in patch list:\n${goText([...patch])}\n doesn't match $setElementOrder list:\n${goText([...order])}\n`,
      );
    }
    at++;
  }
}
