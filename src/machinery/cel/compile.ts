import type { Budget } from './errors.ts';
import { CelEvaluationError } from './errors.ts';
import type { FunctionTable, Overload } from './function-table.ts';
import { compileMacro } from './macros.ts';
import type { Compiled, Compiler, Frame, Scope } from './program.ts';
import { isAbsorbable } from './program.ts';
import type { Expression } from './syntax.ts';
import { compileError, parseExpression } from './syntax.ts';
import type { Type } from './types.ts';
import {
  assignable,
  boolType,
  bytesType,
  doubleType,
  dynType,
  formatType,
  intType,
  join,
  listType,
  mapType,
  nullType,
  optionalType,
  stringType,
  substitute,
  typeNames,
  uintType,
} from './types.ts';
import type { Value } from './values.ts';
import { Entries, fits, isMap, kindOf, List, Optional, TypeValue, Uint } from './values.ts';

/** An expression whose types have been checked. */
export interface Program {
  readonly type: Type;
  /** The variables that it mentions. */
  readonly variables: ReadonlySet<string>;
  /**
   * @throws CelEvaluationError if a value does not allow it
   * @throws CelCostError if the budget does not suffice
   */
  evaluate(values: ReadonlyMap<string, Value>, budget: Budget): Value;
}

/**
 * Parses an expression and checks its types.
 *
 * @throws CelCompileError in the form of cel-go: `ERROR: <input>:1:6: undefined field 'x'`
 */
export function compileProgram(
  source: string,
  variables: ReadonlyMap<string, Type>,
  functions: FunctionTable,
): Program {
  const names = [...variables.keys()];
  const used = new Set<string>();
  const compiler = new ProgramCompiler(source, functions, used);
  const scope: Scope = {
    size: names.length,
    find(name) {
      const type = variables.get(name);
      return type === undefined ? undefined : { slot: names.indexOf(name), type };
    },
  };
  const { type, run } = compiler.compile(parseExpression(source), scope);
  return {
    type,
    variables: used,
    evaluate: (values, budget) => run({ values: names.map((name) => values.get(name)), budget }),
  };
}

class ProgramCompiler implements Compiler {
  readonly #source: string;
  readonly #functions: FunctionTable;
  readonly #used: Set<string>;
  /** Inside arguments of `format`, where literals may mix types. */
  #mixed = 0;

  constructor(source: string, functions: FunctionTable, used: Set<string>) {
    this.#source = source;
    this.#functions = functions;
    this.#used = used;
  }

  error(at: number, problem: string): Error {
    return compileError(this.#source, at, problem);
  }

  compile(expression: Expression, scope: Scope): Compiled {
    switch (expression.kind) {
      case 'literal':
        return constant(expression.value, literalType(expression.value));
      case 'uint':
        return constant(new Uint(expression.value), uintType);
      case 'name':
        return this.#name(expression, scope);
      case 'select':
        return this.#select(expression, scope);
      case 'call':
        return this.#call(expression, scope);
      case 'list':
        return this.#list(expression, scope);
      case 'map':
        return this.#map(expression, scope);
      default:
        return expression satisfies never;
    }
  }

  #name({ name, at }: Expression & { kind: 'name' }, scope: Scope): Compiled {
    const variable = scope.find(name);
    if (variable === undefined) {
      const type = typeNames.get(name);
      if (type !== undefined) return constant(new TypeValue(type), { kind: 'type', item: type });
      throw this.error(at, `undeclared reference to '${name}' (in container '')`);
    }
    this.#used.add(name);
    const { slot, type } = variable;
    return {
      type,
      run({ values, budget }) {
        budget.charge(1);
        const value = values[slot];
        if (value === undefined) throw new CelEvaluationError(`no such attribute(s): ${name}`);
        return value;
      },
    };
  }

  /** The type of a field of a value of type `type`. */
  fieldType(type: Type, field: string, at: number): Type {
    switch (type.kind) {
      case 'dyn':
        return dynType;
      case 'map':
        return type.value;
      case 'optional':
        return optionalType(this.fieldType(type.item, field, at));
      case 'object': {
        const found = type.field(field);
        if (found === undefined) throw this.error(at, `undefined field '${field}'`);
        return found;
      }
      default:
        throw this.error(at, `type '${formatType(type)}' does not support field selection`);
    }
  }

