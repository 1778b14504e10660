import type { AttachedCluster, AttachedClusterStatus } from '../api/attached-cluster.ts';
import { isNotFound } from '../kube/api-error.ts';
import { Controller, type ControllerOptions, type Reconcile } from '../kube/controller.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import { formatKey, parseKey } from '../kube/object-key.ts';
import type { Client } from '../kube/resource-client.ts';
import { forObject, mapped } from '../kube/sources.ts';
import { type Condition, getCondition, setCondition } from '../machinery/conditions.ts';
import { isObject, own } from '../machinery/json.ts';
import { asJson } from '../machinery/object.ts';
import type { HostCaches } from './host-caches.ts';
import { secretKind } from './kinds.ts';
import type { MemberStatus } from './member.ts';
import type { MemberConnections } from './members.ts';

export interface AttachedClusterControllerOptions extends Pick<
  ControllerOptions,
  'clock' | 'random' | 'log' | 'metrics'
> {
  readonly client: Client;
  readonly caches: HostCaches;
  readonly members: MemberConnections;
  readonly events: EventRecorder;
}

/** Keeps a connection to every AttachedCluster, and its status true. */
export class AttachedClusterController {
  readonly #options: AttachedClusterControllerOptions;
  readonly #controller: Controller;

  constructor(options: AttachedClusterControllerOptions) {
    this.#options = options;
    const { attachedClusters, secrets } = options.caches;
    this.#controller = new Controller({
      ...options,
      name: 'attachedcluster',
      sources: [
        forObject(attachedClusters.store),
        mapped(secrets, ({ metadata: { namespace, name } }) => this.#usersOf(namespace, name)),
      ],
      reconcile: this.#reconcile,
      concurrency: 8,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const unsubscribe = this.#options.members.subscribe((key) => this.#controller.enqueue(key));
    try {
      await this.#controller.run(signal);
    } finally {
      unsubscribe();
    }
  }

  /** Clusters whose kubeconfig is in a Secret. There are few clusters, and Secrets change rarely. */
  #usersOf(namespace: string | undefined, secret: string | undefined): readonly string[] {
    return this.#options.caches.attachedClusters.store
      .list()
      .filter(({ metadata, spec }) => metadata.namespace === namespace && spec.kubeconfig.name === secret)
      .map(({ metadata }) => formatKey({ namespace, name: metadata.name ?? '' }));
  }

  readonly #reconcile: Reconcile = async (key, { signal }) => {
    const { caches, members, clock } = this.#options;
    const cluster = caches.attachedClusters.get(parseKey(key));
    if (cluster === undefined || cluster.metadata.deletionTimestamp !== undefined) {
      members.remove(key);
      return;
    }
    await this.#connect(key, cluster, signal);
    const member = members.status(key);
    if (member === undefined) return;
    const status = statusOf(cluster, member, clock.now());
    const { changed } = await caches.attachedClusters.patchStatus(cluster, status, { signal });
    if (changed) this.#report(cluster, member);
  };

  async #connect(key: string, cluster: AttachedCluster, signal: AbortSignal): Promise<void> {
    const { client, caches, members } = this.#options;
    const { kubeconfig } = cluster.spec;
    const { namespace } = cluster.metadata;
    const where = formatKey({ namespace, name: kubeconfig.name });
    const { uid = '', resourceVersion = '' } = caches.secrets.get(where)?.metadata ?? {};
    const source = [where, kubeconfig.key, uid, resourceVersion].join(' ');
    if (members.sourceOf(key) === source) return;
    const fail = (message: string): void => members.fail(key, source, 'KubeconfigMissing', message);
    if (kubeconfig.name === '') return fail('spec.kubeconfig.name: must be given');
    if (uid === '') return fail(`secret ${where} not found`);
    try {
      const secret = await client.resource(secretKind).get({ namespace, name: kubeconfig.name }, { signal });
      const data = own(asJson(secret), 'data');
      const encoded = isObject(data) ? own(data, kubeconfig.key) : undefined;
      if (typeof encoded !== 'string') return fail(`key "${kubeconfig.key}" not found in secret ${where}`);
      await members.use(key, source, Buffer.from(encoded, 'base64').toString('utf8'));
    } catch (error) {
      if (!isNotFound(error)) throw error;
      fail(`secret ${where} not found`);
    }
  }

  #report(cluster: AttachedCluster, { ready, reason, message }: MemberStatus): void {
    const before = getCondition(cluster.status?.conditions, 'Ready');
    if (ready === undefined || before?.reason === reason) return;
    const text = message + nextStep(cluster, reason);
    this.#options.events.record(cluster, ready ? 'Normal' : 'Warning', reason, text);
  }
}

/** What a person can do about a cluster that is not ready. */
function nextStep(
  { metadata: { namespace }, spec: { kubeconfig } }: AttachedCluster,
  reason: string,
): string {
  if (reason === 'Ready' || reason === 'Connecting') return '';
  const { name, key } = kubeconfig;
  if (name === '') return '. Next: kubectl explain attachedcluster.spec.kubeconfig';
  if (['KubeconfigMissing', 'KubeconfigInvalid', 'Unauthorized'].includes(reason)) {
    const create = `kubectl -n ${namespace} create secret generic ${name} --from-file=${key}=FILE`;
    return `. Next: ${create} --dry-run=client -o yaml | kubectl apply -f -, with a kubeconfig that works`;
  }
  if (reason === 'Forbidden') return `. Next: give the user of Secret ${name} its rights on the cluster`;
  return '. Next, from where the manager runs, with the same kubeconfig: kubectl get --raw /readyz';
}

/** What is not known yet changes nothing of what was known before this program started. */
function statusOf(
  cluster: AttachedCluster,
  { ready, reason, message }: MemberStatus,
  now: number,
): AttachedClusterStatus {
  const { metadata, status = {} } = cluster;
  const before: readonly Condition[] = status.conditions ?? [];
  if (ready === undefined && getCondition(before, 'Ready') !== undefined) return status;
  const observed = metadata.generation === undefined ? {} : { observedGeneration: metadata.generation };
  const conditions = setCondition(
    before,
    {
      type: 'Ready',
      status: ready === undefined ? 'Unknown' : ready ? 'True' : 'False',
      ...observed,
      reason,
      message: message + nextStep(cluster, reason),
    },
    now,
  );
  return { ...status, ...observed, ready: ready === true, conditions: [...conditions] };
}
