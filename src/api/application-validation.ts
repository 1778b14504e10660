import {
  duplicateValue,
  type FieldError,
  FieldPath,
  invalidValue,
  requiredValue,
  tooFew,
  unsupportedValue,
} from '../machinery/field-errors.ts';
import type { CanaryStrategy, Rollout, RolloutMetric } from './application-rollout.ts';
import { type Application, applicationSpec, type ApplicationSpec } from './application.ts';

const specPath = new FieldPath('spec');

/**
 * What is wrong with an Application. Our definition refuses all of it already, but for names that only the name of the
 * Application tells; another definition of the kind, which may be installed, does not. Texts and paths about fleets are
 * Kurator's.
 *
 * @param object as it came from the server
 * @returns nothing when all can be done
 */
export function validateApplication(object: Pick<Application, 'metadata' | 'spec'>): readonly FieldError[] {
  const parsed = applicationSpec.safeParse(object.spec);
  if (!parsed.success) {
    return parsed.error.issues.map(({ path, message }) => invalidValue(pathOf(path), undefined, message));
  }
  const { data: spec } = parsed;
  return [
    ...sourceErrors(spec),
    ...policyErrors(spec, object.metadata.name ?? ''),
    ...fleetErrors(spec),
    ...spec.syncPolicies.flatMap(({ rollout }, i) =>
      rollout === undefined ? [] : rolloutErrors(rollout, policyPath(i).child('rollout'), i),
    ),
  ];
}

/** The name of a policy, which may be left out. */
export function policyName(application: string, spec: ApplicationSpec, index: number): string {
  return spec.syncPolicies[index]?.name ?? `${application}-${index}`;
}

/** The fleet of an Application; undefined where it goes to the host cluster. */
export function fleetOf(spec: ApplicationSpec): string | undefined {
  return spec.syncPolicies[0]?.destination?.fleet || spec.destination?.fleet || undefined;
}

function pathOf(path: readonly PropertyKey[]): FieldPath {
  return path.reduce<FieldPath>(
    (at, part) => (typeof part === 'number' ? at.index(part) : at.child(String(part))),
    specPath,
  );
}

function policyPath(index: number): FieldPath {
  return specPath.child('syncPolicies').index(index);
}

/** Exactly one of several optional values. */
function isOne(...values: readonly unknown[]): boolean {
  return values.filter((value) => value !== undefined).length === 1;
}

function sourceErrors({ source }: ApplicationSpec): FieldError[] {
  const { gitRepository, helmRepository, ociRepository } = source;
  if (isOne(gitRepository, helmRepository, ociRepository)) return [];
  const detail = 'give exactly one of gitRepository, helmRepository and ociRepository';
  return [invalidValue(specPath.child('source'), Object.keys(source), detail)];
}

function policyErrors(spec: ApplicationSpec, application: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  if (spec.syncPolicies.length === 0) errors.push(tooFew(specPath.child('syncPolicies'), 0, 1));
  for (const [i, { kustomization, helm }] of spec.syncPolicies.entries()) {
    // Names of children are lower case.
    const name = policyName(application, spec, i).toLowerCase();
    if (names.has(name)) errors.push(duplicateValue(policyPath(i).child('name'), name));
    names.add(name);
    if (!isOne(kustomization, helm)) {
      errors.push(requiredValue(policyPath(i), 'give exactly one of kustomization and helm'));
    }
  }
  return errors;
}

function fleetErrors({ destination, syncPolicies }: ApplicationSpec): FieldError[] {
  const fleets = syncPolicies.map((policy) => policy.destination?.fleet ?? '');
  const fleet = destination?.fleet ?? '';
  const first = fleets.find((name) => name !== '');
  if (first === undefined) return [];
  const [expected, what] =
    fleet === ''
      ? [first, `firstPolicyFleet:${first}`]
      : [fleet, `application.spec.destination.fleet:${fleet}`];
  const errors = fleets.flatMap((name, i) =>
    name === '' || name === expected
      ? []
      : [
          invalidValue(
            policyPath(i).child('destination', 'fleet'),
            name,
            `must be same as ${what}, because fleet must be consistent throughout the application`,
          ),
        ],
  );
  if (fleet === '' && fleets.includes('')) {
    const field = specPath.child('syncPolicies', 'destination', 'fleet');
    errors.push(requiredValue(field, 'must be set when application.spec.destination.fleet is not set'));
  }
  return errors;
}

function stepErrors({ stepWeight = 0, stepWeights }: CanaryStrategy, path: FieldPath): FieldError[] {
  if (isOne(stepWeight || undefined, stepWeights)) {
    const isRising = (stepWeights ?? []).every((weight, i, all) => weight > (all[i - 1] ?? 0));
    const detail = 'must rise: each step has more traffic than the one before';
    return isRising ? [] : [invalidValue(path.child('stepWeights'), stepWeights, detail)];
  }
  return [requiredValue(path, 'give exactly one of stepWeight (above 0) and stepWeights')];
}

function rolloutErrors(rollout: Rollout, path: FieldPath, index: number): FieldError[] {
  const errors: FieldError[] = [];
  const { kind } = rollout.workload;
  const { trafficRouting, trafficAnalysis } = rollout.rolloutPolicy;
  const { canaryStrategy, analysisTimes = 0, host = '' } = trafficRouting;
  const routing = path.child('rolloutPolicy', 'trafficRouting');
  const analysis = path.child('rolloutPolicy', 'trafficAnalysis');
  if (!/^(deployment|daemonset)$/i.test(kind)) {
    errors.push(unsupportedValue(path.child('workload', 'kind'), kind, ['Deployment', 'DaemonSet']));
  }
  if (rollout.trafficRoutingProvider === 'nginx' && host === '') {
    const detail = `expected application.syncPolicies.Rollout.RolloutPolicy.TrafficRouting.Host in index ${index}`;
    errors.push(requiredValue(routing.child('host'), detail));
  }
  if ((canaryStrategy === undefined) === (analysisTimes === 0)) {
    errors.push(
      invalidValue(routing, analysisTimes, 'give exactly one of canaryStrategy and analysisTimes (above 0)'),
    );
  }
  if (canaryStrategy !== undefined)
    errors.push(...stepErrors(canaryStrategy, routing.child('canaryStrategy')));
  errors.push(...metricErrors(trafficAnalysis.metrics ?? [], analysis.child('metrics')));
  const { command, commands } = trafficAnalysis.webhooks ?? {};
  if (command !== undefined && commands !== undefined) {
    errors.push(
      invalidValue(analysis.child('webhooks'), commands, 'command and commands are the same: give one'),
    );
  }
  return errors;
}

function metricErrors(metrics: readonly RolloutMetric[], path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const templates = new Set<string>();
  for (const [i, { name, customMetric, thresholdRange }] of metrics.entries()) {
    const { min = -Infinity, max = Infinity } = thresholdRange ?? {};
    const field = path.index(i);
    if (min > max) errors.push(invalidValue(field.child('thresholdRange'), min, 'min must not exceed max'));
    if (customMetric === undefined) continue;
    if (templates.has(name)) errors.push(duplicateValue(field.child('name'), name));
    templates.add(name);
  }
  return errors;
}
