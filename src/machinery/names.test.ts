import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as names from './names.ts';

type Validate = (value: string) => string[];

const subdomainMessage =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const labelMessage =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const keyMessage =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const valueMessage =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

describe('valid names have no messages', () => {
  const cases: [Validate, string[]][] = [
    [names.validateDns1123Label, ['a', '0', 'a-b', '1-2', 'a'.repeat(63)]],
    [names.validateDns1123Subdomain, ['a', 'a.b', '1.2-3.c', 'a.'.repeat(126) + 'a']],
    [names.validateWildcardDns1123Subdomain, ['*.a', '*.example.com']],
    [names.validateDns1035Label, ['a', 'a-1', 'a'.repeat(63)]],
    [
      names.validateQualifiedName,
      ['simple', '1234/5678', 'example.com/Uppercase_Is_OK_123', 'a'.repeat(253) + '/b'],
    ],
    [names.validateLabelValue, ['', 'simple', '1234', 'a'.repeat(63)]],
    [names.validatePathSegmentName, ['', '.test', 'sha256:AB@CD', 'Iñtërnâtiônàlizætiøn']],
    [names.validateCIdentifier, ['a', '_a', 'A_1']],
    [names.validateConfigMapKey, ['a', 'a.b_C-1', '.dot']],
    [names.validateEnvVarName, ['a', 'A.b-C_1', '-']],
    [names.validateRelaxedEnvVarName, ['1 a', '~!', '..']],
    [names.validatePortName, ['http', 'a-1', '1a']],
    [names.validateHttpHeaderName, ['X-Header-Name', '1']],
    [names.validateHttpPath, ['/a/b?'.slice(0, 4), "a-._~%!$&'()*+,;=:"]],
  ];
  test.each(cases.map(([validate, values]) => [validate.name, validate, values] as const))(
    '%s',
    (_name, validate, values) => {
      for (const value of values) expect([value, validate(value)]).toEqual([value, []]);
    },
  );
});

describe('refused names get the messages of an API server', () => {
  const cases: [Validate, string, string[]][] = [
    [names.validateDns1123Label, 'A', [labelMessage]],
    [names.validateDns1123Label, 'a.b', ['must not contain dots']],
    [names.validateDns1123Label, 'a'.repeat(64), ['must be no more than 63 characters']],
    [names.validateDns1123Subdomain, 'Bad_Name', [subdomainMessage]],
    [names.validateDns1123Subdomain, 'a\n', [subdomainMessage]],
    [names.validateDns1123Subdomain, 'a'.repeat(254), ['must be no more than 253 characters']],
    [
      names.validateDns1035Label,
      '1a',
      [
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
      ],
    ],
    [
      names.validateWildcardDns1123Subdomain,
      '*',
      [
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
      ],
    ],
    [
      names.validateQualifiedName,
      '/',
      ['prefix part must be non-empty', 'name part must be non-empty', `name part ${keyMessage}`],
    ],
    [names.validateQualifiedName, 'A/b', [`prefix part ${subdomainMessage}`]],
    [names.validateQualifiedName, 'a'.repeat(64), ['name part must be no more than 63 bytes']],
    [names.validateQualifiedName, 'a'.repeat(254) + '/b', ['prefix part must be no more than 253 bytes']],
    [
      names.validateQualifiedName,
      'a/b/c',
      [
        `a valid label key ${keyMessage} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
      ],
    ],
    [names.validateLabelValue, 'not fine', [valueMessage]],
    // Two bytes each in UTF-8.
    [names.validateLabelValue, 'é'.repeat(32), ['must be no more than 63 bytes', valueMessage]],
    [names.validatePathSegmentName, '..', ["may not be '..'"]],
    [names.validatePathSegmentName, 'a/b%', ["may not contain '/'", "may not contain '%'"]],
    [
      names.validateCIdentifier,
      '1',
      [
        "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')",
      ],
    ],
    [names.validateConfigMapKey, '..', ["must not be '..'"]],
    [names.validateConfigMapKey, '..a', ["must not start with '..'"]],
    [
      names.validateConfigMapKey,
      'a/b',
      [
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
      ],
    ],
    [
      names.validateEnvVarName,
      '1',
      [
        "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')",
      ],
    ],
    [names.validateRelaxedEnvVarName, '', ['environment variable name must be non-empty']],
    [
      names.validateRelaxedEnvVarName,
      'a=b',
      ["a valid environment variable name must consist only of printable ASCII characters other than '='"],
    ],
    [
      names.validatePortName,
      '-1--',
      [
        'must contain at least one letter (a-z)',
        'must not contain consecutive hyphens',
        'must not begin or end with a hyphen',
      ],
    ],
    [
      names.validatePortName,
      'HTTP-with-a-long-name',
      [
        'must be no more than 15 characters',
        'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
      ],
    ],
    [
      names.validateHttpHeaderName,
      'a b',
      [
        "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
      ],
    ],
    [
      names.validateHttpPath,
      'a?b',
      ["Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')"],
    ],
  ];
  test.each(cases.map(([validate, value, messages]) => [validate.name, value, messages, validate] as const))(
    '%s(%j)',
    (_name, value, messages, validate) => {
      expect(validate(value)).toEqual(messages);
    },
  );
});

test('ports are 1 to 65535', () => {
  expect([1, 80, 65535].flatMap(names.validatePortNumber)).toEqual([]);
  for (const port of [0, 65536, 1.5, Number.NaN]) {
    expect(names.validatePortNumber(port)).toEqual(['must be between 1 and 65535, inclusive']);
  }
});

test('long hostile texts are refused in linear time', () => {
  const size = 1 << 19;
  const texts = ['a', '-', 'a.', 'a-', '*.', 'é', '/'].map((part) => `${part.repeat(size / part.length)}!`);
  for (const validate of [
    names.validateDns1123Label,
    names.validateWildcardDns1123Subdomain,
    names.validateDns1035Label,
    names.validateQualifiedName,
    names.validateLabelValue,
    names.validatePathSegmentName,
    names.validateConfigMapKey,
    names.validateEnvVarName,
    names.validatePortName,
    names.validateHttpPath,
  ]) {
    for (const text of texts) expect(validate(text)).toBeInstanceOf(Array);
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
