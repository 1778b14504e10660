import type { Clock } from '../../base/clock.ts';
import { DeadlineError, errorMessage, TypedError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { ApiError, isConflict, isNotFound } from '../../kube/api-error.ts';
import { needsApply } from '../../kube/apply-if-changed.ts';
import { Backoff } from '../../kube/backoff.ts';
import type { ResourceClient, ResourceKind } from '../../kube/resource-client.ts';
import type { ResourceMapping } from '../../machinery/group-version-kind.ts';
import { jsonEqual, type JsonObject } from '../../machinery/json.ts';
import { asJson, type Unstructured } from '../../machinery/object.ts';
import { Slots } from '../source/slots.ts';
import { canBeShared, fieldManager, leaveToRollout } from './co-ownership.ts';
import { isCreatedOnly, isForced, isLeftAlone } from './directives.ts';
import { entryOf, formatRef, keyOf, type ObjectRef } from './inventory.ts';
import type { KindCaches } from './kind-cache.ts';
import { otherOwnerOf } from './ownership.ts';
import type { SyncAction, SyncChange, SyncRequest } from './sync.ts';
import { kindOf, type SyncObject } from './sync-objects.ts';
import { takeoverPatch } from './takeover.ts';

/** What an apply has made of an object. */
export interface Applied {
  readonly ref: ObjectRef;
  readonly kind: ResourceKind;
  /** undefined: not known, an earlier process has applied it. */
  readonly desired: Unstructured | undefined;
  /** Nothing was declared: git, or the object itself, asks for it. */
  readonly isSkipped: boolean;
  /** The object of which the server has said that an apply changes nothing, however it looks. */
  readonly settled?: Unstructured | undefined;
}

export interface ApplyRunOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly caches: KindCaches;
  readonly request: SyncRequest;
  /** Called right before an object is written: what the watch brings of it from then on is our own doing. */
  readonly onWrite: (applied: Applied) => void;
}

interface Plan extends Applied {
  readonly desired: Unstructured;
  readonly action: SyncAction;
  /** Whether others have set what is now the sync's. */
  readonly takesOver: boolean;
  /** The sync whose object it was. */
  readonly from: string | undefined;
  /** What has to be deleted first: it cannot be changed. */
  readonly replaces?: Unstructured | undefined;
}

/** At once. */
const dryRuns = 4;
const conflictTries = 6;
/** How long a definition may take to be served, in milliseconds. */
const servedMs = 60_000;
/** How long to wait for something that is being deleted, in milliseconds; the next try goes on. */
const goneMs = 20_000;
const maxMessages = 10;

/** One apply of one request, stage by stage. */
export class ApplyRun {
  readonly changes: SyncChange[] = [];
  readonly applied = new Map<string, Applied>();
  /** Of all objects that were looked at. */
  readonly kinds = new Set<ResourceKind>();
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

  async #plan({ ref, desired }: SyncObject, mapping: ResourceMapping, signal: AbortSignal): Promise<Plan> {
    const kind = kindOf(mapping, ref);
    this.kinds.add(kind);
    const { caches } = this.#options;
    await caches.synced(kind, signal);
    const live = await this.#live(kind, ref, signal);
    const takesOver = live !== undefined && takeoverPatch(live, desired) !== undefined;
    const from = live && otherOwnerOf(live, this.#options.request.owner);
    const plan = (action: SyncAction, more: Partial<Plan> = {}): Plan => {
      const made = { ref, kind, desired, action, takesOver, from, isSkipped: action === 'skipped', ...more };
      this.applied.set(entryOf(ref).id, made);
      return made;
    };
    if (isLeftAlone(desired) || (live !== undefined && (isLeftAlone(live) || isCreatedOnly(desired)))) {
      return plan('skipped');
    }
    const wanted = leaveToRollout(desired, live);
    const isExact = live !== undefined && !takesOver && !needsApply(live, wanted, fieldManager);
    if (isExact) return plan('unchanged');
    const dry = await this.#dryRun({ ref, desired: wanted }, kind, live, signal);
    const settled = settledFor(dry, wanted);
    if (live === undefined) return plan('created', { settled });
    if (dry === undefined) return plan('configured', { replaces: live });
    if (!takesOver && isSame(live, dry)) return plan('unchanged', { settled: live });
    return plan('configured', { settled });
  }

