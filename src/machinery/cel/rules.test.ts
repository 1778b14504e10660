import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { aggregateMessage, errorBody, fieldErrorMessage } from '../field-errors.ts';
import type { Json, JsonObject } from '../json.ts';
import { isObject } from '../json.ts';
import type { Schema, ValidationRule } from '../schema.ts';
import { evaluateRules } from './evaluate-rules.ts';
import { compileRules } from './rules.ts';

/** A resource whose spec has `properties` and the rule. */
function resource(
  rules: readonly (string | ValidationRule)[],
  properties: Readonly<Record<string, Schema>>,
): Schema {
  const spec = { type: 'object', properties, 'x-kubernetes-validations': rules.map(toRule) };
  return { type: 'object', properties: { spec } };
}

function toRule(rule: string | ValidationRule): ValidationRule {
  return typeof rule === 'string' ? { rule } : rule;
}

/** What the rules say about an object of this spec, and about an update of it. */
function judge(schema: Schema, spec: Json, oldSpec?: Json, limit?: number): string[] {
  const compiled = compileRules(schema);
  expect(compiled.errors.map(fieldErrorMessage)).toEqual([]);
  const old = oldSpec === undefined ? undefined : { spec: oldSpec };
  return evaluateRules(compiled, { spec }, old, limit).map(fieldErrorMessage);
}

/** Why a CustomResourceDefinition with this schema would be refused. */
function refusal(schema: Schema): string[] {
  return compileRules(schema).errors.map((error) => `${error.field}: ${error.detail}`);
}

const string: Schema = { type: 'string' };
const integer: Schema = { type: 'integer' };
const strings: Schema = { type: 'array', items: string };

describe('compilation', () => {
  const at = 'spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[0]';

  test.each<[string | ValidationRule, string]>([
    ['self.nope == 1', "rule: compilation failed: ERROR: <input>:1:5: undefined field 'nope'"],
    ['self.s + 1 == 2', "rule: compilation failed: ERROR: <input>:1:8: found no matching overload for '_+_'"],
    ['self.s', 'rule: cel expression must evaluate to a bool'],
    ['self.a', 'rule: cel expression must evaluate to a bool'],
    ['has(self.nope)', "rule: compilation failed: ERROR: <input>:1:9: undefined field 'nope'"],
    ['self ==', 'rule: compilation failed: ERROR: <input>:1:8: Syntax error'],
    [' ', 'rule: rule is not specified'],
    ['self.s ==\n"a"', 'message: message must be specified if rule contains line breaks'],
    [{ rule: 'true', message: ' ' }, 'message: must be non-empty if specified'],
    [{ rule: 'true', message: 'a\nb' }, 'message: must not contain line breaks'],
    [{ rule: 'true', reason: 'Nope' }, 'reason: supported values: "FieldValueDuplicate"'],
    [{ rule: 'true', fieldPath: '.nope' }, 'fieldPath: must be a valid path'],
    [
      { rule: 'true', messageExpression: '1' },
      'messageExpression: messageExpression must evaluate to a string',
    ],
    [
      { rule: 'true', messageExpression: 'x' },
      'messageExpression: messageExpression compilation failed: ERROR',
    ],
    [
      { rule: 'true', optionalOldSelf: true },
      'optionalOldSelf: may not be set if oldSelf is not used in rule',
    ],
  ])('refuses %j', (rule, expected) => {
    const schema = resource([rule], { s: string, a: { 'x-kubernetes-int-or-string': true } });
    const [first = ''] = refusal(schema);
    expect(first.slice(0, at.length + 1 + expected.length)).toBe(`${at}.${expected}`);
  });

  test('refuses oldSelf where items cannot be matched', () => {
    const items: Schema = { ...string, 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] };
    expect(refusal({ type: 'object', properties: { l: { type: 'array', items } } })).toEqual([
      'spec.validation.openAPIV3Schema.properties[l].items.x-kubernetes-validations[0].rule: oldSelf cannot be used on the uncorrelatable portion of the schema within spec.validation.openAPIV3Schema.properties[l]',
    ]);
  });

  test('refuses rules on values without a type', () => {
    const preserved: Schema = {
      'x-kubernetes-preserve-unknown-fields': true,
      'x-kubernetes-validations': [{ rule: 'true' }],
    };
    expect(refusal({ type: 'object', properties: { p: preserved } })).toEqual([
      'spec.validation.openAPIV3Schema.properties[p].x-kubernetes-validations: internal error: failed to retrieve type information for x-kubernetes-validations',
    ]);
  });

  test('never throws, whatever the rule', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (rule) => {
        const compiled = compileRules(resource([rule], { s: string }));
        evaluateRules(compiled, { spec: { s: 'a' } });
      }),
    );
  });
});

