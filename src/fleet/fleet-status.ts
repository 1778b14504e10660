import type { AttachedCluster } from '../api/attached-cluster.ts';
import type { Fleet, FleetPhase, FleetStatus, PluginStatus } from '../api/fleet.ts';
import {
  type Condition,
  type ConditionStatus,
  getCondition,
  removeCondition,
  setCondition,
} from '../machinery/conditions.ts';
import { few } from './few.ts';
import { fleetOfCluster, isDeleting, memberNames, unsupportedMembers } from './fleet-members.ts';
import { pluginName } from './plugin/plugin-objects.ts';
import { type PluginReport, rolloutsLeft } from './plugin/plugin-reports.ts';

/** Lets go of what is on clusters that do not answer. On a Fleet. */
export const abandonAnnotation = 'fleet.kurator.dev/abandon-unreachable';

export interface FleetView {
  readonly fleet: Fleet;
  /** By the name of the cluster. */
  readonly clusterOf: (name: string) => AttachedCluster | undefined;
  readonly reportOf: (cluster: string) => PluginReport | undefined;
  /** Whether clusters that do not answer need not be cleaned up any more. */
  readonly abandons: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

export interface FleetVerdict {
  readonly status: FleetStatus;
  /** Clusters where nothing of the fleet is left. */
  readonly removed: readonly string[];
  /** Clusters where something may be left that nobody will remove. */
  readonly abandoned: readonly string[];
}

type Condense = { readonly status: ConditionStatus; readonly reason: string; readonly message: string };

/** The status of a fleet. An entry in `plugins` is there from before something is put on a cluster until it is gone. */
export function fleetStatus(view: FleetView): FleetVerdict {
  const { fleet } = view;
  const names = memberNames(fleet);
  const ready = names.filter((name) => view.clusterOf(name)?.status?.ready === true).length;
  const others = unsupportedMembers(fleet);
  const { plugins, removed, abandoned } = pluginEntries(view, names);
  const clusters = clustersCondition(view, names, others);
  const plugin = pluginsCondition(plugins);
  const phase = phaseOf(fleet, clusters, plugins);
  const status: FleetStatus = {
    ...fleet.status,
    phase,
    reason: phase === 'Failed' ? plugin?.message : undefined,
    readyClusters: ready || undefined,
    unReadyClusters: names.length + others.length - ready || undefined,
    observedGeneration: fleet.metadata.generation,
    plugins: plugins.length === 0 ? undefined : plugins,
    conditions: [
      ...conditionsOf(view, {
        Ready: readyCondition(phase, clusters, plugin),
        ClustersReady: clusters,
        FlaggerReady: plugin,
        PluginsSupported: ignoredCondition(fleet),
      }),
    ],
  };
  return { status, removed, abandoned };
}

/** Why an entry cannot be worked on now; undefined when its cluster answers. */
function obstacle(cluster: AttachedCluster | undefined, name: string): PluginReport | undefined {
  if (cluster === undefined) {
    const message = `there is no AttachedCluster ${name}: attach it, or take it out of spec.clusters`;
    return { status: 'Unknown', reason: 'ClusterMissing', message };
  }
  if (cluster.status?.ready === true) return undefined;
  const { reason = 'Connecting', message = 'not looked at yet' } =
    getCondition(cluster.status?.conditions, 'Ready') ?? {};
  return { status: 'Unknown', reason: 'ClusterNotReady', message: `${reason}: ${message}` };
}

function pluginEntries(
  view: FleetView,
  names: readonly string[],
): { plugins: PluginStatus[]; removed: string[]; abandoned: string[] } {
  const { fleet, clusterOf, reportOf } = view;
  const wanted = !isDeleting(fleet) && fleet.spec.plugin?.flagger !== undefined ? names : [];
  const before = (fleet.status?.plugins ?? []).filter(({ plugin }) => plugin === pluginName);
  const plugins: PluginStatus[] = [];
  const removed: string[] = [];
  const abandoned: string[] = [];
  const entry = (cluster: string, { status, reason, message }: PluginReport): void => {
    plugins.push({ plugin: pluginName, cluster, status, reason, message });
  };
  for (const name of wanted) {
    const last = before.find(({ cluster }) => cluster === name);
    entry(name, installation(fleet, name, clusterOf(name), freshest(reportOf(name), last)));
  }
  for (const { cluster: name } of before) {
    if (wanted.includes(name)) continue;
    const cluster = clusterOf(name);
    const report = reportOf(name);
    const hindrance = obstacle(cluster, name) ?? (hinders(report) ? report : undefined);
    if (report?.reason === 'Removed') removed.push(name);
    else if (cluster === undefined || (hindrance !== undefined && view.abandons)) abandoned.push(name);
    else entry(name, removal(fleet, hindrance));
  }
  return { plugins, removed, abandoned };
}

function hinders(report: PluginReport | undefined): boolean {
  return report?.reason === 'RemovalFailed' || report?.reason === rolloutsLeft;
}

/** A report about an earlier removal says nothing about the installation. */
function freshest(
  report: PluginReport | undefined,
  last: PluginStatus | undefined,
): PluginReport | undefined {
  return report === undefined || report.reason === 'Removed' ? last : report;
}

/** Reasons of entries that no longer hold when an installation is due. */
const passed = new Set([
  'ClusterMissing',
  'ClusterNotReady',
  'OtherFleet',
  'Removing',
  'RemovalFailed',
  rolloutsLeft,
]);

const pending: PluginReport = { status: 'Unknown', reason: 'Pending', message: 'to be installed' };

function installation(
  fleet: Fleet,
  name: string,
  cluster: AttachedCluster | undefined,
  known: PluginReport | undefined,
): PluginReport {
  const owner = cluster === undefined ? undefined : fleetOfCluster(cluster);
  if (owner !== undefined && owner !== fleet.metadata.name) {
    const message = `the cluster belongs to fleet ${owner}, which has claimed it first`;
    return { status: 'False', reason: 'OtherFleet', message };
  }
  const hindrance = obstacle(cluster, name);
  if (hindrance !== undefined) return hindrance;
  return known === undefined || passed.has(known.reason) ? pending : known;
}

function removal({ metadata }: Fleet, why: PluginReport | undefined): PluginReport {
  const { namespace, name } = metadata;
  const command = `kubectl -n ${namespace} annotate fleet.fleet.kurator.dev ${name} ${abandonAnnotation}=true`;
  const hindrance = why === undefined ? '' : `; ${why.message}. To give up what is there: ${command}`;
  return { status: 'False', reason: 'Removing', message: `to be removed${hindrance}` };
}

function clustersCondition(view: FleetView, names: readonly string[], others: readonly string[]): Condense {
  const troubles = names.flatMap((name) => {
    const hindrance = obstacle(view.clusterOf(name), name);
    return hindrance === undefined ? [] : [`${name}: ${hindrance.message}`];
  });
  const unsupported = others.map((other) => `${other}: only kind AttachedCluster is supported`);
  const all = [...troubles, ...unsupported];
  if (all.length === 0) {
    return { status: 'True', reason: 'AllReady', message: `${names.length} clusters answer` };
  }
  return { status: 'False', reason: 'NotReady', message: few(all) };
}

function pluginsCondition(plugins: readonly PluginStatus[]): Condense | undefined {
  if (plugins.length === 0) return undefined;
  const [first] = plugins.filter(({ status }) => status !== 'True');
  if (first === undefined) {
    return { status: 'True', reason: 'Running', message: `runs on ${plugins.length} clusters` };
  }
  const troubles = plugins
    .filter(({ status }) => status !== 'True')
    .map(({ cluster, reason, message }) => `${cluster}: ${reason}: ${message}`);
  const isFalse = plugins.some(({ status }) => status === 'False');
  return { status: isFalse ? 'False' : 'Unknown', reason: first.reason, message: few(troubles) };
}

function phaseOf(fleet: Fleet, clusters: Condense, plugins: readonly PluginStatus[]): FleetPhase {
  if (isDeleting(fleet)) return 'Terminating';
  if (plugins.some(({ reason }) => reason === 'InstallFailed')) return 'Failed';
  return clusters.status === 'True' && plugins.every(({ status }) => status === 'True') ? 'Ready' : 'Running';
}

function readyCondition(phase: FleetPhase, clusters: Condense, plugin: Condense | undefined): Condense {
  const bad = [clusters, plugin].filter((part) => part !== undefined && part.status !== 'True');
  const [first] = phase === 'Terminating' ? [plugin] : bad;
  if (phase === 'Ready') {
    return { status: 'True', reason: 'Ready', message: 'all clusters answer, all plugins run' };
  }
  const { status, reason, message } = first ?? { ...pending, message: 'on its way' };
  return phase === 'Terminating' ? { status: 'False', reason: phase, message } : { status, reason, message };
}

function ignoredCondition({ spec }: Fleet): Condense | undefined {
  const ignored = Object.entries(spec.plugin ?? {})
    .filter(([name, plugin]) => name !== pluginName && plugin !== undefined)
    .map(([name]) => name);
  if (ignored.length === 0) return undefined;
  const message = `ignored: ${ignored.join(', ')}. Only plugin ${pluginName} is supported`;
  return { status: 'False', reason: 'Ignored', message };
}

function conditionsOf(
  { fleet, now }: FleetView,
  wanted: Readonly<Record<string, Condense | undefined>>,
): readonly Condition[] {
  const { generation } = fleet.metadata;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  let conditions: readonly Condition[] = fleet.status?.conditions ?? [];
  for (const [type, condense] of Object.entries(wanted)) {
    conditions =
      condense === undefined
        ? removeCondition(conditions, type)
        : setCondition(conditions, { type, ...condense, ...observed }, now);
  }
  return conditions;
}
