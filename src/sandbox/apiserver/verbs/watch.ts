import type { FetchResponse } from '../../../base/fetch.ts';
import { memoryResponse } from '../../../base/fetch.ts';
import { apiVersionOf } from '../../../machinery/group-version-kind.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import type { ApiRequest, ApiServer } from '../api-server.ts';
import { resourceVersionOf, withResourceVersion } from '../object-metadata.ts';
import { represent } from '../representation.ts';
import { expiredError } from '../request-error.ts';
import { parseListOptions, parseResourceVersion } from '../request-options.ts';
import type { ListOptions } from '../request-options.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { isSelected } from '../selection.ts';
import { served } from '../served-version.ts';
import type { Change } from '../storage-change.ts';
import { CompactedError } from '../storage-change.ts';
import type { Watcher } from '../storage-watcher.ts';

/** An event as it goes over the wire; shared by all watches that see the same, never changed. */
interface WireEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: JsonObject;
}

/** A watch without `timeoutSeconds` ends after this long, and up to as long again: not all clients at once. */
const minTimeoutMs = 30 * 60_000;
const bookmarkEveryMs = 60_000;

/** GET of a collection with `watch=true`. @throws RequestError 400, 422 */
export function watch(server: ApiServer, request: ApiRequest): FetchResponse {
  const options = parseListOptions(request.query, request.definition, true);
  const asked = parseResourceVersion(options.resourceVersion);
  const headers = { 'content-type': 'application/json' };
  let session: WatchSession;
  try {
    session = new WatchSession(server, request, options, asked);
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    const { status } = expiredError(`too old resource version: ${asked} (${error.oldest})`);
    return memoryResponse(200, headers, [{ type: 'ERROR', object: status }]);
  }
  const response = memoryResponse(200, headers, session.events(), () => session.end());
  return { ...response, body: () => encode(response.jsonLines()) };
}

/** One watch, from its first event to its end. */
class WatchSession {
  readonly #server: ApiServer;
  readonly #request: ApiRequest;
  readonly #options: ListOptions;
  readonly #watcher: Watcher;
  /** What is there at the start, for a watch that wants it. */
  readonly #initial: readonly JsonObject[];
  /** The state that {@link #initial} shows; reading may begin later. */
  readonly #startedAt: number;
  readonly #timers = new AbortController();
  #bookmarkIsDue = false;
  #timeIsUp = false;
  #sentColumns = false;

