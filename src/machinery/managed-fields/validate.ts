import { goText, goType } from '../go-text.ts';
import type { Json } from '../json.ts';
import { isObject } from '../json.ts';
import type { PathElement } from './field-path.ts';
import { fieldElement, formatPath, formatPathElement } from './field-path.ts';
import { itemElement, itemProblem } from './list-items.ts';
import type { ListShape, MapShape, Shape } from './shape.ts';
import { kindOf } from './shape.ts';

/**
 * Checks that an applied configuration fits its schema and has no duplicates in sets and list maps.
 *
 * Source: https://pkg.go.dev/sigs.k8s.io/structured-merge-diff/v6/typed#TypedValue.Validate, also for the
 * texts
 *
 * @returns what is wrong, as the API server words it; undefined where nothing is
 */
export function validateApplied(value: Json, shape: Shape): string | undefined {
  const walk = new ValidateWalk();
  walk.validate(value, shape);
  const { problems } = walk;
  if (problems.length < 2) return problems[0];
  return ['errors:', ...problems.map((problem) => `  ${problem}`)].join('\n');
}

class ValidateWalk {
  readonly problems: string[] = [];
  readonly #path: PathElement[] = [];

  #problem(message: string, path = formatPath(this.#path)): void {
    this.problems.push(path === '' ? message : `${path}: ${message}`);
  }

  validate(value: Json, shape: Shape): void {
    const kind = kindOf(shape, value);
    if (value === null) return;
    if (kind === 'map' && shape.map !== undefined) {
      if (isObject(value)) this.#map(value, shape.map);
      else this.#problem(`expected map, got &{${goText(value)}}`);
    } else if (kind === 'scalar') {
      this.#scalar(value, shape.scalar);
    } else if (Array.isArray(value) && shape.list !== undefined) {
      this.#list(value, shape.list);
    } else {
      this.#problem(`expected list, got &{${goText(value)}}`);
    }
  }

  #scalar(value: Json, scalar: Shape['scalar']): void {
    const type = typeof value;
    if (scalar === 'numeric' && type !== 'number') {
      this.#problem(`expected numeric (int or float), got ${goType(value)}`);
    } else if (scalar === 'string' && type !== 'string') {
      this.#problem(`expected string, got &value.valueUnstructured{Value:${goLiteral(value)}}`);
    } else if (scalar === 'boolean' && type !== 'boolean') {
      this.#problem(`expected boolean, got &{${goText(value)}}`);
    } else if (scalar === 'untyped' && type === 'object') {
      this.#problem(`expected any scalar, got &{${goText(value)}}`);
    }
  }

  #map(value: { readonly [name: string]: Json }, map: MapShape): void {
    for (const name of Object.keys(value)) {
      const shape = map.declared(name) ?? map.unknown;
      this.#path.push(fieldElement(name));
      if (shape === undefined) this.#problem('field not declared in schema');
      else this.validate(value[name] ?? null, shape);
      this.#path.pop();
      if (shape === undefined) return;
    }
  }

  #list(value: readonly Json[], list: ListShape): void {
    const seen = new Set<PathElement>();
    for (const [i, item] of value.entries()) {
      let element: PathElement = `i:${i}`;
      if (!list.atomic) {
        const problem = itemProblem(list, item);
        if (problem !== undefined) {
          this.#problem(`element ${i}: ${problem}`);
          return;
        }
        element = itemElement(list, item, i);
        if (seen.has(element)) this.#problem(`duplicate entries for key ${formatPathElement(element)}`);
        seen.add(element);
      }
      this.#path.push(element);
      this.validate(item, list.element);
      this.#path.pop();
    }
  }
}

/** As Go's `%#v` prints a value. */
function goLiteral(value: Json): string {
  if (value === null) return 'interface {}(nil)';
  if (Array.isArray(value)) return `[]interface {}{${value.map(goLiteral).join(', ')}}`;
  if (!isObject(value)) return JSON.stringify(value);
  const fields = Object.keys(value).sort();
  const shown = fields.map((key) => `${JSON.stringify(key)}:${goLiteral(value[key] ?? null)}`);
  return `map[string]interface {}{${shown.join(', ')}}`;
}
