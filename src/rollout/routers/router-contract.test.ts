import fc from 'fast-check';
import { expect, describe, test } from 'vitest';
import type { Router } from '../effects.ts';
import { canaryOf, type RouterWorld, routes, startRouterWorld } from './router-world.test-double.ts';

/** What the engine relies on, whoever distributes the traffic. */
describe.each(['istio', 'kubernetes'] as const)('a router of %s', (provider) => {
  const start = async (): Promise<{ world: RouterWorld; router: Router }> => {
    const world = await startRouterWorld();
    return { world, router: world[provider] };
  };

  test('leaves all traffic with the primary at first, and says so', async () => {
    const { world, router } = await start();
    await world.reconcile(canaryOf(), undefined, router);
    expect(router.observe(canaryOf())).toEqual(routes(0));
  });

  test('writes nothing a second time', async () => {
    const { world, router } = await start();
    for (const wanted of [undefined, routes(0), routes(30), undefined]) {
      await world.reconcile(canaryOf(), wanted, router);
      const before = world.writes.length;
      await world.reconcile(canaryOf(), wanted, router);
      await world.reconcile(canaryOf(), undefined, router);
      expect(world.writes.slice(before)).toEqual([]);
    }
  });

  test('reports weights that add up to 100, and keeps those that it reports', async () => {
    const { world, router } = await start();
    const canary = canaryOf({}, {}, { iterations: provider === 'kubernetes' ? 1 : 0 });
    for (const weight of [100, 0, 1, 99]) {
      await world.reconcile(canary, routes(weight), router);
      const seen = router.observe(canary)!;
      expect(seen.primary + seen.canary).toBe(100);
      await world.reconcile(canary, seen, router);
      expect(router.observe(canary)).toEqual(seen);
    }
  });

  test('has no cookies without session affinity', async () => {
    const { world, router } = await start();
    expect(await world.reconcile(canaryOf(), routes(10), router)).toBeUndefined();
  });

  test('has nothing to give back where there is no route object', async () => {
    const { world, router } = await start();
    await world.revert(canaryOf(), router);
    expect(world.writes).toEqual([]);
  });
});

test('plain Kubernetes reports the canary while an analysis calls it', async () => {
  const { kubernetes } = await startRouterWorld();
  expect(kubernetes.observe(canaryOf({}, {}, { iterations: 0 }))).toEqual(routes(0));
  expect(kubernetes.observe(canaryOf({}, {}, { iterations: 2 }))).toEqual(routes(100));
});

test('what a router of istio was told is what it observes, for all routes', async () => {
  const world = await startRouterWorld();
  const any = fc.record({ weight: fc.integer({ min: 0, max: 100 }), mirrored: fc.boolean() });
  const shapes = fc.constantFrom(
    canaryOf(),
    canaryOf({ appProtocol: 'TCP' }),
    canaryOf(
      { match: [{ uri: { prefix: '/' } }] },
      { iterations: 3, match: [{ headers: { x: { exact: 'y' } } }] },
    ),
    canaryOf({}, { sessionAffinity: { cookieName: 'c', maxAge: 0 } }),
    canaryOf(
      {},
      { sessionAffinity: { cookieName: 'c', primaryCookieName: 'p', maxAge: 5 }, mirrorWeight: 7 },
    ),
  );
  await fc.assert(
    fc.asyncProperty(shapes, fc.array(any, { minLength: 1, maxLength: 4 }), async (canary, list) => {
      for (const { weight, mirrored } of list) {
        const wanted = routes(weight, mirrored && canary.spec.service?.appProtocol === undefined);
        const cookies = await world.reconcile(canary, wanted);
        expect(world.istio.observe(canary)).toEqual(wanted);
        const before = world.writes.length;
        await world.reconcile({ ...canary, status: { ...canary.status, ...cookies } });
        expect(world.writes.slice(before)).toEqual([]);
      }
    }),
    { numRuns: 30 },
  );
});
