import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isObject, type Json, type JsonObject } from '../../machinery/json.ts';
import { apexNames } from './apex-names.ts';
import { leadsTo, liveRoutes } from './live-routes.ts';
import { canaryOf, routes } from './router-world.test-double.ts';
import { virtualServiceSpec } from './virtual-service.ts';

const canary = canaryOf({ match: [{ uri: { prefix: '/' } }] });
const names = apexNames(canary);
const ours = [names.apex, names.primary, names.canary];

const host = fc.constantFrom(
  'podinfo',
  'podinfo-primary',
  'podinfo-canary',
  'podinfo-canary.test.svc.cluster.local',
  'podinfo-canary.other.svc.cluster.local',
  'podinfo-canary-2',
  'legacy',
);
const destination = fc.record(
  { destination: fc.record({ host }), weight: fc.integer({ min: -1, max: 200 }) },
  { requiredKeys: ['destination'] },
);
const element: fc.Arbitrary<Json> = fc.oneof(
  fc.record({ name: fc.string(), route: fc.array(destination, { maxLength: 3 }) }),
  fc.record({ redirect: fc.record({ uri: fc.string() }) }),
  // What no API server would let in.
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
);
const anySpec: fc.Arbitrary<JsonObject> = fc.record(
  {
    http: fc.oneof(fc.array(element, { maxLength: 6 }), fc.constant<Json>('no list')),
    tcp: fc.array(element, { maxLength: 3 }),
    exportTo: fc.array(fc.string()),
    hosts: fc.array(fc.string()),
  },
  { requiredKeys: [] },
);
const weight = fc.integer({ min: 0, max: 100 });

const foreignIn = (list: Json | undefined): Json[] =>
  Array.isArray(list) ? list.filter((route) => !leadsTo(route, ours, names)) : [];

test('foreign routes and fields are kept, in their order, whatever is in the spec', () => {
  fc.assert(
    fc.property(anySpec, weight, (live, share) => {
      const spec = virtualServiceSpec(canary, live, routes(share), undefined);
      expect(foreignIn(spec['http'])).toEqual(foreignIn(live['http']));
      expect(foreignIn(spec['tcp'])).toEqual(foreignIn(live['tcp']));
      expect(spec['exportTo']).toEqual(live['exportTo']);
    }),
  );
});

test('the routes of the spec are those that were asked for, and stay so', () => {
  fc.assert(
    fc.property(anySpec, weight, fc.boolean(), (live, share, mirrored) => {
      const wanted = routes(share, mirrored);
      const spec = virtualServiceSpec(canary, live, wanted, undefined);
      expect(liveRoutes(spec['http'] as Json[], names)).toEqual(wanted);
      expect(virtualServiceSpec(canary, spec, wanted, undefined)).toEqual(spec);
    }),
  );
});

test('live weights add up to 100, and say of each side whether it gets anything', () => {
  fc.assert(
    fc.property(fc.array(element, { maxLength: 4 }), (list) => {
      const live = liveRoutes(list, names);
      if (live === undefined) return;
      expect(live.primary + live.canary).toBe(100);
      const split = list.findLast((route) => leadsTo(route, [names.canary], names));
      const weighed = isObject(split) && Array.isArray(split['route']) ? split['route'].filter(isObject) : [];
      if (weighed.length < 2) return;
      const gets = (service: string): boolean =>
        weighed.some((one) => leadsTo({ route: [one] }, [service], names) && Number(one['weight'] ?? 0) > 0);
      expect([live.primary > 0, live.canary > 0]).toEqual([gets(names.primary), gets(names.canary)]);
    }),
    { numRuns: 300 },
  );
});
