import type { FieldError } from '../../../machinery/field-errors.ts';
import {
  goQuote,
  invalidValue,
  requiredValue,
  tooLong,
  tooMany,
  typeInvalid,
  unsupportedValue,
} from '../../../machinery/field-errors.ts';
import { goJson, goText } from '../../../machinery/go-text.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, jsonEqual, own } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';
import type { Correlation } from './correlation.ts';
import { correlatedField, correlatedItem, isUnchanged } from './correlation.ts';
import { stringFormat, supportedFormat } from './formats.ts';
import { numberProblems } from './numbers.ts';
import { compilePattern } from './patterns.ts';
import { Steps, StepsError } from './steps.ts';
import { typeProblem } from './types.ts';

/** How a problem without a place of its own is reported. */
const noField = '<nil>';

export interface ValidateOptions {
  /** Where the value is, for the fields of errors; messages name fields below it only. */
  readonly path?: string | undefined;
  /** The value before an update: what was wrong already and did not change is not reported. */
  readonly old?: Json | undefined;
  /** What it may cost, where several values share one budget. */
  readonly steps?: Steps | undefined;
}

/**
 * Problems of a value, in the API server's words. Total, and bounded in time: an object that costs too much to
 * validate is refused.
 *
 * Source: kube-openapi pkg/validation/validate, and apiextensions-apiserver pkg/apiserver/validation.
 */
export function validateValue(schema: Schema, value: Json, options: ValidateOptions = {}): FieldError[] {
  const { path = '', old, steps = new Steps() } = options;
  const validation = new Validation(path, steps);
  let problems: Problem[];
  try {
    const result = validation.node(
      schema,
      value,
      undefined,
      old === undefined ? undefined : { schema, value, old },
    );
    problems = result.problems;
  } catch (error) {
    if (!(error instanceof StepsError)) throw error;
    return [invalidValue(path === '' ? noField : path, '', error.message)];
  }
  // What two branches of a junctor both mind is told once.
  return [...new Map(problems.map(({ text, error }) => [text, error])).values()];
}

interface Problem {
  /** The validator's own message: it tells two problems apart. */
  readonly text: string;
  readonly error: FieldError;
}

/** `matches` counts the checks that a value stood: the branch of a junctor with most of them tells what is wrong. */
interface Result {
  readonly problems: Problem[];
  matches: number;
}

/** Where a value is. Its text is only made for a message. */
interface Place {
  readonly parent: Place | undefined;
  readonly step: string;
}

class Validation {
  readonly #prefix: string;
  readonly #steps: Steps;

  constructor(prefix: string, steps: Steps) {
    this.#prefix = prefix;
    this.#steps = steps;
  }

  /** One value with its schema; with `correlation`, minus what an update does not make worse. */
  node(schema: Schema, value: Json, place: Place | undefined, correlation: Correlation | undefined): Result {
    const result = this.#run(schema, value, place, correlation);
    if (correlation === undefined || result.problems.length === 0) return result;
    this.#steps.take(100);
    return isUnchanged(correlation) ? { problems: [], matches: result.matches } : result;
  }