  /** The object as it is now. A namespace that is being deleted takes all with it: it counts as gone, when it is. */
  async #live(kind: ResourceKind, ref: ObjectRef, signal: AbortSignal): Promise<Unstructured | undefined> {
    const { caches } = this.#options;
    const live = caches.get(kind, ref) ?? (await caches.read(kind, ref, signal));
    if (kind.resource !== 'namespaces' || live?.metadata.deletionTimestamp === undefined) return live;
    await this.#gone(kind, ref, 'is being deleted', signal);
    return caches.read(kind, ref, signal);
  }

  /** @returns what would become of it; undefined where it has to be made anew */
  async #dryRun(
    { ref, desired }: SyncObject,
    kind: ResourceKind,
    live: Unstructured | undefined,
    signal: AbortSignal,
  ): Promise<Unstructured | undefined> {
    const client = this.#options.caches.client(kind);
    try {
      return await client.apply(desired, { fieldManager, force: true, dryRun: true, signal });
    } catch (error) {
      if (signal.aborted) throw error;
      const what = isNotFound(error) ? 'not found' : `dry-run failed (${reasonOf(error)})`;
      // Namespaces and the like are made in an earlier stage; a dry run of what needs them tells the truth.
      if (live === undefined || !this.#mayReplace(desired) || !isRefusedChange(error)) {
        throw refused(ref, what, error);
      }
      // What would be refused anew too must not be deleted.
      const why = await refusalAnew(client, desired, signal);
      if (why === undefined) return undefined;
      throw refused(ref, `${what}, nor could it be made anew (${reasonOf(why)})`, why);
    }
  }

  #mayReplace(desired: Unstructured): boolean {
    return this.#options.request.force || isForced(desired);
  }

  async #write(plan: Plan, signal: AbortSignal): Promise<void> {
    const { ref, desired, kind, action, replaces, from } = plan;
    if (action === 'created' || action === 'configured') {
      if (kind.resource === 'customresourcedefinitions') this.hasDefined = true;
      this.#options.onWrite(plan);
      if (replaces !== undefined) await this.#delete(plan, replaces, signal);
      try {
        const written = await this.#put(plan, signal);
        const settled = settledFor(written, leaveToRollout(desired, written));
        this.applied.set(entryOf(ref).id, { ...plan, settled });
      } catch (error) {
        throw signal.aborted ? error : refused(ref, 'apply failed', error);
      }
    }
    this.changes.push({ ref, action, ...(from !== undefined && { from }) });
  }

  async #delete(
    { ref, kind }: Plan,
    { metadata: { uid } }: Unstructured,
    signal: AbortSignal,
  ): Promise<void> {
    const options = { signal, propagationPolicy: 'Background', preconditions: { uid } } as const;
    try {
      await this.#options.caches.client(kind).delete(keyOf(ref), options);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    await this.#gone(kind, ref, 'was deleted to be made anew', signal);
  }

  async #gone(kind: ResourceKind, ref: ObjectRef, what: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.caches.gone(kind, ref, goneMs, signal);
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error;
      const message = `${formatRef(ref)} ${what}, but something holds it (finalizers?)`;
      throw new TypedError(message, { code: 'ApplyFailed', next: 'retry', cause: error });
    }
  }

  /**
   * Applies, with what is the rollout's left to it. The rollout may claim a field at any moment: an apply of a kind
   * that it may share demands the version that was looked at.
   */
  async #put({ ref, desired, kind, takesOver }: Plan, signal: AbortSignal): Promise<Unstructured> {
    const { caches, clock, random } = this.#options;
    const client = caches.client(kind);
    const options = { fieldManager, force: true, signal };
    if (!canBeShared(desired) && !takesOver) return client.apply(desired, options);
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
        return await client.apply(conditional, options);
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

/** Whether the server may accept the object, but not as a change of the one that is there. */
function isRefusedChange(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 'Invalid' || /immutable/i.test(error.message));
}

/** Why the server would not accept the object under a name that is free. */
async function refusalAnew(
  client: ResourceClient,
  { metadata: { name = '', ...metadata }, ...rest }: Unstructured,
  signal: AbortSignal,
): Promise<unknown> {
  const generateName = `${name.slice(0, 40).replace(/[^a-z0-9]+$/i, '')}-`;
  try {
    await client.create(
      { ...rest, metadata: { ...metadata, generateName } },
      { fieldManager, dryRun: true, signal },
    );
    return undefined;
  } catch (error) {
    if (signal.aborted) throw error;
    return error;
  }
}

/** `object` where it does not show by itself that an apply of `wanted` would change nothing. */
function settledFor(object: Unstructured | undefined, wanted: Unstructured): Unstructured | undefined {
  return object !== undefined && needsApply(object, wanted, fieldManager) ? object : undefined;
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
