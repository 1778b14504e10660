import type { Clock } from '../../base/clock.ts';
import type { Fetch, FetchResponse, Upgrade } from '../../base/fetch.ts';
import type { Log } from '../../base/log.ts';
import { MemoryNetwork } from '../../base/memory-network.ts';
import type { HttpRequest, Listener, Network, Server, UpgradeReply } from '../../base/network.ts';
import type { Random } from '../../base/random.ts';
import { listenSocket } from '../../base/socket-network.ts';
import { formatKubeconfig } from '../../kube/format-kubeconfig.ts';
import { createClient, type RestClient } from '../../kube/rest-client.ts';
import type { JsonObject } from '../../machinery/json.ts';
import type { CertificateAuthority } from './access/certificates.ts';
import { createCertificateAuthority } from './access/certificates.ts';
import { withoutEscalation } from './access/escalation.ts';
import { type Admission, withAdmission } from './admission.ts';
import { Gate } from './access/gate.ts';
import { reviewDefinitions } from './access/review-kinds.ts';
import { reviewRoute } from './access/reviews.ts';
import { RoleBasedAccess } from './access/role-based-access.ts';
import { ServiceAccountTokens } from './access/service-account-tokens.ts';
import { tokenRequestRoute } from './access/token-request.ts';
import type { ApiServer } from './api-server.ts';
import { bootstrapObjects, serviceAddress } from './bootstrap-objects.ts';
import { builtInKinds } from './builtin/all.ts';
import { customResourceDefinitions } from './crd/custom-resource-definition.ts';
import { CustomResources } from './crd/custom-resources.ts';
import { Discovery } from './discovery.ts';
import { GarbageCollector } from './garbage-collector.ts';
import type { HandlerOptions } from './handler.ts';
import { createHandler, pageNotFound, splitUrl, statusResponse } from './handler.ts';
import { NamespaceController } from './namespace-controller.ts';
import { NamespaceDefaults } from './namespace-defaults.ts';
import { OpenApi } from './openapi/openapi.ts';
import { podBindingRoute } from './pod-binding.ts';
import { PodConnections, opensStream } from './pod-connections.ts';
import type { PodRuntime } from './pod-runtime.ts';
import { Registry } from './registry.ts';
import { RequestError } from './request-error.ts';
import { parseRequestInfo } from './request-info.ts';
import { answerServerInfo } from './server-info.ts';
import { Storage } from './storage.ts';
import { transform } from './table.ts';

/** Who a caller inside this process is. */
export interface Identity {
  readonly name: string;
  /** `system:authenticated` is always among them. */
  readonly groups: readonly string[];
}

export interface ClusterOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Serve HTTPS at a port of this machine, for kubectl and other programs. Without it there is no socket at all. */
  readonly listen?:
    | {
        /** 0 (the default) picks a free one. */
        readonly port?: number | undefined;
      }
    | undefined;
  /** Who runs the pods: logs, exec and attach go there. */
  readonly pods?: PodRuntime | undefined;
  /** Changes what is about to be created, as a mutating webhook does. */
  readonly admission?: Admission | undefined;
}

/** A Kubernetes cluster in this process: an API server, and nothing that runs pods. */
export interface Cluster {
  /**
   * Calls the server as an administrator, with no socket in between. URLs start with {@link inProcessServer}.
   * A request with a bearer token comes from whom the token belongs to.
   */
  readonly fetch: Fetch;
  /** WebSockets, the same way. */
  readonly upgrade: Upgrade;
  /** `https://127.0.0.1:PORT` where the cluster listens. */
  readonly server: string | undefined;
  /** PEM. */
  readonly ca: string;
  /** A client in this process. @param identity default: an administrator */
  client(identity?: Identity): RestClient;
  /** As {@link fetch}, for somebody else. */
  connect(identity: Identity): { readonly fetch: Fetch; readonly upgrade: Upgrade };
  /**
   * A kubeconfig for an administrator, with a new client certificate.
   * @throws Error for a cluster that does not listen
   */
  kubeconfig(): string;
  /** Ends watches, connections and the work in the background. */
  close(): Promise<void>;
}

/** Where in-process clients find the server. */
export const inProcessServer = 'https://kubernetes.default.svc';

const administrator: Identity = { name: 'kubernetes-admin', groups: ['system:masters'] };
const serverNames = [
  '127.0.0.1',
  '::1',
  serviceAddress,
  'localhost',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
];

