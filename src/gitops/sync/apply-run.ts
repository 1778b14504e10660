import type { Clock } from '../../base/clock.ts';
import { errorMessage, TypedError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { ApiError, isConflict, isNotFound } from '../../kube/api-error.ts';
import { needsApply } from '../../kube/apply-if-changed.ts';
import { Backoff } from '../../kube/backoff.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import type { ResourceMapping } from '../../machinery/group-version-kind.ts';
import { jsonEqual, type JsonObject } from '../../machinery/json.ts';
import { asJson, type Unstructured } from '../../machinery/object.ts';
import { Slots } from '../source/slots.ts';
import { canBeShared, fieldManager, leaveToRollout } from './co-ownership.ts';
import { isCreatedOnly, isForced, isLeftAlone } from './directives.ts';
import { entryOf, formatRef, keyOf, type ObjectRef } from './inventory.ts';
import type { KindCaches } from './kind-cache.ts';
import type { SyncAction, SyncChange, SyncRequest } from './sync.ts';
import { kindOf, type SyncObject } from './sync-objects.ts';
import { takeoverPatch } from './takeover.ts';

/** What an apply has declared of an object. */
export interface Applied {
  readonly ref: ObjectRef;
  readonly kind: ResourceKind;
  /** undefined: the object is left alone. */
  readonly desired: Unstructured | undefined;
  /** The object of which the server has said that an apply changes nothing, however it looks. */
  readonly settled?: Unstructured | undefined;
}

export interface ApplyRunOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly caches: KindCaches;
  readonly request: SyncRequest;
}

interface Plan extends SyncObject {
  readonly kind: ResourceKind;
  readonly action: SyncAction;
  /** Whether others have set what is now the sync's. */
  readonly takesOver: boolean;
}

/** At once. */
const dryRuns = 4;
const conflictTries = 6;
/** How long a definition may take to be served, in milliseconds. */
const servedMs = 60_000;
const maxMessages = 10;

/** One apply of one request, stage by stage. */
export class ApplyRun {
  readonly changes: SyncChange[] = [];
  readonly applied = new Map<string, Applied>();
  /** Whether kinds were defined that a later stage may need. */
  hasDefined = false;
  readonly #options: ApplyRunOptions;

  constructor(options: ApplyRunOptions) {
    this.#options = options;
  }

