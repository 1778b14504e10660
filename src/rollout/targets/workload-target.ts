import { errorMessage, TypedError } from '../../base/errors.ts';
import type { Canary } from '../../api/canary.ts';
import { replicasAnnotation, revisionAnnotation } from '../../api/viridian-annotations.ts';
import type { CachedResource } from '../../kube/cached-resource.ts';
import { formatKey } from '../../kube/object-key.ts';
import type { ObjectKey } from '../../kube/resource-client.ts';
import { own } from '../../machinery/json.ts';
import { asJson, type Unstructured } from '../../machinery/object.ts';
import type { RolloutCluster } from '../cluster.ts';
import type { Target, TargetView } from '../effects.ts';
import type { PrimaryObservation, TargetObservation } from '../observation.ts';
import { revisionOf } from '../revision.ts';
import { autoscalerOf, copyAutoscaler, limits } from './autoscaler.ts';
import { objectAt } from './fields.ts';
import { selectorLabelOf, type TargetOptions } from './options.ts';
import { newPrimary, promoted } from './primary.ts';
import { Revisions } from './revisions.ts';
import { scaled, released } from './scaling.ts';
import { cachedConfigs, checksums, copyConfigs, readConfigs, type UsedConfigs } from './used-configs.ts';
import { WorkloadReadiness } from './workload-readiness.ts';
import { checkStrategy, isScaledToZero, replicasOf, templateOf, type Workload } from './workload.ts';
import { replace } from './writes.ts';

/** How long a restart waits for the old pods to go, in milliseconds. */
const restartMs = 30_000;

/** A target as the server has it, and the configs with their data. */
interface Source {
  readonly object: Unstructured;
  readonly configs: UsedConfigs;
  readonly revision: string;
}

/** A Deployment or DaemonSet under test, and its primary. */
export class WorkloadTarget implements Target {
  readonly #workload: Workload;
  readonly #cluster: RolloutCluster;
  readonly #options: TargetOptions;
  readonly #resource: CachedResource;
  readonly #readiness: WorkloadReadiness;
  readonly #revisions = new Revisions();

  constructor(workload: Workload, cluster: RolloutCluster, options: TargetOptions) {
    this.#workload = workload;
    this.#cluster = cluster;
    this.#options = options;
    this.#resource = workload.resource(cluster);
    this.#readiness = new WorkloadReadiness(workload);
  }

