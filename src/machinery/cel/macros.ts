import { CelEvaluationError } from './errors.ts';
import { sortByKeys } from './list-functions.ts';
import type { Compiled, Compiler, Frame, Scope } from './program.ts';
import { extendScope, isAbsorbable } from './program.ts';
import type { Expression } from './syntax.ts';
import type { Type } from './types.ts';
import { boolType, dynType, formatType, intType, listType, mapType, optionalType } from './types.ts';
import type { Value } from './values.ts';
import { Entries, isMap, List, Optional } from './values.ts';

type Call = Expression & { readonly kind: 'call' };

/** One pass of a comprehension: the values of its variables have been set. */
type Step = (frame: Frame) => Value;

/** Compiles a call that is a macro; undefined if it is none. */
export function compileMacro(compiler: Compiler, call: Call, scope: Scope): Compiled | undefined {
  const { name, receiver, args } = call;
  if (receiver === undefined) {
    return name === 'has' && args.length === 1 ? compileHas(compiler, call, scope) : undefined;
  }
  if ((name === 'optMap' || name === 'optFlatMap') && args.length === 2) {
    return compileOptionalMap(compiler, call, receiver, scope);
  }
  const variables = variableCount(name, args.length);
  if (variables === 0) return undefined;
  return new Comprehension(compiler, call, receiver, scope, variables).compile();
}

/** How many variables a comprehension declares; 0 if it is none. */
function variableCount(name: string, args: number): number {
  switch (name) {
    case 'all':
    case 'exists':
    case 'existsOne':
      return args === 2 || args === 3 ? args - 1 : 0;
    case 'exists_one':
    case 'filter':
    case 'sortBy':
      return args === 2 ? 1 : 0;
    case 'map':
      return args === 2 || args === 3 ? 1 : 0;
    case 'transformList':
    case 'transformMap':
    case 'transformMapEntry':
      return args === 3 || args === 4 ? 2 : 0;
    default:
      return 0;
  }
}

function compileHas(compiler: Compiler, { args, at }: Call, scope: Scope): Compiled {
  const [argument] = args;
  if (argument?.kind !== 'select' || argument.optional) {
    throw compiler.error(at, 'invalid argument to has() macro');
  }
  const { type, run } = compiler.compile(argument.operand, scope);
  const { field } = argument;
  compiler.fieldType(type, field, argument.at);
  return {
    type: boolType,
    run(frame) {
      const value = run(frame);
      const map = value instanceof Optional ? value.value : value;
      if (map === undefined) return false;
      if (!isMap(map)) throw new CelEvaluationError('no such overload');
      return map.find(field) !== undefined;
    },
  };
}

function compileOptionalMap(compiler: Compiler, call: Call, receiver: Expression, scope: Scope): Compiled {
  const [variable, body] = call.args;
  const { type, run } = compiler.compile(receiver, scope);
  if (variable?.kind !== 'name' || body === undefined) {
    throw compiler.error(call.at, `${call.name}() variable name must be a simple identifier`);
  }
  if (type.kind !== 'optional' && type.kind !== 'dyn') {
    throw compiler.error(
      call.at,
      `found no matching overload for '${call.name}' applied to '${formatType(type)}'`,
    );
  }
  const item = type.kind === 'optional' ? type.item : dynType;
  const inner = compiler.compile(body, extendScope(scope, variable.name, item));
  const flat = call.name === 'optFlatMap';
  const slot = scope.size;
  return {
    type: flat ? inner.type : optionalType(inner.type),
    run(frame) {
      const optional = run(frame);
      if (!(optional instanceof Optional)) throw new CelEvaluationError('no such overload');
      if (optional.value === undefined) return Optional.none;
      frame.values[slot] = optional.value;
      const value = inner.run(frame);
      return flat ? value : new Optional(value);
    },
  };
}

/** A macro that goes through a list or a map. */
class Comprehension {
  readonly #compiler: Compiler;
  readonly #call: Call;
  readonly #range: Compiled;
  readonly #scope: Scope;
  readonly #slot: number;
  readonly #pairs: boolean;