  /**
   * Applies one stage. Nothing of it is written unless the server accepts all of it in a dry run.
   * @throws TypedError with what the server said
   */
  async apply(objects: readonly SyncObject[], mapping: ResourceMapping, signal: AbortSignal): Promise<void> {
    const slots = new Slots(dryRuns);
    const planned = await Promise.allSettled(
      objects.map((object) => slots.run(() => this.#plan(object, mapping, signal), signal)),
    );
    throwAll(planned, '');
    const plans = planned.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const failures: PromiseSettledResult<void>[] = [];
    for (const plan of plans) {
      // In the order of the apply: what comes first may be needed by what comes next.
      failures.push(...(await Promise.allSettled([this.#write(plan, signal)])));
    }
    throwAll(failures, this.#soFar());
    await this.#served(plans, signal);
  }

  async #plan(object: SyncObject, mapping: ResourceMapping, signal: AbortSignal): Promise<Plan> {
    const { ref, desired } = object;
    const kind = kindOf(mapping, ref);
    const { caches } = this.#options;
    await caches.synced(kind, signal);
    const live = caches.get(kind, ref) ?? (await caches.read(kind, ref, signal));
    const takesOver = live !== undefined && takeoverPatch(live, desired) !== undefined;
    const plan = (action: SyncAction, settled?: Unstructured): Plan => {
      const isDeclared = action !== 'skipped';
      const declared = { ref, kind, desired: isDeclared ? desired : undefined, settled };
      this.applied.set(entryOf(ref).id, declared);
      return { ...object, kind, action, takesOver };
    };
    if (isLeftAlone(desired) || (live !== undefined && (isLeftAlone(live) || isCreatedOnly(desired)))) {
      return plan('skipped');
    }
    const wanted = leaveToRollout(desired, live);
    if (live !== undefined && !takesOver && !needsApply(live, wanted, fieldManager)) return plan('unchanged');
    const dry = await this.#dryRun(object, kind, wanted, live, signal);
    if (live === undefined) return plan('created');
    if (!takesOver && dry !== undefined && isSame(live, dry)) return plan('unchanged', live);
    return plan('configured');
  }

  /** @returns what would become of it; undefined where it has to be made anew */
  async #dryRun(
    { ref, desired }: SyncObject,
    kind: ResourceKind,
    wanted: Unstructured,
    live: Unstructured | undefined,
    signal: AbortSignal,
  ): Promise<Unstructured | undefined> {
    try {
      const options = { fieldManager, force: true, dryRun: true, signal };
      return await this.#options.caches.client(kind).apply(wanted, options);
    } catch (error) {
      if (signal.aborted) throw error;
      // Namespaces and the like are made in an earlier stage; a dry run of what needs them tells the truth.
      if (live !== undefined && this.#mayReplace(desired) && isImmutable(error)) return undefined;
      throw refused(ref, `dry-run failed (${reasonOf(error)})`, error);
    }
  }

  #mayReplace(desired: Unstructured): boolean {
    return this.#options.request.force || isForced(desired);
  }

  async #write(plan: Plan, signal: AbortSignal): Promise<void> {
    const { caches } = this.#options;
    const { ref, desired, kind, action } = plan;
    if (action === 'created' || action === 'configured') {
      if (kind.resource === 'customresourcedefinitions') this.hasDefined = true;
      const client = caches.client(kind);
      try {
        await this.#put(plan, signal);
      } catch (error) {
        if (signal.aborted) throw error;
        if (!this.#mayReplace(desired) || !isImmutable(error)) throw refused(ref, 'apply failed', error);
        await client.delete(keyOf(ref), { signal, propagationPolicy: 'Background' }).catch(unlessGone);
        await caches.gone(kind, ref, this.#options.request.timeoutMs, signal);
        await client.apply(desired, { fieldManager, force: true, signal });
      }
    }
    this.changes.push({ ref, action });
  }

  /**
   * Applies, with what is the rollout's left to it. The rollout may claim a field at any moment: an apply of a kind
   * that it may share demands the version that was looked at.
   */
  async #put({ ref, desired, kind, takesOver }: Plan, signal: AbortSignal): Promise<void> {
    const { caches, clock, random } = this.#options;
    const client = caches.client(kind);
    const options = { fieldManager, force: true, signal };
    if (!canBeShared(desired) && !takesOver) {
      await client.apply(desired, options);
      return;
    }
    const backoff = new Backoff({ random, initialMs: 20, maxMs: 1000 });
    for (let tries = 1; ; tries += 1) {
      try {
        let live = await caches.read(kind, ref, signal);
        const patch = live && takeoverPatch(live, desired);
        if (patch !== undefined)
          live = await client.patch(keyOf(ref), 'merge', patch, { fieldManager, signal });
        const wanted = leaveToRollout(desired, live);
        const resourceVersion = live?.metadata.resourceVersion;
        const conditional =
          resourceVersion === undefined
            ? wanted
            : { ...wanted, metadata: { ...wanted.metadata, resourceVersion } };
        await client.apply(conditional, options);
        return;
      } catch (error) {
        if (!isConflict(error) || tries === conflictTries) throw error;
        await clock.sleep(backoff.next(), signal);
      }
    }
  }

  /** Waits until the kinds that were just defined are there to be used. */
  async #served(plans: readonly Plan[], signal: AbortSignal): Promise<void> {
    for (const { ref, kind, action } of plans) {
      if (kind.resource !== 'customresourcedefinitions' || action !== 'created') continue;
      await this.#options.caches.established(kind, ref, servedMs, signal);
    }
  }

  /** What has been written before something failed. */
  #soFar(): string {
    const written = this.changes.filter(({ action }) => action === 'created' || action === 'configured');
    return written.map(({ ref, action }) => `\n${formatRef(ref)} ${action}`).join('');
  }
}

/** @param more for the end of the message */
function throwAll(results: readonly PromiseSettledResult<unknown>[], more: string): void {
  const reasons: unknown[] = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  );
  const [first] = reasons;
  if (first === undefined) return;
  const messages = reasons.slice(0, maxMessages).map(errorMessage);
  if (reasons.length > maxMessages) messages.push(`and ${reasons.length - maxMessages} more`);
  const next = first instanceof TypedError ? first.next : 'retry';
  throw new TypedError(`${messages.join('\n')}${more}`, { code: 'ApplyFailed', next, cause: first });
}

function refused(ref: ObjectRef, what: string, error: unknown): Error {
  // A server may repeat the values that it refuses.
  const why = ref.kind === 'Secret' ? 'the server refuses it' : errorMessage(error);
  const next = error instanceof TypedError && error.next === 'terminal' ? 'stalled' : 'retry';
  return new TypedError(`${formatRef(ref)} ${what}: ${why}`, { code: 'ApplyFailed', next });
}

function reasonOf(error: unknown): string {
  if (error instanceof ApiError) return error.code;
  return error instanceof TypedError ? error.code : 'Unknown';
}

function isImmutable(error: unknown): boolean {
  return error instanceof ApiError && /immutable/i.test(error.message);
}

function unlessGone(error: unknown): void {
  if (!isNotFound(error)) throw error;
}

/** Whether nothing differs that is anybody's wish: labels, annotations, and all but status. */
export function isSame(live: Unstructured, dry: Unstructured): boolean {
  return jsonEqual(wishOf(live), wishOf(dry));
}

function wishOf(object: Unstructured): JsonObject {
  const { status: _, metadata: __, ...rest } = asJson(object);
  const { labels = {}, annotations = {} } = object.metadata;
  return { ...rest, labels, annotations };
}
