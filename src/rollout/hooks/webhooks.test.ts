import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../base/clock.ts';
import { FetchError, type FetchResponse } from '../../base/fetch.ts';
import { silentLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import type { CanaryWebhook, WebhookType } from '../../api/canary-analysis.ts';
import { answered, canaryOf, type Heard, outside, silence, sources } from '../outside.test-double.ts';
import { webhooks, type WebhooksOptions } from './webhooks.ts';

type Answer = (heard: Heard, count: number) => FetchResponse | Promise<FetchResponse>;

function given(answer: Answer, rest: Partial<WebhooksOptions> = {}) {
  const clock = new VirtualClock();
  const { fetch, heard } = outside(answer);
  const lines: unknown[] = [];
  const write = (message: string, fields?: object): void => void lines.push([message, fields]);
  const log = { ...silentLog, info: write, warn: write };
  const random = { ...seededRandom('hooks'), next: () => 0 };
  const hooks = webhooks({ cluster: sources({}), fetch, clock, random, log, ...rest });
  return { clock, heard, hooks, lines };
}

/** Calls the hooks of one type. */
async function call(
  list: Partial<CanaryWebhook>[],
  answer: Answer,
  type: WebhookType = 'rollout',
  rest: Partial<WebhooksOptions> = {},
) {
  const { clock, heard, hooks } = given(answer, rest);
  const named = list.map((hook, i) => ({ name: `h${i + 1}`, url: `http://hook/${i + 1}`, ...hook }));
  const ask = { type, phase: 'Progressing' as const, revision: 'abc' };
  const started = clock.monotonic();
  const results = await clock.run(
    hooks.call(canaryOf({ webhooks: named }), ask, new AbortController().signal),
  );
  return { results, heard, clock, tookMs: clock.monotonic() - started };
}

const ok: Answer = () => answered(200, 'OK');
const passes = (name: string) => ({ name, passed: true, error: '' });

describe('a webhook', () => {
  test('gets who, in which phase, and which run', async () => {
    const { heard, results } = await call([{ metadata: { cmd: 'hey' } }, {}], ok);
    expect(results).toEqual([passes('h1'), passes('h2')]);
    const body = { name: 'podinfo', namespace: 'test', phase: 'Progressing', checksum: 'ba7816bf8f' };
    const headers = { 'content-type': 'application/json' };
    expect(heard).toEqual([
      { method: 'POST', url: 'http://hook/1', headers, body: { ...body, metadata: { cmd: 'hey' } } },
      { method: 'POST', url: 'http://hook/2', headers, body },
    ]);
  });

  test('is called if it is of the type, in list order, up to the first that fails', async () => {
    const list = [{ type: 'pre-rollout' as const }, { type: '' as const }, {}, {}];
    const { results } = await call(list, ({ url }) =>
      url.endsWith('3') ? answered(403, 'no') : answered(200),
    );
    expect(results).toEqual([passes('h2'), { name: 'h3', passed: false, error: 'no' }]);
  });

  test('of type rollback: up to the first that passes', async () => {
    const list = [
      { type: 'rollback' as const },
      { type: 'rollback' as const },
      { type: 'rollback' as const },
    ];
    const { results } = await call(
      list,
      ({ url }) => (url.endsWith('2') ? answered(200) : answered(403)),
      'rollback',
    );
    expect(results.map(({ name, passed }) => [name, passed])).toEqual([
      ['h1', false],
      ['h2', true],
    ]);
  });

  test('passes with any 2xx (Flagger: up to 202)', async () => {
    for (const status of [200, 201, 202, 203, 204]) {
      expect((await call([{}], () => answered(status))).results).toEqual([passes('h1')]);
    }
  });

  test.each([
    [() => answered(403, 'gate is\nclosed\n'), 'gate is closed'],
    [() => answered(404), 'Status 404 Not Found'],
    [() => answered(501, 'never'), 'never'],
    [() => answered(304), 'Status 304 Not Modified'],
    [() => answered(302), 'Status 302 Found'],
    [
      () => answered(500, 'x'.repeat(5000)),
      `POST http://hook/1 giving up after 1 attempt(s): Status 500 Internal Server Error: ${'x'.repeat(512)}`,
    ],
    [
      () => Promise.reject(new FetchError('Unreachable', 'no answer from hook')),
      'POST http://hook/1 giving up after 1 attempt(s): no answer from hook',
    ],
    [() => Promise.reject(new FetchError('TlsRefused', 'TLS with hook failed')), 'TLS with hook failed'],
    [silence, 'POST http://hook/1 giving up after 1 attempt(s): deadline of 10000 ms passed'],
  ])('%#: fails and says why (11.4.2: with the body)', async (answer, error) => {
    const { results, clock } = await call([{}], answer);
    expect(results).toEqual([{ name: 'h1', passed: false, error }]);
    expect(clock.pending).toBe(0);
  });

  test('does not tell the password of its URL', async () => {
    const list = [{ url: 'http://me:geheim@hook/1?token=geheim' }];
    const { results, heard } = await call(list, () => answered(503));
    expect(heard[0]?.headers).toMatchObject({ authorization: `Basic ${btoa('me:geheim')}` });
    expect(heard[0]?.url).toBe('http://hook/1?token=geheim');
    expect(results[0]?.error).toMatch(/^POST http:\/\/hook\/1 giving up/);
    const bad = await call([{ url: 'me:geheim@hook' }], ok);
    expect(bad.results[0]?.error).not.toContain('geheim');
  });

  test('has a timeout of its own for each attempt', async () => {
    const { tookMs, heard } = await call([{ timeout: '3s', retries: 2 }], silence);
    expect(heard).toHaveLength(3);
    expect(tookMs).toBe(3_000 + 1_000 + 3_000 + 2_000 + 3_000);
    expect((await call([{ timeout: '5' }], silence)).tookMs).toBe(10_000);
    expect((await call([{ timeout: '5x' }], ok)).results[0]?.error).toMatch(/^invalid duration "5x"/);
  });

  test('is retried while that may help, and later each time', async () => {
    const { tookMs, results } = await call([{ retries: 7 }], (_heard, count) =>
      answered(count === 8 ? 200 : 503),
    );
    expect(results).toEqual([passes('h1')]);
    expect(tookMs).toBe((1 + 2 + 4 + 8 + 16 + 30 + 30) * 1000);
    expect((await call([{ retries: 7 }], () => answered(501))).heard).toHaveLength(1);
    expect((await call([{ retries: 7 }], () => answered(400))).heard).toHaveLength(1);
  });

  test('may say when to come back, but not stop a rollout for long', async () => {
    const busy =
      (seconds: string): Answer =>
      (_heard, count) =>
        count === 1 ? answered(429, '', { 'retry-after': seconds }) : answered(200);
    expect((await call([{ retries: 1 }], busy('7'))).tookMs).toBe(7_000);
    expect((await call([{ retries: 1 }], busy('86400'))).tookMs).toBe(30_000);
    expect((await call([{ retries: 1 }], busy('soon'))).tookMs).toBe(1_000);
  });

  test('is over at once when the caller gives up', async () => {
    const { clock, hooks } = given(() => answered(503));
    const gone = new AbortController();
    const list = [{ name: 'h', url: 'http://hook', retries: 100 }];
    const ask = { type: 'rollout', phase: 'Progressing', revision: 'abc' } as const;
    const called = hooks.call(canaryOf({ webhooks: list }), ask, gone.signal);
    void clock.sleep(10_000).then(() => gone.abort());
    await expect(clock.run(called)).rejects.toMatchObject({ code: 'Cancelled' });
    expect(clock.pending).toBe(0);
  });
});

describe('redirects', () => {
  const to = (status: number, location: string): FetchResponse => answered(status, '', { location });

  test('301 to 303 lead to a GET, 307 and 308 repeat the POST', async () => {
    for (const [status, method] of [
      [301, 'GET'],
      [302, 'GET'],
      [303, 'GET'],
      [307, 'POST'],
      [308, 'POST'],
    ] as const) {
      const { heard, results } = await call([{}], (_heard, count) =>
        count === 1 ? to(status, '/there') : answered(200),
      );
      expect(results[0]?.passed).toBe(true);
      expect(heard[1]).toMatchObject({ method, url: 'http://hook/there' });
    }
  });

  test('a loop, or one that leads nowhere, is not retried', async () => {
    const loop = await call([{ retries: 5 }], () => to(307, '/1'));
    expect(loop.results[0]?.error).toBe('stopped after 10 redirects');
    expect(loop.heard).toHaveLength(11);
    const elsewhere = await call([{ retries: 5 }], () => to(302, 'ftp://hook/'));
    expect(elsewhere.results[0]?.error).toBe('unsupported protocol scheme "ftp"');
  });

  test('the password of one server is not told to another', async () => {
    const { heard } = await call([{ url: 'http://me:geheim@hook/1' }], (_heard, count) =>
      count === 1 ? to(307, '/2') : count === 2 ? to(307, 'http://evil/') : answered(200),
    );
    expect(heard.map(({ headers }) => 'authorization' in headers)).toEqual([true, true, false]);
  });
});

test('disableTLS takes another connection, and says so where there is none', async () => {
  const list = [{ url: 'https://hook/', disableTLS: true, retries: 5 }];
  const refused = await call(list, ok);
  expect(refused.results[0]?.error).toContain(
    'skipping the verification of TLS certificates is not supported',
  );
  expect(refused.heard).toEqual([]);
  const insecure = outside(ok);
  const { results, heard } = await call(list, ok, 'rollout', { insecureFetch: insecure.fetch });
  expect([results[0]?.passed, heard.length, insecure.heard.length]).toEqual([true, 0, 1]);
});

describe('event webhooks', () => {
  const event = { type: 'Warning', message: 'Canary failed!', phase: 'Failed' } as const;
  const hook = { name: 'e', type: 'event' as const, url: 'http://own/' };

  test('are told in the background, and replace the global one', async () => {
    const { clock, hooks, heard, lines } = given(ok, { eventWebhook: 'http://global/' });
    const end = new AbortController();
    const running = hooks.run(end.signal);
    hooks.event(canaryOf(), event);
    const metadata = { eventType: 'mine', team: 'a' };
    hooks.event(
      canaryOf({
        webhooks: [
          { ...hook, metadata },
          { ...hook, name: 'f' },
        ],
      }),
      event,
    );
    await clock.settle();
    expect(heard.map(({ url }) => url)).toEqual(['http://global/', 'http://own/', 'http://own/']);
    const told = { eventMessage: 'Canary failed!', eventType: 'Warning', timestamp: String(clock.now()) };
    expect(heard[0]?.body).toMatchObject({
      name: 'podinfo',
      namespace: 'test',
      phase: 'Failed',
      metadata: told,
    });
    expect(heard[1]?.body).toMatchObject({ metadata: { team: 'a', ...told } });
    expect(lines[0]).toEqual(['Canary failed!', { canary: 'podinfo', namespace: 'test' }]);
    end.abort();
    await running;
  });

  test('keep their order, and a deaf one holds up no other', async () => {
    const { clock, hooks, heard, lines } = given(({ url }) =>
      url.includes('deaf') ? silence() : answered(200),
    );
    const end = new AbortController();
    const running = hooks.run(end.signal);
    const canary = canaryOf({ webhooks: [{ ...hook, name: 'deaf', url: 'http://deaf' }, hook] });
    for (const message of ['1', '2', '3']) hooks.event(canary, { ...event, message });
    await clock.settle();
    const messages = heard.map(({ url, body }) => [
      url,
      JSON.stringify(body).match(/"eventMessage":"(.)"/)?.[1],
    ]);
    expect(messages.filter(([url]) => url === 'http://own/').map(([, text]) => text)).toEqual([
      '1',
      '2',
      '3',
    ]);
    expect(messages.filter(([url]) => url === 'http://deaf/')).toEqual([['http://deaf/', '1']]);
    await clock.advance(30_000);
    expect(heard.filter(({ url }) => url === 'http://deaf/')).toHaveLength(3);
    expect(lines.filter((line) => JSON.stringify(line).includes('event webhook failed'))).toHaveLength(3);
    end.abort();
    await running;
  });
});
