import { parseQuantity, Quantity } from '../quantity.ts';
import { errorMessage } from '../../base/errors.ts';
import type { Budget } from './errors.ts';
import { CelEvaluationError } from './errors.ts';
import type { FunctionTable } from './function-table.ts';
import type { Cidr, Ip } from './ip-address.ts';
import { parseCidr, parseIp } from './ip-address.ts';
import type { NamedFormat } from './named-formats.ts';
import { namedFormats } from './named-formats.ts';
import type { ParsedUrl } from './parsed-url.ts';
import { parseUrl } from './parsed-url.ts';
import type { SemanticVersion } from './semantic-version.ts';
import { parseSemanticVersion } from './semantic-version.ts';
import { Entries, List, Optional } from './values.ts';

/** IP addresses, networks, URLs, quantities, semantic versions and formats. */
export function defineKubernetesFunctions(table: FunctionTable): void {
  defineIps(table);
  defineCidrs(table);
  defineUrls(table);
  defineQuantities(table);
  defineVersions(table);
  defineFormats(table);
}

/** Of any text, however short. */
const parseCost = 3;

/** Makes functions of a parser that gives either what it read or why it could not. */
function parsing<T extends object>(parse: (text: string) => T | string) {
  return {
    test: (text: string, budget: Budget): boolean => {
      budget.charge(parseCost + text.length / 10);
      return typeof parse(text) !== 'string';
    },
    make: (text: string, budget: Budget): T => {
      budget.charge(parseCost + text.length / 10);
      const value = parse(text);
      if (typeof value === 'string') throw new CelEvaluationError(value);
      return value;
    },
  };
}

const ips = parsing(parseIp);
const cidrs = parsing(parseCidr);

function defineIps(table: FunctionTable): void {
  table
    .define('ip(string): ip', ips.make)
    .define('isIP(string): bool', ips.test)
    .define('string(ip): string', String)
    .define(
      'ip::isCanonical(string): bool',
      (text: string, budget: Budget) => ips.make(text, budget).toString() === text,
    )
    .define('ip.family(): int', (ip: Ip) => BigInt(ip.family))
    .define('ip.isUnspecified(): bool', (ip: Ip) => ip.isUnspecified)
    .define('ip.isLoopback(): bool', (ip: Ip) => ip.isLoopback)
    .define('ip.isLinkLocalMulticast(): bool', (ip: Ip) => ip.isLinkLocalMulticast)
    .define('ip.isLinkLocalUnicast(): bool', (ip: Ip) => ip.isLinkLocalUnicast)
    .define('ip.isGlobalUnicast(): bool', (ip: Ip) => ip.isGlobalUnicast);
}

function defineCidrs(table: FunctionTable): void {
  table
    .define('cidr(string): cidr', cidrs.make)
    .define('isCIDR(string): bool', cidrs.test)
    .define('string(cidr): string', String)
    .define('cidr.containsIP(ip): bool', (cidr: Cidr, ip: Ip) => cidr.containsIp(ip))
    .define('cidr.containsIP(string): bool', (cidr: Cidr, ip: string, budget: Budget) =>
      cidr.containsIp(ips.make(ip, budget)),
    )
    .define('cidr.containsCIDR(cidr): bool', (cidr: Cidr, other: Cidr) => cidr.containsCidr(other))
    .define('cidr.containsCIDR(string): bool', (cidr: Cidr, other: string, budget: Budget) =>
      cidr.containsCidr(cidrs.make(other, budget)),
    )
    .define('cidr.ip(): ip', (cidr: Cidr) => cidr.ip)
    .define('cidr.prefixLength(): int', (cidr: Cidr) => BigInt(cidr.prefixLength))
    .define('cidr.masked(): cidr', (cidr: Cidr) => cidr.masked());
}

function defineUrls(table: FunctionTable): void {
  const failed = 'URL parse error during conversion from string: ';
  const urls = parsing((text) => {
    const url = parseUrl(text);
    return typeof url === 'string' ? failed + url : url;
  });
  table
    .define('url(string): url', urls.make)
    .define('isURL(string): bool', urls.test)
    .define('url.getScheme(): string', (url: ParsedUrl) => url.scheme)
    .define('url.getHost(): string', (url: ParsedUrl) => url.host)
    .define('url.getHostname(): string', (url: ParsedUrl) => url.hostname)
    .define('url.getPort(): string', (url: ParsedUrl) => url.port)
    .define('url.getEscapedPath(): string', (url: ParsedUrl) => url.escapedPath)
    .define('url.getQuery(): map<string, list<string>>', (url: ParsedUrl, budget: Budget) => {
      budget.chargeSize(url.text.length);
      const result = new Entries();
      for (const [name, values] of url.query()) result.add(name, List.of(values));
      return result;
    });
}

