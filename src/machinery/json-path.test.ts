import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../base/errors.ts';
import { JsonPathError, parseJsonPath, parsePrinterColumn, printJsonPathValue } from './json-path.ts';
import type { Json } from './json.ts';

const pods: Json = {
  kind: 'List',
  items: [
    {
      metadata: { name: 'web-1', labels: { app: 'web', 'example.com/tier': 'front' } },
      spec: {
        containers: [
          { name: 'app', image: 'app:1' },
          { name: 'side', image: 'side:1' },
        ],
      },
      status: { phase: 'Running', ready: true, restarts: 0, load: 0.5 },
    },
    {
      metadata: { name: 'web-2', labels: { app: 'web' } },
      spec: { containers: [{ name: 'app', image: 'app:2' }] },
      status: { phase: 'Pending', ready: false, restarts: 7, load: 2.5, message: null },
    },
    { metadata: { name: 'db-0' }, spec: { containers: [] }, status: { phase: 'Running' } },
  ],
};
const values: Json = {
  list: [1, 2, 3, 4, 5, 6],
  mixed: [true, 'one', 1, 1.1, null],
  empty: [],
  text: 'a<b',
  nothing: null,
  'a.b': 'dotted',
  a: { b: 'nested' },
};

const render = (template: string, value: Json, allowMissingKeys = false): string =>
  parseJsonPath(template, { allowMissingKeys }).render(value);

describe('paths', () => {
  test.each([
    ['text without braces', 'text without braces'],
    ['{.text}', 'a<b'],
    ['{$.text}', 'a<b'],
    ['{ .text }', 'a<b'],
    ['{.list}', '[1,2,3,4,5,6]'],
    ['{.list[0]}', '1'],
    ['{.list[-1]}', '6'],
    ['{.list[1:3]}', '2 3'],
    ['{.list[:2]}', '1 2'],
    ['{.list[4:]}', '5 6'],
    ['{.list[-2:]}', '5 6'],
    ['{.list[0:-4]}', '1 2'],
    ['{.list[::2]}', '1 3 5'],
    ['{.list[1:5:3]}', '2 5'],
    ['{.list[3:3]}', ''],
    ['{.list[*]}', '1 2 3 4 5 6'],
    ['{.list[0,2]}', '1 3'],
    ['{.list[0, -1]}', '1 6'],
    ['{.mixed[*]}', 'true one 1 1.1 null'],
    ['{.mixed}', '[true,"one",1,1.1,null]'],
    ['{.empty[*]}', ''],
    ['{.nothing}', 'null'],
    ["{['a']}", '{"b":"nested"}'],
    ["{['a.b']}", 'nested'],
    ["{['a\\.b']}", 'dotted'],
    ['{.a\\.b}', 'dotted'],
    ['{.a.*}', 'nested'],
    ["{['text', 'a.b']}", 'a<b nested'],
    ['{..b}', 'nested'],
    ['{"{"}{"\\t"}{"\\u00e9\\x41\\101\\U0001F600"}', '{\téAA😀'],
    ["{'it\\'s'}", "it's"],
    ['{.list[?(@ >= 5)]}', '5 6'],
    ['{.mixed[?(@=="one")]}', null],
  ])('%s gives %j', (template, expected) => {
    if (expected === null)
      expect(() => render(template, values)).toThrow('incompatible types for comparison');
    else expect(render(template, values)).toBe(expected);
  });

  test.each([
    ['{.items[*].metadata.name}', 'web-1 web-2 db-0'],
    ['{.items[*].spec.containers[*].image}', 'app:1 side:1 app:2'],
    ['{.items[0].metadata.labels}', '{"app":"web","example.com/tier":"front"}'],
    ['{.items[0].metadata.labels.example\\.com/tier}', 'front'],
    ["{.items[*]['metadata.name', 'status.phase']}", 'web-1 web-2 db-0 Running Pending Running'],
    ['{.items[?(@.status.phase=="Running")].metadata.name}', 'web-1 db-0'],
    ["{.items[?(@.status.phase!='Running')].metadata.name}", 'web-2'],
    ['{.items[?(.metadata.name=="db-0")].status.phase}', 'Running'],
    ['{.items[?(@.status.restarts)].metadata.name}', 'web-1 web-2'],
    ['{.items[?(@.status.restarts>5)].metadata.name}', 'web-2'],
    ['{.items[?(@.status.load<1.5)].metadata.name}', 'web-1'],
    ['{.items[?(@.status.ready==true)].metadata.name}', 'web-1'],
    ['{.items[?(@.metadata.labels.example\\.com/tier=="front")].status.phase}', 'Running'],
    ['{.items..image}', 'app:1 side:1 app:2'],
    ['{.items[1].status.message}', 'null'],
  ])('%s gives %j of pods', (template, expected) => {
    expect(render(template, pods, true)).toBe(expected);
  });
});

