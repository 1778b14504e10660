import { InvalidInputError } from '../base/errors.ts';
import { own } from './json.ts';

interface Term {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/** Selects objects by the values of fields: all terms must hold. Immutable. */
export class FieldSelector {
  static readonly everything = new FieldSelector([]);

  readonly terms: readonly Term[];

  constructor(terms: readonly Term[]) {
    this.terms = terms;
  }

  isEmpty(): boolean {
    return this.terms.length === 0;
  }

  /** @param fields `metadata.name` etc.; one that is absent counts as empty */
  matches(fields: Readonly<Record<string, string>>): boolean {
    return this.terms.every(
      ({ field, operator, value }) => ((own(fields, field) ?? '') === value) === (operator === '='),
    );
  }

  /** The one value that `field` must have, if this selector demands one. */
  requiredValue(field: string): string | undefined {
    return this.terms.find((term) => term.field === field && term.operator === '=')?.value;
  }

  /** The form that {@link parseFieldSelector} reads. */
  toString(): string {
    return this.terms
      .map(({ field, operator, value }) => `${field}${operator}${escapeValue(value)}`)
      .join(',');
  }
}

/**
 * Parses `metadata.name=web,status.phase!=Running`. A backslash before a backslash, a comma or an equals sign
 * makes it part of the value. As apimachinery's `fields.ParseSelector`.
 *
 * @throws InvalidInputError with the message of a Kubernetes API server
 */
export function parseFieldSelector(text: string): FieldSelector {
  const terms = splitTerms(text)
    .filter((term) => term !== '')
    .sort()
    .map((term) => parseTerm(text, term))
    .filter(({ field, value }) => field !== '' || value !== '');
  return new FieldSelector(terms);
}

function parseTerm(selector: string, term: string): Term {
  const match = /!=|==?/.exec(term);
  if (match === null) throw invalid(`invalid selector: '${selector}'; can't understand '${term}'`);
  return {
    field: term.slice(0, match.index),
    operator: match[0] === '!=' ? '!=' : '=',
    value: unescapeValue(term.slice(match.index + match[0].length)),
  };
}

/** Splits at the commas that no backslash precedes. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i += 1;
    else if (text[i] === ',') {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function unescapeValue(text: string): string {
  return text.replace(/\\(.?)|[,=]/gsu, (match, escaped?: string) => {
    if (escaped === undefined) {
      // As upstream, which prints the number of the character.
      throw invalid(`invalid field selector: unescaped character in value: ${match.charCodeAt(0)}`);
    }
    if (escaped === '' || !'\\,='.includes(escaped)) {
      throw invalid(`invalid field selector: invalid escape sequence: ${match}`);
    }
    return escaped;
  });
}

function escapeValue(value: string): string {
  return value.replace(/[\\,=]/g, '\\$&');
}

function invalid(message: string): InvalidInputError {
  return new InvalidInputError(message, 'InvalidFieldSelector');
}
