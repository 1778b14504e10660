const reserved = new Set(
  (
    'true false null in as break const continue else for function if import let loop package namespace ' +
    'return var void while'
  ).split(' '),
);

const escapes = new Map([
  ['__', '__underscores__'],
  ['.', '__dot__'],
  ['-', '__dash__'],
  ['/', '__slash__'],
]);

const originals = new Map([...escapes].map(([original, escaped]) => [escaped, original]));

/**
 * The identifier by which CEL knows a property; undefined if it cannot be told in CEL.
 *
 * Source: k8s.io/apiserver/pkg/cel/escaping.go.
 */
export function escapeName(name: string): string | undefined {
  if (!/^[A-Za-z_./-][\w./-]*$/.test(name)) return undefined;
  if (reserved.has(name)) return `__${name}__`;
  return name.replace(/__|[./-]/g, (text) => escapes.get(text) ?? text);
}

/** The property that an identifier stands for; undefined if it stands for none. */
export function unescapeName(identifier: string): string | undefined {
  const keyword = /^__(.*)__$/.exec(identifier)?.[1];
  if (keyword !== undefined && reserved.has(keyword)) return keyword;
  let valid = true;
  const name = identifier.replace(/__[^_]+__/g, (escaped) => {
    const original = originals.get(escaped);
    if (original === undefined) valid = false;
    return original ?? escaped;
  });
  return valid ? name : undefined;
}
