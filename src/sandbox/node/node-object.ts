// How a node shows itself: a Node, and a Lease that says that it lives. Source: pkg/kubelet/nodestatus, KEP-589.
import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { formatMicroTime, formatTime } from '../../base/time.ts';
import { isAlreadyExists, isNotFound } from '../../kube/api-error.ts';
import { type Lease, leaseKind } from '../../kube/leader-election.ts';
import type { Client, ResourceClient } from '../../kube/resource-client.ts';
import { type NodeCondition, nodeKind, type NodeObject } from './kinds.ts';

export interface NodeShape {
  readonly name: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly podCIDR: string | undefined;
  readonly capacity: Readonly<Record<string, string>>;
}

const leaseNamespace = 'kube-node-lease';
const leaseDurationSeconds = 40;
const renewEveryMs = 10_000;
const version = 'v1.36.2';

const conditions: readonly Required<Pick<NodeCondition, 'type' | 'status' | 'reason' | 'message'>>[] = [
  ...(
    [
      ['MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
      ['DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
      ['PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
    ] as const
  ).map(([type, reason, message]) => ({ type, status: 'False', reason, message })),
  { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' },
];

/** Creates the Node, or takes over the one that is there. */
export async function registerNode(client: Client, shape: NodeShape, clock: Clock): Promise<NodeObject> {
  const nodes = client.resource<NodeObject>(nodeKind);
  const { name, podCIDR, labels } = shape;
  const node: NodeObject = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'beta.kubernetes.io/arch': 'amd64',
        'beta.kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        ...labels,
      },
    },
    spec: podCIDR === undefined ? {} : { podCIDR, podCIDRs: [podCIDR] },
  };
  const created = await nodes.create(node).catch(async (error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
    return await nodes.get({ name });
  });
  const { name: Hostname, address: InternalIP, capacity } = shape;
  const status = {
    capacity,
    allocatable: capacity,
    addresses: Object.entries({ InternalIP, Hostname }).map(([type, value]) => ({ type, address: value })),
    nodeInfo: nodeInfo(name),
  };
  const patch = { status: { ...status, conditions: postedConditions(created, clock) } };
  return await nodes.patch({ name }, 'strategic', patch, { subresource: 'status' });
}

/** Says that the node is ready, should somebody else have said something else. */
export async function repostConditions(client: Client, node: NodeObject, clock: Clock): Promise<void> {
  const { name = '' } = node.metadata;
  const found = node.status?.conditions ?? [];
  const isTrue = conditions.every(({ type, status }) =>
    found.some((condition) => condition.type === type && condition.status === status),
  );
  if (isTrue) return;
  const patch = { status: { conditions: postedConditions(node, clock) } };
  await client.resource<NodeObject>(nodeKind).patch({ name }, 'strategic', patch, { subresource: 'status' });
}

function postedConditions({ status }: NodeObject, clock: Clock): NodeCondition[] {
  const now = formatTime(clock.now());
  return conditions.map((condition) => {
    const old = status?.conditions?.find(({ type }) => type === condition.type);
    const since = old?.status === condition.status ? old.lastTransitionTime : undefined;
    return { ...condition, lastHeartbeatTime: now, lastTransitionTime: since ?? now };
  });
}

function nodeInfo(name: string): object {
  return {
    architecture: 'amd64',
    bootID: '',
    containerRuntimeVersion: 'containerd://2.1.0',
    kernelVersion: '6.8.0',
    kubeProxyVersion: '',
    kubeletVersion: version,
    machineID: name,
    operatingSystem: 'linux',
    osImage: 'Viridian sandbox',
    systemUUID: '',
  };
}

/** Renews the node's Lease until `signal` aborts. */
export async function keepLease(
  client: Client,
  node: NodeObject,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const leases = client.resource<Lease>(leaseKind);
  const renew = async (): Promise<void> => {
    try {
      await renewLease(leases, node, clock, signal);
    } catch (error) {
      if (!signal.aborted)
        log.warn('the lease of the node could not be renewed', { error: errorMessage(error) });
    }
  };
  await renew();
  await clock.every(renewEveryMs, renew, signal);
}

async function renewLease(
  leases: ResourceClient<Lease>,
  { metadata }: NodeObject,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const { name = '', uid = '' } = metadata;
  const renewTime = formatMicroTime(clock.now());
  const key = { namespace: leaseNamespace, name };
  try {
    await leases.patch(key, 'merge', { spec: { renewTime } }, { signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const owner = { apiVersion: 'v1', kind: 'Node', name, uid };
    const lease: Lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { ...key, ownerReferences: [owner] },
      spec: { holderIdentity: name, leaseDurationSeconds, renewTime },
    };
    await leases.create(lease, { signal });
  }
}
