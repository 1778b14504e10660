import type { CanaryAnalysis } from '../api/canary-analysis.ts';
import type { Routes } from './observation.ts';

/** How far a run has come. */
export interface Progress {
  readonly canaryWeight: number;
  readonly iterations: number;
  readonly live: Routes;
}

/** One step of an analysis, taken when all checks have passed. */
export interface AnalysisStep {
  readonly routes: Routes | undefined;
  readonly canaryWeight: number;
  readonly iterations: number;
  /** Without the name in front: `canary weight 20`. Silent where undefined. */
  readonly event: { readonly kind: 'advance' | 'plain'; readonly text: string } | undefined;
  /** What must agree first. */
  readonly gate: 'confirm-promotion' | undefined;
}

/** What a strategy answers: where traffic belongs, and what comes next. All pure. */
export interface Strategy {
  /** The value of the label `deployment_strategy`. */
  readonly name: 'canary' | 'ab-testing' | 'blue-green';
  /** Whether `confirm-traffic-increase` hooks are asked before a step. */
  readonly raisesTraffic: boolean;
  /** Where the routes belong at this point of the run; undefined = the first step is still to come. */
  belongs(analysis: CanaryAnalysis, progress: Progress): Routes | undefined;
  /** The next step; undefined = all steps are done: promote. */
  next(analysis: CanaryAnalysis, progress: Progress): AnalysisStep | undefined;
}
