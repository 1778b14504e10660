/**
 * Whether a name matches a shell pattern: `*`, `?`, `[a-z]`, `[^a-z]` and `\` before a character that stands for itself.
 * A malformed pattern matches nothing. Takes time in proportion to both lengths. Source: Go's path.Match.
 */
export function matchesGlob(glob: string, name: string): boolean {
  const tokens = parseGlob(glob);
  if (tokens === undefined) return false;
  const characters = Array.from(name);
  let at = 0;
  let token = 0;
  // Where to go on when the part after the last star does not fit: the star takes one character more.
  let afterStar = -1;
  let starAt = 0;
  while (at < characters.length) {
    const wanted = tokens[token];
    const character = characters[at] ?? '';
    if (wanted === '*') {
      token += 1;
      afterStar = token;
      starAt = at;
    } else if (wanted !== undefined && wanted(character)) {
      token += 1;
      at += 1;
    } else if (afterStar >= 0) {
      token = afterStar;
      starAt += 1;
      at = starAt;
    } else {
      return false;
    }
  }
  return tokens.slice(token).every((left) => left === '*');
}

type Token = '*' | ((character: string) => boolean);

const parsed = new Map<string, readonly Token[] | undefined>();

function parseGlob(glob: string): readonly Token[] | undefined {
  if (parsed.has(glob)) return parsed.get(glob);
  // Few patterns, many paths.
  if (parsed.size >= 4096) parsed.clear();
  const tokens = tokensOf(Array.from(glob));
  parsed.set(glob, tokens);
  return tokens;
}

function tokensOf(glob: readonly string[]): readonly Token[] | undefined {
  const tokens: Token[] = [];
  for (let at = 0; at < glob.length; at += 1) {
    const character = glob[at];
    if (character === '*') {
      if (tokens.at(-1) !== '*') tokens.push('*');
    } else if (character === '?') {
      tokens.push(() => true);
    } else if (character === '[') {
      const set = parseSet(glob, at + 1);
      if (set === undefined) return undefined;
      tokens.push(set.token);
      at = set.end;
    } else {
      if (character === '\\') at += 1;
      const literal = glob[at];
      if (literal === undefined) return undefined;
      tokens.push((other) => other === literal);
    }
  }
  return tokens;
}

/** @returns undefined for a set that is empty, not closed or has a range without an end */
function parseSet(glob: readonly string[], start: number): { token: Token; end: number } | undefined {
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
  const token = (character: string): boolean => {
    const code = character.codePointAt(0) ?? 0;
    return ranges.some(([low, high]) => low <= code && code <= high) !== isNegated;
  };
  return { token, end: at };
}
