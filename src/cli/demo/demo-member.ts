import type { Canary } from '../../api/canary.ts';
import type { Phase } from '../../api/canary-status.ts';
import { canaryKind, deploymentKind, namespaceKind, serviceKind } from '../../fleet/kinds.ts';
import type { KubeEvent } from '../../kube/event-correlator.ts';
import { eventKind } from '../../kube/event-recorder.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import type { Store } from '../../kube/store.ts';
import { asJson, type Unstructured } from '../../machinery/object.ts';
import type { SandboxCluster } from '../../sandbox/sandbox-cluster.ts';
import { valueAt } from './demo-manifests.ts';
import type { Watches } from './demo-watch.ts';

const istio = { group: 'networking.istio.io', version: 'v1', namespaced: true };
export const virtualServiceKind: ResourceKind = {
  ...istio,
  resource: 'virtualservices',
  kind: 'VirtualService',
};
/** As the example has it. */
export const gatewayKind: ResourceKind = {
  ...istio,
  version: 'v1beta1',
  resource: 'gateways',
  kind: 'Gateway',
};

/** Of the traffic of users, in percent. */
export interface Split {
  readonly primary: number;
  readonly canary: number;
}

const backend = 'webapp/backend';

interface MemberStores {
  readonly canaries: Store<Canary>;
  readonly deployments: Store;
  readonly services: Store;
  readonly virtualServices: Store;
  readonly namespaces: Store;
  /** Of the namespace of the workload. */
  readonly events: Store<KubeEvent>;
}

/** What is seen of one member. */
export class DemoMember {
  readonly cluster: SandboxCluster;
  readonly stores: MemberStores;
  /** Phases of the Canary since {@link forget}, each as often as there was news of it. */
  #phases: Phase[] = [];
  #wasRouted = false;

  private constructor(cluster: SandboxCluster, stores: MemberStores) {
    this.cluster = cluster;
    this.stores = stores;
    stores.canaries.subscribe((event) => {
      const phase = event.type === 'deleted' ? undefined : event.object.status?.phase;
      if (phase !== undefined && phase !== '') this.#phases.push(phase);
    });
    stores.virtualServices.subscribe(() => {
      this.#wasRouted ||= this.isRouted;
    });
  }

  /** Watches a cluster that the kinds of the engine are served on. */
  static async open(cluster: SandboxCluster, watches: Watches, signal: AbortSignal): Promise<DemoMember> {
    const { client } = cluster;
    const [canaries, deployments, services, virtualServices, namespaces, events] = await Promise.all([
      watches.open<Canary>(client, canaryKind, signal),
      watches.open(client, deploymentKind, signal),
      watches.open(client, serviceKind, signal),
      watches.open(client, virtualServiceKind, signal),
      watches.open(client, namespaceKind, signal),
      watches.open<KubeEvent>(client, eventKind, signal, 'webapp'),
    ]);
    return new DemoMember(cluster, { canaries, deployments, services, virtualServices, namespaces, events });
  }

  /** Calls `hear` with what the engine warns of from now on. */
  onWarning(hear: (message: string) => void): void {
    this.stores.events.subscribe((event) => {
      if (event.type === 'deleted') return;
      const { involvedObject, type, message } = event.object;
      if (type === 'Warning' && involvedObject.kind === 'Canary') hear(message);
    });
  }

  get name(): string {
    return this.cluster.name;
  }

  get canary(): Canary | undefined {
    return this.stores.canaries.get(backend);
  }

  get phase(): Phase | undefined {
    return this.canary?.status?.phase;
  }

  /** Where users go; undefined where there is no route. */
  get split(): Split | undefined {
    return splitOf(this.stores.virtualServices.get(backend));
  }

  /** Whether users reach the version under test. */
  get isRouted(): boolean {
    return (this.split?.canary ?? 0) > 0;
  }

  /** Since {@link forget}. */
  get phases(): readonly Phase[] {
    return this.#phases;
  }

  /** Whether users have reached the version under test since {@link forget}. */
  get wasRouted(): boolean {
    return this.#wasRouted;
  }

  forget(): void {
    this.#phases = [];
    this.#wasRouted = this.isRouted;
  }

  /** Version of podinfo in a Deployment of the namespace; undefined where there is none. */
  version(deployment: string): string | undefined {
    return versionOf(this.stores.deployments.get(`webapp/${deployment}`));
  }

  /** Whether there are pods, and all of them are ready and of the newest template. */
  isRolledOut(deployment: string): boolean {
    const found = this.stores.deployments.get(`webapp/${deployment}`);
    const { observedGeneration, replicas = 0, updatedReplicas, readyReplicas } = statusOf(found);
    const isSeen = observedGeneration === found?.metadata.generation;
    return isSeen && replicas > 0 && updatedReplicas === replicas && readyReplicas === replicas;
  }

  /** As `kubectl set image` does it. */
  async setImage(version: string): Promise<void> {
    const containers = [{ name: 'backend', image: `ghcr.io/stefanprodan/podinfo:${version}` }];
    await this.cluster.client
      .resource(deploymentKind)
      .patch(
        { namespace: 'webapp', name: 'backend' },
        'strategic',
        { spec: { template: { spec: { containers } } } },
        { fieldManager: 'kubectl-set' },
      );
  }
}

/** The weights of a VirtualService between `backend-primary` and `backend-canary`. */
export function splitOf(virtualService: Unstructured | undefined): Split | undefined {
  if (virtualService === undefined) return undefined;
  const routes = valueAt(asJson(virtualService), 'spec', 'http', 0, 'route');
  if (!Array.isArray(routes)) return undefined;
  const split = { primary: 0, canary: 0 };
  for (const route of routes) {
    const host = valueAt(route, 'destination', 'host');
    const weight = valueAt(route, 'weight') ?? 100;
    if (typeof host !== 'string' || typeof weight !== 'number') continue;
    const [name] = host.split('.');
    if (name === 'backend-canary') split.canary += weight;
    else split.primary += weight;
  }
  return split;
}

interface DeploymentStatus {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly updatedReplicas?: number;
  readonly readyReplicas?: number;
}

function statusOf(deployment: Unstructured | undefined): DeploymentStatus {
  return deployment?.['status'] ?? {};
}

/** The tag of the first container's image. */
function versionOf(deployment: Unstructured | undefined): string | undefined {
  const image = valueAt(deployment, 'spec', 'template', 'spec', 'containers', 0, 'image');
  return typeof image === 'string' ? image.slice(image.lastIndexOf(':') + 1) : undefined;
}
