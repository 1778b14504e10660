import { X509Certificate } from 'node:crypto';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { realClock, VirtualClock } from '../../../base/clock.ts';
import { seededRandom } from '../../../base/random.ts';
import { createCertificateAuthority } from './certificates.ts';

const names = ['127.0.0.1', '::1', 'localhost', 'kubernetes.default.svc'];

test('a server certificate holds its names, its time and its chain', () => {
  const clock = new VirtualClock();
  const authority = createCertificateAuthority(clock, seededRandom(1), 'viridian-ca');
  const ca = new X509Certificate(authority.certificate);
  const server = new X509Certificate(authority.issueServer({ commonName: 'kube-apiserver' }, names).cert);
  expect(ca.ca).toBe(true);
  expect(ca.verify(ca.publicKey)).toBe(true);
  expect(server.ca).toBe(false);
  expect(server.checkIssued(ca)).toBe(true);
  expect(server.verify(ca.publicKey)).toBe(true);
  expect(server.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(server.checkIP('::1')).toBe('::1');
  expect(server.checkHost('kubernetes.default.svc')).toBe('kubernetes.default.svc');
  expect(server.validFromDate.getTime()).toBeLessThanOrEqual(clock.now());
  expect(server.validToDate.getTime()).toBeGreaterThan(clock.now());
});

test('over TLS each side knows the other by its certificate', async () => {
  const authority = createCertificateAuthority(realClock(), seededRandom(2), 'viridian-ca');
  const ca = authority.certificate;
  const server = createServer({
    ...authority.issueServer({ commonName: 'kube-apiserver' }, names),
    ca,
    requestCert: true,
  });
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = authority.issueClient({ commonName: 'admin', organizations: ['system:masters', 'b'] });
  const socket = connect({
    port: (server.address() as { port: number }).port,
    host: '127.0.0.1',
    ca,
    ...client,
  });
  await once(socket, 'secureConnect');
  const [peer] = await accepted;
  expect(socket.authorized).toBe(true);
  expect(peer.authorized).toBe(true);
  expect(peer.getPeerCertificate().subject).toMatchObject({ CN: 'admin', O: ['system:masters', 'b'] });
  socket.destroy();
  server.close();
});
