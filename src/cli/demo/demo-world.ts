import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Application } from '../../api/application.ts';
import type { Fleet } from '../../api/fleet.ts';
import { type Clock, realClock } from '../../base/clock.ts';
import type { Fetch } from '../../base/fetch.ts';
import { silentLog } from '../../base/log.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import { type SocketClient, socketClient } from '../../base/socket-client.ts';
import { applicationKind, fleetKind } from '../../fleet/kinds.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import { isConditionTrue } from '../../machinery/conditions.ts';
import type { Store } from '../../kube/store.ts';
import { asJson } from '../../machinery/object.ts';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { images } from '../images.ts';
import { environment } from '../run-on-machine.ts';
import { shell } from '../shell.ts';
import { type DemoManager, startManager } from './demo-manager.ts';
import { applicationKey, fleetKey } from './demo-manifests.ts';
import { DemoMember } from './demo-member.ts';
import { type DemoRepository, openRepository } from './demo-repository.ts';
import { Users } from './demo-traffic.ts';
import { Watches } from './demo-watch.ts';

const crdKind: ResourceKind = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  resource: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

export interface DemoWorldOptions {
  readonly version: string;
  readonly members: number;
  /** Seconds between two checks. */
  readonly interval: number;
  /** What the failing version is called. */
  readonly faulty: string;
  /** Hears of what engines warn of. */
  readonly note: (text: string) => void;
  readonly signal: AbortSignal;
}

/** All that the demo runs: clusters, a repository, the manager, and those who look on and use it. */
export class DemoWorld {
  readonly options: DemoWorldOptions;
  readonly clock: Clock;
  readonly sandbox: Sandbox;
  readonly repository: DemoRepository;
  readonly manager: DemoManager;
  readonly watches: Watches;
  readonly fetch: Fetch;
  readonly #cleanUp: AsyncDisposableStack;
  #members: readonly DemoMember[] = [];
  #users: readonly Users[] = [];
  #worstLagMs = 0;
  #host: { readonly applications: Store<Application>; readonly fleets: Store<Fleet> } | undefined;

  private constructor(options: DemoWorldOptions, parts: Parts, cleanUp: AsyncDisposableStack) {
    this.options = options;
    this.clock = parts.clock;
    this.sandbox = parts.sandbox;
    this.repository = parts.repository;
    this.manager = parts.manager;
    this.watches = parts.watches;
    this.fetch = parts.sockets.fetch;
    this.#cleanUp = cleanUp;
  }

  /** @throws Error for what cannot be started; nothing is left then */
  static async open(options: DemoWorldOptions): Promise<DemoWorld> {
    await using opening = new AsyncDisposableStack();
    const parts = await start(options, opening);
    return new DemoWorld(options, parts, opening.move());
  }

  get signal(): AbortSignal {
    return this.options.signal;
  }

  /** Empty until they are watched. */
  get members(): readonly DemoMember[] {
    return this.#members;
  }

  get users(): readonly Users[] {
    return this.#users;
  }

  get application(): Application | undefined {
    return this.#host?.applications.get(`${applicationKey.namespace}/${applicationKey.name}`);
  }

  get fleet(): Fleet | undefined {
    return this.#host?.fleets.get(`${fleetKey.namespace}/${fleetKey.name}`);
  }

  /** Resolves when nothing is missing. @param seconds beside what depends on the pace */
  until(missing: () => string | undefined, checks: number, seconds = 30): Promise<void> {
    return this.watches.until(missing, (checks * this.options.interval + seconds) * 1000, this.signal);
  }

  /** The same of each of some members, named in what is missing. */
  async untilEach(
    members: readonly DemoMember[],
    missing: (member: DemoMember) => string | undefined,
    checks: number,
  ): Promise<void> {
    const first = (): string | undefined => {
      for (const member of members) {
        const what = missing(member);
        if (what !== undefined) return `${member.name}: ${what}`;
      }
      return undefined;
    };
    await this.until(first, checks);
  }

