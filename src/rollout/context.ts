import { parseDuration } from '../base/duration.ts';
import { parseTime } from '../base/time.ts';
import type { CanaryAnalysis, CanaryWebhook, WebhookType } from '../api/canary-analysis.ts';
import type { CanarySpec } from '../api/canary.ts';
import type { CanaryStatus, Phase } from '../api/canary-status.ts';
import type { Decision, RolloutAlert, RolloutEvent } from './decision.ts';
import type { HookResult, Memory, Observation, Routes } from './observation.ts';
import { allToPrimary } from './routes.ts';
import { writeRow, type Row } from './status-row.ts';
import { effectiveAnalysis, strategyOf } from './strategies.ts';
import type { Progress, Strategy } from './strategy.ts';

/** All that the steps of one decision look at. */
export interface Context {
  readonly spec: CanarySpec;
  readonly analysis: CanaryAnalysis;
  readonly strategy: Strategy;
  readonly status: CanaryStatus;
  readonly phase: Phase;
  readonly seen: Observation;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly intervalMs: number;
  readonly threshold: number;
  /** Where traffic goes now. Plain Kubernetes has no routes: the apex Service stays with the primary. */
  readonly live: Routes;
  readonly isRouted: boolean;
  readonly progress: Progress;
  readonly failedChecks: number;
}

/** `Memory.announced` while suspended. */
export const suspendedNotice = 'suspended';

/** A rule: decides, or leaves it to the next one. */
export type Step = (context: Context) => Decision | undefined;

export function contextOf(spec: CanarySpec, status: CanaryStatus, seen: Observation, now: number): Context {
  const analysis = effectiveAnalysis(spec, seen.provider);
  const isRouted = seen.provider !== 'kubernetes';
  const live = (isRouted ? seen.routes : undefined) ?? allToPrimary;
  return {
    spec,
    analysis,
    strategy: strategyOf(analysis),
    status,
    phase: status.phase ?? '',
    seen: { ...seen, memory: awake(spec, seen.memory) },
    now,
    intervalMs: intervalOf(analysis.interval, seen.minIntervalMs),
    threshold: Math.max(1, analysis.threshold ?? 1),
    live,
    isRouted,
    progress: {
      canaryWeight: bounded(status.canaryWeight, 100),
      iterations: bounded(status.iterations),
      live,
    },
    failedChecks: bounded(status.failedChecks),
  };
}

/** A rollout that goes on is announced as suspended again the next time. */
function awake({ suspend }: CanarySpec, memory: Memory): Memory {
  if (suspend === true || memory.announced !== suspendedNotice) return memory;
  const { announced: _announced, ...rest } = memory;
  return rest;
}

function bounded(value: number | undefined, max = Number.MAX_SAFE_INTEGER): number {
  return Number.isFinite(value) ? Math.min(max, Math.max(0, Math.trunc(value ?? 0))) : 0;
}

/** Milliseconds. What is not there or cannot be read is a minute, as in Flagger; 0 is the shortest there is. */
function intervalOf(text: string | undefined, shortest = 10_000): number {
  let interval = 60_000;
  try {
    interval = parseDuration(text ?? '');
  } catch {
    // As if it were not there.
  }
  return Math.max(shortest, interval) || 60_000;
}

/** The parts of a decision that are not the same each time. */
export type Parts = Partial<Omit<Decision, 'step' | 'phase' | 'counters'>> & { readonly row?: Row };

/** Makes a decision. Without a row the phase and the counters stay. */
export function decision(context: Context, step: string, { row, routes, ...parts }: Parts = {}): Decision {
  const written = row === undefined ? parts.status : writeRow(context, row);
  const status = written ?? context.status;
  return {
    step,
    phase: status.phase ?? '',
    counters: {
      canaryWeight: bounded(status.canaryWeight, 100),
      failedChecks: bounded(status.failedChecks),
      iterations: bounded(status.iterations),
    },
    apex: mayServe(context),
    events: [],
    alerts: [],
    hooks: [],
    closingEvents: [],
    memory: context.seen.memory,
    ...parts,
    ...(routes === undefined || !context.isRouted ? {} : { routes }),
    ...(written === undefined ? {} : { status: written }),
  };
}

