import { InvalidInputError } from '../../base/errors.ts';
import type { Json, JsonObject } from '../json.ts';
import { isObject } from '../json.ts';
import type { PathElement } from './field-path.ts';
import { comparePathElements, compareText, parsePathElement } from './field-path.ts';

/** Deeper objects and field sets are refused: every walk here is recursive. */
export const maxDepth = 250;

const noChildren: ReadonlyMap<PathElement, FieldSet> = new Map();

/**
 * An immutable set of field paths, as a trie: a node says whether the path up to it is a member, and holds
 * the nodes below. A node that is neither a member nor has members below does not exist. The root, the path
 * of the whole object, is never a member: nobody owns a whole object.
 *
 * Source: https://pkg.go.dev/sigs.k8s.io/structured-merge-diff/v6/fieldpath#Set
 */
export class FieldSet {
  static readonly empty: FieldSet = new FieldSet(false, noChildren);
  /** The node of a member with nothing below. */
  static readonly leaf: FieldSet = new FieldSet(true, noChildren);

  readonly member: boolean;
  readonly children: ReadonlyMap<PathElement, FieldSet>;
  #json: JsonObject | undefined;

  private constructor(member: boolean, children: ReadonlyMap<PathElement, FieldSet>) {
    this.member = member;
    this.children = children;
  }

  /** A node; `children` is taken over and must not be changed afterwards. */
  static node(member: boolean, children: ReadonlyMap<PathElement, FieldSet>): FieldSet {
    if (children.size === 0) return member ? FieldSet.leaf : FieldSet.empty;
    return new FieldSet(member, children);
  }

  static of(...paths: readonly (readonly PathElement[])[]): FieldSet {
    const builder = new FieldSetBuilder();
    for (const path of paths) builder.add(path);
    return builder.build();
  }

  get isEmpty(): boolean {
    return !this.member && this.children.size === 0;
  }

  /** The node one step below, or the empty set. */
  below(element: PathElement): FieldSet {
    return this.children.get(element) ?? FieldSet.empty;
  }

  /** Whether exactly this path is a member; its parents and children do not count. */
  has(path: readonly PathElement[]): boolean {
    return path.reduce((node: FieldSet, element) => node.below(element), this).member;
  }

  asMember(): FieldSet {
    return this.member ? this : FieldSet.node(true, this.children);
  }

  equals(other: FieldSet): boolean {
    if (this === other) return true;
    if (this.member !== other.member || this.children.size !== other.children.size) return false;
    for (const [element, child] of this.children) {
      const twin = other.children.get(element);
      if (twin === undefined || !child.equals(twin)) return false;
    }
    return true;
  }

  union(other: FieldSet): FieldSet {
    if (this === other || other.isEmpty) return this;
    if (this.isEmpty) return other;
    const children = new Map(this.children);
    for (const [element, child] of other.children) {
      children.set(element, children.get(element)?.union(child) ?? child);
    }
    return FieldSet.node(this.member || other.member, children);
  }

