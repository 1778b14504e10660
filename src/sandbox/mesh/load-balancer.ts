import type { Random } from '../../base/random.ts';
import type { Endpoint } from '../network/service-table.ts';
import type { OutlierPolicy } from './destination-rule.ts';
import type { Cluster } from './mesh-config.ts';
import type { TryResult } from './retry-policy.ts';

/** What one proxy knows of one endpoint. */
interface EndpointState {
  /** Requests under way. */
  active: number;
  consecutive5xx: number;
  consecutiveGatewayErrors: number;
  ejections: number;
  /** Monotonic milliseconds. */
  ejectedUntil: number;
}

interface ClusterState {
  turn: number;
  readonly endpoints: Map<string, EndpointState>;
}

/** An endpoint that was chosen for a try. */
export interface Chosen {
  readonly endpoint: Endpoint;
  /** To be called with how the try ended. */
  report(result: TryResult): void;
  /** To be called once, when nothing of the request is left. */
  release(): void;
}

/** Endpoints that are gone are forgotten when there are this many more than live ones. */
const forgottenSlack = 64;
/** How many choices a retry has to find an endpoint that has not been tried. */
const hostSelectionAttempts = 5;

/** Chooses endpoints as one proxy of the mesh does; each proxy only counts its own requests. */
export class LoadBalancer {
  readonly #random: Random;
  readonly #now: () => number;
  readonly #clusters = new Map<string, ClusterState>();

  /** @param now monotonic milliseconds */
  constructor(random: Random, now: () => number) {
    this.#random = random;
    this.#now = now;
  }

  /**
   * @param hash of what sticks to one endpoint; undefined: nothing does
   * @param tried endpoints to avoid where others are left
   * @returns undefined when no endpoint is healthy
   */
  choose(cluster: Cluster, hash: number | undefined, tried: ReadonlySet<string>): Chosen | undefined {
    const state = this.#state(cluster);
    const { outliers } = cluster.policy;
    const healthy =
      outliers === undefined
        ? cluster.endpoints
        : cluster.endpoints.filter(({ key }) => (state.endpoints.get(key)?.ejectedUntil ?? 0) <= this.#now());
    let endpoint = this.#pick(cluster, healthy, state, hash);
    for (let n = 1; endpoint !== undefined && tried.has(endpoint.key) && n < hostSelectionAttempts; n++) {
      endpoint = this.#pick(cluster, healthy, state, undefined);
    }
    return endpoint === undefined ? undefined : this.#chosen(endpoint, state, cluster);
  }

  #pick(
    { policy }: Cluster,
    endpoints: readonly Endpoint[],
    state: ClusterState,
    hash: number | undefined,
  ): Endpoint | undefined {
    if (endpoints.length < 2) return endpoints[0];
    if (hash !== undefined) return highest(endpoints, hash);
    const { kind } = policy.balancing;
    if (kind === 'round-robin') return endpoints[state.turn++ % endpoints.length];
    const one = endpoints[this.#random.int(endpoints.length)];
    if (kind !== 'least-request') return one;
    // The less busy one of two.
    const other = endpoints[this.#random.int(endpoints.length)];
    const busy = (endpoint: Endpoint | undefined): number =>
      state.endpoints.get(endpoint?.key ?? '')?.active ?? 0;
    return busy(other) < busy(one) ? other : one;
  }

  #state({ key, endpoints }: Cluster): ClusterState {
    let state = this.#clusters.get(key);
    if (state === undefined) this.#clusters.set(key, (state = { turn: 0, endpoints: new Map() }));
    if (state.endpoints.size > endpoints.length + forgottenSlack) {
      const live = new Set(endpoints.map((endpoint) => endpoint.key));
      for (const [endpoint, { active }] of state.endpoints) {
        if (active === 0 && !live.has(endpoint)) state.endpoints.delete(endpoint);
      }
    }
    return state;
  }

  #chosen(endpoint: Endpoint, { endpoints }: ClusterState, cluster: Cluster): Chosen {
    let known = endpoints.get(endpoint.key);
    if (known === undefined) {
      known = { active: 0, consecutive5xx: 0, consecutiveGatewayErrors: 0, ejections: 0, ejectedUntil: 0 };
      endpoints.set(endpoint.key, known);
    }
    const state = known;
    state.active += 1;
    const { outliers } = cluster.policy;
    return {
      endpoint,
      report: (result) => {
        if (outliers !== undefined) this.#judge(result, state, outliers, cluster, endpoints);
      },
      release: () => {
        state.active -= 1;
      },
    };
  }

  #judge(
    result: TryResult,
    state: EndpointState,
    policy: OutlierPolicy,
    { endpoints }: Cluster,
    states: ReadonlyMap<string, EndpointState>,
  ): void {
    const status = typeof result === 'string' ? 503 : result.status;
    state.consecutive5xx = status >= 500 ? state.consecutive5xx + 1 : 0;
    state.consecutiveGatewayErrors = [502, 503, 504].includes(status)
      ? state.consecutiveGatewayErrors + 1
      : 0;
    const failing =
      reached(state.consecutive5xx, policy.consecutive5xx) ||
      reached(state.consecutiveGatewayErrors, policy.consecutiveGatewayErrors);
    const now = this.#now();
    if (!failing || state.ejectedUntil > now) return;
    const ejected = endpoints.filter(({ key }) => (states.get(key)?.ejectedUntil ?? 0) > now).length;
    // One may always be ejected, however few there are.
    if (ejected > 0 && ((ejected + 1) / endpoints.length) * 100 > policy.maxEjectionPercent) return;
    state.ejections += 1;
    state.ejectedUntil = now + policy.baseEjectionMs * state.ejections;
    state.consecutive5xx = 0;
    state.consecutiveGatewayErrors = 0;
  }
}

function reached(count: number, threshold: number): boolean {
  return threshold > 0 && count >= threshold;
}

/**
 * The endpoint of the highest score for this hash: it stays the same while it is there, whichever others come and go.
 */
function highest(endpoints: readonly Endpoint[], hash: number): Endpoint | undefined {
  let best: Endpoint | undefined;
  let bestScore = -1;
  for (const endpoint of endpoints) {
    const score = hashText(endpoint.key, hash);
    if (score <= bestScore) continue;
    best = endpoint;
    bestScore = score;
  }
  return best;
}

/** FNV-1a with a final mix, so that alike texts do not land side by side. Not for secrets. */
export function hashText(text: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
