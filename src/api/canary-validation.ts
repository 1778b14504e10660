import { parseDuration } from '../base/duration.ts';
import type { CanarySpec } from './canary.ts';

/** A field of a Canary that contradicts another one, or itself. */
export interface SpecProblem {
  /** `spec.analysis.stepWeights` */
  readonly field: string;
  readonly message: string;
}

export interface ValidationContext {
  readonly namespace: string;
  /** References to other namespaces are refused. */
  readonly noCrossNamespaceRefs?: boolean | undefined;
}

/**
 * What is wrong with a spec that a CRD let pass: ours catches most of it, but Flagger's, which may be installed,
 * does not. An empty list means that the rollout can run.
 */
export function validateCanary(spec: CanarySpec, context: ValidationContext): SpecProblem[] {
  return [
    ...stepProblems(spec),
    ...intervalProblems(spec),
    ...targetProblems(spec),
    ...referenceProblems(spec, context),
  ];
}

function stepProblems({ analysis, skipAnalysis }: CanarySpec): SpecProblem[] {
  if (skipAnalysis === true) return [];
  const problems: SpecProblem[] = [];
  const { iterations = 0, stepWeight = 0, stepWeights = [], match = [] } = analysis;
  const add = (field: string, message: string): void => {
    problems.push({ field: `spec.analysis.${field}`, message });
  };
  if (iterations <= 0 && stepWeight <= 0 && stepWeights.length === 0) {
    const field = match.length > 0 ? 'iterations' : 'stepWeight';
    add(field, 'must be above 0: an analysis without steps never ends');
  }
  if (iterations > 0 && (stepWeight > 0 || stepWeights.length > 0)) {
    add('iterations', 'cannot be combined with stepWeight or stepWeights');
  }
  if (stepWeights.some((weight, i) => weight <= (stepWeights[i - 1] ?? 0))) {
    add('stepWeights', 'must rise: each step has more traffic than the one before');
  }
  if (stepWeights.some((weight) => weight > 100)) add('stepWeights', 'must not exceed 100');
  return problems;
}

function intervalProblems({ analysis }: CanarySpec): SpecProblem[] {
  const problems: SpecProblem[] = [];
  const check = (field: string, value: string | undefined): void => {
    if (value === undefined || value === '') return;
    try {
      parseDuration(value);
    } catch {
      problems.push({ field, message: `${JSON.stringify(value)} is not a duration: want 30s, 1m or 1m30s` });
    }
  };
  check('spec.analysis.interval', analysis.interval);
  for (const [i, metric] of (analysis.metrics ?? []).entries()) {
    check(`spec.analysis.metrics[${i}].interval`, metric.interval);
  }
  for (const [i, webhook] of (analysis.webhooks ?? []).entries()) {
    check(`spec.analysis.webhooks[${i}].timeout`, webhook.timeout);
  }
  return problems;
}

function targetProblems(spec: CanarySpec): SpecProblem[] {
  const problems: SpecProblem[] = [];
  const { kind, apiVersion } = spec.targetRef;
  const isKnative = kind === 'Service' && apiVersion === 'serving.knative.dev/v1';
  if (spec.provider === 'knative' && !isKnative) {
    problems.push({
      field: 'spec.targetRef',
      message: `can't use ${apiVersion}/${kind} as target if provider is set to knative`,
    });
  }
  if (isKnative && spec.provider !== 'knative') {
    problems.push({
      field: 'spec.provider',
      message: `can't use ${spec.provider ?? ''} provider with Knative Service as target`,
    });
  }
  if (isKnative && spec.autoscalerRef !== undefined) {
    problems.push({ field: 'spec.autoscalerRef', message: "can't use autoscaler with Knative Service" });
  }
  const affinity = spec.analysis.sessionAffinity;
  if (affinity !== undefined && affinity.cookieName === affinity.primaryCookieName) {
    problems.push({
      field: 'spec.analysis.sessionAffinity.primaryCookieName',
      message:
        "can't use the same cookie name for both primary and cookie name; please update them to be different",
    });
  }
  return problems;
}

function referenceProblems(spec: CanarySpec, context: ValidationContext): SpecProblem[] {
  if (context.noCrossNamespaceRefs !== true) return [];
  const problems: SpecProblem[] = [];
  const check = (
    field: string,
    what: string,
    ref: { name: string; namespace?: string | undefined } | undefined,
  ): void => {
    const namespace = ref?.namespace ?? '';
    if (ref === undefined || namespace === '' || namespace === context.namespace) return;
    const message = `can't access ${what} ${ref.name}.${namespace}, cross-namespace references are blocked`;
    problems.push({ field, message });
  };
  check('spec.upstreamRef', 'gloo upstream', spec.upstreamRef);
  for (const [i, metric] of (spec.analysis.metrics ?? []).entries()) {
    check(`spec.analysis.metrics[${i}].templateRef`, 'metric template', metric.templateRef);
  }
  for (const [i, alert] of (spec.analysis.alerts ?? []).entries()) {
    check(`spec.analysis.alerts[${i}].providerRef`, 'alert provider', alert.providerRef);
  }
  return problems;
}
