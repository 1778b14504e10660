import type { Budget } from './errors.ts';
import { CelEvaluationError } from './errors.ts';
import type { FunctionTable } from './function-table.ts';
import type { Value } from './values.ts';
import { Duration, isMap, List, Optional, Uint } from './values.ts';

/** cel-go's optional values. */
export function defineOptionalFunctions(table: FunctionTable): void {
  table
    .define('optional::of(A): optional<A>', (value: Value) => new Optional(value))
    .define('optional::none(): optional<A>', () => Optional.none)
    .define('optional::ofNonZeroValue(A): optional<A>', (value: Value, budget: Budget) =>
      isZero(value, budget) ? Optional.none : new Optional(value),
    )
    .define('optional<A>.hasValue(): bool', (optional: Optional) => optional.value !== undefined)
    .define('optional<A>.value(): A', (optional: Optional) => {
      if (optional.value === undefined) throw new CelEvaluationError('optional.none() dereference');
      return optional.value;
    })
    .define('optional<A>.orValue(A): A', (optional: Optional, other: Value) =>
      // Null is a value.
      optional.value === undefined ? other : optional.value,
    )
    .define('optional<A>.or(optional<A>): optional<A>', (optional: Optional, other: Optional) =>
      optional.value === undefined ? other : optional,
    );
}

function isZero(value: Value, budget: Budget): boolean {
  if (value === null || value === false || value === 0n || value === 0 || value === '') return true;
  if (value instanceof Uint) return value.value === 0n;
  if (value instanceof Duration) return value.nanos === 0n;
  if (value instanceof Uint8Array) return value.length === 0;
  if (value instanceof List) return value.size === 0;
  if (!isMap(value)) return false;
  const size = value.mapSize;
  budget.chargeSize(size);
  return size === 0;
}
