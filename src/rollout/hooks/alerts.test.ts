import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../base/clock.ts';
import { FetchError, type FetchResponse } from '../../base/fetch.ts';
import { jsonLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import type { AlertProviderSpec } from '../../api/alert-provider.ts';
import type { CanaryAlert, CanaryAnalysis } from '../../api/canary-analysis.ts';
import type { RolloutAlert } from '../decision.ts';
import { answered, canaryOf, type Heard, outside, silence, sources } from '../outside.test-double.ts';
import { webhooks, type WebhooksOptions } from './webhooks.ts';

const slack: AlertProviderSpec = { type: 'slack', address: 'http://slack/geheim' };
const toSlack: CanaryAlert = { name: 'a', severity: 'info', providerRef: { name: 'slack' } };
const alert = (severity: RolloutAlert['severity'], hasFields = false): RolloutAlert => ({
  severity,
  message: 'Something happened.',
  hasFields,
});

interface Setting {
  readonly has?: Parameters<typeof sources>[0];
  readonly analysis?: CanaryAnalysis;
  readonly options?: Partial<WebhooksOptions>;
  readonly answer?: (heard: Heard) => FetchResponse | Promise<FetchResponse>;
}

async function sent(alerts: RolloutAlert[], { has = {}, analysis = {}, options = {}, answer }: Setting) {
  const clock = new VirtualClock();
  const { fetch, heard } = outside(answer ?? (() => answered(200)));
  let logged = '';
  const log = jsonLog(
    () => 0,
    'debug',
    (line) => (logged += line),
  );
  const cluster = sources(has);
  const hooks = webhooks({ cluster, fetch, clock, random: seededRandom('alerts'), log, ...options });
  const end = new AbortController();
  const running = hooks.run(end.signal);
  for (const each of alerts) hooks.alert(canaryOf(analysis), each);
  await clock.advance(60_000);
  end.abort();
  await running;
  expect(clock.pending).toBe(0);
  return { heard, logged };
}

const one = { has: { providers: { slack } }, analysis: { alerts: [toSlack] } };

describe('alerts', () => {
  test('say what, where and how, as Slack wants it', async () => {
    const analysis = { alerts: [toSlack], threshold: 5, stepWeight: 10, maxWeight: 50 };
    const options = { clusterName: 'prod' };
    const { heard } = await sent([alert('info', true), alert('error')], { ...one, analysis, options });
    const field = (title: string, value: string) => ({ title, value, short: false });
    expect(heard.map(({ body }) => body)).toEqual([
      {
        channel: 'general',
        username: 'flagger',
        icon_url: '',
        icon_emoji: ':rocket:',
        attachments: [
          {
            color: 'good',
            author_name: 'podinfo.test',
            text: 'Something happened.',
            mrkdwn_in: ['text'],
            fields: [
              field('Cluster', 'prod'),
              field('Target', 'Deployment/podinfo.test'),
              field('Failed checks threshold', '5'),
              field('Progress deadline', '600s'),
              field('Traffic routing', 'Weight step: 10 max: 50'),
            ],
          },
        ],
      },
      expect.objectContaining({
        attachments: [expect.objectContaining({ color: 'danger', fields: [field('Cluster', 'prod')] })],
      }),
    ]);
  });

  test.each([
    [{ stepWeights: [1, 2, 10] }, 'Weight steps: 1,2,10 max: 10'],
    [{ iterations: 5, match: [{}] }, 'A/B Testing'],
    [{ iterations: 5 }, 'Blue/Green'],
  ])('traffic routing %#', async (analysis, text) => {
    const { heard } = await sent([alert('info', true)], {
      ...one,
      analysis: { ...analysis, alerts: [toSlack] },
    });
    expect(JSON.stringify(heard[0]?.body)).toContain(`"value":"${text}"`);
  });

  test('go to whoever wants that severity; 11.4.4: without one, all of them', async () => {
    const count = async (severity: CanaryAlert['severity']): Promise<number> => {
      const alerts = [{ ...toSlack, severity }];
      const all = [alert('info'), alert('warn'), alert('error')];
      return (await sent(all, { ...one, analysis: { alerts } })).heard.length;
    };
    expect([await count('info'), await count('warn'), await count('error')]).toEqual([3, 2, 1]);
    expect([await count(''), await count(undefined)]).toEqual([3, 3]);
  });

  test('have their address and token from a Secret, which nobody is told', async () => {
    const spec: AlertProviderSpec = {
      type: 'slack',
      channel: 'on-call',
      username: 'bot',
      secretRef: { name: 's' },
    };
    const has = {
      providers: { slack: spec },
      secrets: { s: { address: 'http://slack/geheim\n', token: 'streng' } },
    };
    for (const answer of [
      () => answered(200),
      () => answered(404, 'no_service'),
      () => answered(500),
      () => Promise.reject(new FetchError('Unreachable', 'no answer from slack')),
      silence,
    ]) {
      const { heard, logged } = await sent([alert('warn')], { ...one, has, answer });
      expect(heard).toHaveLength(1);
      expect(heard[0]).toMatchObject({
        url: 'http://slack/geheim',
        headers: { authorization: 'Bearer streng' },
      });
      expect(heard[0]?.body).toMatchObject({ channel: 'on-call', username: 'bot' });
      expect(logged).not.toMatch(/geheim|streng/);
    }
  });

  test('reach Discord and Rocket.Chat in their ways', async () => {
    const providers: Record<string, AlertProviderSpec> = {
      discord: { type: 'discord', address: 'http://discord/api/1/x' },
      rocket: { type: 'rocket', address: 'http://rocket/hooks/x' },
    };
    const alerts = Object.keys(providers).map((name) => ({ name, providerRef: { name } }));
    const { heard } = await sent([alert('error')], { has: { providers }, analysis: { alerts } });
    expect(heard.map(({ url }) => url)).toEqual(['http://discord/api/1/x/slack', 'http://rocket/hooks/x']);
    expect(JSON.stringify(heard[1]?.body)).toContain('"color":"#FF0000"');
  });

  test('of a provider elsewhere, or nowhere, or of another kind', async () => {
    const providers: Record<string, AlertProviderSpec> = {
      'ops/slack': slack,
      teams: { type: 'msteams', address: 'http://teams' },
    };
    const alerts: CanaryAlert[] = [
      { name: 'a', providerRef: { name: 'slack', namespace: 'ops' } },
      { name: 'b', providerRef: { name: 'slack' } },
      { name: 'c', providerRef: { name: 'teams' } },
    ];
    const twice = [alert('info'), alert('info')];
    const { heard, logged } = await sent(twice, { has: { providers }, analysis: { alerts } });
    expect(heard).toHaveLength(2);
    expect(logged.match(/alert provider not found/g)).toHaveLength(2);
    expect(logged.match(/alert provider type msteams is not supported yet/g)).toHaveLength(1);
  });

  test('of Canaries that name nobody go to the global channel, if there is one', async () => {
    const globalAlerts = { slackUrl: 'http://global/', channel: 'all' };
    const { heard } = await sent([alert('info')], { options: { globalAlerts } });
    expect(heard[0]).toMatchObject({ url: 'http://global/', body: { channel: 'all', username: 'flagger' } });
    expect((await sent([alert('info')], { ...one, options: { globalAlerts } })).heard[0]?.url).toMatch(
      'slack',
    );
    const off = await sent([alert('info')], { options: { globalAlerts: { ...globalAlerts, channel: '' } } });
    expect([off.heard.length, off.logged]).toEqual([0, expect.stringContaining('global alerts are off')]);
    expect((await sent([alert('info')], {})).heard).toEqual([]);
  });
});
