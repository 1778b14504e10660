import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../base/random.ts';
import { fieldErrorMessage } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { jsonClone } from '../../../machinery/json.ts';
import type { WriteContext } from '../resource-definition.ts';
import { objectAt, objectsAt } from './fields.ts';
import { service } from './service.ts';

/** A cluster that only has Services. */
class Cluster {
  readonly stored: JsonObject[] = [];
  readonly #random = seededRandom('services');

  context(): WriteContext {
    return {
      now: '2026-01-01T00:00:00Z',
      random: this.#random,
      user: { name: 'test', groups: [] },
      dryRun: false,
      read: () => undefined,
      list: () => this.stored,
    };
  }

  create(name: string, spec: JsonObject): JsonObject {
    const object: JsonObject = { metadata: { name, namespace: 'ns' }, spec: jsonClone(spec) };
    service.setDefaults(object);
    service.prepareForCreate?.(object, this.context());
    this.stored.push(object);
    return object;
  }

  /** @returns the new state, and what is wrong with it */
  update(old: JsonObject, spec: JsonObject): { object: JsonObject; errors: string[] } {
    const object: JsonObject = { metadata: jsonClone(objectAt(old, 'metadata')), spec: jsonClone(spec) };
    service.setDefaults(object);
    service.prepareForUpdate?.(object, old, this.context());
    return { object, errors: this.errors(object, old) };
  }

  errors(object: JsonObject, old?: JsonObject): string[] {
    return service.validate(object, old, undefined, this.context()).map(fieldErrorMessage);
  }
}

const ports = [{ port: 80 }];

describe('addresses', () => {
  test('no two services get the same one', () => {
    const cluster = new Cluster();
    for (let i = 0; i < 300; i += 1) cluster.create(`s${i}`, { ports });
    const addresses = cluster.stored.map((one) => objectAt(one, 'spec')['clusterIP']);
    expect(new Set(addresses).size).toBe(300);
    for (const address of addresses) expect(address).toMatch(/^10\.96\.\d+\.\d+$/);
  });

  test('one that is asked for must be free and in the range', () => {
    const cluster = new Cluster();
    const first = cluster.create('a', { ports, clusterIP: '10.96.7.7' });
    expect(cluster.errors(first)).toEqual([]);
    expect(cluster.errors(cluster.create('b', { ports, clusterIP: '10.96.7.7' }))).toEqual([
      'spec.clusterIPs: Invalid value: ["10.96.7.7"]: failed to allocate IP 10.96.7.7: provided IP is already allocated',
    ]);
    expect(cluster.errors(cluster.create('c', { ports, clusterIP: '192.0.2.1' }))).toEqual([
      'spec.clusterIPs: Invalid value: ["192.0.2.1"]: failed to allocate IP 192.0.2.1: the provided IP (192.0.2.1) is not in the valid range. The range of valid IPs is 10.96.0.0/16',
    ]);
  });

  test('an update without one keeps it, an update with another is refused', () => {
    const cluster = new Cluster();
    const old = cluster.create('a', { ports });
    const kept = cluster.update(old, { ports: [{ port: 81 }] });
    expect(kept.errors).toEqual([]);
    expect(objectAt(kept.object, 'spec')['clusterIPs']).toEqual(objectAt(old, 'spec')['clusterIPs']);
    const moved = cluster.update(old, { ports, clusterIP: '10.96.255.1', clusterIPs: ['10.96.255.1'] });
    expect(moved.errors).toEqual([
      'spec.clusterIPs[0]: Invalid value: ["10.96.255.1"]: may not change once set',
    ]);
  });

  test('a service that becomes a name gives its address back', () => {
    const cluster = new Cluster();
    const old = cluster.create('a', { ports });
    const { object, errors } = cluster.update(old, {
      ...objectAt(old, 'spec'),
      type: 'ExternalName',
      externalName: 'x.example.com',
    });
    expect(errors).toEqual([]);
    expect(objectAt(object, 'spec')['clusterIP']).toBeUndefined();
  });

  test('headless: without a selector both families are possible', () => {
    const cluster = new Cluster();
    const spec = objectAt(cluster.create('a', { ports, clusterIP: 'None' }), 'spec');
    expect(spec).toMatchObject({
      clusterIPs: ['None'],
      ipFamilies: ['IPv4', 'IPv6'],
      ipFamilyPolicy: 'RequireDualStack',
    });
    const selecting = objectAt(
      cluster.create('b', { ports, clusterIP: 'None', selector: { a: 'b' } }),
      'spec',
    );
    expect(selecting).toMatchObject({ ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' });
  });
});

describe('node ports', () => {
  const dns = {
    type: 'NodePort',
    ports: [
      { name: 'udp', port: 53, protocol: 'UDP' },
      { name: 'tcp', port: 53 },
    ],
  };

  test('protocols of one port share theirs, and updates keep it', () => {
    const cluster = new Cluster();
    const old = cluster.create('dns', dns);
    const given = objectsAt(objectAt(old, 'spec'), 'ports').map((port) => port['nodePort']);
    expect(new Set(given).size).toBe(1);
    expect(Number(given[0])).toBeGreaterThanOrEqual(30_000);
    const { object, errors } = cluster.update(old, { ...dns, selector: { a: 'b' } });
    expect(errors).toEqual([]);
    expect(objectsAt(objectAt(object, 'spec'), 'ports').map((port) => port['nodePort'])).toEqual(given);
  });

  test('one of another service is taken', () => {
    const cluster = new Cluster();
    cluster.create('a', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] });
    const b = cluster.create('b', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] });
    expect(cluster.errors(b)).toEqual([
      'spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
    ]);
  });

  test('a ClusterIP service gives them back', () => {
    const cluster = new Cluster();
    const old = cluster.create('dns', dns);
    const { object, errors } = cluster.update(old, { ...objectAt(old, 'spec'), type: 'ClusterIP' });
    expect(errors).toEqual([]);
    expect(objectsAt(objectAt(object, 'spec'), 'ports').map((port) => port['nodePort'])).toEqual([
      undefined,
      undefined,
    ]);
  });
});
