import type { ObjectRef } from './inventory.ts';

/*
 * What must be there before what. Source: the kind order and the stages of Flux's server-side apply
 * (github.com/fluxcd/pkg/ssa).
 */

const first = [
  'CustomResourceDefinition',
  'Namespace',
  'ClusterRole',
  'ClusterClass',
  'RuntimeClass',
  'PriorityClass',
  'StorageClass',
  'VolumeSnapshotClass',
  'IngressClass',
  'GatewayClass',
  'ClusterRoleBinding',
  'ResourceQuota',
  'ServiceAccount',
  'Role',
  'RoleBinding',
  'ConfigMap',
  'Secret',
  'Service',
  'LimitRange',
  'Deployment',
  'StatefulSet',
  'CronJob',
  'PodDisruptionBudget',
];
const last = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'];

const ranks = new Map([
  ...first.map((kind, i): [string, number] => [kind, i]),
  ...last.map((kind, i): [string, number] => [kind, first.length + 1 + i]),
]);

const definitions = new Set(['CustomResourceDefinition', 'Namespace', 'ClusterRole']);

/** The stages of an apply: each is complete, and what it defines is served, before the next one begins. */
export type Stage = 'definitions' | 'classes' | 'others';
export const stages: readonly Stage[] = ['definitions', 'classes', 'others'];

export function stageOf({ kind }: { readonly kind: string }): Stage {
  if (definitions.has(kind)) return 'definitions';
  return kind.endsWith('Class') ? 'classes' : 'others';
}

/** By stage, then by the rank of the kind, group, kind, namespace and name. Deleting goes the other way. */
export function compareForApply(a: ObjectRef, b: ObjectRef): number {
  return (
    stages.indexOf(stageOf(a)) - stages.indexOf(stageOf(b)) ||
    rankOf(a) - rankOf(b) ||
    compareText(a.group, b.group) ||
    compareText(a.kind, b.kind) ||
    compareText(a.namespace, b.namespace) ||
    compareText(a.name, b.name)
  );
}

function rankOf({ kind }: ObjectRef): number {
  return ranks.get(kind) ?? first.length;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
