import { goJson, goText, goType } from './go-text.ts';
import { JsonPathError, parseTemplate, type Action, type PathNode, type Slice } from './json-path-parser.ts';
import { isObject, own, type Json } from './json.ts';

export { JsonPathError } from './json-path-parser.ts';

export interface JsonPathOptions {
  /** Gives nothing for a missing field instead of an error, as `kubectl get` does. Default false. */
  readonly allowMissingKeys?: boolean;
}

/** A parsed JSONPath template; good for any number of values. */
export interface JsonPath {
  /**
   * The results of every piece of the template, in order: of a piece in braces all that it found, of text the text.
   *
   * @throws {JsonPathError} where the path does not fit the value, or would take too long
   */
  evaluate(value: Json): Json[][];
  /**
   * The filled-in template, as `kubectl -o jsonpath` prints it.
   *
   * @throws {JsonPathError} like `evaluate`
   */
  render(value: Json): string;
}

/** Values that one evaluation may visit: enough for any list page, little enough for a hostile path. */
const maxVisits = 2_000_000;
/** Characters. */
const maxOutput = 64 * 1024 * 1024;

/**
 * Parses a template of kubectl's JSONPath dialect: `{.items[*].metadata.name}`, `{range …}{end}`, filters,
 * slices, unions and `..`. Members of objects come in the order of the document (the original has none).
 *
 * Source: k8s.io/client-go 0.36 util/jsonpath, and https://kubernetes.io/docs/reference/kubectl/jsonpath/
 *
 * @throws {JsonPathError}
 */
export function parseJsonPath(template: string, options: JsonPathOptions = {}): JsonPath {
  const pieces = parseTemplate(template);
  const allowMissing = options.allowMissingKeys ?? false;
  const evaluate = (value: Json): Json[][] => new Evaluation(pieces, allowMissing).run(0, value, []);
  return {
    evaluate,
    render: (value) => print(evaluate(value)),
  };
}

/**
 * Parses the `jsonPath` of a CRD's printer column (`.spec.replicas`, no braces).
 *
 * Source: k8s.io/apiextensions-apiserver 0.36 registry/customresource/tableconvertor.
 *
 * @returns what finds the column's value in an object: the first result; undefined where there is none or the
 *   path does not fit
 * @throws {JsonPathError} where the path cannot be parsed
 */
export function parsePrinterColumn(jsonPath: string): (object: Json) => Json | undefined {
  const path = parseJsonPath(`{${jsonPath}}`, { allowMissingKeys: true });
  return (object) => {
    try {
      return path.evaluate(object)[0]?.[0];
    } catch (thrown) {
      if (thrown instanceof JsonPathError) return undefined;
      throw thrown;
    }
  };
}

function print(pieces: Json[][]): string {
  let text = '';
  for (const results of pieces) {
    for (const [at, result] of results.entries()) {
      text += `${at === 0 ? '' : ' '}${printJsonPathValue(result)}`;
      if (text.length > maxOutput)
        throw new JsonPathError(`a JSONPath prints more than ${maxOutput} characters`);
    }
  }
  return text;
}

/** One result as kubectl prints it: objects and lists as JSON, the rest plain. */
export function printJsonPathValue(value: Json): string {
  if (value === null) return 'null';
  return typeof value === 'object' ? goJson(value) : goText(value);
}

/** A slice outside of the list. Existence filters of kubectl take the item nevertheless. */
class OutOfBoundsError extends JsonPathError {}

class Evaluation {
  private readonly pieces: readonly Action[];
  private readonly allowMissing: boolean;
  private visits = 0;
  // `range` and `end` are steps like others, so they only leave a note, which `run` acts on after the piece.
  private begun = 0;
  private ended = 0;
  private open = 0;
  private lastEnd = -1;

  constructor(pieces: readonly Action[], allowMissing: boolean) {
    this.pieces = pieces;
    this.allowMissing = allowMissing;
  }

  /** Evaluates the pieces from `first` to the end of the template or of the enclosing range, into `all`. */
  run(first: number, value: Json, all: Json[][]): Json[][] {
    for (let at = first; at < this.pieces.length; at++) {
      const results = this.walk([value], this.pieces[at] ?? []);
      if (this.ended > 0 && this.ended <= this.open) {
        this.ended--;
        this.lastEnd = at;
        return all;
      }
      if (this.begun === 0) {
        all.push(results);
        continue;
      }
      this.begun--;
      this.open++;
      for (const item of results) this.run(at + 1, item, all);
      // An empty range is walked once for nothing: it finds the end.
      if (results.length === 0) this.run(at + 1, null, []);
      this.open--;
      if (this.lastEnd > at) at = this.lastEnd;
    }
    return all;
  }

  private walk(input: Json[], action: Action): Json[] {
    let current = input;
    this.visit(1);
    for (const node of action) {
      current = this.step(current, node);
      this.visit(current.length + 1);
    }
    return current;
  }

  private visit(count: number): void {
    this.visits += count;
    if (this.visits > maxVisits) throw new JsonPathError(`a JSONPath visits more than ${maxVisits} values`);
  }

  private step(input: Json[], node: PathNode): Json[] {
    switch (node.kind) {
      case 'text':
        return [node.text];
      case 'literal':
        return input.map(() => node.value);
      case 'field':
        return this.field(input, node.name);
      case 'identifier':
        return this.identifier(input, node.name);
      case 'wildcard':
        return this.flat(input, (value) =>
          typeof value === 'string' ? [...Buffer.from(value)] : children(value),
        );
      case 'recursive':
        return this.descendants(input);
      case 'slice':
        return this.slices(input, node.slice);
      case 'union':
        return this.flat(node.members, (member) => this.walk(input, member));
      default:
        return this.flat(input, (value) => this.filter(value, node));
    }
  }

