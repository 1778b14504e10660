import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TypedError } from '../../base/errors.ts';
import { createCelEnvironment } from './cel.ts';
import { Budget, CelCompileError, CelCostError, CelEvaluationError } from './errors.ts';
import type { Value } from './values.ts';
import { Duration, isMap, List, Optional, Timestamp, TypeValue, Uint } from './values.ts';
import { formatTypeValue } from './values.ts';
import { formatSeconds, formatTimestamp } from './standard-functions.ts';

const environment = createCelEnvironment();

/** The value in a form that a test can write down. */
function plain(value: Value): unknown {
  if (value instanceof List) return [...value].map(plain);
  if (value instanceof Optional) return value.value === undefined ? 'none' : { some: plain(value.value) };
  if (value instanceof Uint) return { uint: value.value };
  if (value instanceof Timestamp) return formatTimestamp(value);
  if (value instanceof Duration) return formatSeconds(value);
  if (value instanceof TypeValue) return formatTypeValue(value);
  if (isMap(value)) return new Map([...value.keys()].map((key) => [key, plain(value.find(key) ?? null)]));
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return value;
}

function evaluate(text: string): unknown {
  return plain(environment.compileExpression(text, {}).evaluate({}));
}

function checkTable(cases: readonly (readonly [text: string, expected: unknown])[]): void {
  const failures = cases.flatMap(([text, expected]) => {
    let actual: unknown;
    try {
      actual = evaluate(text);
    } catch (error) {
      actual = error instanceof Error ? `error: ${error.message}` : error;
    }
    return isSame(actual, expected) ? [] : [{ text, expected, actual }];
  });
  expect(failures).toEqual([]);
}

function isSame(actual: unknown, expected: unknown): boolean {
  try {
    expect(actual).toEqual(expected);
    return true;
  } catch {
    return false;
  }
}