  observe(canary: Canary, now: number): TargetView {
    const primary = this.#observePrimary(canary, now);
    const live = this.#resource.get(targetKey(canary));
    if (live === undefined) return { target: undefined, targetError: this.#missing(canary), primary };
    try {
      const target = this.#observeTarget(canary, live, now);
      return { target, primary, wantedReplicas: this.#wantedReplicas(live) };
    } catch (error) {
      return { target: undefined, targetError: errorMessage(error), primary };
    }
  }

  async createPrimary(canary: Canary, signal: AbortSignal): Promise<void> {
    const { object, configs, revision } = await this.#read(canary, signal);
    const parts = { workload: this.#workload, canary, target: object, options: this.#options };
    await copyConfigs(this.#cluster, this.#options, canary, configs, signal);
    if (this.#resource.get(primaryKey(canary)) === undefined) {
      const replicas = this.#firstReplicas(object);
      const primary = newPrimary({ ...parts, revision, configs: new Set(configs.keys()), replicas });
      await this.#resource.create(primary, { signal });
    }
    await copyAutoscaler(this.#cluster, canary, signal);
  }

  async scalePrimary(canary: Canary, replicas: number, signal: AbortSignal): Promise<void> {
    const primary = this.#resource.get(primaryKey(canary));
    if (primary === undefined || !this.#workload.hasReplicas) return;
    const wanted = { ...asJson(primary), spec: { ...objectAt(asJson(primary), 'spec'), replicas } };
    await replace(this.#resource, primary, wanted, { signal });
  }

  async scale(canary: Canary, how: 'to-zero' | 'from-zero' | 'restart', signal: AbortSignal): Promise<void> {
    const live = this.#resource.get(targetKey(canary));
    if (live === undefined) return;
    const replicas = this.#canaryReplicas(canary, live);
    if (how !== 'from-zero') await scaled(this.#resource, this.#workload, live, 0, signal);
    // Controllers act on what they see last: without a wait they may never see the zero.
    if (how === 'restart') await this.#emptied(canary, signal);
    if (how === 'to-zero') return;
    const now = this.#resource.get(targetKey(canary)) ?? live;
    await scaled(this.#resource, this.#workload, now, replicas, signal);
  }

  async promote(canary: Canary, revision: string, signal: AbortSignal): Promise<void> {
    const source = await this.#read(canary, signal);
    if (source.revision !== revision) {
      const { namespace = '', name } = targetKey(canary);
      throw new TypedError(
        `${this.#workload.kind} ${name}.${namespace} is of revision ${source.revision} now, ${revision} was to be promoted: it is looked at again`,
        { code: 'RevisionChanged', next: 'retry' },
      );
    }
    autoscalerOf(this.#cluster, canary);
    await copyConfigs(this.#cluster, this.#options, canary, source.configs, signal);
    await copyAutoscaler(this.#cluster, canary, signal);
    const live = await this.#resource.read(primaryKey(canary), { signal });
    const wanted = promoted(live, {
      workload: this.#workload,
      canary,
      target: source.object,
      revision,
      configs: new Set(source.configs.keys()),
      replicas: this.#promotedReplicas(canary, source.object, live),
      options: this.#options,
    });
    await replace(this.#resource, live, asJson(wanted), { signal });
  }

  async release(canary: Canary, signal: AbortSignal): Promise<void> {
    const live = this.#resource.get(targetKey(canary));
    if (live !== undefined) await released(this.#resource, live, signal);
  }

  #observeTarget(canary: Canary, live: Unstructured, now: number): TargetObservation {
    const object = asJson(live);
    selectorLabelOf(object, this.#options.selectorLabels);
    checkStrategy(this.#workload, object);
    autoscalerOf(this.#cluster, canary);
    const template = templateOf(this.#workload, object);
    const used = cachedConfigs(this.#cluster, this.#options, template, live.metadata.namespace ?? '');
    const configs = checksums(used);
    return {
      revision: this.#revisions.of(live, template, configs),
      configs,
      isScaledToZero: isScaledToZero(this.#workload, object),
      readiness: this.#readiness.of(canary, live, canary.spec.analysis.canaryReadyThreshold, now),
    };
  }

  #observePrimary(canary: Canary, now: number): PrimaryObservation | undefined {
    const live = this.#resource.get(primaryKey(canary));
    if (live === undefined) return undefined;
    return {
      revision: own(live.metadata.annotations ?? {}, revisionAnnotation),
      readiness: this.#readiness.of(canary, live, canary.spec.analysis.primaryReadyThreshold, now),
      replicas: this.#workload.hasReplicas ? replicasOf(asJson(live)) : undefined,
    };
  }

  #missing(canary: Canary): string {
    const { namespace = '', name } = targetKey(canary);
    const { kind, resource, group } = this.#resource.kind;
    return `${kind.toLowerCase()} ${name}.${namespace} get query error: ${resource}.${group} ${JSON.stringify(name)} not found`;
  }

  async #read(canary: Canary, signal: AbortSignal): Promise<Source> {
    const object = await this.#resource.read(targetKey(canary), { signal });
    checkStrategy(this.#workload, asJson(object));
    const template = templateOf(this.#workload, asJson(object));
    const namespace = object.metadata.namespace ?? '';
    const configs = await readConfigs(this.#cluster, this.#options, template, namespace, signal);
    return { object, configs, revision: revisionOf(template, checksums(configs)) };
  }

  #wantedReplicas({ metadata: { annotations = {} } }: Unstructured): number | undefined {
    const text = own(annotations, replicasAnnotation);
    if (!this.#workload.hasReplicas || text === undefined || !/^\d{1,9}$/.test(text)) return undefined;
    return Number(text);
  }

  /** A primary is never made without pods. */
  #firstReplicas(target: Unstructured): number | undefined {
    if (!this.#workload.hasReplicas) return undefined;
    return Math.max(1, replicasOf(asJson(target)) || (this.#wantedReplicas(target) ?? 1));
  }

  #canaryReplicas(canary: Canary, target: Unstructured): number {
    const replicas = replicasOf(asJson(target));
    if (replicas > 0) return replicas;
    if (canary.spec.autoscalerRef !== undefined) return limits(this.#cluster, canary).min;
    const primary = this.#resource.get(primaryKey(canary));
    const ofPrimary = primary === undefined ? 0 : replicasOf(asJson(primary));
    return Math.max(1, this.#wantedReplicas(target) || ofPrimary);
  }

  /**
   * An autoscaler's number is only ever raised, to what the canary needed for the same traffic: it takes minutes to
   * find that out itself.
   */
  #promotedReplicas(canary: Canary, target: Unstructured, primary: Unstructured): number | undefined {
    if (!this.#workload.hasReplicas) return undefined;
    const replicas = replicasOf(asJson(target));
    const before = replicasOf(asJson(primary));
    if (canary.spec.autoscalerRef === undefined) return this.#wantedReplicas(target) ?? (replicas || before);
    return Math.max(before, Math.min(replicas, limits(this.#cluster, canary).max));
  }

  async #emptied(canary: Canary, signal: AbortSignal): Promise<void> {
    await this.#resource.store.waitFor(
      formatKey(targetKey(canary)),
      (object) => object === undefined || this.#readiness.isEmpty(object),
      { signal, timeoutMs: restartMs },
    );
  }
}

function targetKey({ metadata, spec }: Canary): ObjectKey {
  return { namespace: metadata.namespace, name: spec.targetRef.name };
}

function primaryKey({ metadata, spec }: Canary): ObjectKey {
  return { namespace: metadata.namespace, name: `${spec.targetRef.name}-primary` };
}