  #select(expression: Expression & { kind: 'select' }, scope: Scope): Compiled {
    const { operand, field, optional, at } = expression;
    const named = qualifiedType(expression, scope);
    if (named !== undefined) return named;
    const { type: operandType, run } = this.compile(operand, scope);
    const declared = this.fieldType(operandType, field, at);
    const type = optional && operandType.kind !== 'optional' ? optionalType(declared) : declared;
    return {
      type,
      run(frame) {
        const value = run(frame);
        frame.budget.charge(1);
        if (value instanceof Optional) {
          return value.value === undefined ? Optional.none : new Optional(findField(value.value, field));
        }
        const found = findField(value, field);
        if (optional) return new Optional(found);
        if (found === undefined) throw new CelEvaluationError(`no such key: ${field}`);
        return found;
      },
    };
  }

  #call(expression: Expression & { kind: 'call' }, scope: Scope): Compiled {
    const { name, receiver, args, at } = expression;
    if (receiver === undefined && ['_&&_', '_||_', '_?_:_'].includes(name)) {
      return this.#controlFlow(name, args, at, scope);
    }
    const macro = compileMacro(this, expression, scope);
    if (macro !== undefined) return macro;
    const namespace =
      receiver?.kind === 'name' && scope.find(receiver.name) === undefined ? receiver.name : '';
    const qualified = `${namespace}.${name}`;
    if (namespace !== '' && this.#functions.find(qualified) !== undefined) {
      return this.callFunction(
        qualified,
        args.map((arg) => this.compile(arg, scope)),
        at,
        args,
      );
    }
    const all = receiver === undefined ? args : [receiver, ...args];
    if (name === 'format') this.#mixed += 1;
    const operands = all.map((arg) => this.compile(arg, scope));
    if (name === 'format') this.#mixed -= 1;
    return this.callFunction(receiver === undefined ? name : `.${name}`, operands, at, all);
  }

  /** A call of a function of the table whose arguments have been compiled. */
  callFunction(name: string, operands: Compiled[], at: number, args: readonly Expression[] = []): Compiled {
    const types = operands.map((operand) => operand.type);
    const overloads = this.#functions.find(name);
    const display = name.startsWith('.') ? name.slice(1) : name;
    if (overloads === undefined) {
      throw this.error(at, `undeclared reference to '${display}' (in container '')`);
    }
    const { matching, type } = resolve(overloads, types);
    if (type === undefined) {
      throw this.error(
        at,
        `found no matching overload for '${display}' applied to '${formatArguments(types, name)}'`,
      );
    }
    const literals = args.map((arg) => (arg.kind === 'literal' ? arg.value : undefined));
    for (const overload of matching) {
      const problem = overload.checkLiterals?.(literals);
      if (problem !== undefined) throw this.error(at, problem);
    }
    const runs = operands.map((operand) => operand.run);
    return {
      type,
      run(frame) {
        const values = runs.map((run) => run(frame));
        frame.budget.charge(1);
        // Also where the types leave no choice: a value that may be null can be.
        return dispatch(matching, values).call(values, frame.budget);
      },
    };
  }

  #controlFlow(name: string, args: readonly Expression[], at: number, scope: Scope): Compiled {
    const operands = args.map((arg) => this.compile(arg, scope));
    const types = operands.map((operand) => operand.type);
    const [first, second, third] = operands;
    const refuse = (): never => {
      throw this.error(
        at,
        `found no matching overload for '${name}' applied to '${formatArguments(types, name)}'`,
      );
    };
    const isBool = (type: Type): boolean => type.kind === 'bool' || type.kind === 'dyn';
    if (first === undefined || second === undefined || !isBool(first.type)) return refuse();
    if (third === undefined) {
      if (!isBool(second.type)) return refuse();
      return { type: boolType, run: logical(first.run, second.run, name === '_||_') };
    }
    const type = join(second.type, third.type);
    if (type === undefined) return refuse();
    return {
      type,
      run(frame) {
        frame.budget.charge(1);
        return (condition(first.run(frame)) ? second : third).run(frame);
      },
    };
  }

  #list({ items }: Expression & { kind: 'list' }, scope: Scope): Compiled {
    const compiled = items.map((item) => this.compile(item, scope));
    const type = this.#common(compiled, items);
    const runs = compiled.map((item) => item.run);
    return {
      type: listType(type),
      run(frame) {
        frame.budget.charge(10 + runs.length);
        return List.of(runs.map((run) => run(frame)));
      },
    };
  }

  #map({ entries }: Expression & { kind: 'map' }, scope: Scope): Compiled {
    const keys = entries.map(([key]) => this.compile(key, scope));
    const values = entries.map(([, value]) => this.compile(value, scope));
    const keyType = this.#common(
      keys,
      entries.map(([key]) => key),
    );
    const valueType = this.#common(
      values,
      entries.map(([, value]) => value),
    );
    return {
      type: mapType(keyType, valueType),
      run(frame) {
        frame.budget.charge(30 + keys.length);
        const result = new Entries();
        for (const [index, key] of keys.entries()) {
          result.add(key.run(frame), values[index]?.run(frame) ?? null);
        }
        return result;
      },
    };
  }

  /** All items of a literal have to be of one type. */
  #common(items: readonly Compiled[], expressions: readonly Expression[]): Type {
    let type = items[0]?.type ?? dynType;
    for (const [index, item] of items.entries()) {
      const common = join(type, item.type) ?? (this.#mixed > 0 ? dynType : undefined);
      if (common === undefined) {
        const at = expressions[index]?.at ?? 0;
        throw this.error(at, `expected type '${formatType(type)}' but found '${formatType(item.type)}'`);
      }
      type = common;
    }
    return type;
  }
}

