import { expect, test } from 'vitest';
import { gatewaysOf, isHeld } from './clusters.ts';

test('gateways on the screen of the sandbox', () => {
  const screen = `The sandbox is up.

  kurator-host     https://127.0.0.1:40001  Kubernetes v1.36.2
  kubectl --kubeconfig .viridian/kurator-host.config get nodes

  kurator-member1  https://127.0.0.1:40002  Kubernetes v1.36.2
    gateway     http://127.0.0.1:40003
    prometheus  http://127.0.0.1:40004
  kurator-member2  https://127.0.0.1:40005  Kubernetes v1.36.2
    gateway     http://127.0.0.1:40006
`;
  expect([...gatewaysOf(screen)]).toEqual([
    ['kurator-member1', 'http://127.0.0.1:40003'],
    ['kurator-member2', 'http://127.0.0.1:40006'],
  ]);
});

test('a Lease is held while its holder renews it', () => {
  const lease = { holderIdentity: 'a_1', leaseDurationSeconds: 15, renewTime: '2024-01-13T08:00:00.250000Z' };
  const renewed = Date.parse('2024-01-13T08:00:00.250Z');
  expect(isHeld(lease, renewed + 14_999)).toBe(true);
  expect(isHeld(lease, renewed + 15_000)).toBe(false);
  expect(isHeld({ ...lease, holderIdentity: '' }, renewed)).toBe(false);
  expect(isHeld({}, renewed)).toBe(false);
});
