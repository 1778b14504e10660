import type { Budget } from './errors.ts';
import { CelEvaluationError } from './errors.ts';
import type { FunctionTable } from './function-table.ts';
import { compare, orderedTypes } from './operators.ts';
import { int, uint } from './standard-functions.ts';
import type { Value } from './values.ts';
import { Duration, equal, kindOf, List, Optional, scalarKey, Uint } from './values.ts';

/** Kubernetes' list functions, cel-go's list extensions (version 3) and set functions. */
export function defineListFunctions(table: FunctionTable): void {
  defineAggregates(table);
  definePositions(table);
  defineReordering(table);
  defineSets(table);
}

function isSorted(list: List, budget: Budget): boolean {
  for (let index = 1; index < list.size; index += 1) {
    budget.charge(1);
    if (compare(list.at(index - 1), list.at(index), budget) > 0) return false;
  }
  return true;
}

/** @param sign 1 for the largest, -1 for the smallest */
function extreme(name: string, sign: 1 | -1) {
  return (list: List, budget: Budget): Value => {
    if (list.size === 0) throw new CelEvaluationError(`${name} called on empty list`);
    budget.charge(list.size);
    let best = list.at(0);
    for (const item of list) if (sign * compare(item, best, budget) > 0) best = item;
    return best;
  };
}

function sum<T>(zero: T & Value, add: (a: T, b: T) => T & Value) {
  const kind = kindOf(zero);
  return (list: List, budget: Budget): Value => {
    budget.charge(list.size);
    let total: T & Value = zero;
    for (const item of list) {
      if (kindOf(item) !== kind) throw new CelEvaluationError('no such overload');
      total = add(total, item as T);
    }
    return total;
  };
}

function defineAggregates(table: FunctionTable): void {
  for (const type of orderedTypes) {
    table
      .define(`list<${type}>.isSorted(): bool`, isSorted)
      .define(`list<${type}>.min(): ${type}`, extreme('min', -1))
      .define(`list<${type}>.max(): ${type}`, extreme('max', 1));
  }
  table
    .define(
      'list<int>.sum(): int',
      sum<bigint>(0n, (a, b) => int(a + b)),
    )
    .define(
      'list<uint>.sum(): uint',
      sum(new Uint(0n), (a, b) => uint(a.value + b.value)),
    )
    .define(
      'list<double>.sum(): double',
      sum<number>(0, (a, b) => a + b),
    )
    .define(
      'list<duration>.sum(): duration',
      sum(new Duration(0n), (a, b) => new Duration(int(a.nanos + b.nanos))),
    );
}

function definePositions(table: FunctionTable): void {
  table
    .define('list<A>.indexOf(A): int', (list: List, item: Value, budget: Budget) => {
      for (let index = 0; index < list.size; index += 1) {
        if (equal(list.at(index), item, budget)) return BigInt(index);
      }
      return -1n;
    })
    .define('list<A>.lastIndexOf(A): int', (list: List, item: Value, budget: Budget) => {
      for (let index = list.size - 1; index >= 0; index -= 1) {
        if (equal(list.at(index), item, budget)) return BigInt(index);
      }
      return -1n;
    })
    .define('list<A>.first(): optional<A>', (list: List) => optionalAt(list, 0))
    .define('list<A>.last(): optional<A>', (list: List) => optionalAt(list, list.size - 1))
    .define('list<A>.slice(int, int): list<A>', (list: List, from: bigint, to: bigint, budget: Budget) => {
      budget.charge(list.size);
      if (from < 0n || to < 0n)
        throw new CelEvaluationError(`cannot slice(${from}, ${to}), negative indexes not supported`);
      if (from > to)
        throw new CelEvaluationError(
          `cannot slice(${from}, ${to}), start index must be less than or equal to end index`,
        );
      if (to > BigInt(list.size))
        throw new CelEvaluationError(`cannot slice(${from}, ${to}), list is length ${list.size}`);
      return List.of([...list].slice(Number(from), Number(to)));
    });
}

function optionalAt(list: List, index: number): Optional {
  return list.size === 0 ? Optional.none : new Optional(list.at(index));
}

function flatten(list: List, depth: number, budget: Budget): Value[] {
  return [...list].flatMap((item) => {
    budget.charge(1);
    return item instanceof List && depth > 0 ? flatten(item, depth - 1, budget) : [item];
  });
}

function distinct(list: List, budget: Budget): List {
  const scalars = new Set<string>();
  const kept: Value[] = [];
  for (const item of list) {
    budget.charge(1);
    const key = scalarKey(item);
    const known = key === undefined ? kept.some((other) => equal(other, item, budget)) : scalars.has(key);
    if (known) continue;
    if (key !== undefined) scalars.add(key);
    kept.push(item);
  }
  return List.of(kept);
}

/** The list in the order of `keys`, which has one key for each item. */
export function sortByKeys(list: List, keys: List, budget: Budget): List {
  budget.charge(list.size * Math.ceil(Math.log2(list.size + 2)));
  const items = [...list].map((item, index) => ({ item, key: keys.at(index) }));
  return List.of(items.sort((a, b) => compare(a.key, b.key, budget)).map(({ item }) => item));
}

function defineReordering(table: FunctionTable): void {
  for (const type of orderedTypes) {
    table.define(`list<${type}>.sort(): list<${type}>`, (list: List, budget: Budget) =>
      sortByKeys(list, list, budget),
    );
  }
  table
    .define('list<A>.reverse(): list<A>', (list: List, budget: Budget) => {
      budget.charge(list.size);
      return List.of([...list].reverse());
    })
    .define('list<A>.distinct(): list<A>', distinct)
    .define('list<list<A>>.flatten(): list<A>', (list: List, budget: Budget) =>
      List.of(flatten(list, 1, budget)),
    )
    .define('list<dyn>.flatten(int): list<dyn>', (list: List, depth: bigint, budget: Budget) => {
      if (depth < 0n) throw new CelEvaluationError('level must be non-negative');
      return List.of(flatten(list, Number(depth), budget));
    })
    .define('lists::range(int): list<int>', (size: bigint, budget: Budget) => {
      budget.charge(Number(size < 0n ? 0n : size));
      return List.of(Array.from({ length: Number(size < 0n ? 0n : size) }, (_, index) => BigInt(index)));
    });
}

function containsAll(list: List, part: List, budget: Budget): boolean {
  const items = [...list];
  return [...part].every((item) => items.some((other) => equal(other, item, budget)));
}

function defineSets(table: FunctionTable): void {
  table
    .define('sets::contains(list<A>, list<A>): bool', containsAll)
    .define(
      'sets::equivalent(list<A>, list<A>): bool',
      (a: List, b: List, budget: Budget) => containsAll(a, b, budget) && containsAll(b, a, budget),
    )
    .define('sets::intersects(list<A>, list<A>): bool', (a: List, b: List, budget: Budget) =>
      [...a].some((item) => [...b].some((other) => equal(item, other, budget))),
    );
}
