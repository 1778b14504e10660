interface Entry<E> {
  readonly handle: (event: E) => void;
  active: boolean;
}

/**
 * Who wants to hear of something. One handler's exception reaches neither the others nor the emitter; handlers may
 * come and go while an event is being delivered: a new one gets later events only, one that has left gets none.
 */
export class Handlers<E> {
  // Replaced, never changed: a delivery under way keeps iterating over the list it began with.
  #entries: readonly Entry<E>[] = [];
  readonly #onError: (error: unknown) => void;

  /** @param onError gets what handlers throw; must not throw itself */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /**
   * @param first events that this handler alone gets, before all others
   * @returns how to unsubscribe
   */
  add(handle: (event: E) => void, first: Iterable<E> = []): () => void {
    const entry: Entry<E> = { handle, active: true };
    this.#entries = [...this.#entries, entry];
    for (const event of first) this.#deliver(entry, event);
    return () => {
      entry.active = false;
      this.#entries = this.#entries.filter((other) => other !== entry);
    };
  }

  emit(event: E): void {
    for (const entry of this.#entries) this.#deliver(entry, event);
  }

  #deliver(entry: Entry<E>, event: E): void {
    if (!entry.active) return;
    try {
      entry.handle(event);
    } catch (error) {
      this.#onError(error);
    }
  }
}
