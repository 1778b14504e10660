import { patchStatusIfChanged } from '../../../kube/apply-if-changed.ts';
import type { Controller, Result } from '../../../kube/controller.ts';
import { formatKey, parseKey } from '../../../kube/object-key.ts';
import { forObject, forOwner, mapped } from '../../../kube/sources.ts';
import { fieldManager } from '../cached.ts';
import { claim, forOrphans } from '../claim.ts';
import type { ControllerContext } from '../context.ts';
import { type DaemonSet, daemonSetKind, type Node, type Pod } from '../kinds.ts';
import { PodControl, podOf, podPrefix } from '../pod-control.ts';
import { isTerminating, nextAvailability } from '../pods.ts';
import { revisionLabel, syncHistory, trimHistory } from '../revisions.ts';
import { daemonSetStatus, decide, nodeOf, type NodePods, specFor } from './decide.ts';

/** Keeps one pod of each DaemonSet on every node that it is for. */
export function createDaemonSetController(context: ControllerContext): Controller {
  const { daemonSets, pods, nodes, revisions } = context;
  const control = new PodControl(pods, context.recorder('daemonset-controller'));
  const allSets = mapped(nodes.store, (_node, event) =>
    event.type === 'modified' && !concernsPlacement(event.old, event.object)
      ? []
      : daemonSets.store
          .list()
          .map(({ metadata: { namespace, name = '' } }) => formatKey({ namespace, name })),
  );
  return context.controller(
    'daemonset',
    [
      forObject(daemonSets.store),
      forOwner(pods.store, daemonSetKind),
      forOwner(revisions.store, daemonSetKind),
      forOrphans(pods.store, daemonSets.store),
      allSets,
    ],
    (key, { signal }) => reconcile(context, control, key, signal),
  );
}

function concernsPlacement(old: Node, now: Node): boolean {
  const view = ({ metadata, spec }: Node): string => JSON.stringify([metadata.labels, spec]);
  return view(old) !== view(now);
}

async function reconcile(
  context: ControllerContext,
  control: PodControl,
  key: string,
  signal: AbortSignal,
): Promise<Result> {
  const { daemonSets, pods } = context;
  await Promise.all([daemonSets.caughtUp(signal), pods.caughtUp(signal)]);
  const { namespace, name } = parseKey(key);
  const set = daemonSets.get(namespace, name);
  if (set === undefined || isTerminating(set)) return undefined;
  const mine = await claim(pods, daemonSets, set, signal);
  const history = await syncHistory(context, set, signal);
  const rollout = { set, hash: history.hash, now: context.now() };
  const byNode = spread(context, mine);
  const { create, remove } = decide(rollout, byNode);
  for (const node of create) await control.create(set, podFor(set, node, history.hash), signal);
  for (const pod of remove) await control.delete(set, pod, signal);
  const inUse = new Set(mine.map(({ metadata }) => metadata.labels?.[revisionLabel] ?? ''));
  await trimHistory(context, set, history, inUse, signal);
  const status = daemonSetStatus(rollout, byNode);
  const written = await patchStatusIfChanged(daemonSets.client, set, status, { fieldManager, signal });
  if (written.changed) daemonSets.wrote(written.object);
  const waitMs = nextAvailability(mine, set.spec.minReadySeconds ?? 0, rollout.now);
  return waitMs === undefined ? undefined : { requeueAfterMs: waitMs };
}

function spread({ nodes }: ControllerContext, mine: readonly Pod[]): NodePods[] {
  return nodes.store
    .list()
    .filter((node) => !isTerminating(node))
    .map((node) => ({ node, pods: mine.filter((pod) => nodeOf(pod) === node.metadata.name) }));
}

function podFor(set: DaemonSet, node: string, hash: string): Pod {
  const { template } = set.spec;
  const generation = set.metadata.annotations?.['deprecated.daemonset.template.generation'];
  const labels = {
    ...template.metadata?.labels,
    ...(generation !== undefined && { 'pod-template-generation': generation }),
    [revisionLabel]: hash,
  };
  const spec = specFor(template.spec, node);
  return podOf(
    set,
    { ...template, metadata: { ...template.metadata, labels }, spec },
    { generateName: podPrefix(set) },
  );
}