  /** @throws CompactedError */
  constructor(server: ApiServer, request: ApiRequest, options: ListOptions, asked: number | undefined) {
    const { storage } = server;
    const { definition, info, http } = request;
    this.#server = server;
    this.#request = request;
    this.#options = options;
    const fromNow = asked === undefined || asked === 0;
    const wantsInitial = options.sendInitialEvents ?? fromNow;
    this.#startedAt = storage.revision;
    this.#initial = wantsInitial ? storage.list(definition.storageKey, info.namespace) : [];
    const namespace = info.namespace ?? options.fields.requiredValue('metadata.namespace');
    this.#watcher = storage.watch(definition.storageKey, {
      after: fromNow || wantsInitial ? storage.revision : asked,
      namespace: definition.kind.namespaced ? namespace : undefined,
      // Without a namespace, a name may mean many objects.
      name:
        namespace === undefined && definition.kind.namespaced
          ? undefined
          : options.fields.requiredValue('metadata.name'),
    });
    if (http.signal.aborted) this.end();
    else http.signal.addEventListener('abort', this.#onAbort, { once: true });
    void this.#keepTime();
  }

  async *events(): AsyncGenerator<WireEvent> {
    try {
      for (const stored of this.#initial) {
        const object = served(this.#request.definition, stored);
        if (this.#isSelected(object)) yield this.#wire('ADDED', object);
      }
      if (this.#options.sendInitialEvents === true && this.#options.allowWatchBookmarks) {
        yield this.#bookmark(this.#startedAt, { 'k8s.io/initial-events-end': 'true' });
      }
      while (!this.#watcher.closed) {
        const change = this.#watcher.take();
        const event = change === undefined ? this.#idleEvent() : this.#eventOf(change);
        if (event !== undefined) yield event;
        else if (change !== undefined) continue;
        else if (this.#timeIsUp) return;
        else await this.#watcher.wait();
      }
    } finally {
      this.end();
    }
  }

  readonly #onAbort = (): void => this.end();

  end(): void {
    this.#request.http.signal.removeEventListener('abort', this.#onAbort);
    this.#timers.abort();
    this.#watcher.close();
  }

  async #keepTime(): Promise<void> {
    const { clock, random, log } = this.#server;
    const { timeoutSeconds, allowWatchBookmarks } = this.#options;
    let leftMs = timeoutSeconds > 0 ? timeoutSeconds * 1000 : Math.round(minTimeoutMs * (1 + random.next()));
    try {
      while (leftMs > 0) {
        const ms = allowWatchBookmarks ? Math.min(leftMs, bookmarkEveryMs) : leftMs;
        await clock.sleep(ms, this.#timers.signal);
        leftMs -= ms;
        this.#bookmarkIsDue = allowWatchBookmarks;
        this.#timeIsUp = leftMs <= 0;
        this.#watcher.wake();
      }
    } catch (error) {
      if (!this.#timers.signal.aborted) log.error('the timer of a watch failed', { error });
    }
  }

  /** A bookmark, if it is time for one and everything before it has been sent. */
  #idleEvent(): WireEvent | undefined {
    if (!this.#bookmarkIsDue) return undefined;
    this.#bookmarkIsDue = false;
    return this.#bookmark(this.#server.storage.revision);
  }

  #bookmark(revision: number, annotations?: JsonObject): WireEvent {
    const { kind } = this.#request.definition;
    const object: JsonObject = {
      kind: kind.kind,
      apiVersion: apiVersionOf(kind),
      metadata: { resourceVersion: String(revision), ...(annotations === undefined ? {} : { annotations }) },
    };
    return { type: 'BOOKMARK', object: this.#represent(object) };
  }

  #eventOf(change: Change): WireEvent | undefined {
    const { definition } = this.#request;
    const { labels, fields } = this.#options;
    const { as } = this.#request.representation;
    if (as === undefined && labels.isEmpty() && fields.isEmpty()) return plainEvent(definition, change);
    const object = served(definition, change.object);
    const previous = change.previous === undefined ? undefined : served(definition, change.previous);
    const before = previous !== undefined && this.#isSelected(previous);
    const after = change.type !== 'DELETED' && this.#isSelected(object);
    if (!before && !after) return undefined;
    if (after) return this.#wire(before ? 'MODIFIED' : 'ADDED', object);
    if (change.type === 'DELETED' || previous === undefined) return this.#wire('DELETED', object);
    // It left the selection: the state that was selected last, with the version of the change.
    return this.#wire('DELETED', withResourceVersion(previous, resourceVersionOf(object)));
  }

  #isSelected(object: JsonObject): boolean {
    return isSelected(this.#request.definition, this.#options, object);
  }

  #wire(type: WireEvent['type'], object: JsonObject): WireEvent {
    return { type, object: this.#represent(object) };
  }

  #represent(object: JsonObject): JsonObject {
    const shown = represent(this.#server, this.#request, object, !this.#sentColumns);
    this.#sentColumns = true;
    return shown;
  }
}

const plainEvents = new WeakMap<ResourceDefinition, WeakMap<Change, WireEvent>>();

/** The event of a change for everybody who watches without a selection. */
function plainEvent(definition: ResourceDefinition, change: Change): WireEvent {
  let known = plainEvents.get(definition);
  if (known === undefined) {
    known = new WeakMap();
    plainEvents.set(definition, known);
  }
  let event = known.get(change);
  if (event === undefined) {
    event = { type: change.type, object: served(definition, change.object) };
    known.set(change, event);
  }
  return event;
}

const encoded = new WeakMap<object, Uint8Array>();

/** The bytes of events; of a shared one they are made once. */
async function* encode(events: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const event of events) {
    if (typeof event !== 'object' || event === null) continue;
    let line = encoded.get(event);
    if (line === undefined) {
      line = Buffer.from(`${JSON.stringify(event)}\n`);
      encoded.set(event, line);
    }
    yield line;
  }
}
