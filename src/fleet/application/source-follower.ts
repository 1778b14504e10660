import type { Application } from '../../api/application.ts';
import type { GitRepositorySpec } from '../../api/application-source.ts';
import { canonicalJson } from '../../base/hash.ts';
import { errorMessage } from '../../base/errors.ts';
import { failedState, type SourceState } from '../../gitops/source/git-source.ts';
import { SourceError } from '../../gitops/source/source-error.ts';
import type { SourceHandle, SourcePool, SourceSecret } from '../../gitops/source/source-pool.ts';
import { isNotFound } from '../../kube/api-error.ts';
import type { Client } from '../../kube/resource-client.ts';
import type { Store } from '../../kube/store.ts';
import { isObject, own } from '../../machinery/json.ts';
import { asJson, type KubeObject } from '../../machinery/object.ts';
import { secretKind } from '../kinds.ts';

export interface SourceFollowerOptions {
  readonly client: Client;
  readonly secrets: Store<KubeObject>;
  readonly sources: SourcePool;
}

/** Follows the git repository of one Application, as its spec and its secret are at the time. */
export class SourceFollower implements Disposable {
  readonly #options: SourceFollowerOptions;
  readonly #onChange: () => void;
  #handle: SourceHandle | undefined;
  /** What the handle was acquired for. */
  #key = '';
  /** While there is no handle: what was last known, or why there is none. */
  #rest: SourceState = { fetching: true };
  #polledFor: string | undefined;

  /** @param onChange called after `state` has changed by itself */
  constructor(options: SourceFollowerOptions, onChange: () => void) {
    this.#options = options;
    this.#onChange = onChange;
  }

  get state(): SourceState {
    return this.#handle?.state ?? this.#rest;
  }

  /**
   * Makes it follow what the Application says now. A failure is in `state`.
   * @throws ApiError when the secret cannot be read
   */
  async follow({ metadata, spec }: Application, signal: AbortSignal): Promise<void> {
    const { gitRepository } = spec.source;
    if (gitRepository === undefined) return this.#stop({ fetching: false });
    // A source at rest keeps what it has fetched.
    if (gitRepository.suspend === true) return this.#stop({ ...this.state, fetching: false });
    const { secretRef } = gitRepository;
    const where = secretRef && `${metadata.namespace}/${secretRef.name}`;
    const version = where === undefined ? undefined : this.#options.secrets.get(where)?.metadata;
    const key = canonicalJson({ gitRepository, uid: version?.uid, version: version?.resourceVersion });
    if (key === this.#key) return;
    const secret =
      secretRef === undefined || where === undefined
        ? undefined
        : await this.#secret({ namespace: metadata.namespace, name: secretRef.name }, where, signal);
    this.#acquire(key, gitRepository, secret);
  }

  /** Looks for a new revision at once, once for every value of the annotation that asks for it. */
  poll(requestedAt: string): void {
    if (this.#polledFor === requestedAt) return;
    this.#polledFor = requestedAt;
    this.#handle?.pollNow();
  }

  [Symbol.dispose](): void {
    this.#stop({ fetching: false });
  }

  #acquire(key: string, spec: GitRepositorySpec, secret: SourceSecret | SourceError | undefined): void {
    const last = this.state;
    const before = this.#handle;
    this.#key = key;
    try {
      if (secret instanceof SourceError) throw secret;
      this.#handle = this.#options.sources.acquire(spec, secret);
      this.#handle.subscribe(this.#onChange);
    } catch (error) {
      this.#handle = undefined;
      this.#rest = { ...failedState(error), ...(last.artifact && { artifact: last.artifact }) };
    }
    // Only now, or a source that both share would stop in between.
    before?.[Symbol.dispose]();
  }

  #stop(rest: SourceState): void {
    this.#handle?.[Symbol.dispose]();
    this.#handle = undefined;
    this.#key = '';
    this.#rest = rest;
  }

  async #secret(
    at: { readonly namespace: string | undefined; readonly name: string },
    where: string,
    signal: AbortSignal,
  ): Promise<SourceSecret | SourceError> {
    try {
      const secret = await this.#options.client.resource(secretKind).get(at, { signal });
      const data = own(asJson(secret), 'data');
      const entries = Object.entries(isObject(data) ? data : {}).flatMap(([key, value]) =>
        typeof value === 'string' ? [[key, Buffer.from(value, 'base64')] as const] : [],
      );
      return { name: where, data: new Map(entries) };
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const message = `failed to get secret '${where}': ${errorMessage(error)}`;
      // Its own event will tell of its coming.
      return new SourceError('AuthenticationFailed', message, 'wait', error);
    }
  }
}