  /** `flatMap` that stops where the results become too many. */
  private flat<T>(input: readonly T[], expand: (value: T) => readonly Json[]): Json[] {
    const results: Json[] = [];
    for (const value of input) {
      const found = expand(value);
      this.visit(found.length + 1);
      for (const item of found) results.push(item);
    }
    return results;
  }

  private field(input: Json[], name: string): Json[] {
    const results: Json[] = [];
    for (const value of input) {
      const member = isObject(value) ? own(value, name) : undefined;
      if (member !== undefined) results.push(member);
    }
    if (results.length === 0 && input.length > 0 && !this.allowMissing) {
      throw new JsonPathError(`${name} is not found`);
    }
    return results;
  }

  private identifier(input: Json[], name: string): Json[] {
    if (name === 'range') {
      this.begun++;
      return input;
    }
    if (name !== 'end') throw new JsonPathError(`unrecognized identifier ${name}`);
    if (this.open === 0) throw new JsonPathError('not in range, nothing to end');
    this.ended++;
    return [];
  }

  /** Every value that has children, and every text, parents first. */
  private descendants(input: Json[]): Json[] {
    const results: Json[] = [];
    const pending = input.toReversed();
    for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
      const below = children(value);
      this.visit(below.length + 1);
      if (below.length > 0 || (typeof value === 'string' && value !== '')) results.push(value);
      for (const child of below.toReversed()) pending.push(child);
    }
    return results;
  }

  private slices(input: Json[], slice: Slice): Json[] {
    const results: Json[] = [];
    for (const value of input) {
      if (value === null) continue;
      if (!Array.isArray(value)) throw new OutOfBoundsError(`${goType(value)} is not array or slice`);
      const range = bounds(slice, value.length);
      // The original stops here: later lists give nothing either.
      if (range === undefined) return results;
      for (let at = range.start; at < range.end; at += range.step) results.push(value[at] ?? null);
      this.visit(results.length);
    }
    return results;
  }

  private filter(list: Json, filter: PathNode & { kind: 'filter' }): Json[] {
    if (!Array.isArray(list)) {
      throw new JsonPathError(`${goText(list)} is not array or slice and cannot be filtered`);
    }
    return list.filter((item) =>
      filter.operator === 'exists' ? this.exists(item, filter.left) : this.matches(item, filter),
    );
  }

  private exists(item: Json, path: Action): boolean {
    try {
      return this.walk([item], path).length > 0;
    } catch (thrown) {
      // Out of budget stays out of budget.
      this.visit(0);
      if (thrown instanceof OutOfBoundsError) return true;
      if (thrown instanceof JsonPathError) return false;
      throw thrown;
    }
  }

  private matches(item: Json, { left, operator, right }: PathNode & { kind: 'filter' }): boolean {
    const lefts = this.walk([item], left);
    if (lefts.length === 0) return false;
    const rights = lefts.length > 1 ? [] : this.walk([item], right);
    if (lefts.length > 1 || rights.length > 1) {
      throw new JsonPathError('can only compare one element at a time');
    }
    return rights.length === 1 && compare(lefts[0] ?? null, operator, rights[0] ?? null);
  }
}

function children(value: Json): readonly Json[] {
  if (typeof value !== 'object' || value === null) return [];
  return Array.isArray(value) ? value : Object.values(value);
}

/** The range that a slice takes of a list, undefined for an empty one. */
function bounds(slice: Slice, length: number): { start: number; end: number; step: number } | undefined {
  const { single, step = 1 } = slice;
  let { start = 0, end = length } = slice;
  if (start < 0) start += length;
  if (end < 0 || (end === 0 && single)) end += length;
  if (start === end) return undefined;
  if (start < 0 || start >= length) {
    throw new OutOfBoundsError(`array index out of bounds: index ${start}, length ${length}`);
  }
  if (end < 0 || end > length) {
    throw new OutOfBoundsError(`array index out of bounds: index ${end - 1}, length ${length}`);
  }
  if (start > end) {
    throw new OutOfBoundsError(`starting index ${start} is greater than ending index ${end}`);
  }
  if (step <= 0) throw new OutOfBoundsError('step must be > 0');
  return { start, end, step };
}

const operators = new Map<string, (order: number) => boolean>([
  ['==', (order) => order === 0],
  ['!=', (order) => order !== 0],
  ['<', (order) => order < 0],
  ['<=', (order) => order <= 0],
  ['>', (order) => order > 0],
  ['>=', (order) => order >= 0],
]);

function compare(left: Json, operator: string, right: Json): boolean {
  const holds = operators.get(operator);
  if (holds === undefined) throw new JsonPathError(`unrecognized filter operator ${operator}`);
  const kind = comparableKind(left);
  if (kind !== comparableKind(right)) throw new JsonPathError('incompatible types for comparison');
  if (kind === 'bool' && operator !== '==' && operator !== '!=') {
    throw new JsonPathError('invalid type for comparison');
  }
  if (left === right) return holds(0);
  return holds(left !== null && right !== null && left < right ? -1 : 1);
}

/** Whole numbers and fractions do not compare, as in the original. */
function comparableKind(value: Json): string {
  if (value === null || typeof value === 'object') throw new JsonPathError('invalid type for comparison');
  return goType(value);
}