describe('values', () => {
  const types: Readonly<Record<string, Schema>> = {
    i: integer,
    n: { type: 'number' },
    s: string,
    b: { type: 'boolean' },
    bytes: { type: 'string', format: 'byte' },
    date: { type: 'string', format: 'date' },
    time: { type: 'string', format: 'date-time' },
    wait: { type: 'string', format: 'duration' },
    port: { 'x-kubernetes-int-or-string': true },
    labels: { type: 'object', additionalProperties: string },
    set: { ...strings, 'x-kubernetes-list-type': 'set' },
    list: strings,
    keyed: {
      type: 'array',
      items: { type: 'object', properties: { name: string, value: integer } },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    },
    maybe: { ...string, nullable: true },
    'a-b.c/d__e': integer,
    namespace: string,
    über: string,
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  };
  const spec: Json = {
    i: 3,
    n: 2,
    s: 'a',
    b: true,
    bytes: 'aGk=',
    date: '2024-02-29',
    time: '2024-01-02T03:04:05.5Z',
    wait: '90s',
    port: '80%',
    labels: { 'a.b/c': 'x' },
    set: ['a', 'b'],
    list: ['a', 'b'],
    keyed: [
      { name: 'a', value: 1 },
      { name: 'b', value: 2 },
    ],
    maybe: null,
    'a-b.c/d__e': 5,
    namespace: 'ns',
    über: 'x',
    free: { any: 1 },
  };

  test.each([
    'type(self.i) == int && self.i / 2 == 1',
    'type(self.n) == double && self.n / 4.0 == 0.5',
    "self.s == 'a' && self.b",
    "self.bytes == b'hi'",
    'self.date.getDate() == 29 && self.time.getMilliseconds() == 500',
    "self.wait == duration('1m30s')",
    "type(self.port) == string && self.port.endsWith('%')",
    "type(self.port) == int ? self.port < 100 : self.port == '80%'",
    "self.labels['a.b/c'] == 'x' && self.labels.all(k, self.labels[k] != 'y') && 'a.b/c' in self.labels",
    "self.set == ['b', 'a'] ? true : self.set + ['b', 'c'] == ['c', 'b', 'a']",
    "(self.set + ['b', 'c']).size() == 3 && (self.list + ['b', 'c']).size() == 4",
    "self.set == ['b', 'a'] && self.list != ['b', 'a']",
    'self.keyed == self.keyed + self.keyed && self.keyed[1].value == 2',
    "self.keyed.exists_one(k, k.name == 'b' && k.value == 2)",
    '!has(self.maybe)',
    "self.a__dash__b__dot__c__slash__d__underscores__e == 5 && self.__namespace__ == 'ns'",
    'self == self && self.free == self.free',
    'has(self.s) && self.?s.hasValue()',
  ])('%s', (rule) => {
    expect(judge(resource([rule], types), spec)).toEqual([]);
  });

  test('a value that does not fit its schema is an error of the rule', () => {
    const invalid = (rule: string): string[] =>
      judge(resource([rule], types), { i: 1.5, port: true, maybe: null });
    expect(invalid('self.i == 1')).toEqual([
      'spec: Invalid value: "object": invalid data, expected int, got float64 evaluating rule: self.i == 1',
    ]);
    expect(invalid('self.port == 1')).toHaveLength(1);
    expect(invalid("self.s == 'a'")).toEqual([
      'spec: Invalid value: "object": no such key: s evaluating rule: self.s == \'a\'',
    ]);
  });

  test('a dynamic value can lack an operator', () => {
    expect(judge(resource(['self.port < 100'], types), { port: '80%' })).toEqual([
      `spec: Invalid value: "object": 'no such overload': call arguments did not match a supported operator, function or macro signature for rule: self.port < 100`,
    ]);
  });

  test('a large object is not converted for a rule that reads one field', () => {
    const list = Array.from({ length: 200_000 }, (_, index) => `item ${index}`);
    expect(judge(resource(['self.s == "a"'], types), { s: 'a', list }, undefined, 10)).toEqual([]);
  });

  test('the root and embedded resources have names', () => {
    const template: Schema = {
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      'x-kubernetes-preserve-unknown-fields': true,
      'x-kubernetes-validations': [{ rule: "self.metadata.name == 'inner' && self.kind == 'Pod'" }],
    };
    const schema: Schema = {
      type: 'object',
      properties: { template },
      'x-kubernetes-validations': [
        { rule: "self.metadata.name.startsWith('o') && self.template.metadata.name == 'inner'" },
      ],
    };
    const compiled = compileRules(schema);
    expect(compiled.errors).toEqual([]);
    const object = (name: string): JsonObject => ({
      kind: 'Outer',
      apiVersion: 'v1',
      metadata: { name: 'outer' },
      template: { kind: 'Pod', apiVersion: 'v1', metadata: { name } },
    });
    expect(evaluateRules(compiled, object('inner'))).toEqual([]);
    expect(evaluateRules(compiled, object('x')).map((error) => error.field)).toEqual(['', 'template']);
  });
});

