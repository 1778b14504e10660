/**
 * Finds keys that stand twice in one object of a JSON document that has already been parsed (JSON.parse keeps the
 * last and tells nobody).
 *
 * @param text valid JSON
 * @returns paths such as `data.k` and `spec.list[0].name`, each once, in order
 */
export function duplicateKeys(text: string): string[] {
  return new Scanner(text).scan();
}

interface Level {
  /** Keys of an object; undefined for a list. */
  readonly keys: Set<string> | undefined;
  readonly path: string;
  /** Position in a list. */
  index: number;
  /** Key of the value that comes next. */
  key: string;
}

class Scanner {
  readonly #text: string;
  readonly #levels: Level[] = [];
  readonly #found = new Set<string>();

  constructor(text: string) {
    this.#text = text;
  }

  scan(): string[] {
    let i = 0;
    /** Whether the next string is a key. */
    let expectsKey = false;
    while (i < this.#text.length) {
      const top = this.#levels.at(-1);
      switch (this.#text[i]) {
        case '{':
          this.#open(new Set());
          expectsKey = true;
          break;
        case '[':
          this.#open(undefined);
          expectsKey = false;
          break;
        case '}':
        case ']':
          this.#levels.pop();
          expectsKey = false;
          break;
        case ',':
          if (top !== undefined) top.index += 1;
          expectsKey = top?.keys !== undefined;
          break;
        case '"': {
          const end = this.#endOfString(i);
          if (expectsKey) this.#key(this.#text.slice(i, end));
          expectsKey = false;
          i = end - 1;
          break;
        }
        default:
      }
      i += 1;
    }
    return [...this.#found];
  }

  #open(keys: Set<string> | undefined): void {
    this.#levels.push({ keys, path: this.#path(), index: 0, key: '' });
  }

  /** Where the value that begins here stands. */
  #path(): string {
    const top = this.#levels.at(-1);
    if (top === undefined) return '';
    if (top.keys === undefined) return `${top.path}[${top.index}]`;
    return top.path === '' ? top.key : `${top.path}.${top.key}`;
  }

  #key(quoted: string): void {
    const top = this.#levels.at(-1);
    if (top?.keys === undefined) return;
    const key = quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
    top.key = key;
    if (top.keys.has(key)) this.#found.add(this.#path());
    top.keys.add(key);
  }

  /** Behind the closing quote of the string that begins at `start`. */
  #endOfString(start: number): number {
    let i = start + 1;
    while (i < this.#text.length) {
      const char = this.#text[i];
      if (char === '"') return i + 1;
      i += char === '\\' ? 2 : 1;
    }
    return this.#text.length;
  }
}
