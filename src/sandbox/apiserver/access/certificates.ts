import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import type { Clock } from '../../../base/clock.ts';
import type { Random } from '../../../base/random.ts';
import { formatTime } from '../../../base/time.ts';
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from './der.ts';

/** Whom a certificate is for. */
export interface Subject {
  readonly commonName: string;
  /** For a client: its groups. */
  readonly organizations?: readonly string[] | undefined;
}

/** A certificate with its private key, both PEM. */
export interface KeyAndCertificate {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority that lives as long as the process: its key is never written anywhere. */
export interface CertificateAuthority {
  /** Its own certificate, PEM. */
  readonly certificate: string;
  issueClient(subject: Subject): KeyAndCertificate;
  /** @param names DNS names and IP addresses at which the server is reached */
  issueServer(subject: Subject, names: readonly string[]): KeyAndCertificate;
}

const dayMs = 24 * 60 * 60 * 1000;
const lifetimeMs = 365 * dayMs;
const ecdsaWithSha256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
const clientAuth = '1.3.6.1.5.5.7.3.2';
const serverAuth = '1.3.6.1.5.5.7.3.1';

interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** @param commonName of the authority */
export function createCertificateAuthority(
  clock: Clock,
  random: Random,
  commonName: string,
): CertificateAuthority {
  const keys = newKeys();
  const issuer = { subject: { commonName }, keys };
  const issue = (subject: Subject, extensions: readonly Buffer[]): KeyAndCertificate => {
    const leaf = newKeys();
    return {
      cert: certificate({ clock, random, issuer, subject, keys: leaf, extensions }),
      key: leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    };
  };
  return {
    certificate: certificate({
      clock,
      random,
      issuer,
      subject: issuer.subject,
      keys,
      extensions: [basicConstraints(true), keyUsage(0b1000_0110, 1)],
    }),
    issueClient: (subject) => issue(subject, leafExtensions(clientAuth)),
    issueServer: (subject, names) => issue(subject, [...leafExtensions(serverAuth), alternativeNames(names)]),
  };
}

function newKeys(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

interface CertificateParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly issuer: { readonly subject: Subject; readonly keys: KeyPair };
  readonly subject: Subject;
  readonly keys: KeyPair;
  readonly extensions: readonly Buffer[];
}

/** An X.509 certificate of version 3 (RFC 5280), PEM. */
function certificate({ clock, random, issuer, subject, keys, extensions }: CertificateParts): string {
  const now = clock.now();
  const serial = random.bytes(16);
  // Neither negative nor with a leading zero.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(serial),
    ecdsaWithSha256,
    distinguishedName(issuer.subject),
    sequence(time(formatTime(now - dayMs)), time(formatTime(now + lifetimeMs))),
    distinguishedName(subject),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    explicit(
      3,
      sequence(
        ...extensions,
        extension('2.5.29.14', octetString(keyIdentifier(keys))),
        extension('2.5.29.35', sequence(implicit(0, keyIdentifier(issuer.keys)))),
      ),
    ),
  );
  const signature = sign('sha256', body, issuer.keys.privateKey);
  const base64 = sequence(body, ecdsaWithSha256, bitString(signature)).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

function distinguishedName({ commonName, organizations = [] }: Subject): Buffer {
  const attribute = (type: string, value: string): Buffer =>
    set(sequence(objectIdentifier(type), utf8String(value)));
  return sequence(
    ...organizations.map((organization) => attribute('2.5.4.10', organization)),
    attribute('2.5.4.3', commonName),
  );
}

function keyIdentifier({ publicKey }: KeyPair): Buffer {
  return createHash('sha1')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest();
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(objectIdentifier(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

function basicConstraints(isAuthority: boolean): Buffer {
  return extension('2.5.29.19', sequence(...(isAuthority ? [boolean(true)] : [])), true);
}

function keyUsage(bits: number, unusedBits: number): Buffer {
  return extension('2.5.29.15', bitString(Buffer.from([bits]), unusedBits), true);
}

function leafExtensions(extendedUsage: string): Buffer[] {
  const extended = extension('2.5.29.37', sequence(objectIdentifier(extendedUsage)));
  return [basicConstraints(false), keyUsage(0b1000_0000, 7), extended];
}

function alternativeNames(names: readonly string[]): Buffer {
  const entries = names.map((name) =>
    isIP(name) === 0 ? implicit(2, Buffer.from(name, 'ascii')) : implicit(7, addressBytes(name)),
  );
  return extension('2.5.29.17', sequence(...entries));
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [before, after] = [groups(head), groups(tail)];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0);
  return Buffer.from([...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 0xff]));
}
