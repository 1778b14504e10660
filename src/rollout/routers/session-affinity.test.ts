import { describe, expect, test } from 'vitest';
import type { Canary } from '../../api/canary.ts';
import type { JsonObject } from '../../machinery/json.ts';
import { canaryOf, routes, startRouterWorld } from './router-world.test-double.ts';

const to = (host: string, weight: number, more: object = {}): JsonObject => ({
  destination: { host },
  weight,
  ...more,
});
const both = (canary: number): JsonObject[] => [
  to('podinfo-primary', 100 - canary),
  to('podinfo-canary', canary),
];

async function written(canary: Canary, ...weights: ReturnType<typeof routes>[]): Promise<JsonObject> {
  const world = await startRouterWorld();
  for (const wanted of weights) await world.reconcile(canary, wanted);
  return (await world.get()).spec;
}

const withStatus = (canary: Canary, status: Canary['status']): Canary => ({
  ...canary,
  status: { ...canary.status, ...status },
});

describe('session affinity', () => {
  const affinity = { cookieName: 'c', primaryCookieName: 'p', maxAge: 0 };
  const known = { sessionAffinityCookie: 'c=AbCdEfGhIj', primarySessionAffinityCookie: 'p=KlMnOpQrSt' };
  const add = (cookie: string): JsonObject => ({ headers: { response: { add: { 'Set-Cookie': cookie } } } });
  const cookie = (regex: string): JsonObject => ({ match: [{ headers: { Cookie: { regex } } }] });

  test('users stay where they were first sent to', async () => {
    const canary = canaryOf({}, { sessionAffinity: affinity }, known);
    expect((await written(canary, routes(10)))['http']).toEqual([
      { ...cookie('.*c.*AbCdEfGhIj.*'), route: [to('podinfo-primary', 0), to('podinfo-canary', 100)] },
      { ...cookie('.*p.*KlMnOpQrSt.*'), route: [to('podinfo-primary', 100), to('podinfo-canary', 0)] },
      {
        route: [
          to('podinfo-primary', 90, add('p=KlMnOpQrSt; Max-Age=15')),
          to('podinfo-canary', 10, add('c=AbCdEfGhIj; Max-Age=86400')),
        ],
      },
    ]);
  });

  test('cookies carry the attributes that are asked for', async () => {
    const sessionAffinity = {
      cookieName: 'c',
      maxAge: 60,
      domain: 'example.com',
      httpOnly: true,
      partitioned: true,
      path: '/app',
      sameSite: 'Strict' as const,
      secure: true,
    };
    const canary = canaryOf({}, { sessionAffinity }, known);
    const text =
      'c=AbCdEfGhIj; Max-Age=60; Domain=example.com; HttpOnly; Partitioned; Path=/app; SameSite=Strict; Secure';
    expect((await written(canary, routes(10)))['http']).toMatchObject([
      {},
      { route: [to('podinfo-primary', 90), to('podinfo-canary', 10, add(text))] },
    ]);
  });

  test('cookies are made once, remembered for their deletion, and made anew for the next run', async () => {
    const world = await startRouterWorld();
    let canary = canaryOf({}, { sessionAffinity: affinity });
    const step = async (weight: number): Promise<NonNullable<Canary['status']>> => {
      canary = withStatus(canary, await world.reconcile(canary, routes(weight)));
      return canary.status!;
    };
    const first = await step(10);
    expect(first.sessionAffinityCookie).toMatch(/^c=[a-zA-Z]{10}$/);
    expect(first.primarySessionAffinityCookie).toMatch(/^p=[a-zA-Z]{10}$/);
    expect(await step(20)).toEqual(first);
    const after = await step(0);
    expect(after.sessionAffinityCookie).toBeUndefined();
    expect(after.previousSessionAffinityCookie).toBe(first.sessionAffinityCookie);
    expect((await world.get()).spec['http']).toEqual([
      {
        ...cookie(`.*c.*${first.sessionAffinityCookie!.slice(2)}.*`),
        ...add(`${first.sessionAffinityCookie}; Max-Age=-1`),
        route: both(0),
      },
      { route: both(0) },
    ]);
    expect((await step(10)).sessionAffinityCookie).not.toBe(first.sessionAffinityCookie);
  });

  test('11.3.7: a crash between routes and status does not change the cookies', async () => {
    const world = await startRouterWorld();
    const canary = canaryOf({}, { sessionAffinity: affinity });
    const lost = await world.reconcile(canary, routes(10));
    expect(await world.reconcile(canary, routes(20))).toEqual(lost);
    const left = await world.reconcile(canary, routes(0));
    expect(left).toMatchObject({ previousSessionAffinityCookie: lost?.sessionAffinityCookie });
    expect(await world.reconcile(canary, routes(0))).toMatchObject({
      previousSessionAffinityCookie: lost?.sessionAffinityCookie,
    });
  });

  test('a cookie of another name is a leftover', async () => {
    const world = await startRouterWorld();
    const canary = canaryOf({}, { sessionAffinity: { ...affinity, cookieName: 'new' } }, known);
    const cookies = await world.reconcile(canary, routes(10));
    expect(cookies?.sessionAffinityCookie).toMatch(/^new=/);
  });

  test('11.3.4: a drifted rule with conditions is repaired without a primary cookie too', async () => {
    const world = await startRouterWorld();
    const sessionAffinity = { cookieName: 'c', maxAge: 0 };
    const canary = canaryOf({ match: [{ uri: { prefix: '/' } }], timeout: '5s' }, { sessionAffinity }, known);
    await world.reconcile(canary, routes(10));
    const { spec } = await world.get();
    const http = (spec['http'] as JsonObject[]).map((route) => ({ ...route, timeout: '99s' }));
    await world.merge({ spec: { http } });
    await world.reconcile(canary);
    expect((await world.get()).spec).toEqual(spec);
  });

  test('11.3.5: the mirror is on the rule that it is read from', async () => {
    const world = await startRouterWorld();
    const status = { previousSessionAffinityCookie: 'c=AbCdEfGhIj' };
    const canary = canaryOf({}, { mirror: true, sessionAffinity: affinity }, status);
    await world.reconcile(canary, routes(0, true));
    expect(world.istio.observe(canary)).toEqual(routes(0, true));
  });

  test('11.3.6: the cookie is deleted by its own rule alone', async () => {
    const headers = { response: { set: { x: 'y' } } };
    const status = { previousSessionAffinityCookie: 'c=AbCdEfGhIj' };
    const canary = canaryOf({ headers }, { sessionAffinity: affinity }, status);
    const spec = await written(canary, routes(0));
    expect(spec['http']).toEqual([
      {
        ...cookie('.*c.*AbCdEfGhIj.*'),
        headers: { response: { set: { x: 'y' }, add: { 'Set-Cookie': 'c=AbCdEfGhIj; Max-Age=-1' } } },
        route: both(0),
      },
      { headers, route: both(0) },
    ]);
    expect(headers).toEqual({ response: { set: { x: 'y' } } });
  });
});