describe('messages', () => {
  const properties = { s: string, m: { type: 'object', additionalProperties: string } };

  test.each<[ValidationRule, string]>([
    [{ rule: 'false' }, 'spec: Invalid value: failed rule: false'],
    [{ rule: 'false', message: ' no ' }, 'spec: Invalid value: no'],
    [{ rule: 'false', messageExpression: '" got " + self.s' }, 'spec: Invalid value: got a'],
    [{ rule: 'false', message: 'no', messageExpression: 'self.s.substring(5)' }, 'spec: Invalid value: no'],
    [{ rule: 'false', message: 'no', messageExpression: "' '" }, 'spec: Invalid value: no'],
    [{ rule: 'false', message: 'no', messageExpression: "'a\\nb'" }, 'spec: Invalid value: no'],
    [
      { rule: 'false', messageExpression: "lists.range(6000).map(x, 'a').join()" },
      'spec: Invalid value: failed rule: false',
    ],
    [{ rule: 'false', fieldPath: '.s', message: 'no' }, 'spec.s: Invalid value: no'],
    [{ rule: 'false', fieldPath: "['s']", message: 'no' }, 'spec.s: Invalid value: no'],
    [{ rule: 'false', fieldPath: ".m['a.b']", message: 'no' }, 'spec.m[a.b]: Invalid value: no'],
    [{ rule: 'false', reason: 'FieldValueRequired', message: 'no' }, 'spec: Required value: no'],
    [{ rule: 'false', reason: 'FieldValueForbidden', message: 'no' }, 'spec: Forbidden: no'],
    [{ rule: 'false', reason: 'FieldValueDuplicate', message: 'no' }, 'spec: Duplicate value'],
  ])('%j', (rule, expected) => {
    expect(judge(resource([rule], properties), { s: 'a' })).toEqual([expected]);
  });
});

describe('changes', () => {
  const immutable: ValidationRule = { rule: 'self == oldSelf', message: 'immutable' };
  const withRule = (schema: Schema, ...rules: ValidationRule[]): Schema => ({
    ...schema,
    'x-kubernetes-validations': rules,
  });

  test('are judged when there was a value before', () => {
    const schema = resource([], { s: withRule(string, immutable) });
    expect(judge(schema, { s: 'b' }, { s: 'a' })).toEqual(['spec.s: Invalid value: "b": immutable']);
    expect(judge(schema, { s: 'a' }, { s: 'a' })).toEqual([]);
    expect(judge(schema, { s: 'b' }, {})).toEqual([]);
    expect(judge(schema, { s: 'b' })).toEqual([]);
    expect(judge(schema, {}, { s: 'a' })).toEqual([]);
  });

  test('optionalOldSelf also sees that there was none', () => {
    const rule: ValidationRule = {
      rule: 'oldSelf.hasValue() ? self == oldSelf.value() : self == "first"',
      optionalOldSelf: true,
      message: 'no',
    };
    const schema = resource([], { s: withRule(string, rule) });
    expect(judge(schema, { s: 'first' })).toEqual([]);
    expect(judge(schema, { s: 'other' })).toHaveLength(1);
    expect(judge(schema, { s: 'other' }, { s: 'other' })).toEqual([]);
    expect(judge(schema, { s: 'first' }, { s: 'other' })).toHaveLength(1);
  });

  test('items of a list with keys are matched by them', () => {
    const item: Schema = { type: 'object', properties: { k: string, v: withRule(integer, immutable) } };
    const list: Schema = {
      type: 'array',
      items: item,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
    };
    const old = {
      l: [
        { k: 'a', v: 1 },
        { k: 'b', v: 2 },
      ],
    };
    expect(
      judge(
        resource([], { l: list }),
        {
          l: [
            { k: 'c', v: 9 },
            { k: 'b', v: 2 },
            { k: 'a', v: 7 },
          ],
        },
        old,
      ),
    ).toEqual(['spec.l[2].v: Invalid value: 7: immutable']);
  });

  test('values that stay as they are keep passing, except by rules about changes', () => {
    const schema = resource([], {
      s: withRule(string, { rule: 'self == "good"', message: 'bad' }),
      n: withRule(integer, { rule: 'self > oldSelf', message: 'must grow' }),
      o: withRule(
        { type: 'object', properties: { x: integer, y: integer } },
        { rule: 'self.x == 0', message: 'bad' },
      ),
      l: { type: 'array', items: withRule(string, { rule: 'self == "good"', message: 'bad' }) },
    });
    const old = { s: 'bad', n: 1, o: { x: 1, y: 1 }, l: ['bad'] };
    expect(judge(schema, old)).toHaveLength(3);
    expect(judge(schema, old, old)).toEqual(['spec.n: Invalid value: 1: must grow']);
    // The whole list counts as the unit of change; so does the object.
    expect(judge(schema, { s: 'worse', n: 2, o: { x: 1, y: 2 }, l: ['bad', 'bad'] }, old)).toEqual([
      'spec.s: Invalid value: "worse": bad',
      'spec.o: Invalid value: bad',
      'spec.l[0]: Invalid value: "bad": bad',
      'spec.l[1]: Invalid value: "bad": bad',
    ]);
  });
});