describe('functions of the language', () => {
  test('arithmetic, order and logic', () => {
    checkTable([
      ['1 + 2 * 3 - 4 / 2 % 5', 5n],
      ['-7 / 2', -3n],
      ['-7 % 2', -1n],
      ['1.5 * 2.0 + 1.0 / 4.0 - 1.0', 2.25],
      ['1u + 2u', { uint: 3n }],
      ['1u - 2u', 'error: unsigned integer overflow'],
      ['9223372036854775807 + 1', 'error: integer overflow'],
      ['-9223372036854775808 == -9223372036854775807 - 1', true],
      ['1 / 0', 'error: division by zero'],
      ['1 % 0', 'error: modulus by zero'],
      ['1.0 / 0.0', Infinity],
      ['-(3)', -3n],
      ['!true', false],
      ["'a' + 'b'", 'ab'],
      ["b'a' + b'b'", '6162'],
      ['[1] + [2]', [1n, 2n]],
      ['1 < 2.5 && 3u > 2 && 2.0 >= 2', true],
      ["'a' < 'b' && !('b' < 'a') && 'a' <= 'a' && false < true", true],
      ["'\\uffff' < '\\U0001F600'", true],
      ['dyn(1) == dyn(1.0) && dyn(1u) == dyn(1)', true],
      ['dyn(1) == dyn("1")', false],
      ['true ? 1 : 2', 1n],
      ['false && 1 / 0 == 1', false],
      ['1 / 0 == 1 && false', false],
      ['1 / 0 == 1 || true', true],
      ['1 / 0 == 1 || false', 'error: division by zero'],
      ['[1, 2] == [1, 2] && [1, 2] != [2, 1]', true],
      ["{'a': 1} == {'a': 1} && {'a': 1} != {'a': 2}", true],
      ["1 in [1, 2] && !(3 in [1, 2]) && 'a' in {'a': 1}", true],
      ["{'a': 1}['a'] + [5][0]", 6n],
      ["{'a': 1}['b']", 'error: no such key: b'],
      ['[1][1]', 'error: index out of bounds: 1'],
      ["{'a': 1, 'a': 2}", 'error: Failed with repeated key'],
      ['null == null', true],
    ]);
  });

  test('sizes, tests and conversions', () => {
    checkTable([
      ["size('h😀') + size([1]) + size({'a': 1}) + size(b'ab')", 6n],
      ["'ab'.size() + [1].size() + {'a': 1}.size() + b'ab'.size()", 6n],
      ["'hello'.contains('ell') && 'hello'.startsWith('he') && 'hello'.endsWith('lo')", true],
      ["'hello'.matches('^h.*o$') && matches('abc', 'b') && !'abc'.matches('^b')", true],
      ["int('-12') + int(3.9) + int(4u) + int(timestamp('1970-01-01T00:01:40Z'))", 95n],
      ["int('x')", "error: type conversion error from 'string' to 'int'"],
      ['int(1e30)', 'error: integer overflow'],
      ["uint('7')", { uint: 7n }],
      ["double('1.5') + double(2) + double(3u)", 6.5],
      ['string(1) + string(true) + string(1.5) + string(2u)', '1true1.52'],
      [
        "string(b'ab') + string(duration('1h1.5s')) + string(timestamp('2024-01-02T03:04:05.5Z'))",
        'ab3601.5s2024-01-02T03:04:05.5Z',
      ],
      ["string(b'\\xff')", 'error: invalid UTF-8 in bytes, cannot convert to string'],
      ["bytes('é')", 'c3a9'],
      ["bool('true') && !bool('f')", true],
      ['type(1) == int && type(1.0) == double && type("") == string && type(null) == null_type', true],
      ['type([]) == list && type({}) == map && type(type(1)) == type(string)', true],
      ["type(timestamp('2024-01-01T00:00:00Z')) == google.protobuf.Timestamp", true],
      ["type(ip('1.1.1.1')) == net.IP && type(url('/a')) == kubernetes.URL", true],
    ]);
  });

  test('timestamps and durations', () => {
    const time = "timestamp('2024-12-31T23:30:15.250Z')";
    checkTable([
      [`${time}.getFullYear()`, 2024n],
      [`${time}.getMonth()`, 11n],
      [`${time}.getDate()`, 31n],
      [`${time}.getDayOfMonth()`, 30n],
      [`${time}.getDayOfYear()`, 365n],
      [`${time}.getDayOfWeek()`, 2n],
      [`${time}.getHours()`, 23n],
      [`${time}.getMinutes()`, 30n],
      [`${time}.getSeconds()`, 15n],
      [`${time}.getMilliseconds()`, 250n],
      [`${time}.getFullYear('+01:00')`, 2025n],
      [`${time}.getHours('America/New_York')`, 18n],
      [`${time}.getDayOfYear('Europe/Berlin')`, 0n],
      ["timestamp('1969-12-31T23:59:59.9Z').getSeconds()", 59n],
      [`${time} + duration('1h')`, '2025-01-01T00:30:15.25Z'],
      [`${time} - timestamp('2024-12-31T23:30:15Z')`, '0.25s'],
      [`${time} > timestamp('2024-01-01T00:00:00Z')`, true],
      ["duration('90m').getHours() + duration('90m').getMinutes()", 91n],
      ["duration('1.5s').getSeconds() + duration('1.5s').getMilliseconds()", 1501n],
      ["duration('1h') == duration('60m') && duration('1s') < duration('1m')", true],
      ["-duration('1.5s')", '-1.5s'],
    ]);
  });

  test('macros', () => {
    checkTable([
      ['[1, 2].all(x, x > 0) && ![1, 2].all(x, x > 1)', true],
      ['[1, 2].exists(x, x > 1) && ![].exists(x, true)', true],
      ['[1, 2].exists_one(x, x > 1) && [1, 2].existsOne(x, x > 1) && ![1, 2].exists_one(x, x > 0)', true],
      ['[1, 2, 3].filter(x, x != 2)', [1n, 3n]],
      ['[1, 2].map(x, x * 2)', [2n, 4n]],
      ['[1, 2, 3].map(x, x > 1, x * 2)', [4n, 6n]],
      ["{'a': 1, 'b': 2}.all(k, k != 'c')", true],
      ["{'a': 1, 'b': 2}.map(k, k + '!')", ['a!', 'b!']],
      ['[0, 1].all(x, 1 / x == 1 || x == 0)', true],
      ['[0, 2].exists(x, 1 / x == 0)', true],
      ['[0].all(x, 1 / x == 1)', 'error: division by zero'],
      ['[[1], [2]].map(x, x.map(y, y + x[0]))', [[2n], [4n]]],
      ["has({'a': 1}.a) && !has({'a': 1}.b)", true],
      ['[5, 6].all(i, v, v == i + 5)', true],
      ["{'a': 1}.exists(k, v, k == 'a' && v == 1)", true],
      ['[5, 6].existsOne(i, v, i == 0 && v == 5)', true],
      ['[5, 6].transformList(i, v, v * i)', [0n, 6n]],
      ['[5, 6].transformList(i, v, i > 0, v * i)', [6n]],
      ["{'a': 1}.transformMap(k, v, v + 1)", new Map([['a', 2n]])],
      ['[5, 6].transformMap(i, v, i > 0, v)', new Map([[1n, 6n]])],
      ["{'a': 'x'}.transformMapEntry(k, v, {v: k})", new Map([['x', 'a']])],
    ]);
  });

  test('optional values', () => {
    checkTable([
      ['optional.of(1).hasValue() && !optional.none().hasValue()', true],
      ['optional.of(1).value() + optional.of(2).orValue(5)', 3n],
      ['optional.none().orValue(5)', 5n],
      ['optional.none().value()', 'error: optional.none() dereference'],
      ['optional.ofNonZeroValue(0).hasValue() || optional.ofNonZeroValue("").hasValue()', false],
      ['optional.of(1).or(optional.of(2)).value()', 1n],
      ["{'a': {'b': 1}}.?a.?b", { some: 1n }],
      ["{'a': {'b': 1}}.?x.b.orValue(7)", 7n],
      ["{'a': 1}[?'b']", 'none'],
      ['[1, 2][?1].orValue(9) + [1][?3].orValue(9)', 11n],
      ['optional.of(1).optMap(x, x + 1)', { some: 2n }],
      ['optional.none().optMap(x, x + 1)', 'none'],
      ['optional.of(1).optFlatMap(x, optional.of(x + 1))', { some: 2n }],
      ['optional.of(1) == optional.of(1)', true],
    ]);
  });
});

