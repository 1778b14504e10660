import {
  Composer,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  Parser,
  type CST,
  type Document,
  type Node,
  type YAMLMap,
} from 'yaml';
import { isObject, jsonClone, setOwn, type Json, type JsonObject } from '../machinery/json.ts';
import { Budget, sizeOf } from './budget.ts';
import { buildError } from './build-error.ts';
import { isInfinite, isTimestamp, oldWord, plainScalar } from './plain-scalar.ts';

/** In one document: while it is read, each takes about 500 bytes. The largest definitions in use have 100 000. */
const maxTokens = 500_000;
const maxDepth = 500;

/**
 * Kustomize reads manifests as YAML 1.2, and what is its own by way of JSON as YAML 1.1: there `yes` is true, dates
 * stay as they stand, and of repeated keys the last one counts.
 */
export type Dialect = 'manifest' | 'kustomization';

/**
 * All documents of a text, empty ones left out.
 * @param where the file, for messages
 * @param budget of the build that it is part of: pays for what aliases expand to, too
 * @throws for what is no YAML, for keys that stand twice, for what is too much
 */
export function parseYamlDocuments(
  text: string,
  where: string,
  budget = new Budget(),
  dialect: Dialect = 'manifest',
): Json[] {
  try {
    const values: Json[] = [];
    let index = 0;
    for (const document of compose(text, where, budget)) {
      if (dialect === 'manifest') quoteAnnotations(document.contents);
      const value = new Reader(documentOf(where, index), budget, dialect).read(document.contents, 0);
      if (value !== null) values.push(value);
      index += 1;
    }
    return values;
  } catch (error) {
    if (error instanceof RangeError) throw buildError(`${where}: nested too deeply`, error);
    throw error;
  }
}

function documentOf(where: string, index: number): string {
  return `${where}, document ${index + 1}`;
}

/** The first problem ends it: text that is no YAML at all has one in every character. */
function* compose(text: string, where: string, budget: Budget): Generator<Document.Parsed> {
  const lines = new LineCounter();
  const composer = new Composer({ schema: 'failsafe', uniqueKeys: false, logLevel: 'error' });
  let index = 0;
  const fail = (message: string, offset: number): never => {
    throw buildError(`${documentOf(where, index)}: line ${lines.linePos(offset).line}: ${message}`);
  };
  const checked = (document: Document.Parsed): Document.Parsed => {
    const [problem] = document.errors;
    if (problem?.code === 'RESOURCE_EXHAUSTION') fail('nested too deeply', problem.pos[0]);
    if (problem !== undefined) fail(problem.message, problem.pos[0]);
    index += 1;
    return document;
  };
  for (const token of tokensOf(text, where, lines, budget)) {
    if (token.type === 'error') fail(token.message, token.offset);
    for (const document of composer.next(token)) yield checked(document);
  }
  for (const document of composer.end()) yield checked(document);
}

/** As the parser itself goes through a text, but counting. */
function* tokensOf(text: string, where: string, lines: LineCounter, budget: Budget): Generator<CST.Token> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let left = maxTokens;
  for (const lexeme of new Lexer().lex(text)) {
    budget.spendToken(where);
    left -= 1;
    if (left < 0) throw buildError(`${where}: a document has more than ${maxTokens} tokens`);
    for (const token of parser.next(lexeme)) {
      if (token.type === 'document') {
        budget.spendDocument(where);
        left = maxTokens;
      }
      yield token;
    }
  }
  yield* parser.end();
}

/** In annotations kustomize takes everything for text, as it stands there. */
function quoteAnnotations(node: Node | null): void {
  if (!isMap(node)) return;
  const [items, metadata] = [node.get('items', true), node.get('metadata', true)];
  if (isSeq(items)) for (const item of items.items) quoteAnnotations(item as Node);
  const annotations = isMap(metadata) ? metadata.get('annotations', true) : undefined;
  for (const { value } of isMap(annotations) ? annotations.items : [])
    if (isScalar(value)) value.type = 'QUOTE_DOUBLE';
}

class Reader {
  readonly #where: string;
  readonly #budget: Budget;
  readonly #dialect: Dialect;
  readonly #anchors = new Map<string, Json>();

  constructor(where: string, budget: Budget, dialect: Dialect) {
    this.#where = where;
    this.#budget = budget;
    this.#dialect = dialect;
  }

  read(node: Node | null | undefined, depth: number): Json {
    if (depth > maxDepth) throw buildError(`${this.#where}: nested too deeply`);
    if (node == null) return null;
    if (isAlias(node)) return this.#expand(node.source);
    const value = this.#readValue(node, depth);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, value);
    return value;
  }

  #readValue(node: Node, depth: number): Json {
    if (isMap(node)) return this.#readMap(node, depth);
    if (isSeq(node)) return node.items.map((item) => this.read(item as Node, depth + 1));
    if (!isScalar(node)) throw buildError(`${this.#where}: unexpected node`);
    const text = node.source ?? (typeof node.value === 'string' ? node.value : '');
    const resolves =
      node.tag === undefined ? node.type === 'PLAIN' : /:(null|bool|int|float)$/.test(node.tag);
    return resolves || (node.type === undefined && text === '') ? this.#plain(text) : text;
  }

  #plain(text: string): Json {
    if (isInfinite(text)) throw buildError(`${this.#where}: ${text} is no number in JSON`);
    if (this.#dialect === 'manifest') return plainScalar(text);
    return oldWord(text) ?? (isTimestamp(text) ? text : plainScalar(text));
  }

  #readMap(map: YAMLMap, depth: number): JsonObject {
    const object: JsonObject = {};
    const merged: Json[] = [];
    for (const pair of map.items) {
      const key = this.#key(pair.key as Node | null, depth);
      const value = this.read(pair.value as Node | null, depth + 1);
      if (key === '<<' && isScalar(pair.key) && pair.key.type === 'PLAIN') merged.push(value);
      else if (this.#dialect === 'manifest' && Object.hasOwn(object, key))
        throw buildError(`${this.#where}: key ${JSON.stringify(key)} stands twice`);
      else setOwn(object, key, value);
    }
    for (const source of merged.flat()) this.#mergeInto(object, source);
    return object;
  }

  #key(node: Node | null, depth: number): string {
    const key = this.read(node, depth + 1);
    if (key === null) return 'null';
    if (typeof key === 'object') throw buildError(`${this.#where}: a key is a map or a list`);
    // By way of JSON, numbers become text.
    if (typeof key === 'boolean' || (typeof key === 'number' && this.#dialect === 'manifest')) {
      const source = isScalar(node) ? (node.source ?? '') : '';
      throw buildError(`${this.#where}: the key ${source} is read as ${key}; put it in quotes`);
    }
    return isScalar(node) && node.source !== undefined ? node.source : String(key);
  }

  /** What the map itself says stays. */
  #mergeInto(object: JsonObject, source: Json): void {
    if (!isObject(source)) throw buildError(`${this.#where}: << needs a map or a list of maps`);
    for (const [key, value] of Object.entries(source)) {
      if (Object.hasOwn(object, key)) continue;
      this.#budget.spendCopies(sizeOf(value), 1, this.#where);
      setOwn(object, key, jsonClone(value));
    }
  }

  #expand(anchor: string): Json {
    const value = this.#anchors.get(anchor);
    if (value === undefined) throw buildError(`${this.#where}: unknown anchor *${anchor}`);
    this.#budget.spendCopies(sizeOf(value), 1, this.#where);
    return jsonClone(value);
  }
}
