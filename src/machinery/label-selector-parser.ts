import { InvalidInputError } from '../base/errors.ts';
import { fieldErrorMessage, invalidValue } from './field-errors.ts';
import { validateQualifiedName } from './names.ts';

/** How the value of a label relates to the values of a requirement. */
export type LabelOperator = 'in' | 'notin' | '=' | '==' | '!=' | 'gt' | 'lt' | 'exists' | '!';

/** One condition of a selector. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  readonly values: readonly string[];
}

/** A symbol stands for itself; the end of the text is the empty token. */
type Token = string;

const symbols = new Set(['=', '==', '!=', '!', '(', ')', ',', '<', '>']);
const end: Token = '';

const infixOperators: ReadonlyMap<Token, LabelOperator> = new Map([
  ['in', 'in'],
  ['notin', 'notin'],
  ['=', '='],
  ['==', '=='],
  ['!=', '!='],
  ['>', 'gt'],
  ['<', 'lt'],
]);

function isIdentifier(token: Token): boolean {
  return token !== end && !symbols.has(token);
}

/**
 * Parses the text of a label selector: a recursive descent with one token of lookahead, linear in the text.
 *
 * @param validate what is wrong with a requirement, if anything
 * @throws InvalidInputError
 */
export function parseRequirements(
  text: string,
  validate: (requirement: LabelRequirement) => string | undefined,
): LabelRequirement[] {
  const tokens = new Tokens(text);
  const requirements: LabelRequirement[] = [];
  let token = tokens.peek();
  if (token === end) return requirements;
  if (!isIdentifier(token) && token !== '!') {
    throw syntaxError(`found '${token}', expected: !, identifier, or 'end of string'`);
  }
  for (;;) {
    const requirement = parseRequirement(tokens);
    const problem = validate(requirement);
    if (problem !== undefined) throw requirementError(problem);
    requirements.push(requirement);
    token = tokens.next();
    if (token === end) return requirements;
    if (token !== ',') throw syntaxError(`found '${token}', expected: ',' or 'end of string'`);
    token = tokens.peek();
    if (!isIdentifier(token) && token !== '!') {
      throw syntaxError(`found '${token}', expected: identifier after ','`);
    }
  }
}

class Tokens {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = text.match(/[=!]=|[=!(),<>]|[^ \t\r\n=!(),<>]+/g) ?? [];
  }

  peek(): Token {
    return this.#tokens[this.#at] ?? end;
  }

  next(): Token {
    const token = this.peek();
    this.#at += 1;
    return token;
  }
}

function parseRequirement(tokens: Tokens): LabelRequirement {
  const negated = tokens.peek() === '!';
  if (negated) tokens.next();
  const key = tokens.next();
  if (!isIdentifier(key)) throw requirementError(`found '${key}', expected: identifier`);
  const errors = validateQualifiedName(key);
  if (errors.length > 0) {
    // As upstream, whose path is nil here.
    throw requirementError(fieldErrorMessage(invalidValue('<nil>', key, errors.join('; '))));
  }
  if (negated) return { key, operator: '!', values: [] };
  if (tokens.peek() === end || tokens.peek() === ',') return { key, operator: 'exists', values: [] };

  const token = tokens.next();
  const operator = infixOperators.get(token);
  if (operator === undefined) {
    throw requirementError(`found '${token}', expected: in, notin, =, ==, !=, gt, lt`);
  }
  const isSet = operator === 'in' || operator === 'notin';
  return { key, operator, values: isSet ? parseSet(tokens) : [parseValue(tokens)] };
}

/** A value, which may be empty. */
function parseValue(tokens: Tokens): string {
  const token = tokens.peek();
  if (token === end || token === ',') return '';
  if (!isIdentifier(token)) throw requirementError(`found '${token}', expected: identifier`);
  return tokens.next();
}

/** `(a,b)`: values, which may be empty, in parentheses; sorted, each once. */
function parseSet(tokens: Tokens): string[] {
  const open = tokens.next();
  if (open !== '(') throw requirementError(`found '${open}' expected: '('`);
  const first = tokens.peek();
  if (!isIdentifier(first) && first !== ',' && first !== ')') {
    throw requirementError(`found '${first}', expected: ',', ')' or identifier`);
  }
  const values = new Set<string>();
  for (;;) {
    const value = isIdentifier(tokens.peek()) ? tokens.next() : '';
    const separator = tokens.peek();
    if (separator !== ',' && separator !== ')') {
      const expected = value === '' ? "',', or identifier" : "',' or ')'";
      throw requirementError(`found '${separator}', expected: ${expected}`);
    }
    values.add(value);
    tokens.next();
    if (separator === ')') return [...values].sort();
  }
}

function syntaxError(message: string): InvalidInputError {
  return new InvalidInputError(message, 'InvalidLabelSelector');
}

function requirementError(message: string): InvalidInputError {
  return syntaxError(`unable to parse requirement: ${message}`);
}
