import type { Clock } from '../../../src/base/clock.ts';
import {
  applicationKind,
  attachedClusterKind,
  canaryKind,
  deploymentKind,
  fleetKind,
  secretKind,
  serviceKind,
} from '../../../src/fleet/kinds.ts';
import { isConflict, isNotFound } from '../../../src/kube/api-error.ts';
import type { ResourceKind } from '../../../src/kube/resource-client.ts';
import type { Unstructured } from '../../../src/machinery/object.ts';
import { apex, namespace } from '../kinds.ts';
import type { Quality } from '../workload-view.ts';
import {
  application,
  applicationName,
  attachedClusters,
  branch,
  type Desired,
  filesOf,
  fleet,
  hostNamespace,
  kubeconfigSecret,
  repository,
  shop,
  type Wishes,
} from './manifests.ts';
import { type Action, type Drift, type FleetScenario, type MemberName, memberNames } from './scenario.ts';
import type { FleetWorld } from './world.ts';

const fieldManager = 'person';
const target = { namespace, name: apex };
const applicationKey = { namespace: hostNamespace, name: applicationName };

/** Somebody with kubectl and a clone of the repository. */
export class Person {
  readonly #world: FleetWorld;
  readonly #scenario: FleetScenario;
  readonly #clock: Clock;
  #desired: Desired;
  #wishes: Wishes;
  #members: readonly string[] = memberNames;
  #versions = 0;
  #asked = 0;
  /** While above 0 there is to be no Application. */
  #recreating = 0;
  readonly #going: Promise<void>[] = [];

  constructor(world: FleetWorld, scenario: FleetScenario, clock: Clock) {
    this.#world = world;
    this.#scenario = scenario;
    this.#clock = clock;
    this.#desired = { version: 'good-0', replicas: scenario.hasReplicas ? 2 : undefined };
    this.#wishes = { strategy: scenario.strategy, checkFailedTimes: 2, hasRollout: true, hasShop: true };
  }

  /** What git has. */
  get version(): string {
    return this.#desired.version;
  }

  async attach(): Promise<void> {
    for (const name of memberNames) await this.#apply(secretKind, kubeconfigSecret(name, true));
    for (const cluster of attachedClusters()) await this.#apply(attachedClusterKind, cluster);
    await this.#applyFleet(true);
  }

  async begin(): Promise<void> {
    this.#commit();
    await this.#applyApplication();
  }