describe('extensions', () => {
  test('strings', () => {
    checkTable([
      ["'hello'.charAt(4) + 'hello'.charAt(5)", 'o'],
      ["'hello'.charAt(6)", 'error: index out of range: 6'],
      ["'hello mellow'.indexOf('ello')", 1n],
      ["'hello mellow'.indexOf('jello')", -1n],
      ["'hello mellow'.indexOf('')", 0n],
      ["'hello mellow'.indexOf('ello', 2)", 7n],
      ["'hello mellow'.indexOf('ello', 20)", 'error: index out of range: 20'],
      ["'😀x'.indexOf('x')", 1n],
      ["'hello mellow'.lastIndexOf('ello')", 7n],
      ["'hello mellow'.lastIndexOf('ello', 6)", 1n],
      ["['hello', 'mellow'].join() + ['a', 'b'].join(' ')", 'hellomellowa b'],
      ["'TacoCÆt'.lowerAscii() + 'TacoCÆt xii'.upperAscii()", 'tacocÆtTACOCÆT XII'],
      ["'hello hello'.replace('he', 'we')", 'wello wello'],
      ["'hello hello'.replace('he', 'we', 1)", 'wello hello'],
      ["'hello hello'.replace('he', 'we', 0)", 'hello hello'],
      ["'ab'.replace('', '_')", '_a_b_'],
      ["'hello hello hello'.split(' ')", ['hello', 'hello', 'hello']],
      ["'hello hello hello'.split(' ', 2)", ['hello', 'hello hello']],
      ["'hello'.split('', 0)", []],
      ["'a😀'.split('')", ['a', '😀']],
      ["'tacocat'.substring(4) + 'tacocat'.substring(0, 4)", 'cattaco'],
      ["'tacocat'.substring(2, 1)", 'error: invalid substring range. start: 2, end: 1'],
      ["'  \\ttrim\\n '.trim()", 'trim'],
      ["strings.quote('a\"\\n')", '"a\\"\\n"'],
    ]);
  });

  test('format', () => {
    checkTable([
      ["'%s %s'.format(['a', [1, true, null]])", 'a [1, true, null]'],
      ["'%d %x %X %o %b %b'.format([255, 255, 'hi', 8, 5, true])", '255 ff 6869 10 101 1'],
      ["'%.2f %f %e'.format([1.234, 2.5, 1052.032911275])", '1.23 2.500000 1.052033e+03'],
      ["'%s %s'.format([duration('90s'), {'b': 1, 'a': 2u}])", '90s {a: 2, b: 1}'],
      ["'100%%'.format([])", '100%'],
      ["'%s'.format([])", 'error: index 0 out of range'],
      ["'%s %s'.format([type(1), timestamp('2023-02-03T23:31:20Z')])", 'int 2023-02-03T23:31:20Z'],
    ]);
  });

  test('lists and sets', () => {
    checkTable([
      [
        '[1, 2, 2].isSorted() && ![2, 1].isSorted() && ["a", "b"].isSorted() && [1].map(x, x + 1).isSorted()',
        true,
      ],
      ['[1, 3].sum() + [1, 2].min() + [1, 2].max()', 7n],
      ['[1.0, 3.0].sum()', 4],
      ["[duration('1m'), duration('1s')].sum()", '61s'],
      ["['a', 'b'].max()", 'b'],
      ['[1].filter(x, false).max()', 'error: max called on empty list'],
      ['[1, 2, 2, 3].indexOf(2) + [1, 2, 2, 3].lastIndexOf(2)', 3n],
      ["['a', 'b', 'b'].indexOf('c')", -1n],
      ['[1, 2, 3].slice(1, 3)', [2n, 3n]],
      ['[1, 2].slice(1, 3)', 'error: cannot slice(1, 3), list is length 2'],
      ['[[1, 2], [3]].flatten()', [1n, 2n, 3n]],
      ['[1, 2, 2, 1].distinct()', [1n, 2n]],
      ['[[1], [1]].distinct()', [[1n]]],
      ['[1, 2].reverse()', [2n, 1n]],
      ['[3, 1, 2].sort()', [1n, 2n, 3n]],
      ["['bb', 'a'].sortBy(x, x.size())", ['a', 'bb']],
      ['lists.range(3)', [0n, 1n, 2n]],
      ['[1, 2].first().orValue(0) + [1, 2].last().orValue(0)', 3n],
      ['sets.contains([1, 2], [2]) && !sets.contains([1], [1, 2]) && sets.contains([1], [])', true],
      ['sets.equivalent([1, 1], [1]) && !sets.equivalent([1], [1, 2])', true],
      ['sets.intersects([1], [1, 2]) && !sets.intersects([1], [])', true],
    ]);
  });

  test('regular expressions', () => {
    checkTable([
      ["'abc 123'.find('[0-9]*')", ''],
      ["'abc 123'.find('[0-9]+')", '123'],
      ["'123 abc 456'.findAll('[0-9]*')", ['123', '', '', '', '', '456']],
      ["'123 abc 456'.findAll('[0-9]+', 1)", ['123']],
      ["'123'.findAll('[0-9]', 0)", []],
      ["'x'.find('y')", ''],
    ]);
  });
});

