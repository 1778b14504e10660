import { InvalidInputError } from '../base/errors.ts';
import {
  FieldPath,
  forbidden,
  goQuote,
  invalidValue,
  joinFieldErrors,
  requiredValue,
  unsupportedValue,
} from './field-errors.ts';
import type { FieldError } from './field-errors.ts';
import { own } from './json.ts';
import { parseRequirements } from './label-selector-parser.ts';
import type { LabelOperator, LabelRequirement } from './label-selector-parser.ts';
import { validateLabelValue, validateQualifiedName } from './names.ts';

export type Labels = Readonly<Record<string, string>>;

/** `metav1.LabelSelector`: a selector as it stands in objects. */
export interface LabelSelectorObject {
  readonly matchLabels?: Labels | undefined;
  readonly matchExpressions?:
    | readonly {
        readonly key: string;
        /** `In`, `NotIn`, `Exists` or `DoesNotExist` */
        readonly operator: string;
        readonly values?: readonly string[] | undefined;
      }[]
    | undefined;
}

type Matcher = (labels: Labels) => boolean;

/** Selects objects by their labels: all requirements must hold. Compiled and immutable. */
export class LabelSelector {
  static readonly everything = new LabelSelector([]);
  /** Prints as the empty text, as upstream, which reads back as {@link everything}: ask `matchesNothing` first. */
  static readonly nothing = new LabelSelector([], true);

  /** In order of their keys. */
  readonly requirements: readonly LabelRequirement[];
  /** It is known that no labels ever match. */
  readonly matchesNothing: boolean;
  readonly #matchers: readonly Matcher[];

  private constructor(requirements: readonly LabelRequirement[], matchesNothing = false) {
    this.requirements = requirements.toSorted((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)));
    this.matchesNothing = matchesNothing;
    this.#matchers = this.requirements.map(compile);
  }

  /**
   * @param path where the selector stands, for messages
   * @throws InvalidInputError when a key, an operator or a value is not valid
   */
  static of(requirements: readonly LabelRequirement[], path?: FieldPath): LabelSelector {
    for (const requirement of requirements) {
      const errors = validateRequirement(requirement, path ?? new FieldPath());
      if (errors.length > 0) throw invalidSelector(joinFieldErrors(errors));
    }
    return new LabelSelector(requirements);
  }

  isEmpty(): boolean {
    return this.requirements.length === 0 && !this.matchesNothing;
  }

  matches(labels: Labels | undefined): boolean {
    return !this.matchesNothing && this.#matchers.every((matches) => matches(labels ?? {}));
  }

  /** The form that {@link parseLabelSelector} reads, the same for equal selectors. */
  toString(): string {
    return this.requirements.map(formatRequirement).join(',');
  }
}

function compile({ key, operator, values }: LabelRequirement): Matcher {
  switch (operator) {
    case 'exists':
      return (labels) => own(labels, key) !== undefined;
    case '!':
      return (labels) => own(labels, key) === undefined;
    case 'gt':
    case 'lt': {
      const bound = parseInt64(values[0] ?? '');
      return (labels) => {
        const value = parseInt64(own(labels, key) ?? '');
        if (value === undefined || bound === undefined) return false;
        return operator === 'gt' ? value > bound : value < bound;
      };
    }
    default: {
      const wanted = new Set<string | undefined>(values);
      const expected = operator !== 'notin' && operator !== '!=';
      return (labels) => wanted.has(own(labels, key)) === expected;
    }
  }
}

