import { errorMessage } from '../../base/errors.ts';
import type { Program } from './compile.ts';
import { compileProgram } from './compile.ts';
import { Budget, CelCompileError, CelEvaluationError } from './errors.ts';
import { FunctionTable } from './function-table.ts';
import { defineKubernetesFunctions } from './kubernetes-functions.ts';
import { defineListFunctions } from './list-functions.ts';
import { defineOperators } from './operators.ts';
import { defineOptionalFunctions } from './optional-functions.ts';
import { defineStandardFunctions } from './standard-functions.ts';
import { defineStringFunctions } from './string-functions.ts';
import { defineTimeFunctions } from './time-functions.ts';
import type { Type } from './types.ts';
import { parseType } from './types.ts';
import type { Value } from './values.ts';

/** What one evaluation may cost. Source: PerCallLimit of k8s.io/apiserver/pkg/apis/cel. */
export const perCallLimit = 1_000_000;

/** A checked expression. */
export interface CompiledExpression {
  /** The type of its value. */
  readonly type: Type;
  /** The variables that it mentions. */
  readonly variables: ReadonlySet<string>;
  /**
   * @param budget what it may cost; {@link perCallLimit} if not given
   * @throws CelEvaluationError if a value does not allow it
   * @throws CelCostError if the budget does not suffice
   */
  evaluate(values: Readonly<Record<string, Value>>, budget?: Budget): Value;
}

/** Compiles expressions with the functions of a Kubernetes API server (1.36). */
export interface CelEnvironment {
  /**
   * @param variables their types, also as signatures write them: `list<string>`
   * @throws CelCompileError for syntax errors and types that do not fit
   */
  compileExpression(text: string, variables: Readonly<Record<string, Type | string>>): CompiledExpression;
}

/** An environment can be shared; making one takes about a millisecond. */
export function createCelEnvironment(): CelEnvironment {
  const functions = new FunctionTable();
  defineOperators(functions);
  defineStandardFunctions(functions);
  defineTimeFunctions(functions);
  defineStringFunctions(functions);
  defineListFunctions(functions);
  defineOptionalFunctions(functions);
  defineKubernetesFunctions(functions);
  return {
    compileExpression(text, variables) {
      const types = Object.entries(variables).map(
        ([name, type]) => [name, typeof type === 'string' ? parseType(type) : type] as const,
      );
      return expressionOf(compile(text, new Map(types), functions));
    },
  };
}

function compile(text: string, variables: ReadonlyMap<string, Type>, functions: FunctionTable): Program {
  try {
    return compileProgram(text, variables, functions);
  } catch (error) {
    if (error instanceof RangeError) throw new CelCompileError(`ERROR: <input>:1:1: ${errorMessage(error)}`);
    throw error;
  }
}

function expressionOf(program: Program): CompiledExpression {
  return {
    type: program.type,
    variables: program.variables,
    evaluate(values, budget = new Budget(perCallLimit)) {
      try {
        return program.evaluate(new Map(Object.entries(values)), budget);
      } catch (error) {
        // Numbers and texts that JavaScript cannot represent, and too deep values.
        if (error instanceof RangeError) throw new CelEvaluationError(errorMessage(error));
        throw error;
      }
    },
  };
}
