import { errorMessage, InvalidInputError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { AlertProvider } from '../../api/alert-provider.ts';
import type { CanaryAlert } from '../../api/canary-analysis.ts';
import type { Canary } from '../../api/canary.ts';
import type { CachedResource } from '../../kube/cached-resource.ts';
import type { Config } from '../targets/config.ts';
import type { RolloutAlert } from '../decision.ts';
import { secretText } from '../secret-data.ts';
import { addressFor, isSlackLike, slackMessage, type SlackLike, wants } from './alert-message.ts';
import type { BackgroundSender } from './background-sender.ts';
import { postJson, type PostOptions } from './post.ts';

/** Where alerts of Canaries without `analysis.alerts` go. */
export interface GlobalAlerts {
  readonly slackUrl: string;
  readonly channel: string;
  /** Default: flagger. */
  readonly user?: string | undefined;
  readonly token?: string | undefined;
}

export interface AlertsOptions extends PostOptions {
  /** A RolloutCluster. */
  readonly cluster: {
    readonly alertProviders: Pick<CachedResource<AlertProvider>, 'get'>;
    readonly secrets: Pick<CachedResource<Config>, 'read'>;
  };
  readonly log: Log;
  readonly sender: BackgroundSender;
  /** Goes with every alert. */
  readonly clusterName?: string | undefined;
  readonly globalAlerts?: GlobalAlerts | undefined;
}

/** A provider that is ready to be told. */
interface Receiver {
  readonly type: SlackLike;
  readonly address: string;
  readonly token: string | undefined;
  readonly channel: string;
  readonly username: string;
}

const timeoutMs = 5_000;

/** Sends alerts to whom a Canary names, or else to the global receiver. Failures are logged, without addresses. */
export function alertSender(options: AlertsOptions): (canary: Canary, alert: RolloutAlert) => void {
  const { log, sender, globalAlerts } = options;
  const announced = new Set<string>();
  const announce = (text: string): void => {
    if (!announced.has(text)) log.warn(text);
    announced.add(text);
  };
  const global = globalReceiver(globalAlerts, announce);
  return (canary, alert) => {
    const { name = '', namespace = '' } = canary.metadata;
    const send = (to: string, find: (signal: AbortSignal) => Promise<Receiver>): void =>
      sender.push({
        lane: `${namespace}/${name} alert ${to}`,
        receiver: to,
        send: async (signal) => {
          const error = await deliver(options, canary, alert, find, signal);
          if (error !== undefined) log.warn('alert failed', { canary: name, namespace, provider: to, error });
        },
      });
    const { alerts = [] } = canary.spec.analysis;
    if (alerts.length === 0 && global !== undefined) send('global', async () => global);
    for (const entry of alerts.filter((candidate) => wants(candidate, alert))) {
      const key = providerOf(entry, namespace);
      const provider = options.cluster.alertProviders.get(key);
      if (provider === undefined) {
        log.warn('alert provider not found', { canary: name, namespace, provider: key });
      } else if (isSlackLike(provider.spec.type)) {
        const { type } = provider.spec;
        send(`${key.namespace}/${key.name}`, (signal) => receiverOf(options, provider, type, signal));
      } else {
        announce(`alert provider type ${provider.spec.type} is not supported yet`);
      }
    }
  };
}

function providerOf({ providerRef }: CanaryAlert, own: string): { namespace: string; name: string } {
  const { name, namespace = '' } = providerRef;
  return { name, namespace: namespace === '' ? own : namespace };
}

function globalReceiver(
  alerts: GlobalAlerts | undefined,
  announce: (text: string) => void,
): Receiver | undefined {
  if (alerts === undefined || alerts.slackUrl === '') return undefined;
  if (alerts.channel === '') {
    announce('global alerts are off: their Slack channel is not set');
    return undefined;
  }
  const { slackUrl: address, channel, user = '', token } = alerts;
  return { type: 'slack', address, channel, username: user === '' ? 'flagger' : user, token };
}

/** @throws TypedError when the Secret has no address, or cannot be read */
async function receiverOf(
  { cluster, log }: AlertsOptions,
  { metadata: { name, namespace }, spec }: AlertProvider,
  type: SlackLike,
  signal: AbortSignal,
): Promise<Receiver> {
  if (spec.proxy !== undefined && spec.proxy !== '') {
    log.warn('alert provider: proxies are not supported, going without', { name, namespace });
  }
  const named = { type, channel: spec.channel ?? 'general', username: spec.username ?? 'flagger' };
  if (spec.secretRef === undefined) return { ...named, address: spec.address ?? '', token: undefined };
  const secret = await cluster.secrets.read({ namespace, name: spec.secretRef.name }, { signal });
  const address = secretText(secret, 'address');
  if (address === undefined) throw new InvalidInputError(`secret ${spec.secretRef.name} has no key address`);
  return { ...named, address, token: secretText(secret, 'token')?.trim() };
}

/** @returns why it failed */
async function deliver(
  options: AlertsOptions,
  canary: Canary,
  alert: RolloutAlert,
  find: (signal: AbortSignal) => Promise<Receiver>,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    // The Secret is read within the time of an attempt, too.
    using deadline = options.clock.timeout(timeoutMs, signal);
    const { type, address, token, channel, username } = await find(deadline.signal);
    const post = {
      url: addressFor(type, address.trim()),
      body: slackMessage(type, canary, alert, { channel, username, clusterName: options.clusterName }),
      headers: token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` },
      timeoutMs,
      retries: 0,
      skipVerify: false,
      // The address of an incoming webhook is its password.
      shown: `to ${type}`,
    };
    return await postJson(options, post, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    return errorMessage(error);
  }
}