  constructor(compiler: Compiler, call: Call, receiver: Expression, scope: Scope, variables: number) {
    this.#compiler = compiler;
    this.#call = call;
    this.#range = compiler.compile(receiver, scope);
    this.#slot = scope.size;
    this.#pairs = variables === 2;
    const names = call.args.slice(0, variables).map((arg) => {
      if (arg.kind === 'name') return arg.name;
      throw compiler.error(arg.at, 'argument must be a simple name');
    });
    if (new Set(names).size < names.length) {
      throw compiler.error(call.at, `duplicate variable name: ${names[0] ?? ''}`);
    }
    const types = this.#variableTypes();
    this.#scope = names.reduce(
      (inner, name, index) => extendScope(inner, name, types[index] ?? dynType),
      scope,
    );
  }

  #variableTypes(): readonly Type[] {
    const { type } = this.#range;
    switch (type.kind) {
      case 'dyn':
        return [dynType, dynType];
      case 'list':
        return this.#pairs ? [intType, type.item] : [type.item];
      case 'map':
        return [type.key, type.value];
      default:
        throw this.#compiler.error(
          this.#call.at,
          `expression of type '${formatType(type)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
        );
    }
  }

  /** The argument at `index`, counted from the end of the variables. */
  #argument(index: number): Compiled {
    const argument = this.#call.args[index + (this.#pairs ? 2 : 1)];
    if (argument === undefined) throw this.#compiler.error(this.#call.at, 'missing argument');
    return this.#compiler.compile(argument, this.#scope);
  }

  #predicate(index: number): Step {
    const { type, run } = this.#argument(index);
    if (type.kind === 'bool' || type.kind === 'dyn') return run;
    throw this.#compiler.error(this.#call.at, `expected type 'bool' but found '${formatType(type)}'`);
  }

  compile(): Compiled {
    const { name, args } = this.#call;
    switch (name) {
      case 'all':
        return this.#quantifier(false);
      case 'exists':
        return this.#quantifier(true);
      case 'existsOne':
      case 'exists_one':
        return this.#existsOne();
      case 'filter':
        return this.#filter();
      case 'sortBy':
        return this.#sortBy();
      case 'transformMap':
      case 'transformMapEntry':
        return this.#transformMap(args.length === 4, name === 'transformMapEntry');
      default:
        return this.#transformList(args.length === (this.#pairs ? 4 : 3));
    }
  }

  /** Runs `visit` for each item until it returns true. */
  #each(frame: Frame, visit: (item: Value) => boolean): void {
    const range = this.#range.run(frame);
    const slot = this.#slot;
    if (range instanceof List) {
      for (let index = 0; index < range.size; index += 1) {
        frame.budget.charge(1);
        const item = range.at(index);
        frame.values[slot] = this.#pairs ? BigInt(index) : item;
        if (this.#pairs) frame.values[slot + 1] = item;
        if (visit(item)) return;
      }
      return;
    }
    if (!isMap(range)) throw new CelEvaluationError('no such overload');
    for (const key of range.keys()) {
      frame.budget.charge(1);
      frame.values[slot] = key;
      if (this.#pairs) frame.values[slot + 1] = range.find(key);
      if (visit(key)) return;
    }
  }

  #quantifier(decisive: boolean): Compiled {
    const test = this.#predicate(0);
    return {
      type: boolType,
      run: (frame) => {
        let decided = false;
        let failure: CelEvaluationError | undefined;
        this.#each(frame, () => {
          try {
            decided = holds(test, frame) === decisive;
          } catch (error) {
            if (!isAbsorbable(error)) throw error;
            failure ??= error;
          }
          return decided;
        });
        if (!decided && failure !== undefined) throw failure;
        return decided === decisive;
      },
    };
  }

  #existsOne(): Compiled {
    const test = this.#predicate(0);
    return {
      type: boolType,
      run: (frame) => {
        let count = 0;
        this.#each(frame, () => {
          if (holds(test, frame)) count += 1;
          return false;
        });
        return count === 1;
      },
    };
  }

  #filter(): Compiled {
    const test = this.#predicate(0);
    return {
      type: listType(this.#variableTypes()[0] ?? dynType),
      run: (frame) => {
        const kept: Value[] = [];
        this.#each(frame, (item) => {
          if (holds(test, frame)) kept.push(item);
          return false;
        });
        return List.of(kept);
      },
    };
  }

  #transformList(filtered: boolean): Compiled {
    const test = filtered ? this.#predicate(0) : undefined;
    const { type, run } = this.#argument(filtered ? 1 : 0);
    return {
      type: listType(type),
      run: (frame) => {
        const items: Value[] = [];
        this.#each(frame, () => {
          if (test === undefined || holds(test, frame)) items.push(run(frame));
          return false;
        });
        return List.of(items);
      },
    };
  }

  #sortBy(): Compiled {
    const { run } = this.#argument(0);
    return {
      type: listType(this.#variableTypes()[0] ?? dynType),
      run: (frame) => {
        const items: Value[] = [];
        const keys: Value[] = [];
        this.#each(frame, (item) => {
          items.push(item);
          keys.push(run(frame));
          return false;
        });
        return sortByKeys(List.of(items), List.of(keys), frame.budget);
      },
    };
  }

  /** @param entries whether each step gives a map to merge instead of a value */
  #transformMap(filtered: boolean, entries: boolean): Compiled {
    const test = filtered ? this.#predicate(0) : undefined;
    const { type, run } = this.#argument(filtered ? 1 : 0);
    const [key] = this.#variableTypes();
    const keySlot = this.#slot;
    return {
      type: entries ? type : mapType(key ?? dynType, type),
      run: (frame) => {
        const result = new Entries();
        this.#each(frame, () => {
          if (test !== undefined && !holds(test, frame)) return false;
          const at = frame.values[keySlot] ?? null;
          const value = run(frame);
          if (!entries) result.add(at, value);
          else if (isMap(value)) addAll(result, value);
          else throw new CelEvaluationError('no such overload');
          return false;
        });
        return result;
      },
    };
  }
}

function addAll(
  result: Entries,
  entries: { keys(): Iterable<Value>; find(key: Value): Value | undefined },
): void {
  for (const key of entries.keys()) result.add(key, entries.find(key) ?? null);
}

function holds(test: Step, frame: Frame): boolean {
  const value = test(frame);
  if (typeof value !== 'boolean') throw new CelEvaluationError('no such overload');
  return value;
}