  async do(action: Action): Promise<void> {
    switch (action.kind) {
      case 'push':
        return this.push(action.quality);
      case 'replicas':
        if (this.#scenario.hasReplicas) this.#desired = { ...this.#desired, replicas: action.replicas };
        return this.push('good');
      case 'set image':
        return this.#setImage(action.member, action.quality);
      case 'drift':
        return ifPossible(this.#drift(action.member, action.what));
      case 'thresholds':
        return this.#wish({ checkFailedTimes: action.checkFailedTimes });
      case 'strategy':
        return this.#wish({ strategy: action.strategy });
      case 'without rollout':
        this.#takesAway();
        await this.#wish({ hasRollout: false });
        return this.#later(action.ms, () => this.#wish({ hasRollout: true }));
      case 'without shop':
        this.#takesAway();
        await this.#wish({ hasShop: false });
        return this.#later(action.ms, () => this.#wish({ hasShop: true }));
      case 'recreate application':
        this.#going.push(this.#recreate(action.ms));
        return;
      case 'cut off':
        this.#world.member(action.member).door.shut('no route to host');
        return this.#later(action.ms, async () => this.#world.member(action.member).door.open());
      case 'bad kubeconfig':
        await this.#apply(secretKind, kubeconfigSecret(action.member, false));
        return this.#later(action.ms, () => this.#apply(secretKind, kubeconfigSecret(action.member, true)));
      case 'leave fleet':
        this.#takesAway();
        await this.#fleetOf(this.#members.filter((name) => name !== action.member));
        return this.#later(action.ms, () =>
          this.#fleetOf(memberNames.filter((name) => name === action.member || this.#members.includes(name))),
        );
      case 'git down':
        this.#world.git.failure = new Error('connection refused');
        return this.#later(action.ms, async () => {
          this.#world.git.failure = undefined;
        });
    }
  }

  /** Resolves when nothing is going on any more. */
  async rest(): Promise<void> {
    await Promise.all(this.#going);
  }

  /** Commits a new version, and asks for it to be delivered. */
  async push(quality: Quality): Promise<void> {
    this.#desired = { ...this.#desired, version: `${quality}-${(this.#versions += 1)}` };
    this.#commit();
    const annotations = { 'reconcile.fluxcd.io/requestedAt': String((this.#asked += 1)) };
    const applications = this.#world.host.resource(applicationKind);
    await ifPossible(applications.patch(applicationKey, 'merge', { metadata: { annotations } }));
  }

  async removeRollout(): Promise<void> {
    this.#takesAway();
    await this.#wish({ hasRollout: false });
  }

  async removeApplication(): Promise<void> {
    this.#takesAway();
    await this.#world.host.resource(applicationKind).delete(applicationKey);
  }

  removePlugin(): Promise<void> {
    return this.#applyFleet(false);
  }

  async isApplicationGone(): Promise<boolean> {
    try {
      await this.#world.host.resource(applicationKind).get(applicationKey);
      return false;
    } catch (error) {
      if (isNotFound(error)) return true;
      throw error;
    }
  }

  #takesAway(): void {
    for (const invariants of this.#world.invariants) invariants.mayRemove = true;
  }

  #commit(): void {
    this.#world.git.push(repository, branch, filesOf(this.#desired));
  }

  async #wish(change: Partial<Wishes>): Promise<void> {
    this.#wishes = { ...this.#wishes, ...change };
    await this.#applyApplication();
  }

  async #applyApplication(): Promise<void> {
    if (this.#recreating > 0) return;
    await this.#apply(applicationKind, application(this.#scenario, this.#wishes));
  }

  async #recreate(ms: number): Promise<void> {
    this.#takesAway();
    this.#recreating += 1;
    await ifPossible(this.#world.host.resource(applicationKind).delete(applicationKey));
    while (!(await this.isApplicationGone())) await this.#clock.sleep(1000);
    await this.#clock.sleep(ms);
    this.#recreating -= 1;
    await this.#applyApplication();
  }

  async #fleetOf(members: readonly string[]): Promise<void> {
    this.#members = members;
    await this.#applyFleet(true);
  }

  async #applyFleet(hasPlugin: boolean): Promise<void> {
    await this.#apply(fleetKind, fleet(this.#members, hasPlugin));
  }

  async #apply(kind: ResourceKind, object: Unstructured): Promise<void> {
    await this.#world.host.resource(kind).apply(object, { fieldManager, force: true });
  }

  #setImage(member: MemberName, quality: Quality): Promise<void> {
    const image = `podinfo:${quality}-${(this.#versions += 1)}`;
    const patch = { spec: { template: { spec: { containers: [{ name: 'main', image }] } } } };
    const deployments = this.#world.member(member).world.user.resource(deploymentKind);
    return ifPossible(deployments.patch(target, 'strategic', patch, { fieldManager: 'kubectl-set' }));
  }

  #drift(member: MemberName, what: Drift): Promise<unknown> {
    const { user } = this.#world.member(member).world;
    switch (what) {
      case 'delete shop service':
        return user.resource(serviceKind).delete(shop);
      case 'edit shop image': {
        const patch = {
          spec: { template: { spec: { containers: [{ name: 'main', image: 'shop:mine' }] } } },
        };
        return user.resource(deploymentKind).patch(shop, 'strategic', patch, { fieldManager: 'kubectl-set' });
      }
      case 'scale shop':
        return user.resource(deploymentKind).patch(shop, 'merge', { spec: { replicas: 5 } });
      case 'delete canary':
        // All of its rollout goes, and comes back.
        this.#takesAway();
        return user.resource(canaryKind).delete(target);
      default:
        return user.resource(serviceKind).patch(target, 'merge', { metadata: { labels: { mine: 'yes' } } });
    }
  }

  #later(ms: number, act: () => Promise<void>): void {
    this.#going.push(this.#clock.sleep(ms).then(act));
  }
}

/** What somebody wants to change may be gone just now, or about to go. */
async function ifPossible(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
