// Rules for names and keys. Every function returns the messages that a Kubernetes 1.36 API server gives (of
// apimachinery's util/validation and api/validate/content), none for a valid value. Each pattern is anchored and
// can split a text in one way only, so matching is linear in its length.

/** Upper bounds in UTF-8 bytes, although the messages of names say characters. */
const labelMaxLength = 63;
const subdomainMaxLength = 253;
const portNameMaxLength = 15;

interface Rule {
  readonly pattern: RegExp;
  /** What is told of a text that the pattern does not match. */
  readonly message: string;
}

function rule(explanation: string, format: string, ...examples: string[]): Rule {
  const given = examples.map((example) => `'${example}', `).join(' or ');
  const egs = examples.length === 0 ? '' : `e.g. ${given}`;
  return {
    pattern: new RegExp(`^${format}$`),
    message: `${explanation} (${egs}regex used for validation is '${format}')`,
  };
}

const dns1123LabelFormat = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const dns1123SubdomainFormat = `${dns1123LabelFormat}(\\.${dns1123LabelFormat})*`;
const qualifiedNameFormat = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';

const dns1123Label = rule(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  dns1123LabelFormat,
  'my-name',
  '123-abc',
);
const dns1123Subdomain = rule(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  dns1123SubdomainFormat,
  'example.com',
);
const wildcardDns1123Subdomain = rule(
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
  `\\*\\.${dns1123SubdomainFormat}`,
  '*.example.com',
);
const dns1035Label = rule(
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  '[a-z]([-a-z0-9]*[a-z0-9])?',
  'my-name',
  'abc-123',
);
const qualifiedName = rule(
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  qualifiedNameFormat,
  'MyName',
  'my.name',
  '123-abc',
);
const labelValue = rule(
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  `(${qualifiedNameFormat})?`,
  'MyValue',
  'my_value',
  '12345',
);
const cIdentifier = rule(
  "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
  '[A-Za-z_][A-Za-z0-9_]*',
  'my_name',
  'MY_NAME',
  'MyName',
);
const configMapKey = rule(
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  '[-._a-zA-Z0-9]+',
  'key.name',
  'KEY_NAME',
  'key-name',
);
const envVarName = rule(
  "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
  '[-._a-zA-Z][-._a-zA-Z0-9]*',
  'my.env-name',
  'MY_ENV.NAME',
  'MyEnvName1',
);
const httpHeaderName = rule(
  "a valid HTTP header must consist of alphanumeric characters or '-'",
  '[-A-Za-z0-9]+',
  'X-Header-Name',
);
const httpPath = rule('Invalid path', "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+");

function check(value: string, { pattern, message }: Rule): string[] {
  return pattern.test(value) ? [] : [message];
}

function checkLength(value: string, max: number, unit: 'characters' | 'bytes'): string[] {
  return Buffer.byteLength(value) > max ? [`must be no more than ${max} ${unit}`] : [];
}

/** RFC 1123 label: names of Namespaces, containers and volumes. */
export function validateDns1123Label(value: string): string[] {
  const errors = checkLength(value, labelMaxLength, 'characters');
  if (dns1123Label.pattern.test(value)) return errors;
  const dotted = dns1123Subdomain.pattern.test(value);
  return [...errors, dotted ? 'must not contain dots' : dns1123Label.message];
}

/** RFC 1123 subdomain: the name of most objects. */
export function validateDns1123Subdomain(value: string): string[] {
  return [...checkLength(value, subdomainMaxLength, 'characters'), ...check(value, dns1123Subdomain)];
}

/** A subdomain behind `*.`: hosts of an Ingress. */
export function validateWildcardDns1123Subdomain(value: string): string[] {
  return [...checkLength(value, subdomainMaxLength, 'characters'), ...check(value, wildcardDns1123Subdomain)];
}

/** RFC 1035 label: the name of a Service. */
export function validateDns1035Label(value: string): string[] {
  return [...checkLength(value, labelMaxLength, 'characters'), ...check(value, dns1035Label)];
}

/** Keys of labels and annotations, finalizers: a name of up to 63 bytes, behind an optional `subdomain/`. */
export function validateQualifiedName(value: string): string[] {
  const slash = value.indexOf('/');
  if (value.includes('/', slash + 1) && slash !== -1) {
    return [
      `a valid label key ${qualifiedName.message} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const name = value.slice(slash + 1);
  const nameErrors = name === '' ? ['must be non-empty'] : checkLength(name, labelMaxLength, 'bytes');
  nameErrors.push(...check(name, qualifiedName));
  return [
    ...(slash === -1 ? [] : validatePrefix(value.slice(0, slash))).map((message) => `prefix part ${message}`),
    ...nameErrors.map((message) => `name part ${message}`),
  ];
}

function validatePrefix(prefix: string): string[] {
  if (prefix === '') return ['must be non-empty'];
  return [...checkLength(prefix, subdomainMaxLength, 'bytes'), ...check(prefix, dns1123Subdomain)];
}

/** The value of a label. */
export function validateLabelValue(value: string): string[] {
  return [...checkLength(value, labelMaxLength, 'bytes'), ...check(value, labelValue)];
}

/** The least that any name must fulfil to stand in a URL. The empty name passes, as upstream. */
export function validatePathSegmentName(name: string): string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  return ['/', '%'].filter((char) => name.includes(char)).map((char) => `may not contain '${char}'`);
}

export function validateCIdentifier(value: string): string[] {
  return check(value, cIdentifier);
}

/** A key of a ConfigMap or Secret: it becomes a file name. */
export function validateConfigMapKey(value: string): string[] {
  return [
    ...checkLength(value, subdomainMaxLength, 'characters'),
    ...check(value, configMapKey),
    ...checkDots(value),
  ];
}

export function validateEnvVarName(value: string): string[] {
  return [...check(value, envVarName), ...checkDots(value)];
}

/** What API servers since 1.32 demand of the name of an environment variable. */
export function validateRelaxedEnvVarName(value: string): string[] {
  if (value === '') return ['environment variable name must be non-empty'];
  if (/^[ -<>-~]+$/.test(value)) return [];
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

function checkDots(value: string): string[] {
  if (value === '.' || value === '..') return [`must not be '${value}'`];
  return value.startsWith('..') ? ["must not start with '..'"] : [];
}

/** The name of a port (RFC 6335 service name, lower case). */
export function validatePortName(value: string): string[] {
  const errors = checkLength(value, portNameMaxLength, 'characters');
  if (!/^[-a-z0-9]+$/.test(value)) {
    errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(value)) errors.push('must contain at least one letter (a-z)');
  if (value.includes('--')) errors.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) errors.push('must not begin or end with a hyphen');
  return errors;
}

export function validatePortNumber(port: number): string[] {
  return Number.isInteger(port) && port >= 1 && port <= 65535
    ? []
    : ['must be between 1 and 65535, inclusive'];
}

export function validateHttpHeaderName(value: string): string[] {
  return check(value, httpHeaderName);
}

export function validateHttpPath(value: string): string[] {
  return check(value, httpPath);
}