  /** Watches the host, once its kinds are served. */
  async watchHost(): Promise<void> {
    const { client } = this.sandbox.host;
    const definitions = await this.watches.open(client, crdKind, this.signal);
    const isServed = ({ group, resource }: ResourceKind): boolean => {
      const definition = definitions.get(`${resource}.${group}`);
      const { status } = definition === undefined ? {} : (asJson(definition) as { status?: Established });
      return isConditionTrue(status?.conditions, 'Established');
    };
    const kinds = [applicationKind, fleetKind];
    await this.until(() => {
      const missing = kinds.find((kind) => !isServed(kind));
      return missing === undefined ? undefined : `the manager has not made the kind ${missing.kind}`;
    }, 0);
    const [applications, fleets] = await Promise.all([
      this.watches.open<Application>(client, applicationKind, this.signal),
      this.watches.open<Fleet>(client, fleetKind, this.signal),
    ]);
    this.#host = { applications, fleets };
  }

  /** Watches the members, once agents have brought their kinds. */
  async watchMembers(): Promise<void> {
    this.#members = await Promise.all(
      this.sandbox.members.map((cluster) => DemoMember.open(cluster, this.watches, this.signal)),
    );
    for (const member of this.#members) {
      member.onWarning((message) => this.options.note(`${member.name}: ${message}`));
    }
  }

  /** How late the event loop was at worst while there were users. */
  get worstLagMs(): number {
    return this.#worstLagMs;
  }

  /** From now on users come in through each gateway. */
  startUsers(): void {
    const { clock, sandbox, fetch, options } = this;
    this.#users = this.#members.map(
      (member) =>
        new Users({
          clock,
          fetch,
          gateway: sandbox.edges.get(member.cluster)?.gateway ?? '',
          host: 'backend.webapp',
          faulty: options.faulty,
          routedTo: () => (member.isRouted ? member.version('backend') : undefined),
          lag: () => {
            this.#worstLagMs = Math.max(this.#worstLagMs, sandbox.lag.lastMs);
            return sandbox.lag.worstMs;
          },
        }),
    );
    for (const users of this.#users) users.start();
  }

  async stopUsers(): Promise<void> {
    await Promise.all(this.#users.map((users) => users.stop()));
  }

  /** Ends everything; nothing is left on this machine. */
  async close(): Promise<void> {
    await this.stopUsers();
    await this.#cleanUp.disposeAsync();
  }
}

interface Established {
  readonly conditions?: Parameters<typeof isConditionTrue>[0];
}

interface Parts {
  readonly clock: Clock;
  readonly sandbox: Sandbox;
  readonly repository: DemoRepository;
  readonly manager: DemoManager;
  readonly watches: Watches;
  readonly sockets: SocketClient;
}

async function start(
  { version, members, interval, signal }: DemoWorldOptions,
  cleanUp: AsyncDisposableStack,
): Promise<Parts> {
  const clock = realClock();
  const random: Random = systemRandom();
  const { PATH: path = '' } = environment();
  const folder = await mkdtemp(join(tmpdir(), 'viridian-demo-'));
  cleanUp.defer(() => rm(folder, { recursive: true, force: true }));
  const repository = await openRepository(join(folder, 'repository'), path);
  cleanUp.defer(() => repository.close());
  signal.throwIfAborted();
  const sandbox = await startSandbox({
    clock,
    random,
    members,
    images: images(version),
    shell,
    listen: {},
  });
  cleanUp.defer(() => sandbox.close());
  signal.throwIfAborted();
  const sockets = socketClient();
  cleanUp.defer(() => sockets.close());
  const watches = new Watches({ clock, random, log: silentLog });
  cleanUp.defer(() => watches.close());
  const kubeconfig = join(folder, 'host.config');
  await writeFile(kubeconfig, sandbox.host.kubeconfig(), { mode: 0o600 });
  const manager = await startManager({ clock, random, version, path, kubeconfig, interval, folder });
  cleanUp.defer(() => manager.stop());
  return { clock, sandbox, repository, manager, watches, sockets };
}