describe('Kubernetes libraries', () => {
  test('URLs', () => {
    const url = "url('https://user:pw@example.com:80/path with space/?k1=a&k2=b&k2=c#frag')";
    checkTable([
      [`${url}.getScheme()`, 'https'],
      [`${url}.getHost()`, 'example.com:80'],
      [`${url}.getHostname()`, 'example.com'],
      [`${url}.getPort()`, '80'],
      [`${url}.getEscapedPath()`, '/path%20with%20space/'],
      [
        `${url}.getQuery()`,
        new Map([
          ['k1', ['a']],
          ['k2', ['b', 'c']],
        ]),
      ],
      ["url('https://[::1]:80/').getHostname() + url('https://[::1]:80/').getHost()", '::1[::1]:80'],
      ["url('/path').getHost() + url('/path').getScheme() + url('/path').getEscapedPath()", '/path'],
      ["isURL('https://a/b') && isURL('/a') && !isURL('a/b') && !isURL('../a') && !isURL('')", true],
      ["isURL('https://a:b:c/')", false],
      ["url('https://a') == url('https://a')", true],
    ]);
  });

  test('IP addresses and networks', () => {
    checkTable([
      ["ip('127.0.0.1').family() + ip('::1').family()", 10n],
      [
        "isIP('127.0.0.1') && isIP('::1') && !isIP('127.0.0.256') && !isIP('::ffff:1.2.3.4') && !isIP('fe80::1%eth0')",
        true,
      ],
      ["string(ip('2001:DB8:0:0:0:0:0:1')) + string(ip('10.0.0.1'))", '2001:db8::110.0.0.1'],
      [
        "string(ip('::')) + ' ' + string(ip('1::')) + ' ' + string(ip('1:0:0:2:0:0:0:3')) + ' ' + string(ip('64:ff9b::1.2.3.4'))",
        ':: 1:: 1:0:0:2::3 64:ff9b::102:304',
      ],
      ["ip.isCanonical('2001:db8::abcd') && !ip.isCanonical('2001:DB8::ABCD')", true],
      ["ip('0.0.0.0').isUnspecified() && ip('::').isUnspecified() && !ip('1.1.1.1').isUnspecified()", true],
      ["ip('127.1.1.1').isLoopback() && ip('::1').isLoopback() && !ip('8.8.8.8').isLoopback()", true],
      [
        "ip('224.0.0.1').isLinkLocalMulticast() && ip('ff02::1').isLinkLocalMulticast() && !ip('224.0.1.1').isLinkLocalMulticast()",
        true,
      ],
      [
        "ip('169.254.169.254').isLinkLocalUnicast() && ip('fe80::1').isLinkLocalUnicast() && !ip('fd80::1').isLinkLocalUnicast()",
        true,
      ],
      [
        "ip('192.168.0.1').isGlobalUnicast() && ip('2001:db8::abcd').isGlobalUnicast() && !ip('255.255.255.255').isGlobalUnicast() && !ip('ff00::1').isGlobalUnicast()",
        true,
      ],
      ["ip('127.0.0.1') == ip('127.0.0.1') && ip('127.0.0.1') != ip('127.0.0.2')", true],
      [
        "cidr('192.168.0.0/24').containsIP('192.168.0.1') && cidr('192.168.0.0/24').containsIP(ip('192.168.0.1')) && !cidr('192.168.0.0/24').containsIP('192.168.1.1')",
        true,
      ],
      [
        "cidr('192.168.0.0/16').containsCIDR('192.168.10.0/24') && cidr('192.168.0.0/16').containsCIDR(cidr('192.168.0.0/16')) && !cidr('192.168.0.0/24').containsCIDR('192.168.0.0/16')",
        true,
      ],
      [
        "cidr('2001:db8::/32').containsIP('2001:db8::1') && !cidr('2001:db8::/32').containsIP('10.0.0.1')",
        true,
      ],
      [
        "string(cidr('192.168.0.1/24').ip()) + string(cidr('192.168.0.1/24').masked())",
        '192.168.0.1192.168.0.0/24',
      ],
      ["cidr('192.168.0.0/24').prefixLength()", 24n],
      ["isCIDR('::1/128') && !isCIDR('1.2.3.4') && !isCIDR('1.2.3.4/33') && !isCIDR('1.2.3.4/')", true],
    ]);
  });

  test('quantities', () => {
    checkTable([
      ["isQuantity('1.3Gi') && isQuantity('1.3G') && !isQuantity('1.3GG') && !isQuantity('10Mo')", true],
      [
        "quantity('50k').isInteger() && !quantity('9999999999999999999999999999999999999G').isInteger() && !quantity('0.5').isInteger()",
        true,
      ],
      ["quantity('50k').asInteger()", 50000n],
      ["quantity('0.5').asInteger()", 'error: cannot convert value to integer'],
      ["quantity('50.703k').asApproximateFloat()", 50703],
      ["quantity('50k').sign() + quantity('-1').sign() + quantity('0').sign()", 0n],
      ["quantity('200M') == quantity('0.2G') && quantity('200M') != quantity('0.3G')", true],
      [
        "quantity('1').add(quantity('2')).add(3).asInteger() - quantity('5').sub(quantity('1')).sub(1).asInteger()",
        3n,
      ],
      [
        "quantity('150Mi').isGreaterThan(quantity('100Mi')) && quantity('50M').isLessThan(quantity('100M'))",
        true,
      ],
      [
        "quantity('200M').compareTo(quantity('0.2G')) + quantity('1').compareTo(quantity('2')) - quantity('2').compareTo(quantity('1'))",
        -2n,
      ],
    ]);
  });

  test('semantic versions', () => {
    checkTable([
      [
        "isSemver('1.2.3-beta.1+build.1') && !isSemver('') && !isSemver('v1.0.0') && !isSemver('01.01.01') && !isSemver('1.1')",
        true,
      ],
      [
        "isSemver('v1.0.0', true) && isSemver('01.01.01', true) && isSemver('1', true) && isSemver('1.1', true)",
        true,
      ],
      [
        "isSemver('', true) || isSemver(' 1.0.0', true) || isSemver('1. 0.0', true) || isSemver('1.0.0 ', true)",
        false,
      ],
      ["semver('v01.01', true) == semver('1.1.0')", true],
      ["semver('v1.0')", 'error: No Major.Minor.Patch elements found'],
      ["semver('1.0.0').isLessThan(semver('1.2.3')) && semver('1.2.3').isGreaterThan(semver('1.0.0'))", true],
      [
        "semver('1.0.0-alpha.2').compareTo(semver('1.0.0-alpha.10')) + semver('1.0.0-rc').compareTo(semver('1.0.0'))",
        -2n,
      ],
      ["semver('1.2.3').major() * 100 + semver('1.2.3').minor() * 10 + semver('1.2.3').patch()", 123n],
    ]);
  });

  test('formats', () => {
    checkTable([
      ["format.named('dns1123Label').hasValue() && !format.named('nope').hasValue()", true],
      ["format.dns1123Label().validate('contains-some-dns')", 'none'],
      ["format.dns1123Label().validate('UPPER').hasValue()", true],
      ["format.dns1123Subdomain().validate('apiextensions.k8s.io').hasValue()", false],
      ["format.dns1035Label().validate('1a').hasValue()", true],
      ["format.qualifiedName().validate('apiextensions.k8s.io/v1beta1').hasValue()", false],
      ["format.dns1123LabelPrefix().validate('my-label-prefix-').hasValue()", false],
      ["format.dns1123SubdomainPrefix().validate('mysubdomain.prefix.-').hasValue()", false],
      ["format.dns1035LabelPrefix().validate('my-label-prefix-').hasValue()", false],
      ["format.labelValue().validate('my-cool-label-value').hasValue()", false],
      [
        "format.uri().validate('http://example.com').hasValue() || !format.uri().validate('not a URL').hasValue()",
        false,
      ],
      ["format.uuid().validate('not a uuid')", { some: ['does not match the UUID format'] }],
      ["format.uuid().validate('123e4567-e89b-12d3-a456-426614174000').hasValue()", false],
      ["format.byte().validate('aGVsbG8=').hasValue() || !format.byte().validate('a').hasValue()", false],
      [
        "format.date().validate('2021-01-01').hasValue() || !format.date().validate('2021-02-30').hasValue()",
        false,
      ],
      [
        "format.datetime().validate('2021-01-01T00:00:00Z').hasValue() || !format.datetime().validate('x').hasValue()",
        false,
      ],
    ]);
  });
});