describe('ranges', () => {
  test.each([
    [
      '{range .items[*]}{.metadata.name}: {.status.phase}{"\\n"}{end}',
      'web-1: Running\nweb-2: Pending\ndb-0: Running\n',
    ],
    [
      '{range .items[*]}{.metadata.name}:{range .spec.containers[*]}{.name},{end};{end}{.kind}',
      'web-1:app,side,;web-2:app,;db-0:;List',
    ],
    ['{range .items[?(@.status.phase=="Running")]}[{@.metadata.name}]{end}', '[web-1][db-0]'],
    ['{range .items[2].spec.containers[*]}{.name}{range .ports[*]}{.x}{end}{end}done', 'done'],
  ])('%s', (template, expected) => {
    expect(render(template, pods, true)).toBe(expected);
  });

  test('must begin before they end', () => {
    expect(() => render('{range .items[*]}{end}{end}', pods)).toThrow('not in range, nothing to end');
  });
});

describe('missing keys', () => {
  test('are errors, unless they are allowed', () => {
    expect(() => render('{.hello}', pods)).toThrow('hello is not found');
    expect(render('before-{.hello}after', pods, true)).toBe('before-after');
    expect(() => render('{.items[?(@.status.load>0.1)].kind}', pods)).toThrow('load is not found');
  });
});

describe('failures', () => {
  test.each([
    ['{.list[6]}', 'array index out of bounds: index 6, length 6'],
    ['{.list[-7]}', 'array index out of bounds: index -1, length 6'],
    ['{.list[3:1]}', 'starting index 3 is greater than ending index 1'],
    ['{.list[0:3:0]}', 'step must be > 0'],
    ['{.list[0:3:-1]}', 'step must be > 0'],
    ['{.a[0]}', 'map[string]interface {} is not array or slice'],
    ['{.text[?(@.a)]}', 'a<b is not array or slice and cannot be filtered'],
    ['{.list[?(@<>3)]}', 'unrecognized filter operator <>'],
    ['{.list[?(@=="3")]}', 'incompatible types for comparison'],
    ['{.list[?(@==3.5)]}', 'incompatible types for comparison'],
    ['{hello}', 'unrecognized identifier hello'],
  ])('%s does not fit the value', (template, message) => {
    const path = parseJsonPath(template);
    expect(() => path.evaluate(values)).toThrow(JsonPathError);
    expect(() => path.evaluate(values)).toThrow(message);
  });

  test.each([
    ['{.a', 'unclosed action'],
    ['{.a\n}', 'unclosed action'],
    ['{#}', "unrecognized character in action: U+0023 '#'"],
    ['{\t}', 'unrecognized character in action: U+0009'],
    ['{.a[0}', 'unterminated array'],
    ['{.a[x]}', 'invalid array index x'],
    ['{.a[9999999999999999999]}', 'array index 9999999999999999999 is not a number'],
    ['{.a[?(@.b]}', 'unterminated filter'],
    ['{.a[?(@.b)}', 'unclosed array expect ]'],
    ['{"a}', 'unterminated quoted string'],
    ['{"a\\q"}', 'unquote string "a\\q" error invalid syntax'],
    ['{....a}', 'invalid multiple recursive descent'],
    ['{1.2.3}', 'cannot parse number 1.2.3'],
  ])('%s cannot be parsed', (template, message) => {
    expect(() => parseJsonPath(template)).toThrow(new JsonPathError(message));
  });
});

