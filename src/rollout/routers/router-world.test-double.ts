import { onTestFinished } from 'vitest';
import { VirtualClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import type { Canary, CanarySpec } from '../../api/canary.ts';
import type { CanaryStatus } from '../../api/canary-status.ts';
import { createClient, type RestClient } from '../../kube/rest-client.ts';
import type { JsonObject } from '../../machinery/json.ts';
import type { Unstructured } from '../../machinery/object.ts';
import { inProcessServer, startCluster } from '../../sandbox/apiserver/cluster.ts';
import { installDefinitions } from '../../sandbox/installation.ts';
import { rolloutCluster } from '../cluster.ts';
import type { Cookies, Router } from '../effects.ts';
import type { Routes } from '../observation.ts';
import { routers } from './routers.ts';

/** The Canary `podinfo` in namespace `test`. */
export function canaryOf(
  service: Partial<CanarySpec['service']> = {},
  analysis: Partial<CanarySpec['analysis']> = {},
  status: CanaryStatus = {},
): Canary {
  return {
    apiVersion: 'flagger.app/v1beta1',
    kind: 'Canary',
    metadata: { name: 'podinfo', namespace: 'test', uid: '11111111-2222-4333-8444-555555555555' },
    spec: {
      targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'podinfo' },
      service: { port: 9898, ...service },
      analysis: { interval: '15s', threshold: 2, stepWeight: 10, ...analysis },
    },
    status,
  };
}

export function routes(canary: number, mirrored = false): Routes {
  return { primary: 100 - canary, canary, mirrored };
}

/** The routers of a cluster with Istio's kinds. */
export class RouterWorld {
  readonly clock: VirtualClock;
  readonly client: RestClient;
  readonly istio: Router;
  readonly kubernetes: Router;
  /** `PATCH virtualservices`, of the routers alone. */
  readonly writes: string[];
  /** Called before each write of the routers; may write itself, or throw. */
  readonly before: { write?: ((request: string) => Promise<void> | void) | undefined };
  readonly #signal: AbortSignal;

  constructor(
    parts: Pick<RouterWorld, 'clock' | 'client' | 'istio' | 'kubernetes' | 'writes' | 'before'> & {
      signal: AbortSignal;
    },
  ) {
    this.clock = parts.clock;
    this.client = parts.client;
    this.istio = parts.istio;
    this.kubernetes = parts.kubernetes;
    this.writes = parts.writes;
    this.before = parts.before;
    this.#signal = parts.signal;
  }

  reconcile(canary: Canary, wanted?: Routes, router = this.istio): Promise<Cookies | undefined> {
    return this.clock.run(router.reconcile(canary, wanted, this.#signal));
  }

  revert(canary: Canary, router = this.istio): Promise<void> {
    return this.clock.run(router.revert(canary, this.#signal));
  }

  get(resource = 'virtualservices', name = 'podinfo'): Promise<Unstructured & { spec: JsonObject }> {
    return this.clock.run(this.resource(resource).get({ namespace: 'test', name })) as never;
  }

  /** As a user, who is followed by the caches. */
  async create(spec: object, metadata: object = {}): Promise<void> {
    const object = {
      apiVersion: 'networking.istio.io/v1beta1',
      kind: 'VirtualService',
      metadata: { name: 'podinfo', namespace: 'test', ...metadata },
      spec,
    };
    await this.clock.run(this.resource('virtualservices').create(object));
    await this.clock.settle();
  }

  async merge(patch: object): Promise<void> {
    const key = { namespace: 'test', name: 'podinfo' };
    await this.clock.run(this.resource('virtualservices').patch(key, 'merge', patch));
    await this.clock.settle();
  }

  async delete(): Promise<void> {
    await this.clock.run(this.resource('virtualservices').delete({ namespace: 'test', name: 'podinfo' }));
    await this.clock.settle();
  }

  resource(resource: string) {
    const kind = resource === 'virtualservices' ? 'VirtualService' : 'DestinationRule';
    return this.client.resource({
      group: 'networking.istio.io',
      version: 'v1beta1',
      resource,
      kind,
      namespaced: true,
    });
  }
}

export async function startRouterWorld(seed = 1): Promise<RouterWorld> {
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const cluster = await clock.run(startCluster({ clock, random, log: silentLog }));
  const client = cluster.client();
  await clock.run(installDefinitions(client));
  const json = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'test' } };
  await clock.run(client.raw('POST', '/api/v1/namespaces', { json, contentType: 'application/json' }));

  const writes: string[] = [];
  const before: RouterWorld['before'] = {};
  const counted = createClient({
    fetch: async (url, init) => {
      const { method = 'GET' } = init ?? {};
      if (method !== 'GET') {
        const request = `${method} ${/\/test\/(\w+)/.exec(url)?.[1] ?? url}`;
        writes.push(request);
        await before.write?.(request);
      }
      return cluster.fetch(url, init);
    },
    server: inProcessServer,
    clock,
    userAgent: 'routers',
  });
  const watched = rolloutCluster({ client: counted, clock, random, log: silentLog, hasIstio: true });
  const stop = new AbortController();
  for (const kind of [watched.virtualServices, watched.destinationRules]) void kind?.store.run(stop.signal);
  await clock.advance(1000);
  onTestFinished(async () => {
    stop.abort();
    await clock.run(cluster.close());
  });
  const router = routers(watched, { random });
  const istio = router('istio');
  const kubernetes = router('kubernetes');
  if (istio === undefined || kubernetes === undefined) throw new Error('a router is missing');
  return new RouterWorld({ clock, client, istio, kubernetes, writes, before, signal: stop.signal });
}
