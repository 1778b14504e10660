import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as names from './names.ts';

const subdomainMessage =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const labelMessage =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const keyMessage =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const valueMessage =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

describe('valid names have no messages', () => {
  const cases: [keyof typeof names, string[]][] = [
    ['validateDns1123Label', ['a', '0', 'a-b', '1-2', 'a'.repeat(63)]],
    ['validateDns1123Subdomain', ['a', 'a.b', '1.2-3.c', 'a.'.repeat(126) + 'a']],
    ['validateWildcardDns1123Subdomain', ['*.a', '*.example.com']],
    ['validateDns1035Label', ['a', 'a-1', 'a'.repeat(63)]],
    ['validateQualifiedName', ['simple', '1234/5678', 'example.com/Uppercase_Is_OK_123', 'a'.repeat(253) + '/b']],
    ['validateLabelValue', ['', 'simple', '1234', 'a'.repeat(63)]],
    ['validatePathSegmentName', ['', '.test', 'sha256:AB@CD', 'Iñtërnâtiônàlizætiøn']],
    ['validateCIdentifier', ['a', '_a', 'A_1']],
    ['validateConfigMapKey', ['a', 'a.b_C-1', '.dot']],
    ['validateEnvVarName', ['a', 'A.b-C_1', '-']],
    ['validateRelaxedEnvVarName', ['1 a', '~!', '..']],
    ['validatePortName', ['http', 'a-1', '1a']],
    ['validateHttpHeaderName', ['X-Header-Name', '1']],
    ['validateHttpPath', ['/a/b?'.slice(0, 4), "a-._~%!$&'()*+,;=:"]],
  ];
  test.each(cases)('%s', (name, values) => {
    const validate = names[name] as (value: string) => string[];
    for (const value of values) expect([value, validate(value)]).toEqual([value, []]);
  });
});

describe('refused names get the messages of an API server', () => {
  const cases: [keyof typeof names, string, string[]][] = [
    ['validateDns1123Label', 'A', [labelMessage]],
    ['validateDns1123Label', 'a.b', ['must not contain dots']],
    ['validateDns1123Label', 'a'.repeat(64), ['must be no more than 63 characters']],
    ['validateDns1123Subdomain', 'Bad_Name', [subdomainMessage]],
    ['validateDns1123Subdomain', 'a\n', [subdomainMessage]],
    ['validateDns1123Subdomain', 'a'.repeat(254), ['must be no more than 253 characters']],
    [
      'validateDns1035Label',
      '1a',
      [
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
      ],
    ],
    [
      'validateWildcardDns1123Subdomain',
      '*',
      [
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
      ],
    ],
    ['validateQualifiedName', '/', ['prefix part must be non-empty', 'name part must be non-empty', `name part ${keyMessage}`]],
    ['validateQualifiedName', 'A/b', [`prefix part ${subdomainMessage}`]],
    ['validateQualifiedName', 'a'.repeat(64), ['name part must be no more than 63 bytes']],
    ['validateQualifiedName', 'a'.repeat(254) + '/b', ['prefix part must be no more than 253 bytes']],
    [
      'validateQualifiedName',
      'a/b/c',
      [`a valid label key ${keyMessage} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`],
    ],
    ['validateLabelValue', 'not fine', [valueMessage]],
    // Two bytes each in UTF-8.
    ['validateLabelValue', 'é'.repeat(32), ['must be no more than 63 bytes', valueMessage]],
    ['validatePathSegmentName', '..', ["may not be '..'"]],
    ['validatePathSegmentName', 'a/b%', ["may not contain '/'", "may not contain '%'"]],
    [
      'validateCIdentifier',
      '1',
      [
        "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')",
      ],
    ],
    ['validateConfigMapKey', '..', ["must not be '..'"]],
    ['validateConfigMapKey', '..a', ["must not start with '..'"]],
    [
      'validateConfigMapKey',
      'a/b',
      [
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
      ],
    ],
    [
      'validateEnvVarName',
      '1',
      [
        "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')",
      ],
    ],
    ['validateRelaxedEnvVarName', '', ['environment variable name must be non-empty']],
    [
      'validateRelaxedEnvVarName',
      'a=b',
      ["a valid environment variable name must consist only of printable ASCII characters other than '='"],
    ],
    [
      'validatePortName',
      '-1--',
      [
        'must contain at least one letter (a-z)',
        'must not contain consecutive hyphens',
        'must not begin or end with a hyphen',
      ],
    ],
    [
      'validatePortName',
      'HTTP-with-a-long-name',
      ['must be no more than 15 characters', 'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)'],
    ],
    [
      'validateHttpHeaderName',
      'a b',
      [
        "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
      ],
    ],
    ['validateHttpPath', 'a?b', ["Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')"]],
  ];
  test.each(cases)('%s(%j)', (name, value, messages) => {
    expect((names[name] as (value: string) => string[])(value)).toEqual(messages);
  });
});

test('ports are 1 to 65535', () => {
  expect([1, 80, 65535].flatMap(names.validatePortNumber)).toEqual([]);
  for (const port of [0, 65536, 1.5, Number.NaN]) {
    expect(names.validatePortNumber(port)).toEqual(['must be between 1 and 65535, inclusive']);
  }
});

test('long hostile texts are refused in linear time', () => {
  const size = 1 << 20;
  const texts = ['a', '-', 'a.', 'a-', '*.', 'é', '/'].map((part) => `${part.repeat(size / part.length)}!`);
  for (const [name, validate] of Object.entries(names)) {
    if (name === 'validatePortNumber') continue;
    for (const text of texts) expect((validate as (value: string) => string[])(text)).toBeInstanceOf(Array);
  }
});

test('law: what is a label is a subdomain, a qualified name, a label value and a path segment', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z0-9.-]{1,70}$/), (text) => {
      if (names.validateDns1123Label(text).length > 0) return;
      expect(names.validateDns1123Subdomain(text)).toEqual([]);
      expect(names.validateQualifiedName(text)).toEqual([]);
      expect(names.validateLabelValue(text)).toEqual([]);
      expect(names.validatePathSegmentName(text)).toEqual([]);
    }),
  );
});