function constant(value: Value, type: Type): Compiled {
  return { type, run: () => value };
}

function literalType(value: Value): Type {
  if (value === null) return nullType;
  switch (typeof value) {
    case 'boolean':
      return boolType;
    case 'bigint':
      return intType;
    case 'number':
      return doubleType;
    case 'string':
      return stringType;
    default:
      return bytesType;
  }
}

/** `google.protobuf.Timestamp`, `net.IP` and the like, to compare types with. */
function qualifiedType(
  { operand, field }: Expression & { kind: 'select' },
  scope: Scope,
): Compiled | undefined {
  const names = [field];
  let at = operand;
  for (; at.kind === 'select'; at = at.operand) names.unshift(at.field);
  if (at.kind !== 'name' || scope.find(at.name) !== undefined) return undefined;
  const item = typeNames.get([at.name, ...names].join('.'));
  return item === undefined ? undefined : constant(new TypeValue(item), { kind: 'type', item });
}

function findField(value: Value, field: string): Value | undefined {
  if (!isMap(value)) throw new CelEvaluationError('no such overload');
  return value.find(field);
}

function formatArguments(types: readonly Type[], name: string): string {
  const texts = types.map(formatType);
  if (!name.startsWith('.')) return `(${texts.join(', ')})`;
  return `${texts[0] ?? ''}.(${texts.slice(1).join(', ')})`;
}

function resolve(
  overloads: readonly Overload[],
  types: readonly Type[],
): { matching: Overload[]; type?: Type } {
  const matching: Overload[] = [];
  let result: Type | undefined;
  for (const overload of overloads) {
    const bindings = new Map<string, Type>();
    const { params } = overload;
    if (params.length !== types.length) continue;
    if (!params.every((param, index) => assignable(param, types[index] ?? dynType, bindings))) continue;
    matching.push(overload);
    const type = substitute(overload.result, bindings);
    result = result === undefined ? type : (join(result, type) ?? dynType);
  }
  return result === undefined ? { matching } : { matching, type: result };
}

function dispatch(overloads: readonly Overload[], values: readonly Value[]): Overload {
  const found = overloads.find(({ params }) =>
    params.every((param, index) => fits(values[index] ?? null, param)),
  );
  if (found === undefined) throw new CelEvaluationError('no such overload');
  return found;
}

function condition(value: Value): boolean {
  if (typeof value !== 'boolean') throw new CelEvaluationError(`no such overload: ${kindOf(value)}`);
  return value;
}

/** `&&` and `||` ignore an error on one side if the other decides. */
function logical(left: Compiled['run'], right: Compiled['run'], decisive: boolean): Compiled['run'] {
  const attempt = (run: Compiled['run'], frame: Frame): boolean | CelEvaluationError => {
    try {
      return condition(run(frame));
    } catch (error) {
      if (isAbsorbable(error)) return error;
      throw error;
    }
  };
  return (frame) => {
    frame.budget.charge(1);
    const first = attempt(left, frame);
    if (first === decisive) return decisive;
    const second = attempt(right, frame);
    if (second === decisive) return decisive;
    if (typeof first !== 'boolean') throw first;
    if (typeof second !== 'boolean') throw second;
    return !decisive;
  };
}
