import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FieldPath, fieldErrorMessage } from './field-errors.ts';
import {
  LabelSelector,
  fromObject,
  parseLabelSelector,
  validateLabelSelector,
  validateLabels,
} from './label-selector.ts';

const keyMessage =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const valueMessage =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

describe('the text of a selector', () => {
  test.each([
    ['', ''],
    ['k', 'k'],
    ['!f', '!f'],
    ['a=b,c!=d,e in (x,y),!f,g notin (z),n>5,k', 'a=b,c!=d,e in (x,y),!f,g notin (z),k,n>5'],
    [' app = web , tier in ( back )', 'app=web,tier in (back)'],
    ['a==b', 'a==b'],
    ['x=', 'x='],
    ['x=,z= ', 'x=,z='],
    ['x in (b,a,b)', 'x in (a,b)'],
    ['x in ()', 'x in ()'],
    ['x in (foo,,baz),y,z notin ()', 'x in (,baz,foo),y,z notin ()'],
    ['in in (in,notin)', 'in in (in,notin)'],
    ['a=in', 'a=in'],
    ['b=2,a=1', 'a=1,b=2'],
    ['example.com/a=b', 'example.com/a=b'],
  ])('%j is %j', (text, canonical) => {
    expect(String(parseLabelSelector(text))).toBe(canonical);
  });

  test.each([
    ['app in web', "unable to parse requirement: found 'web' expected: '('"],
    ['app=a b', "found 'b', expected: ',' or 'end of string'"],
    [',a', "found ',', expected: !, identifier, or 'end of string'"],
    ['a,', "found '', expected: identifier after ','"],
    ['!', "unable to parse requirement: found '', expected: identifier"],
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a=(', "unable to parse requirement: found '(', expected: identifier"],
    ['a in (', "unable to parse requirement: found '', expected: ',', ')' or identifier"],
    ['a in (b', "unable to parse requirement: found '', expected: ',' or ')'"],
    ['a in (b,', "unable to parse requirement: found '', expected: ',', or identifier"],
    ['a_/b=c', 'unable to parse requirement: <nil>: Invalid value: "a_/b": prefix part a lowercase RFC 1123'],
    ['-=a', `unable to parse requirement: <nil>: Invalid value: "-": name part ${keyMessage}`],
    ['a=-', `unable to parse requirement: values[0][a]: Invalid value: "-": ${valueMessage}`],
    [
      'a>b',
      `unable to parse requirement: values[0]: Invalid value: "b": for 'Gt', 'Lt' operators, the value must be an integer`,
    ],
    [
      'a in (-,+)',
      `unable to parse requirement: [values[0][a]: Invalid value: "+": ${valueMessage}, values[1][a]: Invalid value: "-": ${valueMessage}]`,
    ],
  ])('%j is refused as upstream refuses it', (text, message) => {
    expect(() => parseLabelSelector(text)).toThrow(message);
  });
});

describe('matching', () => {
  const labels = { app: 'web', tier: 'front', n: '6', empty: '' };
  test.each([
    ['', true],
    ['app=web', true],
    ['app==api', false],
    ['app!=api', true],
    ['absent!=a', true],
    ['absent=', false],
    ['empty=', true],
    ['tier in (front,back)', true],
    ['tier notin (front)', false],
    ['absent notin (a)', true],
    ['app', true],
    ['absent', false],
    ['!absent', true],
    ['!app', false],
    ['n>5', true],
    ['n>6', false],
    ['n<10', true],
    ['app>1', false],
    ['absent<1', false],
    ['app=web,tier=back', false],
    // Nothing is inherited.
    ['constructor', false],
  ])('%j: %j', (text, expected) => {
    expect(parseLabelSelector(text).matches(labels)).toBe(expected);
  });

  test('an object without labels', () => {
    expect(parseLabelSelector('!a').matches(undefined)).toBe(true);
    expect(LabelSelector.everything.matches(undefined)).toBe(true);
  });
});

describe('the selector of an object', () => {
  test('labels and expressions must all hold', () => {
    const selector = fromObject({
      matchLabels: { app: 'web' },
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['front', 'back'] },
        { key: 'legacy', operator: 'DoesNotExist' },
        { key: 'a', operator: 'Exists' },
        { key: 'b', operator: 'NotIn', values: ['x'] },
      ],
    });
    expect(String(selector)).toBe('a,app=web,b notin (x),!legacy,tier in (back,front)');
    expect(selector.matches({ app: 'web', tier: 'back', a: '' })).toBe(true);
    expect(selector.matches({ app: 'web', tier: 'back' })).toBe(false);
  });

  test('none selects nothing, an empty one everything', () => {
    expect(fromObject(undefined).matches({})).toBe(false);
    expect(fromObject(undefined).matchesNothing).toBe(true);
    expect(fromObject(undefined).isEmpty()).toBe(false);
    expect(fromObject({}).matches({})).toBe(true);
    expect(fromObject({}).isEmpty()).toBe(true);
  });

  test('what is not valid is refused', () => {
    const expression = (operator: string, values?: string[]) => () =>
      fromObject({ matchExpressions: [{ key: 'a', operator, values }] });
    expect(expression('Near')).toThrow('"Near" is not a valid label selector operator');
    expect(expression('In')).toThrow(
      "values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty",
    );
    expect(expression('Exists', ['x'])).toThrow(
      'values: Invalid value: ["x"]: values set must be empty for exists and does not exist',
    );
    expect(() => LabelSelector.of([{ key: 'a', operator: 'gt', values: ['1', '2'] }])).toThrow(
      `values: Invalid value: ["1","2"]: for 'Gt', 'Lt' operators, exactly one value is required`,
    );
    expect(() => LabelSelector.of([{ key: 'a', operator: '=', values: [] }], new FieldPath('s'))).toThrow(
      's.values: Invalid value: null: exact-match compatibility requires one single value',
    );
  });

  test('validation reports every problem with its place', () => {
    const errors = validateLabelSelector(
      {
        matchLabels: { 'a b': 'c d' },
        matchExpressions: [
          { key: 'a', operator: 'In' },
          { key: 'a', operator: 'Exists', values: ['x'] },
          { key: '', operator: 'Near', values: ['-'] },
          { key: 'a', operator: 'NotIn', values: ['ok'] },
        ],
      },
      new FieldPath('spec', 'selector'),
    );
    expect(errors.map(fieldErrorMessage)).toEqual([
      `spec.selector.matchLabels: Invalid value: "a b": name part ${keyMessage}`,
      `spec.selector.matchLabels: Invalid value: "c d": ${valueMessage}`,
      "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
      "spec.selector.matchExpressions[1].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
      'spec.selector.matchExpressions[2].operator: Invalid value: "Near": not a valid selector operator',
      'spec.selector.matchExpressions[2].key: Invalid value: "": name part must be non-empty',
      `spec.selector.matchExpressions[2].key: Invalid value: "": name part ${keyMessage}`,
      `spec.selector.matchExpressions[2].values[0]: Invalid value: "-": ${valueMessage}`,
    ]);
  });

  test('labels of an object: the message recorded from an API server', () => {
    expect(
      validateLabels({ app: 'not fine' }, new FieldPath('metadata', 'labels')).map(fieldErrorMessage),
    ).toEqual([`metadata.labels: Invalid value: "not fine": ${valueMessage}`]);
  });
});

