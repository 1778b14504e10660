/** Shorter ones the engine shares by itself. */
const shortest = 11;
/** Longer ones repeat rarely. */
const longest = 128;
const mostKnown = 4096;
const deepest = 100;

/**
 * Makes equal strings of parsed JSON one string. Objects of an API repeat themselves (times, images, names of
 * owners); the engine's parser makes a new string each time, which takes a third of the memory of a cache.
 */
export class SharedStrings {
  readonly #known = new Map<string, string>();

  /** @param value fresh from the parser, seen by nobody else: its strings are replaced in place */
  share<T>(value: T): T {
    this.#walk(value, 0);
    return value;
  }

  #walk(value: unknown, depth: number): void {
    if (typeof value !== 'object' || value === null || depth > deepest) return;
    const container = value as { [key: string]: unknown };
    for (const key of Object.keys(container)) {
      const child = container[key];
      if (typeof child === 'string') container[key] = this.#shared(child);
      else this.#walk(child, depth + 1);
    }
  }

  #shared(text: string): string {
    if (text.length < shortest || text.length > longest) return text;
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    // What repeats is back soon.
    if (this.#known.size >= mostKnown) this.#known.clear();
    this.#known.set(text, text);
    return text;
  }
}
