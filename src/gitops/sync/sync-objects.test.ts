import { expect, test } from 'vitest';
import { jsonClone } from '../../machinery/json.ts';
import type { Unstructured } from '../../machinery/object.ts';
import { definition, definitions, namespace, object, told, World } from './sync-world.test-double.ts';

const secrets = { group: '', version: 'v1', resource: 'secrets', kind: 'Secret', namespaced: true };
const secret = (rest: object): Unstructured => object('v1', 'Secret', 's', rest);

test('text of a Secret is applied as data: what git drops goes, and what is the same makes no request', () =>
  World.run(async (world) => {
    const first = [namespace, secret({ data: { a: 'eA==', c: 'Yw==' }, stringData: { a: 'ä', b: '' } })];
    await world.apply(first);
    expect(await world.get(secrets, 's')).toHaveProperty('data', { a: 'w6Q=', b: '', c: 'Yw==' });
    await world.clock.sleep(1000);
    world.requests.length = 0;
    expect(told(await world.apply(first))).toContain('Secret/s unchanged');
    expect(world.requests).toEqual([]);
    await world.apply([namespace, secret({ stringData: { a: 'ä' } })]);
    expect(await world.get(secrets, 's')).toHaveProperty('data', { a: 'w6Q=' });
  }));

test('text of a Secret that is no text is for the server to refuse', () =>
  World.run(async (world) => {
    const { failure } = await world.apply([namespace, secret({ stringData: { port: 8080 } })]);
    expect(failure?.message).toContain('Secret/web/s dry-run failed');
  }));

/** @param caBundle in base64 */
function converted(caBundle: string): Unstructured {
  const copy = jsonClone(definition);
  const service = { name: 'convert', namespace: 'web' };
  const webhook = { conversionReviewVersions: ['v1'], clientConfig: { service, caBundle } };
  Object.assign((copy as unknown as { spec: object }).spec, { conversion: { strategy: 'Webhook', webhook } });
  return copy;
}

const bundleOf = async (world: World): Promise<unknown> => {
  const live = await world.user.resource(definitions).get({ name: 'toys.example.com' });
  const { spec } = live as unknown as {
    spec: { conversion: { webhook: { clientConfig: { caBundle?: string } } } };
  };
  return spec.conversion.webhook.clientConfig.caBundle;
};

test('a caBundle without a certificate is left out: whoever fills it in on the cluster is not fought', () =>
  World.run(async (world) => {
    const certificate = Buffer.from('-----BEGIN CERTIFICATE-----\n').toString('base64');
    expect(await world.apply([converted('Cg==')])).not.toHaveProperty('failure');
    expect(await bundleOf(world)).toBeUndefined();
    const filled = { spec: { conversion: { webhook: { clientConfig: { caBundle: certificate } } } } };
    await world.user
      .resource(definitions)
      .patch({ name: 'toys.example.com' }, 'merge', filled, { fieldManager: 'cainjector' });
    await world.clock.sleep(1000);
    expect(told(await world.apply([converted('Cg==')]))).toEqual([
      'CustomResourceDefinition/toys.example.com unchanged',
    ]);
    expect(await bundleOf(world)).toBe(certificate);
    await world.apply([converted(`${certificate.slice(0, -4)}Cgo=`)]);
    expect(await bundleOf(world)).not.toBe(certificate);
  }));
