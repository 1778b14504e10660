// What the API server's admission plugins add to new pods: ServiceAccount, Priority and DefaultTolerationSeconds; and the
// quality of service, which follows from the resources.
import type { JsonObject } from '../../../../machinery/json.ts';
import { own, setOwn } from '../../../../machinery/json.ts';
import { Quantity } from '../../../../machinery/quantity.ts';
import type { WriteContext } from '../../resource-definition.ts';
import {
  countAt,
  ensureObject,
  namespaceOf,
  numberAt,
  objectAt,
  objectsAt,
  optionalObject,
  setDefault,
  setDefaultOfZero,
  textAt,
} from '../fields.ts';
import { quantityAt } from '../rules.ts';

const tokenPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const systemPriorities: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
};

export function admitPod(pod: JsonObject, context: WriteContext): void {
  const spec = ensureObject(pod, 'spec');
  admitServiceAccount(pod, spec, context);
  admitPriority(spec, context);
  tolerateForAWhile(spec);
}

/**
 * A real API server refuses pods whose service account does not exist. This one lets them in without a token: a cluster
 * without controllers, which would create the account, is of use in tests.
 */
function admitServiceAccount(pod: JsonObject, spec: JsonObject, context: WriteContext): void {
  setDefaultOfZero(spec, 'serviceAccountName', 'default');
  const name = textAt(spec, 'serviceAccountName');
  setOwn(spec, 'serviceAccount', name);
  const account = context.read('serviceaccounts', namespaceOf(pod), name);
  if (account === undefined) return;
  const wantsToken =
    own(spec, 'automountServiceAccountToken') ?? own(account, 'automountServiceAccountToken') ?? true;
  if (wantsToken === true) mountToken(spec, `kube-api-access-${context.random.suffix(5)}`);
  const secrets = own(account, 'imagePullSecrets');
  if (Array.isArray(secrets)) setDefault(spec, 'imagePullSecrets', structuredClone(secrets));
}

/** Mounts a token of the service account wherever a container has nothing else in that place. */
function mountToken(spec: JsonObject, volume: string): void {
  let mounted = false;
  for (const container of [...objectsAt(spec, 'initContainers'), ...objectsAt(spec, 'containers')]) {
    const mounts = objectsAt(container, 'volumeMounts');
    if (mounts.some((mount) => textAt(mount, 'mountPath') === tokenPath)) continue;
    mounts.push({ name: volume, readOnly: true, mountPath: tokenPath });
    container['volumeMounts'] = mounts;
    mounted = true;
  }
  if (!mounted) return;
  spec['volumes'] = [...objectsAt(spec, 'volumes'), { name: volume, projected: tokenProjection() }];
}

function tokenProjection(): JsonObject {
  return {
    sources: [
      { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
        },
      },
    ],
    defaultMode: 0o644,
  };
}

function admitPriority(spec: JsonObject, context: WriteContext): void {
  const name = textAt(spec, 'priorityClassName');
  const found = name === '' ? undefined : context.read('priorityclasses.scheduling.k8s.io', undefined, name);
  const value = found === undefined ? own(systemPriorities, name) : countAt(found, 'value');
  setDefault(spec, 'priority', value ?? 0);
  const policy = found === undefined ? '' : textAt(found, 'preemptionPolicy');
  setDefault(spec, 'preemptionPolicy', policy === '' ? 'PreemptLowerPriority' : policy);
}

/** Pods stay for five minutes on a node that does not answer. */
function tolerateForAWhile(spec: JsonObject): void {
  const tolerations = objectsAt(spec, 'tolerations');
  for (const key of ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']) {
    const tolerated = tolerations.some(
      (toleration) =>
        ['', key].includes(textAt(toleration, 'key')) &&
        ['', 'NoExecute'].includes(textAt(toleration, 'effect')),
    );
    if (tolerated) continue;
    tolerations.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 });
  }
  spec['tolerations'] = tolerations;
}

const counted = ['cpu', 'memory'];

/** Source: pkg/apis/core/v1/helper/qos of Kubernetes 1.36. */
export function qosClass(pod: JsonObject): 'BestEffort' | 'Burstable' | 'Guaranteed' {
  const spec = objectAt(pod, 'spec');
  const ofPod = optionalObject(spec, 'resources');
  const all =
    ofPod === undefined
      ? [...objectsAt(spec, 'containers'), ...objectsAt(spec, 'initContainers')].map((container) =>
          objectAt(container, 'resources'),
        )
      : [ofPod];
  const requests = total(all, 'requests');
  const limits = total(all, 'limits');
  if (requests.size === 0 && limits.size === 0) return 'BestEffort';
  const isLimited = all.every((resources) =>
    counted.every((name) => isPositive(quantityAt(objectAt(resources, 'limits'), name))),
  );
  const isEqual = [...requests].every(([name, amount]) => limits.get(name)?.compare(amount) === 0);
  return isLimited && isEqual && requests.size === limits.size ? 'Guaranteed' : 'Burstable';
}

function isPositive(amount: Quantity | undefined): boolean {
  return amount !== undefined && amount.compare(Quantity.zero) > 0;
}

function total(all: readonly JsonObject[], field: 'limits' | 'requests'): Map<string, Quantity> {
  const sums = new Map<string, Quantity>();
  for (const resources of all) {
    for (const name of counted) {
      const amount = quantityAt(objectAt(resources, field), name);
      if (amount !== undefined && isPositive(amount))
        sums.set(name, (sums.get(name) ?? Quantity.zero).add(amount));
    }
  }
  return sums;
}

/** How long a deleted pod may take: what was asked, else what the pod says; nothing without a node. */
export function podGracePeriod(pod: JsonObject, asked: number | undefined): number {
  const spec = objectAt(pod, 'spec');
  const phase = textAt(objectAt(pod, 'status'), 'phase');
  if (textAt(spec, 'nodeName') === '' || phase === 'Failed' || phase === 'Succeeded') return 0;
  const period = asked ?? numberAt(spec, 'terminationGracePeriodSeconds') ?? 0;
  return period < 0 ? 1 : period;
}
