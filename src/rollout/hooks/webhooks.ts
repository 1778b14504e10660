import { parseDuration } from '../../base/duration.ts';
import { errorMessage } from '../../base/errors.ts';
import { sha256 } from '../../base/hash.ts';
import type { CanaryWebhook, WebhookType } from '../../api/canary-analysis.ts';
import type { Canary } from '../../api/canary.ts';
import type { Phase } from '../../api/canary-status.ts';
import type { RolloutEvent } from '../decision.ts';
import type { Hooks } from '../effects.ts';
import type { HookResult } from '../observation.ts';
import { alertSender, type AlertsOptions } from './alerts.ts';
import { BackgroundSender } from './background-sender.ts';
import { postJson } from './post.ts';

export interface WebhooksOptions extends Omit<AlertsOptions, 'sender'> {
  /** Told all events of Canaries without webhooks of type `event`. */
  readonly eventWebhook?: string | undefined;
}

/** `run` sends event webhooks and alerts until `signal` aborts. */
export type Webhooks = Hooks & { run(signal: AbortSignal): Promise<void> };

/** Calls and tells whom a Canary names, as Flagger does; any 2xx passes, as its documentation says. */
export function webhooks(options: WebhooksOptions): Webhooks {
  const { log, clock, eventWebhook = '' } = options;
  const sender = new BackgroundSender({ clock, log });
  return {
    async call(canary, { type, phase, revision }, signal) {
      const results: HookResult[] = [];
      for (const hook of hooksOf(canary, type)) {
        const body = payload(canary, phase, revision, hook.metadata);
        const error = await callWebhook(options, hook, body, signal);
        results.push({ name: hook.name, passed: error === undefined, error: error ?? '' });
        const isDecided = type === 'rollback' ? error === undefined : error !== undefined;
        if (isDecided) break;
      }
      return results;
    },
    event(canary, event) {
      const { name = '', namespace = '' } = canary.metadata;
      log[event.type === 'Warning' ? 'warn' : 'info'](event.message, { canary: name, namespace });
      const own = hooksOf(canary, 'event');
      const told = own.length === 0 && eventWebhook !== '' ? [{ name: 'event', url: eventWebhook }] : own;
      for (const hook of told) {
        const body = payload(canary, event.phase, canary.status?.lastAppliedSpec ?? '', {
          ...hook.metadata,
          ...eventMetadata(event, clock.now()),
        });
        const send = async (signal: AbortSignal): Promise<void> => {
          const error = await callWebhook(options, hook, body, signal);
          if (error === undefined) return;
          log.warn('event webhook failed', { canary: name, namespace, hook: hook.name, error });
        };
        sender.push({ lane: `${namespace}/${name} event ${hook.name}`, receiver: hook.url, send });
      }
    },
    alert: alertSender({ ...options, sender }),
    run: (signal) => sender.run(signal),
  };
}

function hooksOf({ spec }: Canary, wanted: WebhookType): readonly CanaryWebhook[] {
  const typeOf = ({ type = '' }: CanaryWebhook): WebhookType => (type === '' ? 'rollout' : type);
  return (spec.analysis.webhooks ?? []).filter((hook) => typeOf(hook) === wanted);
}

/** @param revision names the run: the checksum is the same all through it */
function payload(
  { metadata: { name = '', namespace = '' } }: Canary,
  phase: Phase,
  revision: string,
  metadata: Readonly<Record<string, string>> = {},
): unknown {
  return {
    name,
    namespace,
    phase,
    checksum: sha256(revision).slice(0, 10),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  };
}

function eventMetadata({ type, message }: RolloutEvent, now: number): Record<string, string> {
  return { eventMessage: message, eventType: type, timestamp: String(now) };
}

/** @returns why it failed; undefined when it passed */
async function callWebhook(
  options: WebhooksOptions,
  { url, timeout = '', retries = 0, disableTLS = false }: CanaryWebhook,
  body: unknown,
  signal: AbortSignal,
): Promise<string | undefined> {
  let timeoutMs: number;
  try {
    timeoutMs = parseDuration(timeout.length < 2 ? '10s' : timeout);
  } catch (error) {
    return errorMessage(error);
  }
  return postJson(options, { url, body, timeoutMs, retries, skipVerify: disableTLS }, signal);
}
