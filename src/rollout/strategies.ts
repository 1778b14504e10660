import type { CanaryAnalysis } from '../api/canary-analysis.ts';
import type { CanarySpec } from '../api/canary.ts';
import { abTesting } from './ab-testing.ts';
import { blueGreen } from './blue-green.ts';
import { canary } from './canary.ts';
import type { Strategy } from './strategy.ts';

const kubernetesIterations = 10;

/**
 * The analysis that will run: plain Kubernetes can neither match requests nor weigh them, and connections can neither
 * be matched nor copied.
 */
export function effectiveAnalysis(spec: CanarySpec, provider: string): CanaryAnalysis {
  const isTcp = spec.service?.appProtocol?.toLowerCase() === 'tcp';
  if (provider !== 'kubernetes' && !isTcp) return spec.analysis;
  const { match: _match, mirror: _mirror, ...analysis } = spec.analysis;
  if (provider !== 'kubernetes') return analysis;
  const { iterations = 0 } = analysis;
  return iterations < 1 ? { ...analysis, iterations: kubernetesIterations } : analysis;
}

export function strategyOf(analysis: CanaryAnalysis): Strategy {
  if ((analysis.iterations ?? 0) <= 0) return canary;
  return (analysis.match ?? []).length > 0 ? abTesting : blueGreen;
}
