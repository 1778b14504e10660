import { isIPv4, isIPv6 } from 'node:net';

/** An IPv4 or IPv6 address, in the forms that Kubernetes' CEL library takes. */
export class Ip {
  readonly opaque = 'ip';
  readonly family: 4 | 6;
  readonly bits: bigint;

  constructor(family: 4 | 6, bits: bigint) {
    this.family = family;
    this.bits = bits;
  }

  equals(other: Ip): boolean {
    return this.family === other.family && this.bits === other.bits;
  }

  /** The highest `count` bits. */
  #prefix(count: number): bigint {
    return this.bits >> BigInt((this.family === 4 ? 32 : 128) - count);
  }

  get isUnspecified(): boolean {
    return this.bits === 0n;
  }

  get isLoopback(): boolean {
    return this.family === 4 ? this.#prefix(8) === 127n : this.bits === 1n;
  }

  get isLinkLocalMulticast(): boolean {
    return this.family === 4 ? this.#prefix(24) === 0xe00000n : (this.#prefix(16) & 0xff0fn) === 0xff02n;
  }

  get isLinkLocalUnicast(): boolean {
    return this.family === 4 ? this.#prefix(16) === 0xa9fen : this.#prefix(10) === 0x3fan;
  }

  /** Also private addresses: everything that is neither of the above, nor multicast, nor broadcast. */
  get isGlobalUnicast(): boolean {
    const multicast = this.family === 4 ? this.#prefix(4) === 0xen : this.#prefix(8) === 0xffn;
    const broadcast = this.family === 4 && this.bits === 0xffffffffn;
    return !(this.isUnspecified || this.isLoopback || this.isLinkLocalUnicast || multicast || broadcast);
  }

  masked(length: number): Ip {
    const rest = BigInt((this.family === 4 ? 32 : 128) - length);
    return new Ip(this.family, (this.bits >> rest) << rest);
  }

  /** The canonical form (RFC 5952). */
  toString(): string {
    if (this.family === 4) {
      return [24n, 16n, 8n, 0n].map((shift) => String((this.bits >> shift) & 0xffn)).join('.');
    }
    const groups = Array.from({ length: 8 }, (_, i) => (this.bits >> BigInt(112 - 16 * i)) & 0xffffn);
    const zeros = longestZeros(groups);
    const text = (from: number, to?: number): string =>
      groups
        .slice(from, to)
        .map((group) => group.toString(16))
        .join(':');
    return zeros === undefined ? text(0) : `${text(0, zeros.start)}::${text(zeros.start + zeros.length)}`;
  }
}

function longestZeros(groups: readonly bigint[]): { start: number; length: number } | undefined {
  let best: { start: number; length: number } | undefined;
  for (let start = 0; start < groups.length; start += 1) {
    let length = 0;
    while (groups[start + length] === 0n) length += 1;
    if (length > 1 && length > (best?.length ?? 0)) best = { start, length };
  }
  return best;
}

/** A network: an address, whose host bits are kept, and the length of the prefix. */
export class Cidr {
  readonly opaque = 'cidr';
  readonly ip: Ip;
  readonly prefixLength: number;

  constructor(ip: Ip, prefixLength: number) {
    this.ip = ip;
    this.prefixLength = prefixLength;
  }

  equals(other: Cidr): boolean {
    return this.prefixLength === other.prefixLength && this.ip.equals(other.ip);
  }

  masked(): Cidr {
    return new Cidr(this.ip.masked(this.prefixLength), this.prefixLength);
  }

  containsIp(ip: Ip): boolean {
    return (
      ip.family === this.ip.family && ip.masked(this.prefixLength).equals(this.ip.masked(this.prefixLength))
    );
  }

  containsCidr(other: Cidr): boolean {
    return other.prefixLength >= this.prefixLength && this.containsIp(other.ip);
  }

  toString(): string {
    return `${this.ip.toString()}/${this.prefixLength}`;
  }
}

/**
 * Parses an address. Zones and IPv4 addresses inside IPv6 ones are refused.
 *
 * @returns why not, if it is none
 */
export function parseIp(text: string): Ip | string {
  if (isIPv4(text)) {
    return new Ip(
      4,
      text.split('.').reduce((bits, part) => (bits << 8n) | BigInt(part), 0n),
    );
  }
  if (!isIPv6(text))
    return `IP Address "${text}" parse error during conversion from string: unable to parse IP`;
  if (text.includes('%')) return `IP address "${text}" with zone value is not allowed`;
  const dotted = /^(.*:)([\d.]+\.\d+)$/.exec(text);
  if (dotted !== null) {
    if (/^::ffff:/i.test(text)) return `IPv4-mapped IPv6 address "${text}" is not allowed`;
    const low = parseIp(dotted[2] ?? '');
    const bits = typeof low === 'string' ? 0n : low.bits;
    return parseIp(`${dotted[1] ?? ''}${(bits >> 16n).toString(16)}:${(bits & 0xffffn).toString(16)}`);
  }
  const [head = '', tail] = text.split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...first, ...Array.from({ length: 8 - first.length - last.length }, () => '0'), ...last];
  const bits = groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
  if (bits >> 32n === 0xffffn) return `IPv4-mapped IPv6 address "${text}" is not allowed`;
  return new Ip(6, bits);
}

/** @returns why not, if it is none */
export function parseCidr(text: string): Cidr | string {
  const [, address = '', length = ''] = /^([^/]*)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const failed = 'network address parse error during conversion from string: ';
  const ip = parseIp(address);
  if (typeof ip === 'string') return `${failed}netip.ParsePrefix(${JSON.stringify(text)}): ${ip}`;
  if (Number(length) > (ip.family === 4 ? 32 : 128)) {
    return `${failed}netip.ParsePrefix(${JSON.stringify(text)}): prefix length out of range`;
  }
  return new Cidr(ip, Number(length));
}