/** A decimal int64, as Go's `strconv.ParseInt` reads it. */
function parseInt64(text: string): bigint | undefined {
  // No label value is longer; a longer text of digits costs more than linear time.
  if (text.length > 63 || !/^[+-]?\d+$/.test(text)) return undefined;
  const value = BigInt(text.replace(/^\+/, ''));
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

const infixes = { '=': '=', '==': '==', '!=': '!=', gt: '>', lt: '<' } as const;

function formatRequirement({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${values.toSorted().join(',')})`;
    default:
      return `${key}${infixes[operator]}${values.join(',')}`;
  }
}

const operators: readonly LabelOperator[] = ['in', 'notin', '=', '==', '!=', 'gt', 'lt', 'exists', '!'];

function validateRequirement({ key, operator, values }: LabelRequirement, path: FieldPath): FieldError[] {
  const at = path.child('values');
  const keyErrors = validateQualifiedName(key);
  const errors = keyErrors.length === 0 ? [] : [invalidValue(path.child('key'), key, keyErrors.join('; '))];
  const counts = checkCount(operator, values.length);
  if (counts !== undefined) errors.push(invalidValue(at, values.length === 0 ? null : values, counts));
  if (operator === 'gt' || operator === 'lt') {
    for (const [i, value] of values.entries()) {
      if (parseInt64(value) !== undefined) continue;
      const detail = "for 'Gt', 'Lt' operators, the value must be an integer";
      errors.push(invalidValue(at.index(i), value, detail));
    }
  }
  if (!operators.includes(operator)) {
    errors.push(unsupportedValue(path.child('operator'), operator, operators));
  }
  for (const [i, value] of values.entries()) {
    const messages = validateLabelValue(value);
    if (messages.length > 0) errors.push(invalidValue(at.index(i).key(key), value, messages.join('; ')));
  }
  return errors;
}

function checkCount(operator: LabelOperator, count: number): string | undefined {
  switch (operator) {
    case 'in':
    case 'notin':
      return count > 0 ? undefined : "for 'in', 'notin' operators, values set can't be empty";
    case '=':
    case '==':
    case '!=':
      return count === 1 ? undefined : 'exact-match compatibility requires one single value';
    case 'exists':
    case '!':
      return count === 0 ? undefined : 'values set must be empty for exists and does not exist';
    case 'gt':
    case 'lt':
      return count === 1 ? undefined : "for 'Gt', 'Lt' operators, exactly one value is required";
    default:
      return undefined;
  }
}

/**
 * Parses `app=web,tier in (front,back),!legacy,size>5`. As apimachinery's `labels.Parse`.
 *
 * @throws InvalidInputError with the message of a Kubernetes API server
 */
export function parseLabelSelector(text: string): LabelSelector {
  const requirements = parseRequirements(text, (requirement) => {
    const errors = validateRequirement(requirement, new FieldPath());
    return errors.length === 0 ? undefined : joinFieldErrors(errors);
  });
  return LabelSelector.of(requirements);
}

const objectOperators: ReadonlyMap<string, LabelOperator> = new Map([
  ['In', 'in'],
  ['NotIn', 'notin'],
  ['Exists', 'exists'],
  ['DoesNotExist', '!'],
]);

/**
 * The selector that stands in an object. An absent one selects nothing, an empty one everything.
 *
 * @throws InvalidInputError
 */
export function fromObject(selector: LabelSelectorObject | undefined): LabelSelector {
  if (selector === undefined) return LabelSelector.nothing;
  const requirements: LabelRequirement[] = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({
    key,
    operator: '=',
    values: [value],
  }));
  for (const { key, operator: name, values = [] } of selector.matchExpressions ?? []) {
    const operator = objectOperators.get(name);
    if (operator === undefined) {
      throw invalidSelector(`${goQuote(name)} is not a valid label selector operator`);
    }
    requirements.push({ key, operator, values });
  }
  return LabelSelector.of(requirements);
}

function invalidSelector(message: string): InvalidInputError {
  return new InvalidInputError(message, 'InvalidLabelSelector');
}

/** The problems of a selector that stands in an object, as a Kubernetes API server reports them. */
export function validateLabelSelector(selector: LabelSelectorObject, path: FieldPath): FieldError[] {
  const errors = validateLabels(selector.matchLabels ?? {}, path.child('matchLabels'));
  for (const [i, { key, operator, values = [] }] of (selector.matchExpressions ?? []).entries()) {
    const at = path.child('matchExpressions').index(i);
    if (!objectOperators.has(operator)) {
      errors.push(invalidValue(at.child('operator'), operator, 'not a valid selector operator'));
    } else if (operator.endsWith('In') && values.length === 0) {
      errors.push(requiredValue(at.child('values'), "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (!operator.endsWith('In') && values.length > 0) {
      const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
      errors.push(forbidden(at.child('values'), detail));
    }
    for (const message of validateQualifiedName(key)) {
      errors.push(invalidValue(at.child('key'), key, message));
    }
    for (const [j, value] of values.entries()) {
      for (const message of validateLabelValue(value)) {
        errors.push(invalidValue(at.child('values').index(j), value, message));
      }
    }
  }
  return errors;
}

/** The problems of a set of labels, as a Kubernetes API server reports them. */
export function validateLabels(labels: Labels, path: FieldPath): FieldError[] {
  return Object.entries(labels).flatMap(([key, value]) => [
    ...validateQualifiedName(key).map((message) => invalidValue(path, key, message)),
    ...validateLabelValue(value).map((message) => invalidValue(path, value, message)),
  ]);
}