test('results print as kubectl prints them', () => {
  expect(printJsonPathValue({ b: '<&>', a: [1, 'x'] })).toBe('{"a":[1,"x"],"b":"\\u003c\\u0026\\u003e"}');
  expect([0.00001, 1e21, 1_000_000, -0.5].map(printJsonPathValue)).toEqual([
    '1e-05',
    '1e+21',
    '1000000',
    '-0.5',
  ]);
});

test('evaluate keeps the results of every piece apart', () => {
  expect(parseJsonPath('x{.list[0:2]}{.nothing}').evaluate(values)).toEqual([['x'], [1, 2], [null]]);
});

describe('printer columns', () => {
  test('give the first result, or nothing', () => {
    expect(parsePrinterColumn('.status.phase')({ status: { phase: 'Ready' } })).toBe('Ready');
    expect(parsePrinterColumn('.spec.replicas')({ spec: { replicas: 0 } })).toBe(0);
    expect(
      parsePrinterColumn('.status.conditions[?(@.type=="Ready")].status')({
        status: { conditions: [{ type: 'Ready', status: 'True' }] },
      }),
    ).toBe('True');
    expect(parsePrinterColumn('.status.phase')({})).toBeUndefined();
    expect(parsePrinterColumn('.list[9]')(values)).toBeUndefined();
  });

  test('whose path is broken are refused', () => {
    expect(() => parsePrinterColumn('.a[')).toThrow(JsonPathError);
  });
});

/** Any other outcome fails the test. */
function renderOrRefuse(template: string, value: Json): void {
  try {
    expect(typeof render(template, value)).toBe('string');
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(JsonPathError);
  }
}

describe('hostile input', () => {
  test('keys of Object.prototype are missing', () => {
    expect(() => render('{.constructor}', {})).toThrow('constructor is not found');
    expect(render('{.__proto__}', JSON.parse('{"__proto__":"own"}') as Json)).toBe('own');
  });

  test('paths that multiply their results are stopped', () => {
    let wide: Json = 1;
    for (let i = 0; i < 6; i++) wide = Array.from({ length: 8 }, () => wide);
    const path = parseJsonPath(`{${'...*'.repeat(20)}}`);
    expect(() => path.evaluate(wide)).toThrow('visits more than');
    const nested = parseJsonPath('{range ...*}'.repeat(10));
    expect(() => nested.evaluate(wide)).toThrow('visits more than');
  });

  test('output that would not fit into memory is refused', () => {
    const large = { text: 'x'.repeat(100_000) };
    expect(() => render('{@}'.repeat(5_000), large)).toThrow('prints more than');
  });

  test('deep values and long or nested templates end', () => {
    let deep: Json = {};
    for (let i = 0; i < 100_000; i++) deep = { a: deep };
    expect(parseJsonPath('{..b}', { allowMissingKeys: true }).evaluate(deep)).toEqual([[]]);
    expect(() => parseJsonPath('{'.repeat(20_000))).toThrow('longer than');
    for (const part of [
      '{',
      '[',
      '[?(',
      '"',
      "'",
      '..',
      '.a',
      '[?(@."==',
      '\\',
      '[0,',
      '{range .a}',
      '((((',
    ]) {
      renderOrRefuse(`{${part.repeat(16_000 / part.length)}}`, values);
    }
    expect(() => render('{.a}', deep)).toThrow(InvalidInputError);
  });

  test('any text is parsed or refused, and evaluated or refused', () => {
    const fragments =
      '{ } .a .list .items [0] [-1] [1:3] [?(@.a [?(@ == != < > )] "x" range end .. * @ $ 1 2.5 true \\ [*] , [ ] (';
    const template = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .array(fc.constantFrom(' ', '\n', ...fragments.split(' ')), { maxLength: 12 })
        .map((parts) => `{${parts.join('')}}`),
    );
    fc.assert(
      fc.property(template, fc.constantFrom(values, pods, [1, 2], 'x', null), (text, value) => {
        renderOrRefuse(text, value);
      }),
      { numRuns: 300 },
    );
  });
});
