import type { Clock } from '../../base/clock.ts';
import type { Fetch, Upgrade } from '../../base/fetch.ts';
import type { Log } from '../../base/log.ts';
import type { Network } from '../../base/network.ts';
import type { Random } from '../../base/random.ts';
import type { EventType } from '../../kube/event-correlator.ts';
import type { ClusterObjects } from './environment.ts';
import type { ImageCatalogue } from './images.ts';
import type { Pod, TokenProjection } from './kinds.ts';
import type { Shell } from './shell.ts';

/** Where a pod is in the network. */
export interface PodNetwork {
  readonly address: string;
  readonly network: Network;
  /** The pod is gone: the address may be given to another one. */
  release(): void;
}

/** What the pods of one node share. */
export interface NodeContext {
  readonly name: string;
  readonly hostIP: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly images: ImageCatalogue;
  /** References of the images that have been pulled. */
  readonly pulled: Set<string>;
  readonly shell: Shell;
  /** Gives a pod its network. A pod that had an address (`status.podIP`) may get it again. */
  readonly network: (pod: Pod) => PodNetwork;
  /** What probes come from; undefined: from the pod itself. */
  readonly nodeNetwork: Network | undefined;
  /** How programs reach the API server and what else lies outside the cluster. */
  readonly outside: { readonly fetch: Fetch; readonly upgrade: Upgrade };
  readonly allocatable: Readonly<Record<string, string>>;
  readonly maxLogBytes: number;
  objects(namespace: string): ClusterObjects;
  token(pod: Pod, projection: TokenProjection): Promise<Uint8Array>;
  record(pod: Pod, type: EventType, reason: string, message: string, container?: string): void;
}