describe('cost', () => {
  const list = { l: { type: 'array', items: integer } };
  const numbers = (count: number): Json => ({ l: Array.from({ length: count }, (_, index) => index) });
  const quadratic = 'self.l.all(a, self.l.all(b, a + b >= 0))';

  test('a rule that costs too much ends the validation', () => {
    expect(judge(resource([quadratic, 'false'], list), numbers(10_000))).toEqual([
      `spec: Invalid value: "object": 'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost exceeds limit for rule: ${quadratic}`,
    ]);
  });

  test('all rules of an object share a budget', () => {
    expect(judge(resource([quadratic, quadratic, 'false'], list), numbers(100), undefined, 80_000)).toEqual([
      'spec: Invalid value: "object": validation failed due to running out of cost budget, no further validation rules will be run',
    ]);
  });

  test('an ordinary rule over a long list passes', () => {
    expect(judge(resource(['self.l.all(a, a >= 0 && a < 100000)'], list), numbers(10_000))).toEqual([]);
  });

  test('a message that costs too much is an error of its own', () => {
    const rule: ValidationRule = { rule: 'false', messageExpression: `${quadratic} ? 'a' : 'b'` };
    const [error = ''] = judge(resource([rule], list), numbers(10_000));
    expect(error).toContain('call cost exceeds limit for messageExpression: "self.l.all');
  });
});

interface Step {
  readonly name: string;
  readonly request: { readonly method: string; readonly body?: JsonObject };
  readonly expect: {
    readonly status: number;
    readonly body?: { readonly message?: string; readonly details?: { readonly causes: Json } };
  };
}

describe('recorded answers of an API server', () => {
  const recorded = new URL('../../../test/conformance/cases/crd-cel-rules.json', import.meta.url);
  const { steps } = JSON.parse(readFileSync(recorded, 'utf8')) as { steps: Step[] };

  test('are reproduced', () => {
    const definition = steps[0]?.request.body as unknown as {
      spec: { versions: { schema: { openAPIV3Schema: Schema } }[] };
    };
    const schema = definition.spec.versions[0]?.schema.openAPIV3Schema ?? {};
    const compiled = compileRules(schema);
    expect(compiled.errors).toEqual([]);
    let stored: JsonObject | undefined;
    let compared = 0;
    for (const { name, request, expect: recordedAnswer } of steps.slice(1)) {
      const { method, body } = request;
      if (body === undefined) continue;
      const patched = method === 'PATCH' ? { ...stored, spec: merge(stored?.['spec'], body['spec']) } : body;
      const errors = evaluateRules(compiled, patched, method === 'PATCH' ? stored : undefined);
      compared += 1;
      if (recordedAnswer.status < 300) {
        expect({ name, errors }).toEqual({ name, errors: [] });
        stored = patched;
        continue;
      }
      const { metadata } = patched as unknown as { metadata: { name: string } };
      const kind = 'Rule.${id}.conf.example.com';
      expect(aggregateMessage(kind, metadata.name, errors)).toBe(recordedAnswer.body?.message);
      expect(
        errors.map((error) => ({ reason: error.type, message: errorBody(error), field: error.field })),
      ).toEqual(recordedAnswer.body?.details?.causes);
    }
    expect(compared).toBeGreaterThanOrEqual(9);
  });
});

/** A merge patch, as far as the recorded steps need it. */
function merge(target: Json | undefined, patch: Json | undefined): JsonObject {
  const result: JsonObject = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(isObject(patch) ? patch : {})) {
    if (value === null) delete result[key];
    else result[key] = value;
  }
  return result;
}
