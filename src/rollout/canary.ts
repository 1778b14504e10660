import type { CanaryAnalysis } from '../api/canary-analysis.ts';
import { weighted } from './routes.ts';
import type { AnalysisStep, Progress, Strategy } from './strategy.ts';

/** The weight that suffices for promotion. */
function maxWeight({ stepWeights = [], maxWeight: max = 0 }: CanaryAnalysis): number {
  return Math.min(100, stepWeights.at(-1) ?? (max > 0 ? max : 100));
}

/**
 * The weight after `weight`; undefined when the last step was taken. A weight that is not among the steps (the
 * spec was edited, or somebody moved the route) leads to the next greater one, never straight to everything.
 */
function nextWeight(analysis: CanaryAnalysis, weight: number): number | undefined {
  if (weight >= maxWeight(analysis)) return undefined;
  const { stepWeight = 0, stepWeights = [] } = analysis;
  if (stepWeight > 0) return Math.min(100, weight + stepWeight);
  return stepWeights.find((step) => step > weight) ?? maxWeight(analysis);
}

/** Traffic moves to the canary step by step. */
export const canary: Strategy = {
  name: 'canary',
  raisesTraffic: true,

  belongs(analysis, { canaryWeight, live }) {
    if (canaryWeight > 0) return weighted(canaryWeight);
    const isMirroring = analysis.mirror === true && live.mirrored && live.canary === 0;
    return isMirroring ? live : undefined;
  },

  next(analysis: CanaryAnalysis, { canaryWeight, iterations, live }: Progress): AnalysisStep | undefined {
    const isMirrorPass = analysis.mirror === true && canaryWeight === 0 && !live.mirrored;
    const weight = isMirrorPass ? 0 : nextWeight(analysis, canaryWeight);
    if (weight === undefined) return undefined;
    return {
      routes: isMirrorPass ? { primary: 100, canary: 0, mirrored: true } : weighted(weight),
      canaryWeight: weight,
      iterations,
      event: { kind: 'advance', text: `canary weight ${weight}` },
      gate: undefined,
    };
  },
};
