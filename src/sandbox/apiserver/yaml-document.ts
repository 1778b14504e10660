import { Composer, Parser, isMap, isScalar, visit } from 'yaml';
import type { Document, Tags, YAMLMap } from 'yaml';
import { errorMessage } from '../../base/errors.ts';

/**
 * A larger document is refused. The parser takes about a second for it, and nobody else is served meanwhile; clients
 * that send large objects (kubectl does) send JSON.
 */
export const maxYamlBytes = 256 * 1024;

/** Brackets that may be open at once, quoted ones included: the parser recurses. */
const maxOpenBrackets = 1000;

/** Each is looked up from the start of the document. */
const maxAliases = 1000;

/** The text is no YAML; the message is in the words of the real server, where they are known. */
export class YamlError extends Error {}

export interface YamlDocument {
  readonly value: unknown;
  /** What strict decoding says about the first key that stands twice in one map. */
  readonly duplicate: string | undefined;
}

const foreignTags = [
  'tag:yaml.org,2002:binary',
  'tag:yaml.org,2002:omap',
  'tag:yaml.org,2002:pairs',
  'tag:yaml.org,2002:set',
  'tag:yaml.org,2002:timestamp',
];

/** YAML 1.1 without what has no place in JSON, and without numbers in base 60. */
const options = {
  version: '1.1',
  merge: true,
  // Its own check compares each key with each: see duplicateKey.
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'error',
  customTags: (tags: Tags): Tags =>
    tags.filter(
      (tag) => typeof tag === 'string' || !(foreignTags.includes(tag.tag) || tag.format === 'TIME'),
    ),
} as const;

/**
 * Parses a document of at most {@link maxYamlBytes}; the last of several equal keys counts.
 * @throws YamlError
 */
export function parseYamlDocument(text: string): YamlDocument {
  checkNesting(text);
  try {
    const document = compose(text);
    checkAliases(document);
    return { value: document.toJS(), duplicate: duplicateKey(document, text) };
  } catch (error) {
    throw new YamlError(`error converting YAML to JSON: yaml: ${errorMessage(error)}`);
  }
}

/** The only document of a text. The first error ends it: text that is no YAML at all has one in every character. */
function compose(text: string): Document.Parsed {
  const composer = new Composer(options);
  let found: Document.Parsed | undefined;
  const take = (documents: Iterable<Document.Parsed>): void => {
    for (const document of documents) {
      const [problem] = document.errors;
      if (problem !== undefined) throw new YamlError(problem.message);
      if (found !== undefined) throw new YamlError('expected a single document in the stream');
      found = document;
    }
  };
  for (const token of new Parser().parse(text)) {
    if (token.type === 'error') throw new YamlError(token.message);
    take(composer.next(token));
  }
  take(composer.end(true, text.length));
  if (found === undefined) throw new YamlError('the text has no document');
  return found;
}

function checkNesting(text: string): void {
  let open = 0;
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i];
    if (char === '[' || char === '{') open += 1;
    else if (char === ']' || char === '}') open -= 1;
    if (open > maxOpenBrackets)
      throw new YamlError('error converting YAML to JSON: yaml: exceeded max depth');
  }
}

function checkAliases(document: Document.Parsed): void {
  let count = 0;
  visit(document, {
    Alias: () => {
      count += 1;
      if (count > maxAliases) throw new YamlError('document contains excessive aliasing');
    },
  });
}

function duplicateKey(document: Document.Parsed, text: string): string | undefined {
  let found: string | undefined;
  visit(document, {
    Map: (_key, map) => {
      found = duplicateIn(map, text);
      return found === undefined ? undefined : visit.BREAK;
    },
  });
  return found;
}

function duplicateIn(map: YAMLMap, text: string): string | undefined {
  const keys = new Set<unknown>();
  for (const { key } of map.items) {
    if (!isScalar(key) || isMap(key)) continue;
    if (keys.has(key.value)) {
      const line = text.slice(0, key.range?.[0] ?? 0).split('\n').length;
      return `error converting YAML to JSON: yaml: unmarshal errors:\n  line ${line}: key ${JSON.stringify(key.value)} already set in map`;
    }
    keys.add(key.value);
  }
  return undefined;
}