describe('compilation', () => {
  const problem = (text: string): string => {
    try {
      environment.compileExpression(text, { s: 'string', n: 'int', l: 'list<string>' });
      return 'none';
    } catch (error) {
      return error instanceof CelCompileError ? error.message : `untyped ${String(error)}`;
    }
  };

  test('shows where the problem is', () => {
    expect(problem('n == 1 &&\n  s + 1 == s')).toBe(
      "ERROR: <input>:2:5: found no matching overload for '_+_' applied to '(string, int)'\n |   s + 1 == s\n | ....^",
    );
  });

  test.each([
    ['n.foo', "type 'int' does not support field selection"],
    ['missing', "undeclared reference to 'missing' (in container '')"],
    ['nope(n)', "undeclared reference to 'nope' (in container '')"],
    ['s.sum()', "found no matching overload for 'sum' applied to 'string.()'"],
    ['s && true', "found no matching overload for '_&&_' applied to '(string, bool)'"],
    ['n ? 1 : 2', "found no matching overload for '_?_:_' applied to '(int, int, int)'"],
    ['s == 1', "found no matching overload for '_==_' applied to '(string, int)'"],
    ['s == null', "found no matching overload for '_==_' applied to '(string, null)'"],
    ["[1, 'a']", "expected type 'int' but found 'string'"],
    ['n.all(x, true)', "expression of type 'int' cannot be range of a comprehension"],
    ['l.all(x, x)', "expected type 'bool' but found 'string'"],
    ['l.all(x.y, true)', 'invalid predicate iteration variable'],
    ['has(s)', 'invalid argument to has() macro'],
    ["s.matches('[')", 'invalid matches argument: '],
    ["duration('abc')", 'invalid duration argument'],
    ["timestamp('abc')", 'invalid timestamp argument'],
    ['s.unknown()', "undeclared reference to 'unknown'"],
    ['1 +', 'Syntax error: '],
    ['', 'Syntax error: '],
  ])('refuses %s', (text, expected) => {
    const found = problem(text);
    expect(found).toMatch(/^ERROR: <input>:1:\d+: /);
    expect(found).toContain(expected);
  });

  test('refuses what is nested too deeply', () => {
    expect(problem('!'.repeat(50_000) + 'true')).toContain('recursion limit');
    expect(problem(`${'('.repeat(300)}1${')'.repeat(300)}`)).toContain('Exceeded maxDepth');
    expect(problem(`1${' + 1'.repeat(3000)}`)).toContain('recursion limit');
  });
});

