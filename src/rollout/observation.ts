import type { WebhookType } from '../api/canary-analysis.ts';

/** Where traffic goes, in percent; the two weights add up to 100. */
export interface Routes {
  readonly primary: number;
  readonly canary: number;
  /** Requests to the primary are copied to the canary. */
  readonly mirrored: boolean;
}

/** How a workload stands. `stuck` is a wait whose deadline has passed. */
export interface Readiness {
  readonly state: 'ready' | 'waiting' | 'stuck';
  /** Why it is not ready: `waiting for rollout to finish: 0 of 1 … updated replicas are available` */
  readonly message: string;
}

/** The workload that the user changes, and the canary while a rollout runs. */
export interface TargetObservation {
  /** What a promotion would copy, configs included: see `revisionOf`. */
  readonly revision: string;
  /** Checksums of the ConfigMaps and Secrets that it uses, by `configmap/NAME` or `secret/NAME`. */
  readonly configs: Readonly<Record<string, string>> | undefined;
  readonly isScaledToZero: boolean;
  readonly readiness: Readiness;
}

/** The workload that serves users. */
export interface PrimaryObservation {
  /** The revision that it was created from or last promoted to; unknown for one that another engine made. */
  readonly revision: string | undefined;
  readonly readiness: Readiness;
  /** `spec.replicas`; undefined where pods are not counted so. */
  readonly replicas?: number | undefined;
}

/** The answer of one webhook. */
export interface HookResult {
  readonly name: string;
  readonly passed: boolean;
  readonly error: string;
}

/**
 * The verdict of all metrics. `unavailable` means that there is none: a provider could not be asked. No data is a
 * failed check.
 */
export interface MetricsResult {
  readonly verdict: 'passed' | 'failed' | 'unavailable';
  /** The text of the event, `Halt …`; empty when passed. */
  readonly message: string;
}

/** What was asked for by earlier decisions of the same tick: see `Decision.ask`. */
export interface Answers {
  /** By type, in list order, up to the first that failed (for `rollback`: the first that passed). */
  readonly hooks: Partial<Readonly<Record<WebhookType, readonly HookResult[]>>>;
  readonly metrics?: MetricsResult | undefined;
  /** Whether the metric providers could be reached. */
  readonly probe?: { readonly error: string | undefined } | undefined;
}

/**
 * What the engine keeps in its head between two decisions about one Canary. Losing it is harmless: a notice is
 * repeated, or a tick measured from `status.lastTransitionTime`.
 */
export interface Memory {
  /** When the analysis last ran: milliseconds since the epoch. */
  readonly lastTickAt?: number;
  /** When a wait was last reported. */
  readonly lastNoticeAt?: number;
  /** What was said and need not be said again while it lasts. */
  readonly announced?: string;
}

/** Something outside the spec that makes a rollout impossible. */
export interface Conflict {
  readonly reason: 'TargetConflict' | 'Unsupported';
  readonly message: string;
}

/** Ready endpoints behind `{apex}-primary` and `{apex}-canary`. */
export interface Endpoints {
  readonly primary: number;
  readonly canary: number;
  /** There is no Service of the canary, and so no endpoint to wait for. */
  readonly lacksCanary?: boolean | undefined;
}

/** Everything that a decision depends on beside the Canary itself and the time. */
export interface Observation {
  readonly name: string;
  readonly namespace: string;
  /** `spec.provider`, or what the engine was started with. */
  readonly provider: string;
  readonly noCrossNamespaceRefs?: boolean | undefined;
  /** The shortest interval of an analysis, in milliseconds, whatever the spec asks for; default: 10 s. */
  readonly minIntervalMs?: number | undefined;
  readonly isDeleting: boolean;
  readonly hasFinalizer: boolean;
  /** Something outside the spec that makes the rollout impossible: another Canary has the same target. */
  readonly conflict?: Conflict | undefined;
  readonly target: TargetObservation | undefined;
  /** Why there is no target, or why it cannot be read: the text of the event. */
  readonly targetError?: string | undefined;
  readonly primary: PrimaryObservation | undefined;
  /** How many replicas git wants, where it hands that number over: scaling is no new revision. */
  readonly wantedReplicas?: number | undefined;
  /** The live weights; undefined where there is no route object yet. */
  readonly routes: Routes | undefined;
  readonly endpoints: Endpoints;
  readonly answers: Answers;
  readonly memory: Memory;
}