describe('laws', () => {
  const token = fc.constantFrom(
    'a',
    'b/c',
    'in',
    'notin',
    '(',
    ')',
    ',',
    '=',
    '==',
    '!=',
    '!',
    '>',
    '<',
    '5',
    ' ',
  );
  const texts = fc.oneof(
    fc.string(),
    fc.array(token, { maxLength: 12 }).map((tokens) => tokens.join('')),
  );
  const labels = fc.dictionary(fc.constantFrom('a', 'b/c', '__proto__'), fc.constantFrom('', 'a', '5', '9'));

  test('every text is parsed or refused with a typed error; the canonical text means the same', () => {
    fc.assert(
      fc.property(texts, labels, (text, labels) => {
        let selector;
        try {
          selector = parseLabelSelector(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'InvalidLabelSelector', next: 'stalled' });
          return;
        }
        const again = parseLabelSelector(String(selector));
        expect(String(again)).toBe(String(selector));
        expect(again.matches(labels)).toBe(selector.matches(labels));
      }),
      { numRuns: 500 },
    );
  });

  test('a requirement and its opposite never agree', () => {
    fc.assert(
      fc.property(labels, (labels) => {
        for (const [one, other] of [
          ['a in (a,5)', 'a notin (a,5)'],
          ['a', '!a'],
          ['a=5', 'a!=5'],
        ] as const) {
          expect(parseLabelSelector(one).matches(labels)).toBe(!parseLabelSelector(other).matches(labels));
        }
      }),
    );
  });

  test('long texts take linear time', () => {
    const size = 1 << 17;
    for (const part of ['a,', '!', '(', 'a in (', ',', 'x', '=', 'a>9,']) {
      const text = part.repeat(size / part.length);
      expect(() => {
        try {
          parseLabelSelector(text);
        } catch (error) {
          throw new Error('refused', { cause: error });
        }
      }).toThrow('refused');
    }
    expect(parseLabelSelector(`a in (${'b,'.repeat(size)}b)`).requirements[0]?.values).toEqual(['b']);
  });
});
