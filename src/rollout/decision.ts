import type { WebhookType } from '../api/canary-analysis.ts';
import type { CanaryStatus, Phase } from '../api/canary-status.ts';
import type { Memory, Routes } from './observation.ts';

export interface RolloutEvent {
  readonly type: 'Normal' | 'Warning';
  readonly message: string;
  /** The phase that event webhooks are told. */
  readonly phase: Phase;
}

export interface RolloutAlert {
  readonly severity: 'info' | 'warn' | 'error';
  readonly message: string;
  /** Whether the fields Target, Failed checks threshold, Progress deadline and Traffic routing go with it. */
  readonly hasFields: boolean;
}

/** Webhooks of a type, to be called in list order. */
export interface HookCall {
  readonly type: WebhookType;
  /** The phase in the payload. */
  readonly phase: Phase;
  /** Identifies the run in the payload's checksum: the revision under test, not the one before. */
  readonly revision: string;
}

/** Something that must be known before the decision can be made: find out, put it into `answers`, decide again. */
export type Ask =
  | ({ readonly kind: 'hooks' } & HookCall)
  | { readonly kind: 'metrics' }
  | { readonly kind: 'probe' };

/** The revision that the analysis saw; copying another one must be refused. */
export interface Promotion {
  readonly revision: string;
}

/**
 * What to do, in the order of {@link effectOrder}. Every effect may be repeated: a crash between two of them leads
 * to a decision that contains the missing ones again.
 */
export interface Decision {
  /** The rule that decided. */
  readonly step: string;
  readonly phase: Phase;
  readonly counters: {
    readonly canaryWeight: number;
    readonly failedChecks: number;
    readonly iterations: number;
  };
  /** Nothing else is to be done when there is a question. */
  readonly ask?: Ask;
  readonly createPrimary?: true;
  /** Replicas of the primary. */
  readonly scalePrimary?: number;
  /** The apex Service may point at the primary. */
  readonly apex: boolean;
  readonly routes?: Routes;
  /** `restart`: to zero and back, for pods that must read changed configs. */
  readonly scale?: 'to-zero' | 'from-zero' | 'restart';
  readonly promote?: Promotion;
  /** Give the apex Service and the mesh object back to their owner. */
  readonly revert?: true;
  readonly status?: CanaryStatus;
  readonly removeFinalizer?: true;
  readonly events: readonly RolloutEvent[];
  readonly alerts: readonly RolloutAlert[];
  /** Called when all the above is done; they decide nothing. */
  readonly hooks: readonly HookCall[];
  /** What is told once those hooks have answered. */
  readonly closingEvents: readonly RolloutEvent[];
  readonly outcome?: 'completed' | 'skipped' | 'failed';
  /** When to decide again though nothing happened: milliseconds since the epoch. `now` means at once. */
  readonly wakeAt?: number;
  readonly memory: Memory;
}

/**
 * The order in which the parts of a decision are carried out. Traffic moves before anything that it could miss is
 * scaled or reported, and what is reported is true.
 */
export const effectOrder = [
  'createPrimary',
  'scalePrimary',
  'apex',
  'routes',
  'scale',
  'promote',
  'revert',
  'status',
  'removeFinalizer',
  'events',
  'alerts',
  'hooks',
  'closingEvents',
] as const satisfies readonly (keyof Decision)[];

/** Whether carrying the decision out would change or tell anything. */
export function hasEffects(decision: Decision): boolean {
  const { createPrimary, scalePrimary, routes, scale, promote, revert, status, removeFinalizer } = decision;
  return (
    [createPrimary, scalePrimary, routes, scale, promote, revert, status, removeFinalizer].some(
      (part) => part !== undefined,
    ) ||
    decision.events.length + decision.alerts.length + decision.hooks.length + decision.closingEvents.length >
      0
  );
}