const nanosPerUnit = 10n ** 9n;

/** The amount, where it is a whole number of 64 bits. */
function wholeNumber(quantity: Quantity): bigint | undefined {
  const value = quantity.value();
  const whole = new Quantity(value * nanosPerUnit, quantity.format).compare(quantity) === 0;
  return whole && BigInt.asIntN(64, value) === value ? value : undefined;
}

function fromInteger(value: bigint): Quantity {
  return new Quantity(value * nanosPerUnit, 'DecimalSI');
}

function defineQuantities(table: FunctionTable): void {
  const quantities = parsing((text) => {
    try {
      return parseQuantity(text);
    } catch (error) {
      return errorMessage(error);
    }
  });
  table
    .define('quantity(string): quantity', quantities.make)
    .define('isQuantity(string): bool', quantities.test)
    .define('quantity.isInteger(): bool', (quantity: Quantity) => wholeNumber(quantity) !== undefined)
    .define('quantity.asInteger(): int', (quantity: Quantity) => {
      const value = wholeNumber(quantity);
      if (value === undefined) throw new CelEvaluationError('cannot convert value to integer');
      return value;
    })
    .define('quantity.asApproximateFloat(): double', (quantity: Quantity) => quantity.asApproximateFloat())
    .define('quantity.sign(): int', (quantity: Quantity) =>
      BigInt(Math.sign(quantity.compare(Quantity.zero))),
    )
    .define('quantity.add(quantity): quantity', (a: Quantity, b: Quantity) => a.add(b))
    .define('quantity.add(int): quantity', (a: Quantity, b: bigint) => a.add(fromInteger(b)))
    .define('quantity.sub(quantity): quantity', (a: Quantity, b: Quantity) => a.sub(b))
    .define('quantity.sub(int): quantity', (a: Quantity, b: bigint) => a.sub(fromInteger(b)));
  defineComparisons(table, 'quantity');
}

type Comparable = Quantity | SemanticVersion;

function defineComparisons(table: FunctionTable, type: string): void {
  const order = (a: Comparable, b: Comparable): number => Math.sign(a.compare(b as never));
  table
    .define(`${type}.isGreaterThan(${type}): bool`, (a: Comparable, b: Comparable) => order(a, b) > 0)
    .define(`${type}.isLessThan(${type}): bool`, (a: Comparable, b: Comparable) => order(a, b) < 0)
    .define(`${type}.compareTo(${type}): int`, (a: Comparable, b: Comparable) => BigInt(order(a, b)));
}

function defineVersions(table: FunctionTable): void {
  const strict = parsing((text) => parseSemanticVersion(text, false));
  const lenient = parsing((text) => parseSemanticVersion(text, true));
  const choose = (normalize: boolean): typeof strict => (normalize ? lenient : strict);
  table
    .define('semver(string): semver', strict.make)
    .define('semver(string, bool): semver', (text: string, normalize: boolean, budget: Budget) =>
      choose(normalize).make(text, budget),
    )
    .define('isSemver(string): bool', strict.test)
    .define('isSemver(string, bool): bool', (text: string, normalize: boolean, budget: Budget) =>
      choose(normalize).test(text, budget),
    )
    .define('semver.major(): int', (version: SemanticVersion) => version.numbers[0])
    .define('semver.minor(): int', (version: SemanticVersion) => version.numbers[1])
    .define('semver.patch(): int', (version: SemanticVersion) => version.numbers[2]);
  defineComparisons(table, 'semver');
}

function defineFormats(table: FunctionTable): void {
  for (const [name, format] of namedFormats) table.define(`format::${name}(): format`, () => format);
  table
    .define('format::named(string): optional<format>', (name: string) => {
      const format = namedFormats.get(name);
      return format === undefined ? Optional.none : new Optional(format);
    })
    .define(
      'format.validate(string): optional<list<string>>',
      (format: NamedFormat, text: string, budget: Budget) => {
        budget.charge(text.length + 1);
        const problems = format.validate(text);
        return problems.length === 0 ? Optional.none : new Optional(List.of(problems));
      },
    );
}