export function normal(context: Context, message: string, phase: Phase = context.phase): RolloutEvent {
  return { type: 'Normal', message, phase };
}

export function warning(context: Context, message: string, phase: Phase = context.phase): RolloutEvent {
  return { type: 'Warning', message, phase };
}

export function alert(severity: RolloutAlert['severity'], message: string, hasFields = false): RolloutAlert {
  return { severity, message, hasFields };
}

/** `podinfo.test`, of the Canary. */
export function canaryName({ seen }: Context): string {
  return `${seen.name}.${seen.namespace}`;
}

/** `podinfo.test`, of the target. */
export function targetName({ spec, seen }: Context): string {
  return `${spec.targetRef.name}.${seen.namespace}`;
}

export function primaryName({ spec, seen }: Context): string {
  return `${spec.targetRef.name}-primary.${seen.namespace}`;
}

/** When the status was last written. Rounded up: it has whole seconds, and a window must be whole too. */
function lastWriteAt({ status }: Context): number | undefined {
  if (status.lastTransitionTime === undefined) return undefined;
  try {
    return parseTime(status.lastTransitionTime) + 1000;
  } catch {
    return undefined;
  }
}

/** When the next analysis is due. */
export function tickDueAt(context: Context): number {
  const { lastTickAt } = context.seen.memory;
  return (lastTickAt ?? lastWriteAt(context) ?? context.now - context.intervalMs) + context.intervalMs;
}

/** When a wait that goes on is due to be reported. */
function noticeDueAt(context: Context): number {
  const { lastNoticeAt } = context.seen.memory;
  return (lastNoticeAt ?? lastWriteAt(context) ?? context.now - context.intervalMs) + context.intervalMs;
}

export function isNoticeDue(context: Context): boolean {
  return context.now >= noticeDueAt(context);
}

/** Waits for something that will wake us; says so once per interval. */
export function hold(context: Context, step: string, ...events: readonly RolloutEvent[]): Decision {
  if (!isNoticeDue(context)) return decision(context, step, { wakeAt: noticeDueAt(context) });
  return decision(context, step, {
    events,
    wakeAt: context.now + context.intervalMs,
    memory: { ...context.seen.memory, lastNoticeAt: context.now },
  });
}

/** The revision under test: the target's, as long as there is one. */
export function revisionUnderTest({ seen, status }: Context): string {
  return seen.target?.revision ?? status.lastAppliedSpec ?? '';
}

/** The webhooks of a type, in list order. */
function hooksOf({ analysis }: Context, type: WebhookType): readonly CanaryWebhook[] {
  const hooks = analysis.webhooks ?? [];
  return hooks.filter(
    (hook) => (hook.type === undefined || hook.type === '' ? 'rollout' : hook.type) === type,
  );
}

/** What the webhooks of a type answered, or the decision to ask them. */
export function consult(
  context: Context,
  type: WebhookType,
  phase: Phase = context.phase,
): { readonly results: readonly HookResult[] } | { readonly ask: Decision } {
  if (hooksOf(context, type).length === 0) return { results: [] };
  const results = context.seen.answers.hooks[type];
  if (results !== undefined) return { results };
  const revision = revisionUnderTest(context);
  return { ask: decision(context, `ask ${type}`, { ask: { kind: 'hooks', type, phase, revision } }) };
}

/** Whether alerts about a webhook are wanted. */
export function isMuted(context: Context, type: WebhookType, name: string): boolean {
  return hooksOf(context, type).some((hook) => hook.name === name && hook.muteAlert === true);
}

/** Whether the apex may lead to the primary. At the end it leads nobody there who is not there already and served. */
function mayServe({ phase, seen }: Context): boolean {
  if (phase === 'Terminating') return seen.endpoints.primary > 0;
  return phase !== '' && phase !== 'Initializing';
}
