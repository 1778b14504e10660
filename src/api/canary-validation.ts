import { parseDuration } from '../base/duration.ts';
import { builtinMetrics, isBuiltinMetric } from './canary-analysis.ts';
import { type CanarySpec, canarySpec } from './canary.ts';

/** A field of a Canary that contradicts another one, or itself. */
export interface SpecProblem {
  /** `spec.analysis.stepWeights` */
  readonly field: string;
  readonly message: string;
}

export interface ValidationContext {
  readonly namespace: string;
  /** Who routes requests, where the spec leaves it to the agent. */
  readonly provider?: string | undefined;
  /** References to other namespaces are refused. */
  readonly noCrossNamespaceRefs?: boolean | undefined;
}

/** Specs come again and again, and never change: what is wrong with their form is looked up once. */
const formProblemsOf = new WeakMap<CanarySpec, readonly SpecProblem[]>();

/**
 * What is wrong with a spec that a CRD let pass: ours catches most of it, but Flagger's, which may be installed,
 * does not. An empty list means that the rollout can run.
 */
export function validateCanary(spec: CanarySpec, context: ValidationContext): readonly SpecProblem[] {
  const malformed = formProblems(spec);
  if (malformed.length > 0) return malformed;
  return [
    ...stepProblems(spec),
    ...intervalProblems(spec),
    ...metricProblems(spec),
    ...webhookProblems(spec),
    ...serviceProblems(spec, spec.provider ?? context.provider),
    ...targetProblems(spec),
    ...referenceProblems(spec, context),
  ];
}

function formProblems(spec: CanarySpec): readonly SpecProblem[] {
  const known = formProblemsOf.get(spec);
  if (known !== undefined) return known;
  const { error } = canarySpec.safeParse(spec);
  const found = (error?.issues ?? []).map(({ path, message }) => ({
    field: `spec${path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')}`,
    message,
  }));
  formProblemsOf.set(spec, found);
  return found;
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
  return problems;
}

function intervalProblems({ analysis }: CanarySpec): SpecProblem[] {
  const problems: SpecProblem[] = [];
  const check = (field: string, value: string | undefined, isZeroAllowed = false): void => {
    if (value === undefined || value === '') return;
    try {
      if (parseDuration(value) === 0 && !isZeroAllowed) problems.push({ field, message: 'must be above 0' });
    } catch {
      problems.push({ field, message: `${JSON.stringify(value)} is not a duration: want 30s, 1m or 1m30s` });
    }
  };
  // Short ones, 0 too, are the shortest that the agent allows.
  check('spec.analysis.interval', analysis.interval, true);
  for (const [i, metric] of (analysis.metrics ?? []).entries()) {
    check(`spec.analysis.metrics[${i}].interval`, metric.interval);
  }
  for (const [i, webhook] of (analysis.webhooks ?? []).entries()) {
    check(`spec.analysis.webhooks[${i}].timeout`, webhook.timeout);
  }
  return problems;
}

function metricProblems({ analysis }: CanarySpec): SpecProblem[] {
  const problems: SpecProblem[] = [];
  for (const [i, { name, query = '', templateRef, thresholdRange }] of (analysis.metrics ?? []).entries()) {
    const field = `spec.analysis.metrics[${i}]`;
    const { min = -Infinity, max = Infinity } = thresholdRange ?? {};
    if (!isBuiltinMetric(name) && query === '' && templateRef === undefined) {
      const message = `${JSON.stringify(name)} is not built in: give templateRef or query, or use ${builtinMetrics.join(' or ')}`;
      problems.push({ field: `${field}.name`, message });
    }
    if (min > max) {
      problems.push({ field: `${field}.thresholdRange`, message: 'min must not exceed max' });
    }
  }
  return problems;
}

function webhookProblems({ analysis }: CanarySpec): SpecProblem[] {
  return (analysis.webhooks ?? []).flatMap(({ url }, i) => {
    const { protocol = '' } = URL.parse(url) ?? {};
    if (protocol === 'http:' || protocol === 'https:') return [];
    const message = `${JSON.stringify(url)} is not an address: want http://HOST or https://HOST`;
    return [{ field: `spec.analysis.webhooks[${i}].url`, message }];
  });
}

/**
 * Without a port there would be no Services, and users would be left with a target of 0 replicas. TCP has no
 * headers: an A/B test would give the new version to everybody, and steps would wait for a mirror for ever.
 */
function serviceProblems(
  { service, analysis, targetRef }: CanarySpec,
  provider: string | undefined,
): SpecProblem[] {
  if (service === undefined) {
    if (targetRef.kind === 'Service') return [];
    return [{ field: 'spec.service', message: 'must be given: the port of the Services that users call' }];
  }
  const problems: SpecProblem[] = [];
  const { delegation = false, hosts = [], gateways = [] } = service;
  for (const [field, values] of Object.entries({ hosts, gateways })) {
    if (!delegation || values.length === 0) continue;
    const message = 'cannot be combined with delegation: the VirtualService that delegates has them';
    problems.push({ field: `spec.service.${field}`, message });
  }
  if (provider === 'kubernetes' || service.appProtocol?.toLowerCase() !== 'tcp') return problems;
  const isStepping = (analysis.iterations ?? 0) <= 0;
  const message = 'cannot be combined with spec.service.appProtocol tcp: it needs HTTP';
  if (!isStepping && (analysis.match ?? []).length > 0)
    problems.push({ field: 'spec.analysis.match', message });
  if (isStepping && analysis.mirror === true) problems.push({ field: 'spec.analysis.mirror', message });
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
      message: `can't use ${spec.provider ?? 'the default'} provider with Knative Service as target`,
    });
  }
  if (isKnative && spec.autoscalerRef !== undefined) {
    problems.push({ field: 'spec.autoscalerRef', message: "can't use autoscaler with Knative Service" });
  }
  const { minReplicas = 1, maxReplicas = Infinity } = spec.autoscalerRef?.primaryScalerReplicas ?? {};
  if (minReplicas > maxReplicas) {
    problems.push({
      field: 'spec.autoscalerRef.primaryScalerReplicas',
      message: 'minReplicas must not exceed maxReplicas',
    });
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