  intersection(other: FieldSet): FieldSet {
    if (this === other) return this;
    return this.#derive(this.member && other.member, (element, child) => {
      const twin = other.children.get(element);
      return twin === undefined ? FieldSet.empty : child.intersection(twin);
    });
  }

  /** Without the members of `other`; what lies below a member of `other` stays. */
  difference(other: FieldSet): FieldSet {
    if (other.isEmpty) return this;
    return this.#derive(this.member && !other.member, (element, child) => {
      const twin = other.children.get(element);
      return twin === undefined ? child : child.difference(twin);
    });
  }

  /** Without the members of `other` and everything below them. */
  recursiveDifference(other: FieldSet): FieldSet {
    if (other.isEmpty) return this;
    return this.#derive(this.member, (element, child) => {
      const twin = other.children.get(element);
      if (twin === undefined) return child;
      return twin.member ? FieldSet.empty : child.recursiveDifference(twin);
    });
  }

  /** Only the members with no member below. */
  leaves(): FieldSet {
    return this.#derive(this.member && this.children.size === 0, (_, child) => child.leaves());
  }

  /** This node with each child replaced; itself where nothing changes. */
  #derive(member: boolean, change: (element: PathElement, child: FieldSet) => FieldSet): FieldSet {
    let same = member === this.member;
    const children = new Map<PathElement, FieldSet>();
    for (const [element, child] of this.children) {
      const next = change(element, child);
      if (next !== child) same = false;
      if (!next.isEmpty) children.set(element, next);
    }
    return same ? this : FieldSet.node(member, children);
  }

  #sortedElements(): PathElement[] {
    const elements = [...this.children.keys()];
    if (elements.length < 2) return elements;
    // Steps into a list are rare: spare the others the parsing comparison.
    return elements.every((element) => element.startsWith('f:'))
      ? elements.sort(compareText)
      : elements.sort(comparePathElements);
  }

  /** All members, in the order of the original: those of one level first, then what lies below. */
  *paths(prefix: readonly PathElement[] = []): Generator<readonly PathElement[]> {
    const elements = this.#sortedElements();
    for (const element of elements) {
      if (this.below(element).member) yield [...prefix, element];
    }
    for (const element of elements) yield* this.below(element).paths([...prefix, element]);
  }

  /**
   * The `fieldsV1` of this set, in canonical order. The same object each time, and part of other encoded
   * sets: never change it.
   */
  toFieldsV1(): JsonObject {
    if (this.#json !== undefined) return this.#json;
    const json: JsonObject = {};
    for (const element of this.#sortedElements()) json[element] = this.below(element).#nodeJson();
    this.#json = json;
    decoded.set(json, this);
    return json;
  }

  #nodeJson(): JsonObject {
    const json: JsonObject = {};
    if (this.member && this.children.size > 0) json['.'] = {};
    for (const element of this.#sortedElements()) json[element] = this.below(element).#nodeJson();
    return json;
  }

  /**
   * The set that a `fieldsV1` holds. Remembered per object: what was decoded must not be changed afterwards.
   *
   * @throws InvalidInputError where it is malformed or deeper than {@link maxDepth}
   */
  static fromFieldsV1(fieldsV1: Json | undefined): FieldSet {
    if (fieldsV1 === undefined || fieldsV1 === null) return FieldSet.empty;
    if (!isObject(fieldsV1)) throw new InvalidInputError('fieldsV1 must be an object', 'InvalidFieldsV1');
    const known = decoded.get(fieldsV1);
    if (known !== undefined) return known;
    const set = FieldSet.node(false, decodeNode(fieldsV1, 0).children);
    decoded.set(fieldsV1, set);
    return set;
  }
}

const decoded = new WeakMap<JsonObject, FieldSet>();

function decodeNode(json: JsonObject, depth: number): FieldSet {
  if (depth > maxDepth) throw new InvalidInputError('fieldsV1 is nested too deeply', 'InvalidFieldsV1');
  let member = false;
  const children = new Map<PathElement, FieldSet>();
  for (const [key, value] of Object.entries(json)) {
    if (key === '.') {
      member = true;
      continue;
    }
    const element = parsePathElement(key);
    if (element === undefined) continue;
    if (!isObject(value)) {
      throw new InvalidInputError(`fieldsV1: ${JSON.stringify(key)} must hold an object`, 'InvalidFieldsV1');
    }
    const child = decodeNode(value, depth + 1);
    children.set(element, children.get(element)?.union(child) ?? child);
  }
  return FieldSet.node(member || children.size === 0, children);
}

interface BuilderNode {
  member: boolean;
  children: Map<PathElement, BuilderNode>;
}

/** Collects paths one by one. */
export class FieldSetBuilder {
  readonly #root: BuilderNode = { member: false, children: new Map() };

  add(path: readonly PathElement[]): void {
    if (path.length === 0) return;
    let node = this.#root;
    for (const element of path) {
      let child = node.children.get(element);
      if (child === undefined) {
        child = { member: false, children: new Map() };
        node.children.set(element, child);
      }
      node = child;
    }
    node.member = true;
  }

  build(): FieldSet {
    return buildNode(this.#root);
  }
}

function buildNode(node: BuilderNode): FieldSet {
  if (node.children.size === 0) return FieldSet.node(node.member, noChildren);
  return FieldSet.node(
    node.member,
    new Map([...node.children].map(([element, child]) => [element, buildNode(child)])),
  );
}
