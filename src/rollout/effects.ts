import type { Canary } from '../api/canary.ts';
import type { CanaryStatus } from '../api/canary-status.ts';
import type { HookCall, RolloutAlert, RolloutEvent } from './decision.ts';
import type {
  Endpoints,
  HookResult,
  MetricsResult,
  PrimaryObservation,
  Routes,
  TargetObservation,
} from './observation.ts';

// What the engine does with a decision, by the part of the world it touches. Reads come from caches and are
// synchronous; writes are safe to repeat, make no request where nothing differs, and resolve when the caches have
// them (see CachedResource). The Canary passed in is read-only and current.

/** What is seen of a target and its primary. */
export interface TargetView {
  readonly target: TargetObservation | undefined;
  /** Why there is no target, or why it cannot be read. */
  readonly targetError?: string | undefined;
  readonly primary: PrimaryObservation | undefined;
  /** See `Observation.wantedReplicas`. */
  readonly wantedReplicas?: number | undefined;
}

/** The workload under test and its primary: one implementation per kind of `spec.targetRef`. */
export interface Target {
  /** @param now milliseconds since the epoch */
  observe(canary: Canary, now: number): TargetView;
  /** Makes the primary and its copies of configs from the target as it is. */
  createPrimary(canary: Canary, signal: AbortSignal): Promise<void>;
  scalePrimary(canary: Canary, replicas: number, signal: AbortSignal): Promise<void>;
  /** `restart`: new pods of the same template, so that they read changed configs. */
  scale(canary: Canary, how: 'to-zero' | 'from-zero' | 'restart', signal: AbortSignal): Promise<void>;
  /**
   * Copies the target, and the configs that it uses, to the primary.
   * @throws TypedError `RevisionChanged` (retry) when the target is no longer of `revision`
   */
  promote(canary: Canary, revision: string, signal: AbortSignal): Promise<void>;
  /** Gives the fields that the engine owned on the target back to their owner; the values stay. */
  release(canary: Canary, signal: AbortSignal): Promise<void>;
}

/** The Services apex, primary and canary. */
export interface Services {
  endpoints(canary: Canary): Endpoints;
  /** @param apex whether the apex Service may point at the primary; otherwise it is left as it is */
  reconcile(canary: Canary, apex: boolean, signal: AbortSignal): Promise<void>;
  /** Gives the apex Service back to its owner: it selects the target again. */
  revert(canary: Canary, signal: AbortSignal): Promise<void>;
}

/** The cookies of session affinity, as `status` keeps them. */
export type Cookies = Pick<
  CanaryStatus,
  'sessionAffinityCookie' | 'previousSessionAffinityCookie' | 'primarySessionAffinityCookie'
>;

/** Who gets how much of the traffic: one implementation per provider. */
export interface Router {
  /** The live weights; undefined where there is no route object yet, or it has no routes of this Canary. */
  observe(canary: Canary): Routes | undefined;
  /**
   * Makes and repairs the route objects.
   * @param routes the weights to set; undefined: those that are live, or all to the primary where there are none
   * @returns the cookies that the status has to keep; undefined where there is no session affinity
   */
  reconcile(canary: Canary, routes: Routes | undefined, signal: AbortSignal): Promise<Cookies | undefined>;
  /** Gives the route object back to its owner. Nothing to do where it is gone. */
  revert(canary: Canary, signal: AbortSignal): Promise<void>;
}

/** The measurements of an analysis. */
export interface Checks {
  /** All metrics, in order, up to the first that fails. */
  metrics(canary: Canary, signal: AbortSignal): Promise<MetricsResult>;
  /** Whether the metric providers can be reached. */
  probe(canary: Canary, signal: AbortSignal): Promise<{ readonly error: string | undefined }>;
}

/** Whoever is called, or told. */
export interface Hooks {
  /** Calls the webhooks of a type in list order, up to the first that failed (for `rollback`: that passed). */
  call(canary: Canary, call: HookCall, signal: AbortSignal): Promise<readonly HookResult[]>;
  /** Tells event webhooks and the log; never rejects, never waits for an answer. */
  event(canary: Canary, event: RolloutEvent): void;
  /** Sends an alert to whom the Canary names, in the background; never rejects. */
  alert(canary: Canary, alert: RolloutAlert): void;
}
