import { type JsonObject, setOwn } from '../../../machinery/json.ts';

export const metricNameLabel = '__name__';
export const bucketLabel = 'le';

export type LabelPair = readonly [name: string, value: string];

const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

export function isLabelName(text: string): boolean {
  return labelName.test(text);
}

/** The labels of a series: sorted by name, no empty values (an empty label is an absent one). Immutable. */
export class Labels {
  static readonly empty = new Labels([]);

  readonly pairs: readonly LabelPair[];
  #key: string | undefined;
  #nameless: Labels | undefined;

  private constructor(pairs: readonly LabelPair[]) {
    this.pairs = pairs;
  }

  /** Of two pairs with one name the later wins. */
  static of(pairs: Iterable<LabelPair>): Labels {
    const byName = new Map<string, string>(pairs);
    const kept = [...byName].filter(([, value]) => value !== '').sort(([a], [b]) => compareText(a, b));
    return kept.length === 0 ? Labels.empty : new Labels(kept);
  }

  /** Equal for equal labels only. */
  get key(): string {
    this.#key ??= JSON.stringify(this.pairs);
    return this.#key;
  }

  /** The value of a label; empty where there is none. */
  get(name: string): string {
    for (const [known, value] of this.pairs) if (known === name) return value;
    return '';
  }

  get metricName(): string {
    return this.get(metricNameLabel);
  }

  withoutMetricName(): Labels {
    this.#nameless ??= this.without([metricNameLabel]);
    return this.#nameless;
  }

  without(names: readonly string[]): Labels {
    return this.#filtered((name) => !names.includes(name));
  }

  only(names: readonly string[]): Labels {
    return this.#filtered((name) => names.includes(name));
  }

  /** With one label set, or removed where `value` is empty. */
  with(name: string, value: string): Labels {
    return Labels.of([...this.pairs, [name, value]]);
  }

  #filtered(keep: (name: string) => boolean): Labels {
    const kept = this.pairs.filter(([name]) => keep(name));
    if (kept.length === this.pairs.length) return this;
    return kept.length === 0 ? Labels.empty : new Labels(kept);
  }

  toJSON(): JsonObject {
    const object: JsonObject = {};
    for (const [name, value] of this.pairs) setOwn(object, name, value);
    return object;
  }

  /** As Prometheus prints it in messages: `{__name__="up", job="a"}`. */
  toString(): string {
    return `{${this.pairs.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ')}}`;
  }
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The order in which series are listed: name by name, value by value, fewer labels first. */
export function compareLabels(a: Labels, b: Labels): number {
  for (const [i, [name, value]] of a.pairs.entries()) {
    const other = b.pairs[i];
    if (other === undefined) return 1;
    const order = compareText(name, other[0]) || compareText(value, other[1]);
    if (order !== 0) return order;
  }
  return a.pairs.length - b.pairs.length;
}