/**
 * Starts an empty cluster.
 *
 * ```ts
 * const cluster = await startCluster({ clock: realClock(), random: systemRandom(), log: silentLog });
 * const namespaces = cluster.client().resource({ ... });
 * await cluster.close();
 * ```
 *
 * @throws FetchError `Unreachable` when the port cannot be had
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { clock, random } = options;
  const authority = createCertificateAuthority(clock, random, 'viridian-ca');
  const core = createCore(options, authority);
  const { server } = core;
  const listener = await core
    .bootstrap()
    .then(() => listen(options, authority, server))
    .catch((error: unknown) => {
      core.close();
      throw error;
    });
  const url = listener === undefined ? undefined : `https://${listener.address}:${listener.port}`;
  const connect = (identity: Identity): Network => connectInProcess(server, identity);
  const admin = connect(administrator);
  return {
    fetch: admin.fetch,
    upgrade: admin.upgrade,
    server: url,
    ca: authority.certificate,
    connect,
    client: (identity = administrator) =>
      createClient({
        ...(identity === administrator ? admin : connect(identity)),
        server: inProcessServer,
        clock,
        userAgent: 'viridian/in-process',
      }),
    kubeconfig: () => kubeconfig(authority, url),
    close: async () => {
      core.close();
      await listener?.close(AbortSignal.abort());
    },
  };
}

async function listen(
  { listen: wanted }: ClusterOptions,
  authority: CertificateAuthority,
  server: Server,
): Promise<Listener | undefined> {
  if (wanted === undefined) return undefined;
  const own = authority.issueServer({ commonName: 'kube-apiserver' }, serverNames);
  return await listenSocket(wanted.port ?? 0, server, { tls: { ...own, clientCa: authority.certificate } });
}

interface Core {
  readonly server: Server;
  bootstrap(): Promise<void>;
  close(): void;
}

/** The API server with all its parts, reached through no network yet. */
function createCore(
  { clock, random, log, pods, admission }: ClusterOptions,
  authority: CertificateAuthority,
): Core {
  const storage = new Storage({ now: () => clock.monotonic() });
  const roles = new RoleBasedAccess(storage);
  const definitions = [...builtInKinds, customResourceDefinitions, ...reviewDefinitions()];
  const registry = new Registry(
    definitions.map((definition) => withAdmission(withoutEscalation(definition, roles), admission)),
  );
  // Only some programs send protobuf: its decoder is loaded with the first such body.
  const decodeProtobuf = async (bytes: Uint8Array): Promise<JsonObject> => {
    const protobuf = await clock.external(import('./protobuf/decode.ts'));
    return protobuf.decodeProtobuf(bytes);
  };
  const api: ApiServer = { registry, storage, clock, random, log, transform, decodeProtobuf };
  const tokens = new ServiceAccountTokens(clock, random.stream('tokens'), storage);
  const gate = new Gate(tokens, roles);
  const connections = new PodConnections(storage, pods);
  const discovery = new Discovery(registry);
  const openApi = new OpenApi(registry);
  const handlerOptions: HandlerOptions = {
    ...api,
    authenticate: gate.authenticate,
    authorize: gate.authorize,
    extraRoutes: [
      ({ http, info }) => (info === undefined ? answerServerInfo(http, registry) : undefined),
      ({ http, info }) => (info === undefined ? discovery.answer(http) : undefined),
      ({ http, info }) => (info === undefined ? openApi.answer(http) : undefined),
      reviewRoute({ server: api, roles, tokens }),
      tokenRequestRoute(api, tokens),
      podBindingRoute(api),
      connections.route,
    ],
  };
  const http = createHandler(handlerOptions);
  const post = (path: string, object: JsonObject): Promise<void> => postObject(http, path, object);
  const background = [
    new GarbageCollector(api),
    new NamespaceController(api),
    new CustomResources(api),
    new NamespaceDefaults(api, post, authority.certificate),
  ];
  return {
    server: { http, upgrade: upgradeHandler(gate, connections) },
    bootstrap: async () => {
      for (const { path, object } of bootstrapObjects()) await post(path, object);
    },
    close: () => {
      for (const part of background) part.close();
      storage.close();
    },
  };
}

/** Creates an object as the server itself. */
async function postObject(
  handle: (request: HttpRequest) => Promise<FetchResponse>,
  url: string,
  json: JsonObject,
): Promise<void> {
  const response = await handle({
    method: 'POST',
    url,
    headers: { host: 'localhost', 'user-agent': 'kube-apiserver', 'content-type': 'application/json' },
    remoteAddress: '127.0.0.1',
    peer: { commonName: 'system:apiserver', organizations: ['system:masters'] },
    signal: new AbortController().signal,
    async *body() {},
    json,
  });
  if (response.status !== 201)
    throw new Error(`POST ${url} was answered ${response.status}: ${await response.text()}`);
}

function upgradeHandler(gate: Gate, connections: PodConnections): Server['upgrade'] {
  return async (http, protocols): Promise<UpgradeReply> => {
    try {
      const [path, search] = splitUrl(http.url);
      const query = new URLSearchParams(search);
      const info = parseRequestInfo(http.method, path, query);
      const access = { user: gate.authenticate(http), http, path, query, info };
      gate.authorize(access);
      if (info !== undefined && opensStream(info)) {
        gate.authorize({ ...access, info: { ...info, verb: 'create' } });
      }
      return connections.upgrade(access, protocols) ?? pageNotFound();
    } catch (error) {
      if (error instanceof RequestError) return statusResponse(error);
      throw error;
    }
  };
}

/** A network on which there is nothing but the server, and everybody is `identity`. */
function connectInProcess(server: Server, identity: Identity): Network {
  const network = new MemoryNetwork(() => [serviceAddress]);
  const peer = { commonName: identity.name, organizations: identity.groups };
  const asIdentity = (request: HttpRequest): HttpRequest =>
    request.headers['authorization'] === undefined ? { ...request, peer } : request;
  const { http, upgrade } = server;
  void network.host(serviceAddress).listen(443, {
    http: http === undefined ? undefined : (request) => http(asIdentity(request)),
    upgrade:
      upgrade === undefined ? undefined : (request, protocols) => upgrade(asIdentity(request), protocols),
  });
  return network.host('127.0.0.1');
}

function kubeconfig(authority: CertificateAuthority, server: string | undefined): string {
  if (server === undefined) throw new Error('the cluster does not listen: start it with `listen`');
  const client = authority.issueClient({ commonName: 'admin', organizations: ['system:masters'] });
  return formatKubeconfig([{ name: 'viridian', server, ca: authority.certificate, ...client }]);
}
