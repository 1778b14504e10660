import { VirtualClock } from '../../base/clock.ts';
import type { FetchResponse } from '../../base/fetch.ts';
import type { Log, LogFields } from '../../base/log.ts';
import { silentLog } from '../../base/log.ts';
import type { HttpHandler } from '../../base/network.ts';
import { seededRandom } from '../../base/random.ts';
import { validateDns1123Subdomain } from '../../machinery/names.ts';
import type { ApiServer } from './api-server.ts';
import { configMap } from './builtin/config-map.ts';
import { defineBuiltIn } from './builtin/define.ts';
import { namespace } from './builtin/namespace.ts';
import { GarbageCollector } from './garbage-collector.ts';
import { createHandler } from './handler.ts';
import { NamespaceController } from './namespace-controller.ts';
import { Registry } from './registry.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { Storage } from './storage.ts';

/** A plain kind that demands the version in a PUT, and may be created by one. */
const lease = defineBuiltIn({
  kind: { group: 'coordination.k8s.io', version: 'v1', resource: 'leases', kind: 'Lease', namespaced: true },
  schema: 'io.k8s.api.coordination.v1.Lease',
  unconditionalUpdate: false,
  createOnUpdate: true,
});

/** A kind with status, scale and generation. */
const deployment = defineBuiltIn({
  kind: { group: 'apps', version: 'v1', resource: 'deployments', kind: 'Deployment', namespaced: true },
  schema: 'io.k8s.api.apps.v1.Deployment',
  status: true,
  generation: 'specAndAnnotations',
  scale: {
    specReplicasPath: '.spec.replicas',
    statusReplicasPath: '.status.replicas',
    labelSelectorPath: '.spec.selector',
  },
});

/** A kind that stays for a grace period where it has a node. */
const pod = defineBuiltIn({
  kind: { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true },
  schema: 'io.k8s.api.core.v1.Pod',
  status: true,
  deleteAnswer: 'object',
  gracePeriodSeconds: (object, asked) => (JSON.stringify(object).includes('nodeName') ? (asked ?? 30) : 0),
});

/** What a CRD becomes, with two versions of which the second is stored. */
const widgets: readonly ResourceDefinition[] = ['v1', 'v2'].map((version) => ({
  kind: { group: 'example.com', version, resource: 'widgets', kind: 'Widget', namespaced: true },
  listKind: 'WidgetList',
  singular: 'widget',
  shortNames: [],
  categories: [],
  verbs: configMap.verbs,
  storageKey: 'widgets.example.com',
  storageVersion: 'v2',
  schema: {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: { size: { type: 'integer' }, list: { type: 'array', items: { type: 'string' } } },
      },
      status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  },
  custom: true,
  unconditionalUpdate: false,
  createOnUpdate: false,
  status: true,
  generation: 'spec',
  validateName: validateDns1123Subdomain,
  setDefaults: () => {},
  validate: () => [],
  deleteAnswer: 'status',
}));

/** The parts of answers that tests look at. */
export interface AnswerBody {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly creationTimestamp: string;
    readonly generation?: number;
    readonly finalizers?: readonly string[];
    readonly deletionGracePeriodSeconds?: number;
    readonly ownerReferences?: readonly unknown[];
    readonly managedFields?: readonly unknown[];
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
  readonly items: readonly AnswerBody[];
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: unknown;
  readonly status?: unknown;
  readonly message: string;
  readonly reason?: string;
}

export interface TestEvent {
  readonly type: string;
  readonly object: AnswerBody;
}

export interface TestAnswer {
  readonly status: number;
  readonly body: AnswerBody;
  readonly headers: FetchResponse['headers'];
}

/** An API server on virtual time, with the kinds above and a namespace `ns`. */
export class TestServer {
  readonly clock = new VirtualClock();
  readonly random = seededRandom('api server');
  readonly storage: Storage;
  readonly registry = new Registry([namespace, configMap, lease, deployment, pod, ...widgets]);
  /** Messages that were logged as errors: there should be none. */
  readonly errors: (LogFields | undefined)[] = [];
  readonly log: Log = { ...silentLog, error: (_message, fields) => this.errors.push(fields) };
  readonly #handler: HttpHandler;
  readonly #abort = new AbortController();

  constructor(options: Partial<ApiServer> & { readonly logCount?: number } = {}) {
    this.storage = new Storage({ now: () => this.clock.monotonic(), logCount: options.logCount });
    const { clock, random, storage, registry, log } = this;
    const server: ApiServer = { clock, random, storage, registry, log, ...options };
    void new GarbageCollector(server);
    void new NamespaceController(server);
    this.#handler = createHandler(server);
    this.addNamespace('ns');
  }

  addNamespace(name: string): void {
    this.storage.create('namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, uid: this.random.uuid() },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
  }

  /** @param body a value to hand over as it is, a text to send as bytes, or what resolves to that text */
  open(
    method: string,
    url: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
    signal: AbortSignal = this.#abort.signal,
  ): Promise<FetchResponse> {
    return this.#handler({
      method,
      url,
      headers: { 'user-agent': 'test/1.0', ...headers },
      remoteAddress: '127.0.0.1',
      signal,
      async *body() {
        const text = await body;
        if (typeof text === 'string' && text !== '') yield Buffer.from(text);
      },
      ...(typeof body === 'string' || body === undefined || body instanceof Promise ? {} : { json: body }),
    });
  }

  async send(
    method: string,
    url: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<TestAnswer> {
    const response = await this.open(method, url, body, headers);
    const isJson = response.headers.get('content-type') === 'application/json';
    const value = isJson ? await response.json() : await response.text();
    return { status: response.status, body: value as AnswerBody, headers: response.headers };
  }

  patch(type: string, url: string, body: unknown): Promise<TestAnswer> {
    return this.send('PATCH', url, body, { 'content-type': `application/${type}` });
  }

  apply(url: string, manager: string, body: unknown): Promise<TestAnswer> {
    const at = `${url}${url.includes('?') ? '&' : '?'}fieldManager=${manager}`;
    return this.patch('apply-patch+yaml', at, body);
  }
}

/** A ConfigMap for {@link TestServer}. */
export function configMapOf(name: string, data: Record<string, string> = {}, metadata: object = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data };
}

/** Events of a watch as they come. */
export class EventReader {
  readonly #events: AsyncIterator<unknown>;
  readonly #response: FetchResponse;

  constructor(response: FetchResponse) {
    this.#response = response;
    this.#events = response.jsonLines()[Symbol.asyncIterator]();
  }

  /** Undefined at the end. */
  async next(): Promise<TestEvent | undefined> {
    const result = await this.#events.next();
    return result.done === true ? undefined : (result.value as TestEvent);
  }

  /** As many as asked for, or as there are. */
  async take(count: number): Promise<TestEvent[]> {
    const events: TestEvent[] = [];
    while (events.length < count) {
      const event = await this.next();
      if (event === undefined) break;
      events.push(event);
    }
    return events;
  }

  close(): void {
    this.#response.cancel();
  }
}
