import type { Budget } from './errors.ts';
import type { Type } from './types.ts';
import { parseType } from './types.ts';
import type { Value } from './values.ts';

/** One form of a function. */
export interface Overload {
  /** The receiver first. */
  readonly params: readonly Type[];
  readonly result: Type;
  /** Its arguments have been matched with `params`. It charges for what takes more than constant time. */
  readonly call: (args: readonly Value[], budget: Budget) => Value;
  /** Looks for a mistake in a literal argument when the expression is compiled. */
  readonly checkLiterals?: ((args: readonly (Value | undefined)[]) => string | undefined) | undefined;
}

/** What an implementation looks like: the values of the signature, then the budget. */
type Implementation = (...args: never[]) => Value;

/**
 * All functions of an environment by name: `size`, `.find` for methods, `sets.contains` for names in a
 * namespace, `_+_` for operators.
 */
export class FunctionTable {
  readonly #overloads = new Map<string, Overload[]>();

  /**
   * @param signature `string.find(string): string`, or `size(string): int`. Namespaces are written with two
   *   colons: `sets::contains(list<A>, list<A>): bool`.
   */
  define(signature: string, implementation: Implementation, checkLiterals?: Overload['checkLiterals']): this {
    const match = /^(?:([^(]+?)\.)?([^.(]+)\((.*)\): (.*)$/.exec(signature);
    if (match === null) throw new Error(`bad signature ${signature}`);
    const [, receiver, name = '', params = '', result = ''] = match;
    const texts = [...(receiver === undefined ? [] : [receiver]), ...splitParams(params)];
    const run = implementation as unknown as (...args: unknown[]) => Value;
    const overload: Overload = {
      params: texts.map(parseType),
      result: parseType(result),
      call: (args, budget) => run(...args, budget),
      checkLiterals,
    };
    const key = receiver === undefined ? name.replace('::', '.') : `.${name}`;
    const known = this.#overloads.get(key);
    if (known === undefined) this.#overloads.set(key, [overload]);
    else known.push(overload);
    return this;
  }

  find(name: string): readonly Overload[] | undefined {
    return this.#overloads.get(name);
  }
}

function splitParams(text: string): string[] {
  return text === '' ? [] : text.split(/, (?![^<]*>)/);
}
