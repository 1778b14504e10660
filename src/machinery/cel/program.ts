import type { Budget } from './errors.ts';
import { CelEvaluationError } from './errors.ts';
import type { Expression } from './syntax.ts';
import type { Type } from './types.ts';
import type { Value } from './values.ts';

/** What an evaluation works on. */
export interface Frame {
  /** By slot; undefined for a variable that has no value. */
  readonly values: (Value | undefined)[];
  readonly budget: Budget;
}

export interface Compiled {
  readonly type: Type;
  readonly run: (frame: Frame) => Value;
}

/** The variables that can be seen at a place of an expression. */
export interface Scope {
  /** The first slot that is free. */
  readonly size: number;
  find(name: string): { readonly slot: number; readonly type: Type } | undefined;
}

/** A scope with one more variable. */
export function extendScope(scope: Scope, name: string, type: Type): Scope {
  const variable = { slot: scope.size, type };
  return {
    size: scope.size + 1,
    find: (wanted) => (wanted === name ? variable : scope.find(wanted)),
  };
}

/** What macros need of the compiler. */
export interface Compiler {
  compile(expression: Expression, scope: Scope): Compiled;
  fieldType(type: Type, field: string, at: number): Type;
  error(at: number, problem: string): Error;
}

/** An error that `&&`, `||`, `all` and `exists` can ignore. */
export function isAbsorbable(error: unknown): error is CelEvaluationError {
  return error instanceof CelEvaluationError;
}
