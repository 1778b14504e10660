import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { Client, ResourceKind } from '../../kube/resource-client.ts';
import { forObject, mapped, type Source } from '../../kube/sources.ts';
import { Store } from '../../kube/store.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { ClusterObjects } from './environment.ts';
import {
  type ConfigMap,
  configMapKind,
  nodeKind,
  type NodeObject,
  type Pod,
  podKind,
  type Secret,
  secretKind,
  type Service,
  serviceKind,
  type VolumeSource,
} from './kinds.ts';

export interface CacheOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The node whose pods are kept. */
  readonly name: string;
}

/** What a node keeps of its cluster: its own pods and Node, and what pods may refer to. */
export class ClusterCache {
  readonly pods: Store<Pod>;
  readonly node: Store<NodeObject>;
  readonly #configMaps: Store<ConfigMap>;
  readonly #secrets: Store<Secret>;
  readonly #services: Store<Service>;

  constructor(options: CacheOptions) {
    const { client, name, ...rest } = options;
    const store = <T extends KubeObject>(
      kind: ResourceKind,
      fieldSelector?: string,
      indexes?: { readonly [index: string]: (object: T) => readonly string[] },
    ): Store<T> =>
      new Store<T>({ ...rest, client: client.resource<T>(kind), selection: { fieldSelector }, indexes });
    this.pods = store<Pod>(podKind, `spec.nodeName=${name}`, { references: referencesOf });
    this.node = store<NodeObject>(nodeKind, `metadata.name=${name}`);
    this.#configMaps = store(configMapKind);
    this.#secrets = store(secretKind);
    this.#services = store(serviceKind);
  }

  /** What makes work for a pod: itself, and what its volumes and variables are made of. */
  podSources(): Source[] {
    const users = (kind: string) => (object: KubeObject) =>
      this.pods
        .byIndex('references', referenceKey(kind, object.metadata.namespace, object.metadata.name))
        .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    return [
      forObject(this.pods),
      mapped(this.#configMaps, users('ConfigMap')),
      mapped(this.#secrets, users('Secret')),
      mapped(this.#services, () => []),
    ];
  }

  /** What the pods of a namespace see. */
  objects(namespace: string): ClusterObjects {
    return {
      configMap: (name) => this.#configMaps.get(`${namespace}/${name}`),
      secret: (name) => this.#secrets.get(`${namespace}/${name}`),
      services: () => this.#services.list(),
    };
  }
}

function referenceKey(kind: string, namespace = '', name = ''): string {
  return `${kind} ${namespace}/${name}`;
}

/** The ConfigMaps and Secrets that a pod refers to. */
function referencesOf({ metadata, spec }: Pod): string[] {
  const keys = new Set<string>();
  const add = (kind: string, name: string | undefined): void => {
    if (name !== undefined) keys.add(referenceKey(kind, metadata.namespace, name));
  };
  const addSource = ({ configMap, secret }: VolumeSource): void => {
    add('ConfigMap', configMap?.name);
    add('Secret', secret?.secretName ?? secret?.name);
  };
  for (const volume of spec.volumes ?? []) {
    addSource(volume);
    for (const source of volume.projected?.sources ?? []) addSource(source);
  }
  for (const { env = [], envFrom = [] } of [...(spec.initContainers ?? []), ...spec.containers]) {
    for (const { valueFrom } of env) {
      add('ConfigMap', valueFrom?.configMapKeyRef?.name);
      add('Secret', valueFrom?.secretKeyRef?.name);
    }
    for (const { configMapRef, secretRef } of envFrom) {
      add('ConfigMap', configMapRef?.name);
      add('Secret', secretRef?.name);
    }
  }
  return [...keys];
}