describe('properties', () => {
  const words =
    "self 1 'a' x ( ) [ ] . , + == && ! ? : { } 1.5 .all(x, .map(x, size( .size() matches('a*') null in - / % optional.of( dyn( .sum() .max() .join() .a [0] [?0] .?a 'a' .sort() .first() .value() type( .flatten() .format([ % .split( .transformMap(i,v, ,x)".split(
      ' ',
    );

  test('compilation ends with a program or a compile error, whatever the text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 60 }),
      fc.array(fc.constantFrom(...words), { maxLength: 14 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (source) => {
        try {
          const program = environment.compileExpression(source, { self: 'dyn', x: 'list<int>' });
          program.evaluate({ self: List.of([1n, 1.5, 'a', null]), x: List.of([1n]) }, new Budget(10_000));
        } catch (error) {
          expect(error).toBeInstanceOf(TypedError);
        }
      }),
      { numRuns: 3000 },
    );
  });

  test('hostile expressions stop within their budget', () => {
    const list = List.of(Array.from({ length: 10_000 }, (_, index) => BigInt(index)));
    const long = 'a'.repeat(100_000);
    const hostile = [
      'l.all(a, l.all(b, l.all(c, a + b + c >= 0)))',
      'l.map(a, l.map(b, l.map(c, [a, b, c]))).size() > 0',
      'l.all(a, l == l.map(x, x))',
      "l.all(a, s.matches('(a|b|ab)*c{1,100}$') == false)",
      "l.map(a, s.replace('a', s)).size() > 0",
      "l.map(a, s + s).join('').size() > 0",
      's.replace("a", s).size() > 0',
      'l.all(a, l.indexOf(-1) == -1 && !(-1 in l))',
      'l.all(a, sets.contains(l, l))',
      'l.map(a, l + l).flatten().size() > 0',
      'lists.range(1000000000).size() > 0',
      "l.all(a, '%s'.format([l]) != '')",
      'l.all(a, l.sort().distinct().sum() > 0)',
      'l.all(a, s.size() + s.lastIndexOf("b") > 0)',
      's.split("").all(a, s.split("").all(b, a == b))',
      "l.all(a, !s.matches('a{1000}' + string(a) + 'x'))",
      "l.all(a, l.all(b, timestamp(b).getHours('Europe/Berlin') >= 0))",
      "l.all(a, l.all(b, timestamp(b).getHours('Nowhere/' + string(b)) >= 0))",
      "s.findAll('a.*z|a').size() > 0",
      "l.all(a, isURL('http://x/?' + s) && !isQuantity(s) && !isIP(s) && !isSemver(s))",
      "l.all(a, url('http://x/?' + s.replace('a', '&a')).getQuery().size() > 0)",
    ];
    for (const text of hostile) {
      const program = environment.compileExpression(text, { l: 'list<int>', s: 'string' });
      const values = { l: list, s: long };
      expect(() => program.evaluate(values, new Budget(200_000))).toThrow(CelCostError);
    }
  }, 20_000);

  test('no operator absorbs the end of the budget', () => {
    const program = environment.compileExpression('l.all(a, l.all(b, true)) || true', { l: 'list<int>' });
    const list = List.of(Array.from({ length: 1000 }, () => 1n));
    expect(() => program.evaluate({ l: list }, new Budget(100))).toThrow(CelCostError);
  });

  test('values that are not what they could be are evaluation errors', () => {
    const mixed = { l: List.of([1n, 1.5, 'a']), s: null, o: new Optional(1n) };
    const types = { l: 'list<dyn>', s: 'string', o: 'optional<dyn>' };
    for (const text of [
      'l.sum()',
      'l.max()',
      'l.join()',
      'l.sort()',
      's.size()',
      's + s',
      'o[0]',
      'o[?0]',
      'o.a',
      'l.flatten()[0].a',
    ]) {
      const program = environment.compileExpression(text, types);
      expect(() => program.evaluate(mixed)).toThrow(CelEvaluationError);
    }
  });

  test('a missing variable is an evaluation error', () => {
    const program = environment.compileExpression('x == 1', { x: 'int' });
    expect(() => program.evaluate({})).toThrow(CelEvaluationError);
  });
});