  #run(schema: Schema, value: Json, place: Place | undefined, correlation: Correlation | undefined): Result {
    this.#steps.take(1);
    const result: Result = { problems: [], matches: 0 };
    const types = typesOf(schema);
    const format = supportedFormat(schema);
    if (types.length > 0 || (format !== undefined && value !== null)) {
      const wrong = typeProblem(types, format, schema.nullable === true, value);
      if (wrong !== undefined) this.#wrongType(result, place, wrong.expected, wrong.actual);
      else if (value !== null) result.matches += 1;
      if (value !== null) result.matches += 1;
    }
    if (value === null) {
      this.#enumeration(schema, value, place, result);
      return result;
    }
    this.#junctors(schema, value, place, correlation, result);
    result.matches += 3;
    if (typeof value === 'string') this.#text(schema, format, value, place, result);
    if (typeof value === 'number') this.#number(schema, value, place, result);
    if (Array.isArray(value)) this.#list(schema, value, place, correlation, result);
    this.#enumeration(schema, value, place, result);
    if (isObject(value)) this.#object(schema, value, place, correlation, result);
    return result;
  }

  #junctors(
    schema: Schema,
    value: Json,
    place: Place | undefined,
    correlation: Correlation | undefined,
    result: Result,
  ): void {
    const { anyOf, oneOf, allOf, not } = schema;
    if (anyOf === undefined && oneOf === undefined && allOf === undefined && not === undefined) return;
    const run = (branch: Schema): Result => this.#run(branch, value, place, correlation);
    const at = goQuote(this.#textOf(place));
    if (anyOf !== undefined) {
      const best = bestOf(anyOf, run, true);
      if (best.valid === 0) this.#general(result, `${at} must validate at least one schema (anyOf)`);
      merge(result, best.result);
    }
    if (oneOf !== undefined) {
      const best = bestOf(oneOf, run, false);
      if (best.valid !== 1) {
        const found = best.valid === 0 ? 'Found none valid' : `Found ${best.valid} valid alternatives`;
        this.#general(result, `${at} must validate one and only one schema (oneOf). ${found}`);
      }
      if (best.valid <= 1) merge(result, best.result);
    }
    if (allOf !== undefined) {
      const results = allOf.map(run);
      for (const branch of results) merge(result, branch);
      const valid = results.filter(({ problems }) => problems.length === 0).length;
      if (valid < results.length) {
        const none = valid === 0 ? '. None validated' : '';
        this.#general(result, `${at} must validate all the schemas (allOf)${none}`);
      }
    }
    if (not !== undefined && run(not).problems.length === 0) {
      this.#general(result, `${at} must not validate the schema (not)`);
    }
  }

  #text(
    schema: Schema,
    format: string | undefined,
    value: string,
    place: Place | undefined,
    result: Result,
  ): void {
    result.matches += 1;
    const { minLength, maxLength, pattern } = schema;
    this.#steps.take(value.length / 256);
    if (maxLength !== undefined && value.length > maxLength && characters(value) > maxLength) {
      this.#add(result, place, `should be at most ${maxLength} chars long`, (field) =>
        tooLong(field, maxLength),
      );
    } else if (minLength !== undefined && characters(value) < minLength) {
      this.#invalid(result, place, value, `should be at least ${minLength} chars long`);
    } else if (pattern !== undefined) {
      const compiled = compilePattern(pattern);
      if (typeof compiled === 'string') {
        this.#invalid(result, place, value, `should match '${pattern}, but pattern is invalid: ${compiled}'`);
      } else {
        this.#steps.take(((value.length + 1) * compiled.stepsPerCharacter) / 4);
        if (!compiled.matches(value)) this.#invalid(result, place, value, `should match '${pattern}'`);
      }
    }
    const check = format === undefined ? undefined : stringFormat(format);
    if (check === undefined || format === undefined) return;
    result.matches += 1;
    if (!check(value)) this.#wrongType(result, place, format, value);
  }

  #number(schema: Schema, value: number, place: Place | undefined, result: Result): void {
    result.matches += 2;
    for (const { kind, message, badValue } of numberProblems(schema, value)) {
      if (kind === 'field') this.#invalid(result, place, badValue, message);
      else if (kind === 'range') this.#general(result, `${message} in ${this.#textOf(place)}`);
      else {
        const text = `factor MultipleOf declared for ${this.#textOf(place)} must be positive: ${goText(badValue)}`;
        this.#push(result, text, invalidValue(this.#field(place), badValue, text));
      }
    }
  }

  #list(
    schema: Schema,
    list: readonly Json[],
    place: Place | undefined,
    correlation: Correlation | undefined,
    result: Result,
  ): void {
    result.matches += 2;
    const { items, minItems, maxItems } = schema;
    if (items !== undefined) {
      for (const [i, item] of list.entries()) {
        const at = { parent: place, step: `[${i}]` };
        merge(result, this.node(items, item, at, correlatedItem(correlation, item)));
      }
    }
    if (minItems !== undefined && list.length < minItems) {
      this.#invalid(result, place, list.length, `should have at least ${minItems} items`);
    }
    if (maxItems !== undefined && list.length > maxItems) {
      const error = (field: string): FieldError => tooMany(field, list.length, maxItems);
      this.#add(result, place, `should have at most ${maxItems} items`, error);
    }
  }

  #object(
    schema: Schema,
    object: JsonObject,
    place: Place | undefined,
    correlation: Correlation | undefined,
    result: Result,
  ): void {
    result.matches += 1;
    const { properties = {}, additionalProperties, required, minProperties, maxProperties } = schema;
    const keys = Object.keys(object);
    if (minProperties !== undefined && keys.length < minProperties) {
      this.#invalid(result, place, keys.length, `should have at least ${minProperties} properties`);
    }
    if (maxProperties !== undefined && keys.length > maxProperties) {
      const error = (field: string): FieldError => tooMany(field, keys.length, maxProperties);
      this.#add(result, place, `should have at most ${maxProperties} properties`, error);
    }
    for (const key of keys) {
      const value = own(object, key) ?? null;
      const property = own(properties, key) ?? additionalProperties;
      if (property === false) {
        const text = `${this.#textOf(place)}.${key} in body is a forbidden property`;
        this.#push(result, text, invalidValue(this.#field(place), key, text));
      } else if (typeof property === 'object') {
        const at = { parent: place, step: `.${key}` };
        // The version in which an update arrives is not a change.
        const isType = place === undefined && (key === 'apiVersion' || key === 'kind');
        merge(
          result,
          this.node(property, value, at, isType ? undefined : correlatedField(correlation, key, value)),
        );
      }
    }
    this.#steps.take((required?.length ?? 0) / 16);
    for (const key of required ?? []) {
      if (Object.hasOwn(object, key)) continue;
      this.#add(result, { parent: place, step: `.${key}` }, 'is required', (field) => requiredValue(field));
    }
  }

  #enumeration(schema: Schema, value: Json, place: Place | undefined, result: Result): void {
    if (value !== null) result.matches += 1;
    const allowed = schema.enum;
    if (allowed === undefined) return;
    this.#steps.take(allowed.length / 8);
    if (value !== null && isOneOf(allowed, value)) return;
    // The message lists them all.
    this.#steps.take(allowed.length * 16);
    const texts = allowed.map((item) => (typeof item === 'string' ? item : goJson(item)));
    const message = `should be one of [${allowed.map(goText).join(' ')}]`;
    this.#add(result, place, message, (field) => unsupportedValue(field, value, texts));
  }

  #wrongType(result: Result, place: Place | undefined, expected: string, actual: string): void {
    const text = `${this.#textOf(place)} in body must be of type ${expected}: ${goQuote(actual)}`;
    this.#push(result, text, typeInvalid(this.#field(place), actual, text));
  }

  #invalid(result: Result, place: Place | undefined, value: Json, message: string): void {
    const text = `${this.#textOf(place)} in body ${message}`;
    this.#push(result, text, invalidValue(this.#field(place), value, text));
  }

  #add(
    result: Result,
    place: Place | undefined,
    message: string,
    error: (field: string) => FieldError,
  ): void {
    this.#push(result, `${this.#textOf(place)} in body ${message}`, error(this.#field(place)));
  }

  /** A problem of a junctor: it names its place in the message alone. */
  #general(result: Result, text: string): void {
    const field = this.#prefix === '' ? noField : this.#prefix;
    this.#push(result, text, invalidValue(field, '', text));
  }

  #push(result: Result, text: string, error: FieldError): void {
    // Problems are kept until the end: there must not be too many, nor too long ones.
    this.#steps.take(200 + text.length);
    result.problems.push({ text, error });
  }

  /** The place as messages have it. */
  #textOf(place: Place | undefined): string {
    let text = '';
    for (let at = place; at !== undefined; at = at.parent) text = `${at.step}${text}`;
    return text.replace(/^\./, '');
  }

  #field(place: Place | undefined): string {
    const text = this.#textOf(place);
    if (text === '') return this.#prefix === '' ? noField : this.#prefix;
    if (this.#prefix === '') return text;
    return text.startsWith('[') ? `${this.#prefix}${text}` : `${this.#prefix}.${text}`;
  }
}

function typesOf(schema: Schema): readonly string[] {
  if (schema['x-kubernetes-int-or-string'] === true) return ['integer', 'string'];
  return schema.type === undefined ? [] : [schema.type];
}

/** @param stop at the first branch that is valid */
function bestOf(
  branches: readonly Schema[],
  run: (branch: Schema) => Result,
  stop: boolean,
): { readonly valid: number; readonly result: Result | undefined } {
  let valid = 0;
  let success: Result | undefined;
  let failure: Result | undefined;
  for (const branch of branches) {
    const result = run(branch);
    if (result.problems.length === 0) {
      valid += 1;
      success ??= result;
      if (stop) break;
    } else if (failure === undefined || result.matches > failure.matches) {
      failure = result;
    }
  }
  return { valid, result: success ?? failure };
}

function merge(into: Result, result: Result | undefined): void {
  if (result === undefined) return;
  into.matches += result.matches;
  for (const problem of result.problems) into.problems.push(problem);
}

function isOneOf(allowed: readonly Json[], value: Json): boolean {
  return typeof value === 'object' ? allowed.some((item) => jsonEqual(item, value)) : allowed.includes(value);
}

/** Code points, as Go counts them. */
function characters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
