/** Work that may still be done; it counts down. */
export interface Budget {
  left: number;
}

/** Whether a name matches. Takes one from the budget, and one more for every few characters that are compared. */
export type Glob = (name: string, budget: Budget) => boolean;

const special = /[*?[\\]/;

/**
 * A shell pattern: `*`, `?`, `[a-z]`, `[^a-z]` and `\` before a character that stands for itself. A malformed one matches
 * nothing. Source: Go's path.Match.
 */
export function compileGlob(glob: string): Glob {
  const [first, last] = [glob.slice(1), glob.slice(0, -1)];
  const cheap =
    (matches: (name: string) => boolean): Glob =>
    (name, budget) => {
      budget.left -= 1 + (glob.length >> 4);
      return matches(name);
    };
  if (!special.test(glob)) return cheap((name) => name === glob);
  if (glob.startsWith('*') && !special.test(first)) return cheap((name) => name.endsWith(first));
  if (glob.endsWith('*') && !special.test(last)) return cheap((name) => name.startsWith(last));
  const tokens = tokensOf(Array.from(glob));
  if (tokens === undefined) return cheap(() => false);
  return (name, budget) => matchesTokens(tokens, name, budget);
}

const star = -1;
/** A character that stands for itself, a {@link star}, or a set. */
type Token = number | ((code: number) => boolean);

/** Goes back to the last star only, so it takes time in proportion to both lengths. */
function matchesTokens(tokens: readonly Token[], name: string, budget: Budget): boolean {
  let at = 0;
  let token = 0;
  // Where to go on when the part after the last star does not fit: the star takes one character more.
  let afterStar = -1;
  let starAt = 0;
  let steps = 0;
  let isMatch = true;
  while (isMatch && at < name.length) {
    steps += 1;
    const wanted = tokens[token];
    const code = name.codePointAt(at) ?? 0;
    if (wanted === star) {
      token += 1;
      afterStar = token;
      starAt = at;
    } else if (wanted === code || (typeof wanted === 'function' && wanted(code))) {
      token += 1;
      at += width(code);
    } else if (afterStar >= 0) {
      token = afterStar;
      starAt += width(name.codePointAt(starAt) ?? 0);
      at = starAt;
    } else {
      isMatch = false;
    }
  }
  budget.left -= 1 + (steps >> 3);
  return isMatch && tokens.slice(token).every((left) => left === star);
}

/** How long a character is in a string. */
function width(code: number): number {
  return code > 0xffff ? 2 : 1;
}

function tokensOf(glob: readonly string[]): readonly Token[] | undefined {
  const tokens: Token[] = [];
  for (let at = 0; at < glob.length; at += 1) {
    const character = glob[at];
    if (character === '*') {
      if (tokens.at(-1) !== star) tokens.push(star);
    } else if (character === '?') {
      tokens.push(() => true);
    } else if (character === '[') {
      const set = parseSet(glob, at + 1);
      if (set === undefined) return undefined;
      tokens.push(set.token);
      at = set.end;
    } else {
      if (character === '\\') at += 1;
      const literal = glob[at]?.codePointAt(0);
      if (literal === undefined) return undefined;
      tokens.push(literal);
    }
  }
  return tokens;
}

/** @returns undefined for a set that is empty, not closed or has a range without an end */
function parseSet(
  glob: readonly string[],
  start: number,
): { token: (code: number) => boolean; end: number } | undefined {
  const isNegated = glob[start] === '^' || glob[start] === '!';
  const ranges: [number, number][] = [];
  let at = isNegated ? start + 1 : start;
  const one = (): number | undefined => {
    if (glob[at] === '\\') at += 1;
    const character = glob[at];
    at += 1;
    return character?.codePointAt(0);
  };
  while (glob[at] !== ']' || ranges.length === 0) {
    if (glob[at] === ']' || glob[at] === '-') return undefined;
    const low = one();
    let high = low;
    if (glob[at] === '-') {
      at += 1;
      if (glob[at] === ']') return undefined;
      high = one();
    }
    if (low === undefined || high === undefined) return undefined;
    ranges.push([low, high]);
  }
  const token = (code: number): boolean =>
    ranges.some(([low, high]) => low <= code && code <= high) !== isNegated;
  return { token, end: at };
}
