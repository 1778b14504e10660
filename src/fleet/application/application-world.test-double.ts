import { readdirSync, readFileSync, statSync } from 'node:fs';
import { parse } from 'yaml';
import type { Application } from '../../api/application.ts';
import { type Canary, canaryFinalizer } from '../../api/canary.ts';
import type { CanaryStatus } from '../../api/canary-status.ts';
import { silentLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import type { GitTransport } from '../../gitops/source/git-transport.ts';
import { MemoryGit } from '../../gitops/source/memory-git.test-double.ts';
import { SourcePool } from '../../gitops/source/source-pool.ts';
import { applicationLabel } from '../../gitops/sync/ownership.ts';
import { SyncCluster } from '../../gitops/sync/sync-cluster.ts';
import { isNotFound } from '../../kube/api-error.ts';
import type { KubeEvent } from '../../kube/event-correlator.ts';
import { eventKind } from '../../kube/event-recorder.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import type { RestClient } from '../../kube/rest-client.ts';
import { Store } from '../../kube/store.ts';
import { getCondition } from '../../machinery/conditions.ts';
import type { Unstructured } from '../../machinery/object.ts';
import type { FleetControllers, Runnable } from '../fleet-controllers.ts';
import { FleetWorld, names } from '../fleet-world.test-double.ts';
import { applicationKind, canaryKind, deploymentKind, namespaceKind, serviceKind } from '../kinds.ts';
import { applicationControllers } from './application-controllers.ts';
import { rolloutAnnotation } from './render-rollout.ts';
import { MemberRollouts } from './member-rollout.ts';

export const repository = 'https://github.com/stefanprodan/podinfo';
const branch = 'refs/heads/master';
const examples = new URL('../../../examples/', import.meta.url);

const autoscalerKind: ResourceKind = {
  namespaced: true,
  group: 'autoscaling',
  version: 'v2',
  resource: 'horizontalpodautoscalers',
  kind: 'HorizontalPodAutoscaler',
};
const roleKind: ResourceKind = {
  namespaced: true,
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  resource: 'roles',
  kind: 'Role',
};

/** Of its Deployment, without the name of the member. */
const agentPath = '/apis/apps/v1/namespaces/istio-system/deployments/istio-system-flagger-';

type Files = Record<string, string>;

/** The files of a folder of our examples, below `at`. */
function filesOf(folder: string, at: string): Files {
  const files: Files = {};
  for (const name of readdirSync(new URL(`${folder}/`, examples))) {
    const path = `${folder}/${name}`;
    if (statSync(new URL(path, examples)).isDirectory()) Object.assign(files, filesOf(path, `${at}/${name}`));
    else files[`${at}/${name}`] = readFileSync(new URL(path, examples), 'utf8');
  }
  return files;
}

/** What the walkthrough's repository has. */
export const walkthrough: Files = {
  ...filesOf('webapp', 'deploy/webapp'),
  ...filesOf('kustomize', 'kustomize'),
};

/** A host, two members, a git server and the manager, on virtual time. */
export class ApplicationWorld extends FleetWorld {
  readonly git = new MemoryGit();
  /** What the manager reaches repositories by. */
  transport: GitTransport = this.git;
  abandonAfterMs: number | undefined;
  readonly #agents = new AbortController();
  sources: SourcePool | undefined;

  protected override others(fleet: FleetControllers, client: RestClient): readonly Runnable[] {
    const { clock, log, transport } = this;
    const seams = { clock, random: seededRandom('applications'), log };
    const sources = new SourcePool({ ...seams, transport });
    this.sources = sources;
    const controllers = applicationControllers({
      ...seams,
      ...fleet,
      client,
      sources,
      image: 'ghcr.io/viridian-rollout/viridian:test',
      abandonAfterMs: this.abandonAfterMs,
      makeSync: (options) => new SyncCluster(options),
      makeRollouts: (options) => new MemberRollouts(options),
    });
    const run = async (signal: AbortSignal): Promise<void> => {
      await controllers.run(signal);
      await sources[Symbol.asyncDispose]();
    };
    return [{ run }];
  }

  /** The walkthrough up to where the Application is applied. */
  async begin(): Promise<void> {
    this.push(walkthrough);
    await this.prepare();
    for (const name of names) this.#runAgent(name);
  }

  override async close(): Promise<void> {
    this.#agents.abort();
    await super.close();
  }

  push(files: Files): string {
    return this.git.push(repository, branch, files);
  }

  // What a person does.

  /** Applies one of our examples. @param change edits it first */
  async applyExample(file = 'blue_green.yaml', change: (app: Draft) => void = () => {}): Promise<void> {
    const text = readFileSync(new URL(`rollout/${file}`, examples), 'utf8');
    const draft = parse(text) as Draft;
    change(draft);
    await this.run(
      this.host
        .resource(applicationKind)
        .apply(draft as unknown as Unstructured, { fieldManager: 'person', force: true }),
    );
  }

  deleteApplication(name = 'blue-green-demo'): Promise<unknown> {
    return this.run(this.host.resource(applicationKind).delete({ namespace: 'default', name }));
  }

  edit(patch: object, name = 'blue-green-demo'): Promise<unknown> {
    return this.patch(applicationKind, name, patch);
  }

  /** What the agent of a member writes. */
  async canaryIs(member: string, status: CanaryStatus): Promise<void> {
    const canaries = this.member(member).resource(canaryKind);
    const key = { namespace: 'webapp', name: 'backend' };
    await this.run(canaries.patch(key, 'merge', { status }, { subresource: 'status' }));
  }

  // What a person sees.

  application(name = 'blue-green-demo'): Promise<Application> {
    return this.run(this.host.resource<Application>(applicationKind).get({ namespace: 'default', name }));
  }

  /** Status and reason of the Ready condition, its message, and the phase. */
  async verdict(name?: string) {
    const { status } = await this.application(name);
    const ready = getCondition(status?.conditions, 'Ready');
    return {
      phase: status?.phase,
      count: status?.ready,
      ready: `${ready?.status} ${ready?.reason}`,
      message: ready?.message ?? '',
    };
  }

  /** Ready of each placement: `NAME STATUS REASON`. */
  async placements(name?: string): Promise<readonly string[]> {
    const { status } = await this.application(name);
    return (status?.syncStatus ?? []).map((entry) => {
      const ready = getCondition((entry.kustomizationStatus ?? entry.HelmReleaseStatus)?.conditions, 'Ready');
      return `${entry.name} ${ready?.status} ${ready?.reason}`;
    });
  }

  /** Names of the Canaries on a member whenever its agent is removed, from now on. */
  canariesAtAgentsEnd(member: string): readonly (readonly string[])[] {
    const canaries: (readonly string[])[] = [];
    this.onRequest = async (request) => {
      if (request !== `DELETE ${member} ${agentPath}${member}`) return;
      const { items } = await this.member(member).resource(canaryKind).listAll();
      canaries.push(items.map(({ metadata }) => metadata.name ?? ''));
    };
    return canaries;
  }

  async exists(member: string, kind: ResourceKind, name: string, namespace = 'webapp'): Promise<boolean> {
    return (await this.find(member, kind, name, namespace)) !== undefined;
  }

  async find(
    member: string,
    kind: ResourceKind,
    name: string,
    namespace = 'webapp',
  ): Promise<Unstructured | undefined> {
    try {
      const key = kind.namespaced ? { namespace, name } : { name };
      return await this.run(this.member(member).resource(kind).get(key));
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** What an Application, or a rollout of its, has put on a member and is still there: `KIND NAME`. */
  async traces(member: string): Promise<readonly string[]> {
    const kinds = [namespaceKind, serviceKind, deploymentKind, canaryKind, autoscalerKind, roleKind];
    const lists = await Promise.all(
      kinds.map((kind) => this.run(this.member(member).resource(kind).listAll())),
    );
    return lists.flatMap(({ items }) =>
      items
        .filter(
          ({ metadata: { labels = {}, annotations = {} } }) =>
            labels[applicationLabel] !== undefined || annotations[rolloutAnnotation] !== undefined,
        )
        .map(({ kind, metadata }) => `${kind} ${metadata.name}`),
    );
  }

  async imageOf(member: string, name: string, namespace = 'webapp'): Promise<string | undefined> {
    const deployment = await this.find(member, deploymentKind, name, namespace);
    const { spec } = (deployment ?? {}) as {
      spec?: { template: { spec: { containers: { image: string }[] } } };
    };
    return spec?.template.spec.containers[0]?.image;
  }

  async eventsOf(name = 'blue-green-demo'): Promise<readonly string[]> {
    const { items } = await this.run(this.host.resource<KubeEvent>(eventKind).listAll());
    return items
      .filter(({ involvedObject }) => involvedObject.kind === 'Application' && involvedObject.name === name)
      .map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
  }

  /** Does an agent's part, without the work: the finalizer, a first status, and the release. */
  #runAgent(member: string): void {
    const client = this.member(member).resource<Canary>(canaryKind);
    const seams = { clock: this.clock, random: seededRandom('agent'), log: silentLog };
    const store = new Store<Canary>({ ...seams, client });
    const act = async ({ metadata, spec, status }: Canary): Promise<void> => {
      const key = { namespace: metadata.namespace, name: metadata.name ?? '' };
      const isHeld = metadata.finalizers?.includes(canaryFinalizer) === true;
      const wantsHold = metadata.deletionTimestamp === undefined && spec.revertOnDeletion === true;
      if (isHeld !== wantsHold) {
        await client.patch(key, 'merge', { metadata: { finalizers: wantsHold ? [canaryFinalizer] : [] } });
      } else if (status?.phase === undefined && !isHeld) {
        await client.patch(key, 'merge', { status: initialized }, { subresource: 'status' });
      }
    };
    store.subscribe((event) => {
      if (event.type !== 'deleted') void this.clock.sleep(500).then(() => act(event.object).catch(() => {}));
    });
    void store.run(this.#agents.signal);
  }
}

/** The first status of a Canary that can serve. */
export const initialized = {
  phase: 'Initialized',
  failedChecks: 0,
  canaryWeight: 0,
  iterations: 0,
  lastAppliedSpec: '7b779dcc48',
  lastPromotedSpec: '7b779dcc48',
  lastTransitionTime: '2026-01-01T00:01:00Z',
  trackedConfigs: {},
  conditions: [
    {
      type: 'Promoted',
      status: 'True',
      reason: 'Initialized',
      message: 'Deployment initialization completed.',
      lastUpdateTime: '2026-01-01T00:01:00Z',
      lastTransitionTime: '2026-01-01T00:01:00Z',
    },
  ],
} satisfies CanaryStatus;

/** An Application that somebody writes. */
export interface Draft {
  metadata: { name: string; namespace: string; annotations?: Record<string, string> };
  spec: {
    source: { gitRepository?: Record<string, unknown>; helmRepository?: Record<string, unknown> };
    syncPolicies: {
      name?: string;
      destination?: { fleet: string; clusterSelector?: { matchLabels: Record<string, string> } };
      kustomization?: Record<string, unknown>;
      helm?: Record<string, unknown>;
      rollout?: Record<string, unknown>;
    }[];
  };
}
