import { describe, expect, test } from 'vitest';
import * as errors from './field-errors.ts';

const spec = new errors.FieldPath('spec');

test('paths print as Kubernetes prints them', () => {
  const container = spec.child('template', 'spec').child('containers').index(0);
  expect(String(container.child('env').key('A'))).toBe('spec.template.spec.containers[0].env[A]');
  expect(String(new errors.FieldPath().child('values').index(1))).toBe('values[1]');
  expect(String(container)).toBe('spec.template.spec.containers[0]');
});

describe('each kind of error has the type and the text of apimachinery', () => {
  test.each<[errors.FieldError, string, string]>([
    [
      errors.invalidValue(spec, -1, 'must be positive'),
      'FieldValueInvalid',
      'spec: Invalid value: -1: must be positive',
    ],
    [errors.typeInvalid(spec, 'x', 'no'), 'FieldValueTypeInvalid', 'spec: Invalid value: "x": no'],
    [errors.requiredValue(spec), 'FieldValueRequired', 'spec: Required value'],
    [errors.requiredValue(spec, 'why'), 'FieldValueRequired', 'spec: Required value: why'],
    [
      errors.duplicateValue(spec, { 9: 'a', 10: 'b' }),
      'FieldValueDuplicate',
      'spec: Duplicate value: {"10":"b","9":"a"}',
    ],
    [errors.duplicateValue(spec, { port: 80 }), 'FieldValueDuplicate', 'spec: Duplicate value: {"port":80}'],
    [
      errors.unsupportedValue('spec.color', 'blue', ['red', 'green']),
      'FieldValueNotSupported',
      'spec.color: Unsupported value: "blue": supported values: "red", "green"',
    ],
    [errors.unsupportedValue(spec, 'x'), 'FieldValueNotSupported', 'spec: Unsupported value: "x"'],
    [errors.forbidden(spec, 'no'), 'FieldValueForbidden', 'spec: Forbidden: no'],
    [errors.tooLong(spec, 5), 'FieldValueTooLong', 'spec: Too long: may not be more than 5 bytes'],
    [
      errors.tooLongCharacters(spec, 1),
      'FieldValueTooLong',
      'spec: Too long: may not be more than 1 character',
    ],
    [errors.tooShort(spec, 2), 'FieldValueTooShort', 'spec: Too short: must be at least 2 characters'],
    [errors.tooMany(spec, 3, 2), 'FieldValueTooMany', 'spec: Too many: 3: must have at most 2 items'],
    [errors.tooMany(spec, 2, 1), 'FieldValueTooMany', 'spec: Too many: 2: must have at most 1 item'],
    [errors.tooFew(spec, 0, 1), 'FieldValueTooFew', 'spec: Too few: 0: must have at least 1 item'],
    [errors.notFound(spec, 'x'), 'FieldValueNotFound', 'spec: Not found: "x"'],
    [errors.internalError(spec, 'broke'), 'InternalError', 'spec: Internal error: broke'],
  ])('%#', (error, type, message) => {
    expect(error.type).toBe(type);
    expect(errors.fieldErrorMessage(error)).toBe(message);
  });
});

test.each([
  [0, '0'],
  [123456789, '123456789'],
  [0.5, '0.5'],
  [1234567.5, '1.2345675e+06'],
  [0.00001, '1e-05'],
  [1e21, '1e+21'],
  [true, 'true'],
  [null, 'null'],
  [undefined, 'null'],
  [[], '[]'],
  [{ b: ['<'], a: { d: 1, c: 2 } }, '{"a":{"c":2,"d":1},"b":["\\u003c"]}'],
  ['a"\\\n\x00\x7f\u00a0é\u{10ffff}', '"a\\"\\\\\\n\\x00\\x7f\\u00a0é\\U0010ffff"'],
  ['\ud800', '"\ufffd"'],
])('the refused value %j prints as Go prints it', (value, text) => {
  expect(errors.errorBody(errors.invalidValue('f', value, ''))).toBe(`Invalid value: ${text}`);
});

describe('the answer to an invalid object is the one recorded from an API server', () => {
  test('one problem', () => {
    const replicas = errors.invalidValue('spec.replicas', -1, 'must be greater than or equal to 0');
    expect(errors.invalidStatus({ group: 'apps', kind: 'Deployment' }, 'web', [replicas])).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message:
        'Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
      reason: 'Invalid',
      details: {
        name: 'web',
        group: 'apps',
        kind: 'Deployment',
        causes: [
          {
            reason: 'FieldValueInvalid',
            message: 'Invalid value: -1: must be greater than or equal to 0',
            field: 'spec.replicas',
          },
        ],
      },
      code: 422,
    });
  });

  test('a value that is an object', () => {
    const labels = errors.invalidValue(
      'spec.template.metadata.labels',
      { app: 'other' },
      '`selector` does not match template `labels`',
    );
    expect(errors.aggregateMessage('Deployment.apps', 'web', [labels])).toBe(
      'Deployment.apps "web" is invalid: spec.template.metadata.labels: Invalid value: {"app":"other"}: `selector` does not match template `labels`',
    );
  });

  test('in the core group', () => {
    const status = errors.invalidStatus({ group: '', kind: 'Service' }, 'web', [
      errors.requiredValue('spec.ports'),
    ]);
    expect(status.message).toBe('Service "web" is invalid: spec.ports: Required value');
    expect(status.details).toEqual({
      name: 'web',
      kind: 'Service',
      causes: [{ reason: 'FieldValueRequired', message: 'Required value', field: 'spec.ports' }],
    });
  });
});

test('several problems stand in brackets, each once', () => {
  const a = errors.requiredValue('a');
  const b = errors.requiredValue('b');
  expect(errors.aggregateMessage('Pod', 'p', [a, b, a])).toBe(
    'Pod "p" is invalid: [a: Required value, b: Required value]',
  );
  expect(errors.aggregateMessage('Pod', 'p', [a, a])).toBe('Pod "p" is invalid: a: Required value');
  expect(errors.aggregateMessage('Pod', 'p', [])).toBe('Pod "p" is invalid');
  expect(errors.invalidStatus({ group: '', kind: 'Pod' }, '', []).details).toEqual({ kind: 'Pod' });
});
