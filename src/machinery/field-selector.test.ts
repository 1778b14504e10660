import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FieldSelector, parseFieldSelector } from './field-selector.ts';

describe('the text of a selector', () => {
  test.each([
    ['', ''],
    [',,', ''],
    ['metadata.name=web', 'metadata.name=web'],
    ['metadata.name==web', 'metadata.name=web'],
    ['b!=2,a=1', 'a=1,b!=2'],
    ['a=', 'a='],
    // A term that says nothing.
    ['=', ''],
    [String.raw`x=a\,b\=c\\d`, String.raw`x=a\,b\=c\\d`],
  ])('%j is %j', (text, canonical) => {
    expect(String(parseFieldSelector(text))).toBe(canonical);
  });

  test.each([
    ['a', "invalid selector: 'a'; can't understand 'a'"],
    ['a=b,c', "invalid selector: 'a=b,c'; can't understand 'c'"],
    [String.raw`a=\b`, String.raw`invalid field selector: invalid escape sequence: \b`],
    ['a=b\\', 'invalid field selector: invalid escape sequence: \\'],
    ['a=b=c', 'invalid field selector: unescaped character in value: 61'],
  ])('%j is refused as upstream refuses it', (text, message) => {
    expect(() => parseFieldSelector(text)).toThrow(message);
  });
});

test.each([
  ['', true],
  ['metadata.name=web', true],
  ['metadata.name!=web', false],
  ['metadata.name=web,status.phase=Running', true],
  ['metadata.name=web,status.phase=Pending', false],
  // An absent field is empty.
  ['spec.nodeName=', true],
  ['spec.nodeName!=', false],
  ['constructor=', true],
])('%j matches: %j', (text, expected) => {
  const fields = { 'metadata.name': 'web', 'status.phase': 'Running' };
  expect(parseFieldSelector(text).matches(fields)).toBe(expected);
});

test('a selector tells the one value that it demands of a field', () => {
  const selector = parseFieldSelector('metadata.name=web,metadata.namespace!=x');
  expect(selector.requiredValue('metadata.name')).toBe('web');
  expect(selector.requiredValue('metadata.namespace')).toBeUndefined();
  expect(selector.isEmpty()).toBe(false);
  expect(FieldSelector.everything.isEmpty()).toBe(true);
});

describe('laws', () => {
  test('every value survives printing and parsing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const selector = new FieldSelector([{ field: 'a', operator: '=', value }]);
        expect(parseFieldSelector(String(selector)).terms).toEqual(selector.terms);
      }),
    );
  });

  test('every text is parsed or refused with a typed error', () => {
    const token = fc.constantFrom('a', 'b', '=', '==', '!=', '!', ',', '\\', '\\,');
    const termsOf = ({ terms }: FieldSelector): string[] =>
      terms.map((term) => JSON.stringify(term)).toSorted();
    const texts = fc.oneof(
      fc.string(),
      fc.array(token).map((tokens) => tokens.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        let selector;
        try {
          selector = parseFieldSelector(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'InvalidFieldSelector', next: 'stalled' });
          return;
        }
        // In another order, perhaps: as upstream, terms are sorted as they are written, and `==` is written `=`.
        expect(termsOf(parseFieldSelector(String(selector)))).toEqual(termsOf(selector));
      }),
    );
  });

  test('long texts take linear time', () => {
    const size = 1 << 17;
    expect(parseFieldSelector('a=b,'.repeat(size)).terms).toHaveLength(size);
    for (const part of ['!', '\\', 'a']) {
      expect(() => parseFieldSelector(part.repeat(size))).toThrow("can't understand");
    }
    expect(() => parseFieldSelector(`a=${'\\,'.repeat(size)}\\`)).toThrow('invalid escape sequence');
  });
});
