import type { AlertProviderSpec } from '../../api/alert-provider.ts';
import type { CanaryAlert } from '../../api/canary-analysis.ts';
import type { Canary } from '../../api/canary.ts';
import type { RolloutAlert } from '../decision.ts';

/** Providers that take Slack's messages. */
const slackLike = ['slack', 'discord', 'rocket'] as const;

export type SlackLike = (typeof slackLike)[number];

export function isSlackLike(type: AlertProviderSpec['type']): type is SlackLike {
  return slackLike.some((known) => known === type);
}

const ranks = { info: 0, warn: 1, error: 2 } as const;

/** Whether an entry of `analysis.alerts` wants to hear of it; without a severity it wants to hear everything. */
export function wants({ severity = '' }: CanaryAlert, alert: RolloutAlert): boolean {
  return ranks[alert.severity] >= ranks[severity === '' ? 'info' : severity];
}

interface Field {
  readonly title: string;
  readonly value: string;
  readonly short: false;
}

/** The body of a Slack webhook. Source: Flagger's notifier. */
export function slackMessage(
  type: SlackLike,
  canary: Canary,
  alert: RolloutAlert,
  to: { readonly channel: string; readonly username: string; readonly clusterName: string | undefined },
): unknown {
  const { name = '', namespace = '' } = canary.metadata;
  return {
    channel: to.channel,
    username: to.username,
    icon_url: '',
    icon_emoji: ':rocket:',
    attachments: [
      {
        color: colorOf(type, alert),
        author_name: `${name}.${namespace}`,
        text: alert.message,
        mrkdwn_in: ['text'],
        fields: fieldsOf(canary, alert, to.clusterName),
      },
    ],
  };
}

function colorOf(type: SlackLike, { severity }: RolloutAlert): string {
  if (type === 'rocket') return severity === 'error' ? '#FF0000' : '#0076D7';
  return severity === 'error' ? 'danger' : 'good';
}

function fieldsOf(canary: Canary, { hasFields }: RolloutAlert, clusterName: string | undefined): Field[] {
  const { metadata, spec } = canary;
  const field = (title: string, value: string): Field => ({ title, value, short: false });
  const cluster = clusterName === undefined || clusterName === '' ? [] : [field('Cluster', clusterName)];
  if (!hasFields) return cluster;
  const { kind, name } = spec.targetRef;
  return [
    ...cluster,
    field('Target', `${kind}/${name}.${metadata.namespace ?? ''}`),
    field('Failed checks threshold', String(spec.analysis.threshold ?? 0)),
    field('Progress deadline', `${spec.progressDeadlineSeconds ?? 600}s`),
    field('Traffic routing', routingOf(canary)),
  ];
}

function routingOf({ spec: { analysis } }: Canary): string {
  const { stepWeight = 0, stepWeights = [], maxWeight = 0, match = [] } = analysis;
  const max = maxWeight > 0 ? maxWeight : (stepWeights.at(-1) ?? 100);
  if (stepWeight > 0) return `Weight step: ${stepWeight} max: ${max}`;
  if (stepWeights.length > 0) return `Weight steps: ${stepWeights.join(',')} max: ${max}`;
  return match.length > 0 ? 'A/B Testing' : 'Blue/Green';
}

/** Discord takes Slack's messages at a path of their own. */
export function addressFor(type: SlackLike, address: string): string {
  const url = URL.parse(address);
  if (type !== 'discord' || url === null || url.pathname.endsWith('/slack')) return address;
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/slack`;
  return url.href;
}
